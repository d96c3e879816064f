// Menus: of a button, and at the place of a click (context menus). Arrows, Home, End, letters, Enter and Escape work
// as in the menus of desktops (WAI-ARIA Authoring Practices, menu and menu button).
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { onEnd } from "../session.ts";
import { Icon, type IconName } from "./icon.tsx";

export type MenuItem = {
  label: string;
  icon?: IconName;
  /** The key that does the same, as it is shown: "F2". */
  shortcut?: string;
  danger?: boolean;
  disabled?: boolean;
  /** A line above it. */
  separated?: boolean;
  run: () => void;
};

type Open = { items: readonly MenuItem[]; x: number; y: number; label: string; before: Element | null; anchor: HTMLElement | undefined };
const opened = signal<Open | null>(null);

/** Opens a menu with its corner at x, y of the window. anchor is the button that it belongs to. */
export function openMenu(items: readonly MenuItem[], x: number, y: number, label: string, anchor?: HTMLElement): void {
  opened.value = { items, x, y, label, before: document.activeElement, anchor };
}

function close(focusBack: boolean): void {
  const was = opened.value;
  opened.value = null;
  if (focusBack && was?.before instanceof HTMLElement && was.before.isConnected) {
    was.before.focus();
  }
}

onEnd(() => close(false)); // what it does was offered to somebody else

/** Stands once in the page. */
export function OpenMenu() {
  const menu = opened.value;
  return menu && <section aria-label={menu.label}><MenuList key={`${menu.x} ${menu.y} ${menu.label}`} menu={menu} /></section>;
}

function MenuList({ menu }: { menu: Open }) {
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const el = list.current!;
    const box = el.getBoundingClientRect();
    el.style.left = `${Math.max(4, Math.min(menu.x, innerWidth - box.width - 4))}px`;
    el.style.top = `${Math.max(4, menu.y + box.height > innerHeight - 4 ? menu.y - box.height : menu.y)}px`;
    entries(el)[0]?.focus();
  }, [menu]);
  useEffect(() => {
    menu.anchor?.setAttribute("aria-expanded", "true");
    const outside = (e: Event) => {
      if (!list.current?.contains(e.target as Node)) {
        close(false);
      }
    };
    const away = () => close(false);
    document.addEventListener("pointerdown", outside, true);
    addEventListener("resize", away);
    addEventListener("hashchange", away);
    return () => {
      menu.anchor?.setAttribute("aria-expanded", "false");
      document.removeEventListener("pointerdown", outside, true);
      removeEventListener("resize", away);
      removeEventListener("hashchange", away);
    };
  }, [menu]);
  const key = (e: KeyboardEvent) => {
    const all = entries(list.current!);
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = (i: number) => all[(i + all.length) % all.length]?.focus();
    if (e.key === "ArrowDown") {
      to(at + 1);
    } else if (e.key === "ArrowUp") {
      to(at - 1);
    } else if (e.key === "Home") {
      to(0);
    } else if (e.key === "End") {
      to(-1);
    } else if (e.key === "Escape" || e.key === "Tab") {
      close(true);
    } else if (e.key.length === 1 && e.key !== " " && !e.ctrlKey && !e.metaKey) {
      const next = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((el) => el.textContent?.trim().toLowerCase().startsWith(e.key.toLowerCase()));
      next?.focus();
    } else {
      return;
    }
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div ref={list} class="menu" role="menu" aria-label={menu.label} onKeyDown={key} onContextMenu={(e) => e.preventDefault()}>
      {menu.items.map((item, i) => (
        <button
          key={i}
          type="button"
          role="menuitem"
          tabIndex={-1}
          class={`menu-item${item.danger ? " danger" : ""}${item.separated ? " separated" : ""}`}
          aria-disabled={item.disabled || undefined}
          onClick={() => {
            if (!item.disabled) {
              close(true);
              item.run();
            }
          }}
        >
          {item.icon ? <Icon name={item.icon} /> : <span class="icon" />}
          <span>{item.label}</span>
          {item.shortcut && <kbd aria-hidden="true">{item.shortcut}</kbd>}
        </button>
      ))}
    </div>
  );
}

const entries = (el: HTMLElement) => [...el.querySelectorAll<HTMLElement>("[role=menuitem]")];

/** A button that opens a menu below it, named label. Children are what it shows beside the icon: words of the label. */
export function MenuButton({ label, icon, items, children, class: more, kind = "quiet" }: { label: string; icon?: IconName; items: () => readonly MenuItem[]; children?: ComponentChildren; class?: string; kind?: "quiet" | "plain" | "primary" }) {
  return (
    <button
      type="button"
      class={`button ${kind} ${children ? "" : "icon-only"} ${more ?? ""}`}
      aria-label={label}
      title={children ? undefined : label}
      aria-haspopup="menu"
      aria-expanded="false"
      onClick={(e) => {
        e.stopPropagation();
        const box = e.currentTarget.getBoundingClientRect();
        openMenu(items(), box.left, box.bottom + 2, label, e.currentTarget);
      }}
    >
      {icon && <Icon name={icon} />}
      {children && <span>{children}</span>}
    </button>
  );
}
