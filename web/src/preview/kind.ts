// What a file is shown as. The name decides, for the server's types are made from it as well; what has no known name is
// looked into.
export type Kind = "image" | "svg" | "audio" | "video" | "pdf" | "markdown" | "notebook" | "table" | "text" | "unknown";

const kinds: { [kind in Exclude<Kind, "text">]: string } = {
  image: "apng avif bmp gif ico jfif jpe jpeg jpg png webp",
  svg: "svg",
  audio: "aac flac m4a m4b mp3 oga ogg opus wav weba",
  video: "m4v mkv mov mp4 ogv webm",
  pdf: "pdf",
  markdown: "markdown md mdown mkd",
  notebook: "ipynb",
  table: "csv tsv",
  // Known to be none of these: their first bytes need not be fetched.
  unknown: "7z a avi bin bz2 class deb dll dmg doc docx dylib ear exe gz heic iso jar key lz4 lzma msi numbers o odp ods odt otf pages pkg ppt pptx pyc rar rpm so tar tbz tgz tif tiff ttf war wasm wmv woff woff2 xls xlsx xz zip zst",
};

const byExtension = new Map(Object.entries(kinds).flatMap(([kind, all]) => all.split(" ").map((ext) => [ext, kind as Kind] as const)));

export const extension = (name: string): string => /[^.]\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";

/** "text" is also what nobody knows: the text view looks at the bytes. */
export const kindOf = (name: string): Kind => byExtension.get(extension(name)) ?? "text";

/** The media type of a picture that is shown from memory. */
export function pictureType(name: string): string {
  const ext = extension(name);
  const same: { [ext: string]: string } = { jpg: "jpeg", jpe: "jpeg", jfif: "jpeg", ico: "x-icon", svg: "svg+xml" };
  return "image/" + (same[ext] ?? ext);
}
