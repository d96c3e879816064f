// Texts that users made: names, titles, labels, owners of locks (D35).
import { parts } from "../format.ts";

/** Shows a text as it is, apart from what is around it; characters that are not seen are shown by their numbers. */
export function Name({ text, class: more }: { text: string; class?: string }) {
  return (
    <bdi class={more ? `name ${more}` : "name"}>
      {parts(text).map((p, i) => (p.code ? <span key={i} class="codepoint">{p.text}</span> : p.text))}
    </bdi>
  );
}
