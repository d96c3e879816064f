// The frame of a view: its heading, which gets the focus when the place changes, and the window's title.
import { useEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { visible } from "../format.ts";
import { t } from "../text.ts";
import { ago, dateLong, type Moment } from "../format.ts";

/** A view. title is plain text for the window; heading is shown in its place if given; actions stand beside it. */
export function Page({ title, heading, actions, children, class: more }: { title: string; heading?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; class?: string }) {
  const h1 = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${visible(title)} – ${t("app.name")}`;
  }, [title]);
  useEffect(() => {
    // Not on the first view: there the browser begins at the top.
    if (document.activeElement === document.body || document.activeElement === null || document.activeElement.closest("nav")) {
      h1.current?.focus({ preventScroll: true });
    }
  }, []);
  return (
    <div class={`page ${more ?? ""}`}>
      <header class="page-head">
        <h1 ref={h1} tabIndex={-1}>{heading ?? title}</h1>
        {actions && <div class="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** Links between the parts of a view; the current one is marked. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly { href: string; label: string; current: boolean }[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.href} href={tab.href} aria-current={tab.current ? "page" : undefined}>{tab.label}</a>
      ))}
    </nav>
  );
}

/** A time as people say it, with the exact one in its tooltip. */
export function Time({ at, none }: { at: Moment; none?: string }) {
  if (at == null || at === "") {
    return <span class="quiet">{none ?? t("common.never")}</span>;
  }
  return <time dateTime={new Date(at).toISOString()} title={dateLong(at)}>{ago(at)}</time>;
}
