// Limits of users and projects: what holds, and the form that changes it.
import { useId } from "preact/hooks";
import { bytes, count, exactBytes, parseBytes } from "../format.ts";
import type { Folder, Limit } from "../model.ts";
import { t } from "../text.ts";
import { Fact, Facts } from "../ui/facts.tsx";
import { Alert, Usage } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";
import type { Wrong } from "./errors.ts";
import type { Effective, Holds, LimitName, Limits } from "./model.ts";

const limitNames: readonly LimitName[] = ["maxFolders", "maxBytes", "maxFiles"];
const units = { maxFolders: "folders", maxBytes: "bytes", maxFiles: "files" } as const;

const write = (name: LimitName, n: number | null): string => (n === null ? t("people.limits.none") : name === "maxBytes" ? bytes(n) : count(n));

/** The number that somebody wrote for a limit; undefined if that makes no sense. */
export function readLimit(name: LimitName, text: string): number | undefined {
  if (name === "maxBytes") {
    const n = parseBytes(text);
    return n !== undefined && n > 0 ? n : undefined;
  }
  const digits = text.trim().replace(/[\s,.'’](?=\d{3}\b)/g, "");
  const n = /^\d+$/.test(digits) ? Number(digits) : NaN;
  return Number.isSafeInteger(n) && n > 0 ? n : undefined;
}

type LimitState = { [name in LimitName]: { kind: "default" | "none" | "own"; text: string } };

export function limitState(l: Limits): LimitState {
  const one = (name: LimitName): LimitState[LimitName] => {
    const limit = l[name];
    return typeof limit === "number"
      ? { kind: "own", text: name === "maxBytes" ? exactBytes(limit) : String(limit) }
      : { kind: limit === null ? "none" : "default", text: "" };
  };
  return { maxFolders: one("maxFolders"), maxBytes: one("maxBytes"), maxFiles: one("maxFiles") };
}

/** What the API is told, and what makes no sense, by field. */
export function limitsOf(state: LimitState): { limits: Limits; wrong: Wrong } {
  const limits: Limits = { maxFolders: "default", maxBytes: "default", maxFiles: "default" };
  const wrong: Wrong = {};
  for (const name of limitNames) {
    const { kind, text } = state[name];
    if (kind === "none") {
      limits[name] = null;
    } else if (kind === "own") {
      const n = readLimit(name, text);
      if (n === undefined) {
        wrong[name] = t(`people.limits.wrong.${name}`);
      } else {
        limits[name] = n;
      }
    }
  }
  return { limits, wrong };
}

/** How much is there now: folders in all, and the most that one folder holds that the limit is for. */
export type Most = { [name in LimitName]?: { n: number; over: (limit: number) => number } | undefined };

export function mostOf(holds: Holds | undefined, folders: readonly Folder[] | undefined): Most {
  const of = (name: "maxBytes" | "maxFiles", key: "bytes" | "files") => {
    const all = folders?.filter((f) => f.limits[name] === "default").map((f) => f.usage[key]);
    return all && { n: all.reduce((most, n) => Math.max(most, n), 0), over: (limit: number) => all.filter((n) => n > limit).length };
  };
  return {
    maxFolders: holds && { n: holds.folders, over: (limit) => (holds.folders > limit ? 1 : 0) },
    maxBytes: of("maxBytes", "bytes"),
    maxFiles: of("maxFiles", "files"),
  };
}

/** The fields of the three limits. defaults are what "default" stands for, if that is known. */
export function LimitFields({ state, onState, defaults, most, wrong }: { state: LimitState; onState: (to: LimitState) => void; defaults: Effective | undefined; most: Most; wrong: Wrong }) {
  return (
    <>
      {limitNames.map((name) => (
        <LimitField
          key={name} name={name} state={state[name]} onState={(to) => onState({ ...state, [name]: to })}
          standard={defaults && write(name, defaults[name])} most={most[name]} error={wrong[name]}
        />
      ))}
    </>
  );
}

type FieldProps = { name: LimitName; state: LimitState[LimitName]; onState: (to: LimitState[LimitName]) => void; standard: string | undefined; most: Most[LimitName]; error: string | undefined };

function LimitField({ name, state, onState, standard, most, error }: FieldProps) {
  const id = useId();
  const n = state.kind === "own" ? readLimit(name, state.text) : undefined;
  const over = n !== undefined && most ? most.over(n) : 0;
  return (
    <div class="limit" role="group" aria-label={t(`people.limits.${name}`)}>
      <div class="field">
        <label for={id}>{t(`people.limits.${name}`)}</label>
        <select id={id} value={state.kind} onChange={(e) => onState({ ...state, kind: e.currentTarget.value as typeof state.kind })}>
          <option value="default">{standard === undefined ? t("people.limits.default") : t("people.limits.defaultIs", { value: standard })}</option>
          <option value="none">{t("people.limits.none")}</option>
          <option value="own">{t("people.limits.own")}</option>
        </select>
      </div>
      {state.kind === "own" && (
        <Field
          label={t(`people.limits.value.${name}`)} value={state.text} inputMode={name === "maxBytes" ? "text" : "numeric"} error={error}
          onInput={(e) => onState({ ...state, text: e.currentTarget.value })}
        />
      )}
      {most && <p class="hint">{t(`people.limits.now.${name}`, { used: write(name, most.n), n: most.n })}</p>}
      {over > 0 && <Alert kind="warning">{t(`people.limits.over.${name}`, { n: over })}</Alert>}
    </div>
  );
}

/** The limits that hold, with what is used of them. */
export function LimitList({ limits, effective, most }: { limits: Limits; effective: Effective; most: Most }) {
  return (
    <Facts>
      {limitNames.map((name) => (
        <Fact key={name} label={t(`people.limits.${name}`)}>
          <Usage used={most[name]?.n ?? 0} max={effective[name]} unit={units[name]} label={t(`people.limits.${name}`)} />
          <span class="quiet">{source(limits[name], effective[name])}{name !== "maxFolders" && most[name] ? ` ${t("people.limits.fullest")}` : ""}</span>
        </Fact>
      ))}
    </Facts>
  );
}

const source = (limit: Limit, effective: number | null): string =>
  limit === "default" ? t(effective === null ? "people.limits.fromDefaultNone" : "people.limits.fromDefault") : limit === null ? t("people.limits.fromNone") : t("people.limits.fromOwn");
