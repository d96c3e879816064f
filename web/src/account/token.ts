// Tokens as /api/davit/tokens has them, and what both those who list them and those who make them need.
import { get } from "../api.ts";
import type { Choice } from "../ui/form.tsx";
import { t } from "../text.ts";

export type Token = {
  id: string;
  kind: "token" | "mount";
  title: string;
  description?: string;
  folders: { id: string; readOnly: boolean }[] | null;
  readOnly: boolean;
  scopes: string[] | null;
  workspace?: string;
  created: string;
  expires?: string;
  lastUsed?: string;
  lastAddress?: string;
  lastAgent?: string;
  token?: string;
};

/** One's tokens, newest first. */
export const tokens = async (signal?: AbortSignal): Promise<Token[]> => (await get<{ tokens: Token[] }>("/api/davit/tokens", {}, signal)).tokens.reverse();

/** How long a token may live: what expiresIn takes, "" is for ever. */
export const lives = (): Choice[] => [
  { value: "7d", label: t("account.life7d") },
  { value: "30d", label: t("account.life30d") },
  { value: "90d", label: t("account.life90d") },
  { value: "365d", label: t("account.life365d") },
  { value: "", label: t("account.lifeEver") },
];
