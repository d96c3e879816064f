// JSON with lines and indents. It works on the text, not on values: numbers of any length, the order of names and names
// that come twice stay as they are.

/** The text with one value a line; undefined if it is not JSON. */
export function pretty(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
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
        depth++;
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
  return out.join("") + "\n";
}
