// What a User-Agent means to people.
import { t } from "../text.ts";

const programs: readonly [RegExp, string][] = [
  [/^davfs2\//i, "davfs2 (Linux)"],
  [/^rclone\//i, "rclone"],
  [/^gvfs\//i, "GNOME"],
  [/^Microsoft-WebDAV-MiniRedir/i, "Windows Explorer"],
  [/^Microsoft Office/i, "Microsoft Office"],
  [/^WebDAVFS\/|^WebDAVLib\//i, "macOS Finder"],
  [/\bkio|dolphin|konqueror/i, "KDE"],
  [/^cadaver\//i, "cadaver"],
  [/^curl\//i, "curl"],
  [/^python-requests\/|^Python-urllib|^python-httpx/i, "Python"],
  [/^Go-http-client\//i, "Go"],
];

const browsers: readonly [RegExp, string][] = [
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const systems: readonly [RegExp, string][] = [
  [/iPhone|iPod/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/CrOS/, "ChromeOS"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/Linux|X11/, "Linux"],
];

const first = (list: readonly [RegExp, string][], agent: string): string => list.find(([pattern]) => pattern.test(agent))?.[1] ?? "";

/** The program, as people call it; known is false if text is only the beginning of what it says itself. */
export function agentName(agent: string | null | undefined): { text: string; known: boolean } {
  if (!agent) {
    return { text: t("account.agentUnknown"), known: true };
  }
  const program = first(programs, agent);
  if (program !== "") {
    return { text: program, known: true };
  }
  const browser = first(browsers, agent);
  const system = first(systems, agent);
  if (browser !== "") {
    return { text: system === "" ? browser : t("account.agentOn", { browser, system }), known: true };
  }
  return { text: agent.length > 60 ? agent.slice(0, 60) + "…" : agent, known: false };
}
