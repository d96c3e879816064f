// Light or dark: as the system has it, unless the person chose one here.
import { signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";
const key = "davit-theme";

const read = (): Theme => {
  const kept = localStorage.getItem(key);
  return kept === "light" || kept === "dark" ? kept : "auto";
};

export const theme = signal<Theme>(read());

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = theme.value;
}

export function setTheme(to: Theme): void {
  theme.value = to;
  localStorage.setItem(key, to);
  applyTheme();
}
