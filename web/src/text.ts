// What the page says. The texts of a language are objects of strings in texts/LANGUAGE/, by area; this file picks
// them by key and puts values in. A text with a number in it may have a form for each plural category of the
// language (one, other, …); the parameter n decides.
import type { ComponentChildren } from "preact";
import { en } from "./texts/en/index.ts";

type Plural = { other: string } & { [category in Intl.LDMLPluralRule]?: string };
type Keys<T, P extends string = ""> = T extends string | Plural
  ? P
  : { [K in keyof T & string]: Keys<T[K], P extends "" ? K : `${P}.${K}`> }[keyof T & string];

/** The key of a text: "folders.create". */
export type TextKey = Keys<typeof en>;
export type Params = { [name: string]: string | number };

/** The language of the texts. */
export const language = "en";

/** What numbers and times are written as: the texts' language, as it is used where the browser is at home. */
export const locale = globalThis.navigator?.languages?.find((l) => l === language || l.startsWith(`${language}-`)) ?? language;

const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(locale);

function form(key: string, n: string | number | undefined): string {
  let at: unknown = en;
  for (const step of key.split(".")) {
    at = (at as Record<string, unknown> | undefined)?.[step];
  }
  if (typeof at === "string") {
    return at;
  }
  if (at && typeof at === "object" && "other" in at) {
    const all = at as Plural;
    return all[plurals.select(Number(n))] ?? all.other;
  }
  throw new Error(`there is no text ${key}`);
}

/** The text of key, with {name} replaced by params.name. Numbers are written as the language does. */
export function t(key: TextKey, params: Params = {}): string {
  return form(key, params["n"]).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    return value === undefined ? whole : typeof value === "number" ? numbers.format(value) : value;
  });
}

/** Like t, with elements as values: names that users made, links, times. */
export function rich(key: TextKey, params: { [name: string]: ComponentChildren }): ComponentChildren[] {
  const n = params["n"];
  return form(key, typeof n === "number" ? n : undefined)
    .split(/(\{\w+\})/)
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined || params[name] === undefined) {
        return part;
      }
      const value = params[name];
      return typeof value === "number" ? numbers.format(value) : value;
    });
}
