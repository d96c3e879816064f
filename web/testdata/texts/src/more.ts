import { t } from "./t.ts";
import { en } from "./texts/en/index.ts";
export const one = (n: string): string => t(`list.${n}`);
export const whole = (n: string): string => (en.whole as { [name: string]: string })[n] ?? "";
