// JSON with lines and indents. It works on the text, not on values: numbers of any length, the order of names and names
// that come twice stay as they are.

// Deeper, indents would take more room than the text, many times over.
const deepest = 500;

/** The text with one value a line, or why there is none: it is not JSON, or nested too deeply for indents. */
export function pretty(text: string): { text: string } | { why: "invalid" | "deep" } {
  try {
    JSON.parse(text);
  } catch {
    return { why: "invalid" };
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  const out: string[] = [];
  let depth = 0;
  const line = () => out.push("\n" + "  ".repeat(depth));
  for (const [i, token] of tokens.entries()) {
    if (token === "{" || token === "[") {
      out.push(token);
      const empty = tokens[i + 1] === "}" || tokens[i + 1] === "]";
      if (!empty) {
        if (++depth > deepest) {
          return { why: "deep" };
        }
        line();
      }
    } else if (token === "}" || token === "]") {
      if (tokens[i - 1] !== "{" && tokens[i - 1] !== "[") {
        depth--;
        line();
      }
      out.push(token);
    } else if (token === ",") {
      out.push(token);
      line();
    } else {
      out.push(token === ":" ? ": " : token);
    }
  }
  return { text: out.join("") + "\n" };
}
