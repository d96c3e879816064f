import { t } from "./t.ts";
export const A = ({ on }: { on: boolean }) => (
  <div class="two words" title="Close" data-x="Not shown to anybody" aria-label={on ? "Open it" : t("common.open")}>
    Hello
    {"there"}
    {on && "yes"} {on ? t("a.b") : `no ${1}`}
    – {1} · <b>{t("x")}</b>
    <kbd>Ctrl + C</kbd> <code>--flag</code> <code>{"flag"}</code>
  </div>
);
export const list = [{ label: "Delete", key: "folders.x" }, { label: "folders.delete" }];
export const say = () => { alert("Something went wrong here"); throw new Error("Nobody should see this"); };
