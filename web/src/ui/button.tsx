// Buttons, and links that look like them.
import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

type Base = {
  icon?: IconName | undefined;
  kind?: "plain" | "primary" | "danger" | "quiet" | undefined;
  /** Work is going on that the button began: it can't be pressed, and says so. It keeps the focus, which browsers take from what is disabled. */
  busy?: boolean | undefined;
};

type Props = Base & Omit<ButtonHTMLAttributes, "icon"> & { children?: ComponentChildren };

// pressable is what makes a button one that can be pressed or not.
const pressable = (busy: boolean | undefined, disabled: ButtonHTMLAttributes["disabled"]) => ({
  disabled,
  ...(busy && {
    "aria-busy": true, "aria-disabled": true,
    onClick: (e: MouseEvent) => { // by Enter in a form's field as well
      e.preventDefault();
      e.stopPropagation();
    },
  }),
});

/** A button with words. It does not submit forms unless type says so. */
export function Button({ icon, kind = "plain", busy, children, class: more, disabled, ...rest }: Props) {
  return (
    <button type="button" {...rest} {...pressable(busy, disabled)} class={`button ${kind} ${more ?? ""}`}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

/** A button that is only an icon; label is its name and its tooltip. */
export function IconButton({ icon, label, kind = "quiet", busy, class: more, disabled, ...rest }: Base & { icon: IconName; label: string } & Omit<ButtonHTMLAttributes, "icon" | "label">) {
  return (
    <button type="button" {...rest} {...pressable(busy, disabled)} class={`button icon-only ${kind} ${more ?? ""}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}

/** A link that looks like a button. */
export function ButtonLink({ icon, kind = "plain", href, children, class: more }: { icon?: IconName; kind?: Base["kind"]; href: string; children: ComponentChildren; class?: string }) {
  return (
    <a class={`button ${kind} ${more ?? ""}`} href={href}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </a>
  );
}
