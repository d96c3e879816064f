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

addEventListener("hashchange", () => {
  route.value = read();
});

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

/** Goes to a place: a new entry of the history, or in place of the current one. */
export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", to);
    route.value = read();
  } else {
    location.hash = to;
  }
}
