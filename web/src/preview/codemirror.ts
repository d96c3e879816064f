// CodeMirror, to show text and to edit it. It stands in a shadow root: there its styles are adopted style sheets, which
// the page's policy allows; in the page itself they would be style elements, which it forbids.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, LanguageDescription, syntaxHighlighting } from "@codemirror/language";
import { languages } from "@codemirror/language-data";
import { unifiedMergeView } from "@codemirror/merge";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { t } from "../text.ts";

// The colours are variables of preview.css, in light and dark.
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.tagName], color: "var(--purple)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.inserted], color: "var(--success)" },
  { tag: [tags.comment, tags.meta, tags.documentMeta], color: "var(--text-quiet)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.deleted], color: "var(--rust)" },
  { tag: [tags.function(tags.variableName), tags.className, tags.typeName, tags.namespace, tags.definition(tags.function(tags.variableName))], color: "var(--accent)" },
  { tag: [tags.propertyName, tags.attributeName, tags.labelName], color: "var(--teal)" },
  { tag: tags.heading, color: "var(--purple)", fontWeight: "bold" },
  { tag: tags.strong, fontWeight: "bold" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: [tags.link, tags.url], color: "var(--accent)", textDecoration: "underline" },
  { tag: tags.invalid, color: "var(--danger)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--back)", fontSize: "0.875rem", height: "100%" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selected)" },
  ".cm-content ::selection": { backgroundColor: "var(--selected)" },
  ".cm-gutters": { backgroundColor: "var(--back-soft)", color: "var(--text-quiet)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--back-soft)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--accent-soft)", color: "var(--text)" },
  ".cm-specialChar": { color: "var(--danger)" },
  ".cm-selectionMatch": { backgroundColor: "var(--marked)" },
  ".cm-searchMatch": { backgroundColor: "var(--marked)", outline: "1px solid var(--warning)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--selected)" },
  "&.cm-focused .cm-matchingBracket, .cm-matchingBracket": { backgroundColor: "var(--marked)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--back-soft)", color: "var(--text-quiet)", border: "1px solid var(--line)" },
  ".cm-panels": { backgroundColor: "var(--back-soft)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-panel.cm-search": { fontFamily: "system-ui, sans-serif", fontSize: "0.875rem", padding: "0.375rem 2rem 0.375rem 0.5rem" },
  ".cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", minHeight: "1.75rem", fontSize: "0.875rem" },
  ".cm-panel.cm-search [name=close]": { minWidth: "1.75rem", minHeight: "1.75rem", fontSize: "1.125rem", color: "var(--text)", cursor: "pointer" },
  ".cm-panel.cm-search input[type=checkbox]": { width: "1.125rem", height: "1.125rem" },
  ".cm-textfield": { backgroundColor: "var(--back)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "4px", fontSize: "0.875rem", minHeight: "1.75rem" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--back-raised)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "4px", fontSize: "0.875rem", minHeight: "1.75rem" },
  ".cm-deletedChunk": { backgroundColor: "var(--danger-soft)", color: "var(--text)" },
  ".cm-changedLine": { backgroundColor: "var(--success-soft) !important" },
  ".cm-deletedChunk .cm-deletedText, .cm-changedText": { background: "none", textDecoration: "underline", textDecorationThickness: "1px" },
  ".cm-collapsedLines": { backgroundImage: "none", backgroundColor: "var(--back-soft)", color: "var(--text-quiet)" },
});

const phrases = () =>
  EditorState.phrases.of({
    Find: t("preview.find.field"),
    Replace: t("preview.find.with"),
    next: t("preview.find.next"),
    previous: t("preview.find.previous"),
    all: t("preview.find.all"),
    "match case": t("preview.find.case"),
    regexp: t("preview.find.regexp"),
    "by word": t("preview.find.word"),
    replace: t("preview.find.replace"),
    "replace all": t("preview.find.replaceAll"),
    close: t("common.close"),
  });

export type Shown = {
  /** The text as it is now. */
  text: () => string;
  append: (text: string) => void;
  replace: (text: string) => void;
  focus: () => void;
  wrap: (on: boolean) => void;
  destroy: () => void;
};

export type Options = {
  label: string;
  /** What else a screen reader tells of it. */
  description?: string;
  text: string;
  /** Decides the colours. */
  filename: string;
  wrap: boolean;
  /** Without it the text can't be changed. */
  onChange?: () => void;
  /** \r is an ordinary character: a file of mixed line endings is kept as it is. */
  mixed?: boolean;
  /** Shows how text differs from this one. */
  original?: string;
};

/** Shows text in host, which gets a shadow root. */
export function show(host: HTMLElement, o: Options): Shown {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const wrapping = new Compartment();
  const language = new Compartment();
  const writable = o.onChange !== undefined;
  const extensions: Extension[] = [
    lineNumbers(),
    foldGutter(),
    highlightSpecialChars(),
    bracketMatching(),
    highlightSelectionMatches(),
    search({ top: true }),
    syntaxHighlighting(colours),
    look,
    phrases(),
    language.of([]),
    wrapping.of(o.wrap ? EditorView.lineWrapping : []),
    EditorView.contentAttributes.of({ "aria-label": o.label, spellcheck: "false", tabindex: "0", ...(o.description && { "aria-description": o.description }) }),
    ...(o.mixed ? [EditorState.lineSeparator.of("\n")] : []),
    ...(o.original === undefined ? [] : [unifiedMergeView({ original: o.original, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 8 }, gutter: true })]),
  ];
  if (writable) {
    extensions.push(
      history(), drawSelection(), dropCursor(), indentOnInput(), highlightActiveLine(), highlightActiveLineGutter(),
      keymap.of([...searchKeymap, ...historyKeymap, ...foldKeymap, indentWithTab, ...defaultKeymap]),
      EditorView.updateListener.of((u) => {
        if (u.docChanged) {
          o.onChange?.();
        }
      }),
    );
  } else {
    extensions.push(
      EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.contentAttributes.of({ "aria-readonly": "true" }),
      keymap.of([...searchKeymap, ...foldKeymap]),
    );
  }
  const view = new EditorView({ root, parent: root, state: EditorState.create({ doc: o.text, extensions }) });
  const found = LanguageDescription.matchFilename(languages, o.filename);
  found?.load().then(
    (support) => view.dispatch({ effects: language.reconfigure(support) }),
    () => {}, // it stays without colours
  );
  return {
    text: () => view.state.sliceDoc(),
    append: (text) => view.dispatch({ changes: { from: view.state.doc.length, insert: view.state.toText(text) } }),
    replace: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: view.state.toText(text) } }),
    focus: () => view.focus(),
    wrap: (on) => view.dispatch({ effects: wrapping.reconfigure(on ? EditorView.lineWrapping : []) }),
    destroy: () => {
      view.destroy();
      root.replaceChildren();
    },
  };
}
