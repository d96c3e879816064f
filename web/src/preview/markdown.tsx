// Markdown as a document. HTML in it is text; what markdown-it makes goes through DOMPurify all the same, and comes out
// as nodes, never as text for innerHTML. Pictures of the folder come from memory, those of elsewhere not at all: loading one
// would tell its server who reads here.
import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";
import { useEffect, useRef } from "preact/hooks";
import { bytes, visible } from "../format.ts";
import { go } from "../route.ts";
import { t } from "../text.ts";
import { notWide, smallPicture } from "./image.tsx";
import { kindOf } from "./kind.ts";
import { nameOf, resolve, viewHref, type Place } from "./place.ts";

const markdown = new MarkdownIt({ html: false, linkify: true });
// Columns are aligned by a class: the page's policy allows no style attributes.
for (const rule of ["th_open", "td_open"]) {
  markdown.renderer.rules[rule] = (tokens, i, options, _, self) => {
    const token = tokens[i]!;
    const align = /text-align:(\w+)/.exec(String(token.attrGet("style") ?? ""))?.[1];
    token.attrs = align ? [["class", `align-${align}`]] : null;
    return self.renderToken(tokens, i, options);
  };
}

// Tasks in lists, as forges have them: "- [x] done". The mark is looked for in what was written, where \[ is none.
markdown.core.ruler.after("inline", "tasks", ({ tokens }) => {
  for (const [i, token] of tokens.entries()) {
    const item = tokens[i - 2];
    const mark = token.type === "inline" && tokens[i - 1]!.type === "paragraph_open" && item?.type === "list_item_open" && /^\[([ xX])\]\s/.exec(token.content);
    const first = token.children?.[0];
    if (mark && first?.type === "text" && first.content.startsWith(mark[0].slice(0, 3))) {
      first.content = first.content.slice(3);
      item.attrJoin("class", mark[1] === " " ? "task" : "task done");
    }
  }
});

/** More pictures than this a document does not load. */
const mostPictures = 200;

const purify = DOMPurify();
// A picture would be fetched as soon as its element is in the page: its address waits in another attribute.
purify.addHook("afterSanitizeAttributes", (node) => {
  const src = node.getAttribute("src");
  if (src !== null) {
    node.removeAttribute("src");
    node.setAttribute("data-src", src);
  }
});

const allowed = {
  ALLOWED_TAGS: ["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"],
  ALLOWED_ATTR: ["href", "src", "alt", "title", "class", "start"],
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
} as const;

/** A text as a document; label is its name if that of the file is not. */
export function Markdown({ place, text, label }: { place: Place; text: string; label?: string }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const abort = new AbortController();
    const urls: string[] = [];
    const made = purify.sanitize(markdown.render(text), { ...allowed, ALLOWED_TAGS: [...allowed.ALLOWED_TAGS], ALLOWED_ATTR: [...allowed.ALLOWED_ATTR] });
    for (const a of made.querySelectorAll("a")) {
      follow(a, place);
    }
    const fetches: (() => Promise<void>)[] = [];
    for (const [i, img] of [...made.querySelectorAll("img")].entries()) {
      load(img, place, abort.signal, urls, i < mostPictures ? fetches : undefined);
    }
    const next = async (): Promise<void> => {
      for (let fetch = fetches.shift(); fetch && !abort.signal.aborted; fetch = fetches.shift()) {
        await fetch();
      }
    };
    for (let i = 0; i < 4; i++) {
      void next();
    }
    headings(made);
    for (const table of made.querySelectorAll("table")) {
      const around = document.createElement("div");
      around.className = "markdown-table";
      around.tabIndex = 0; // it scrolls
      around.role = "region";
      around.ariaLabel = t("preview.text.table");
      table.replaceWith(around);
      around.append(table);
    }
    for (const item of made.querySelectorAll("li.task")) {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.disabled = true; // it is changed in the text
      box.checked = item.classList.contains("done");
      box.ariaLabel = t(box.checked ? "preview.markdown.done" : "preview.markdown.open");
      (item.querySelector(":scope > p") ?? item).prepend(box);
    }
    for (const pre of made.querySelectorAll("pre")) {
      pre.tabIndex = 0;
    }
    host.current?.replaceChildren(made);
    return () => {
      abort.abort();
      urls.forEach((u) => URL.revokeObjectURL(u));
    };
  }, [text]);
  return <article ref={host} class="markdown" dir="auto" aria-label={label ?? visible(nameOf(place))} />;
}

// headings get the names that links in the document use, as forges make them. The page's own heading is above all of them.
function headings(made: DocumentFragment): void {
  const taken = new Map<string, number>();
  for (const h of [...made.querySelectorAll("h1, h2, h3, h4, h5, h6")]) {
    const lower = document.createElement(`h${Math.min(6, Number(h.tagName[1]) + 1)}`);
    lower.append(...h.childNodes);
    const slug = (lower.textContent ?? "").trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
    const n = taken.get(slug) ?? 0;
    taken.set(slug, n + 1);
    lower.dataset["slug"] = n === 0 ? slug : `${slug}-${n}`;
    h.replaceWith(lower);
  }
}

function scrollTo(from: Element, fragment: string): void {
  let wanted = fragment.toLowerCase();
  try {
    wanted = decodeURIComponent(fragment).toLowerCase();
  } catch {
    // a lone %
  }
  const found = [...(from.closest(".notebook, .markdown:not(.notebook *)")?.querySelectorAll<HTMLElement>("[data-slug]") ?? [])].find((h) => h.dataset["slug"] === wanted);
  if (found) {
    found.tabIndex = -1;
    found.focus();
    found.scrollIntoView();
  }
}

// follow makes a link lead to a file of the folder in this page, or elsewhere in a window of its own that can't reach this one.
function follow(a: HTMLAnchorElement, place: Place): void {
  const written = a.getAttribute("href") ?? "";
  if (written.startsWith("#")) {
    a.addEventListener("click", (e) => {
      e.preventDefault();
      scrollTo(a, written.slice(1));
    });
    return;
  }
  const inside = resolve(place, written);
  if (inside) {
    const to = viewHref(inside.place);
    a.setAttribute("href", to);
    a.addEventListener("click", (e) => {
      if (!e.ctrlKey && !e.metaKey && !e.shiftKey) {
        e.preventDefault();
        go(to);
      }
    });
    return;
  }
  if (/^(https?|mailto|tel):/i.test(written)) {
    a.target = "_blank";
    a.rel = "noopener noreferrer";
    return;
  }
  a.removeAttribute("href");
}

// load has a picture wait among fetches, few of which go on at a time. Without them it is not loaded: there are too many.
function load(img: HTMLImageElement, place: Place, signal: AbortSignal, urls: string[], fetches: (() => Promise<void>)[] | undefined): void {
  const src = img.getAttribute("data-src") ?? "";
  img.removeAttribute("data-src");
  const instead = (why: string) => {
    const note = document.createElement("span");
    note.className = "markdown-nopicture";
    note.textContent = img.alt ? `${visible(img.alt)} (${why})` : why;
    img.replaceWith(note);
  };
  const show = (blob: Blob | { bytes: number }) => {
    if (!(blob instanceof Blob)) {
      instead(t("preview.markdown.big", { size: bytes(blob.bytes) }));
      return;
    }
    const url = URL.createObjectURL(blob);
    urls.push(url);
    img.src = url;
  };
  const inText = /^data:(image\/(?:png|jpeg|gif|webp));base64,(.*)$/is.exec(src);
  const inside = inText ? undefined : resolve(place, src);
  if (!inText && !inside) {
    instead(t("preview.markdown.remote", { from: visible(hostOf(src)) }));
    return;
  }
  const kind = inside && kindOf(nameOf(inside.place));
  if (inside && kind !== "image" && kind !== "svg") {
    instead(t("preview.markdown.missing"));
    return;
  }
  if (!fetches) {
    instead(t("preview.markdown.many"));
    return;
  }
  fetches.push(async () => {
    try {
      show(inside ? await smallPicture(inside.place, signal) : await notWide(bytesOf(inText!)));
    } catch {
      if (!signal.aborted) {
        instead(t("preview.markdown.missing"));
      }
    }
  });
}

const bytesOf = ([, type = "", base64 = ""]: RegExpExecArray): Blob => new Blob([Uint8Array.from(atob(decodeURIComponent(base64)), (c) => c.charCodeAt(0))], { type });

function hostOf(src: string): string {
  try {
    return new URL(src, "https://folder.invalid/").host;
  } catch {
    return src.slice(0, 40);
  }
}
