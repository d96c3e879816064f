// Files that the page made, for the device that it runs on.

/** Gives the browser a file to keep. */
export function saveLocally(file: Blob, name: string): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(file);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000); // nothing tells when it has been read
}
