// What is known of something: names, and what they stand for.
import type { ComponentChildren } from "preact";

/** A list of facts: side by side, each below its name; lines: one below the other, each beside its name. */
export function Facts({ lines, children }: { lines?: boolean; children: ComponentChildren }) {
  return <dl class={lines ? "facts lines" : "facts"}>{children}</dl>;
}

export function Fact({ label, children }: { label: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
