// Looks for texts in src/ that people would read and that stand outside of src/texts, and for texts in src/texts that
// nothing says: names each and fails if there is one. "node texts.mjs DIR" looks into another directory than this.
// Outside are: letters between tags, in braces there too; letters in attributes and properties that people read; and
// what begins like a sentence, but for code and for errors that only who programs the page ever sees.
import { build } from "esbuild";
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { API } from "typescript/unstable/sync";
import { SyntaxKind } from "typescript/unstable/ast";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = process.argv[2] ? path.resolve(process.argv[2]) : here;
const read = new Set(["alt", "aria-description", "aria-label", "aria-placeholder", "aria-roledescription", "aria-valuetext", "label", "placeholder", "title", "summary", "heading", "hint"]);
// What is called so in every language.
const names = new Set(["Windows Explorer", "Microsoft Office", "macOS Finder", "Samsung Internet", "U+…"]);
// What is written on keys.
const keys = /^(?:(?:Ctrl|Shift|Alt|Enter|Esc|Space|Del|Backspace|Home|End|Page Up|Page Down|F\d+|.)(?:$|,? |(?= \+)))+$/u;

const languages = readdirSync(path.join(root, "src/texts"));
const api = new API({ cwd: root });
const config = path.join(root, "tsconfig.json");
const snapshot = api.updateSnapshot({ openProject: config });
const program = snapshot.getProject(config).program;
let found = 0;
// The keys that are written out, what those look like that are put together, and what is read as a whole.
const keysSaid = new Set();
const made = new Set();
const wholes = new Set();
for (const name of readdirSync(path.join(root, "src"), { recursive: true }).sort()) {
  if (!/\.tsx?$/.test(name) || name.startsWith(`texts${path.sep}`)) continue;
  const file = program.getSourceFile(path.join(root, "src", name));
  if (!file) throw new Error(`${name} is no part of the page`);
  visit(file, file, name);
}
api.close();
for (const language of readdirSync(path.join(root, "src/texts"))) {
  const { outputFiles } = await build({ entryPoints: [path.join(root, "src/texts", language, "index.ts")], bundle: true, format: "esm", write: false });
  const texts = (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`))[language];
  for (const key of keysOf(texts)) {
    if (!keysSaid.has(key) && ![...made].some((form) => form.test(key)) && ![...wholes].some((whole) => key.startsWith(`${whole}.`))) {
      found++;
      console.log(`src/texts/${language}: ${key} is never said`);
    }
  }
}
process.exit(found > 0 ? 1 : 0);

function visit(node, file, name) {
  lookForKey(node);
  const text = textIn(node);
  if (text !== undefined) {
    found++;
    const before = /^\s*/.exec(file.text.slice(node.pos))[0].length;
    const line = file.text.slice(0, node.pos + before).split("\n").length;
    console.log(`src/${name}:${line}: ${JSON.stringify(text.trim())}`);
  }
  node.forEachChild((child) => void visit(child, file, name));
}

// lookForKey remembers what a node says of keys: "a.b" is one, `a.${b}` stands for all below a, en.a is read whole.
function lookForKey(node) {
  switch (node.kind) {
    case SyntaxKind.StringLiteral:
    case SyntaxKind.NoSubstitutionTemplateLiteral:
      keysSaid.add(node.text);
      break;
    case SyntaxKind.TemplateExpression: {
      const parts = [node.head, ...node.templateSpans.map((s) => s.literal)].map((p) => p.text);
      if (/^[a-z]\w*\./.test(parts[0]) && parts.every((p) => /^[\w.]*$/.test(p))) {
        made.add(new RegExp(`^${parts.map((p) => p.replaceAll(".", "\\.")).join("[\\w-]+")}$`));
      }
      break;
    }
    case SyntaxKind.PropertyAccessExpression: {
      const whole = /^(\w+)\.(\w+(?:\.\w+)*)$/.exec(chain(node));
      if (languages.includes(whole?.[1])) wholes.add(whole[2]);
    }
  }
}

// chain is what "a.b.c" says, or nothing of what is no such chain.
function chain(node) {
  return node.kind === SyntaxKind.Identifier ? node.text : node.kind === SyntaxKind.PropertyAccessExpression ? `${chain(node.expression)}.${node.name.text}` : "";
}

// keysOf are the keys of all texts in an object; one with forms by number is one.
function keysOf(texts, before = "") {
  return Object.entries(texts).flatMap(([key, text]) => (typeof text === "string" || "other" in text ? [before + key] : keysOf(text, `${before}${key}.`)));
}

function letters(text) {
  if (names.has(text.trim()) || keys.test(text.trim())) return undefined;
  return /\p{L}/u.test(text) ? text : undefined;
}

function textIn(node) {
  let text;
  switch (node.kind) {
    case SyntaxKind.JsxText:
      return isCode(node.parent) ? undefined : letters(node.text);
    case SyntaxKind.TemplateExpression:
      text = [node.head, ...node.templateSpans.map((s) => s.literal)].map((p) => p.text).join("…");
      break;
    case SyntaxKind.StringLiteral:
    case SyntaxKind.NoSubstitutionTemplateLiteral:
      text = node.text;
      break;
    default:
      return undefined;
  }
  if (names.has(text) || keys.test(text) || /^[/~]\S*$/.test(text)) return undefined; // a path
  let up = node.parent;
  let part = node;
  // What a condition chooses between is where the condition is.
  while (up.kind === SyntaxKind.ConditionalExpression && up.condition !== part || up.kind === SyntaxKind.ParenthesizedExpression ||
    up.kind === SyntaxKind.BinaryExpression && ["&&", "||", "??"].includes(operator(up)) && up.right === part) {
    part = up;
    up = up.parent;
  }
  const inBraces = up.kind === SyntaxKind.JsxExpression;
  const at = inBraces ? up.parent : up;
  if (at.kind === SyntaxKind.JsxAttribute) return read.has(at.name.text) ? letters(text) : undefined;
  if (inBraces) return isCode(at) ? undefined : letters(text); // between tags
  if (up.kind === SyntaxKind.PropertyAssignment && up.initializer === part && read.has(up.name.text)) {
    return /^\w+(\.\w+)+$/.test(text) ? undefined : letters(text); // the key of a text
  }
  for (let above = up; above; above = above.parent) {
    if (above.kind === SyntaxKind.NewExpression && /(Error|Exception)$/.test(above.expression.text ?? "")) return undefined;
  }
  return /^\p{Lu}\p{L}*[,;:]? \p{L}[^;{}<>=]*$/u.test(text) ? text : undefined;
}

// isCode says whether an element shows what is the same in every language.
function isCode(element) {
  return element.kind === SyntaxKind.JsxElement && ["code", "kbd", "samp"].includes(element.openingElement.tagName.text);
}

function operator(binary) {
  return { [SyntaxKind.AmpersandAmpersandToken]: "&&", [SyntaxKind.BarBarToken]: "||", [SyntaxKind.QuestionQuestionToken]: "??" }[binary.operatorToken.kind];
}
