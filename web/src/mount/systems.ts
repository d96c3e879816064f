// The systems that folders are mounted on.
import type { TextKey } from "../text.ts";

export const systems = ["windows", "macos", "gnome", "kde", "davfs2", "rclone", "kernel", "phone", "any"] as const;
export type System = (typeof systems)[number];

export const labelOf = (s: System): TextKey => `mount.system.${s}`;

/** The one that the visitor seems to have. */
export function ownSystem(): System {
  const data = (navigator as { userAgentData?: { platform?: string; mobile?: boolean } }).userAgentData;
  const agent = navigator.userAgent;
  // An iPad says that it is a Mac, but has no mouse.
  if (data?.mobile || /Android|iPhone|iPad|iPod/.test(agent) || (/Mac/.test(navigator.platform) && navigator.maxTouchPoints > 1)) {
    return "phone";
  }
  const platform = `${data?.platform ?? ""} ${navigator.platform} ${agent}`;
  return /win/i.test(platform.replace(/darwin/gi, "")) ? "windows" : /mac/i.test(platform) ? "macos" : /linux|x11|bsd|cros/i.test(platform) ? "gnome" : "any";
}
