// The browser's own choosers of files and directories.
import { type Collected, fromInput } from "./collect.ts";

/** Lets the person choose; undefined if they chose nothing. To be called by a click. */
export function pick(what: "file" | "files" | "directory"): Promise<Collected | undefined> {
  return new Promise((done) => {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = what === "files";
    input.webkitdirectory = what === "directory";
    input.hidden = true;
    const end = (found: Collected | undefined) => {
      input.remove();
      done(found);
    };
    input.onchange = () => end(fromInput(input));
    input.oncancel = () => end(undefined);
    document.body.append(input);
    input.click();
  });
}

/** Whether the browser has a chooser of directories. */
export const picksDirectories = "webkitdirectory" in HTMLInputElement.prototype;
