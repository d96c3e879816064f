// Where the page is: the part of the address behind #, for paths like /folders belong to the APIs.
// "#/files/ID/a%2Fb?sort=size" is the path ["files", "ID", "a/b"] with a query.
import { signal } from "@preact/signals";

export type Route = { path: string[]; query: URLSearchParams };

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: path === "" ? [] : path.split("/").map(decode), query: new URLSearchParams(query) };
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step; // somebody typed a lone %
  }
}

/** The current place. Views read it; go changes it. */
export const route = signal(read());

let shown = location.hash;
let before = "";

/** The address behind # of the place that was left for the current one, or "". */
export const cameFrom = (): string => before;

let hold: ((leave: () => void) => void) | undefined;

/**
 * Keeps the current place from being left, until what it returns is called: whoever wants to go somewhere else makes
 * ask be called, and goes there when that calls leave. Closing the window is not covered, see beforeunload.
 */
export function holdRoute(ask: (leave: () => void) => void): () => void {
  hold = ask;
  return () => {
    if (hold === ask) {
      hold = undefined;
    }
  };
}

function arrive(): void {
  const to = location.hash;
  if (to === shown) {
    return;
  }
  if (hold) {
    history.pushState(null, "", shown || "#/"); // stays; whether it came by a link or by Back, there is no telling
    hold(() => {
      hold = undefined;
      location.hash = to;
    });
    return;
  }
  before = shown;
  shown = to;
  route.value = read();
}

addEventListener("hashchange", arrive);
addEventListener("popstate", arrive); // between two entries of pushState no hashchange may come

/** The address of a place in the page, for links. Query values that are empty are left out. */
export function href(path: readonly string[], query: { [name: string]: string | undefined } = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value) {
      params.set(name, value);
    }
  }
  const text = params.toString();
  return "#/" + path.map(encodeURIComponent).join("/") + (text === "" ? "" : "?" + text);
}

/**
 * Gives a go for work that ends in going somewhere: it goes nowhere if the person has gone on meanwhile. Dialogs, too,
 * can be left while they work.
 */
export function goUnlessLeft(): typeof go {
  const { path } = route.value;
  const from = path.join("/");
  return (to, replace) => {
    if (route.value.path.join("/") === from) {
      go(to, replace);
    }
  };
}

/** Goes to a place: a new entry of the history, or in place of the current one. */
export function go(to: string, replace = false): void {
  if (replace) {
    if (hold) {
      location.hash = to; // asks
      return;
    }
    history.replaceState(null, "", to);
    shown = location.hash;
    route.value = read();
  } else {
    location.hash = to;
  }
}
