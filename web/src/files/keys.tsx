// The keys of the list of files, as the dialog behind "?" shows them. What they do is in grid.tsx and index.tsx.
import { t, type TextKey } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, openDialog } from "../ui/dialog.tsx";

const keys: readonly (readonly [string, TextKey])[] = [
  ["↑ ↓", "files.keys.arrows"],
  ["Page Up, Page Down, Home, End", "files.keys.pages"],
  ["Shift + ↑ ↓", "files.keys.range"],
  ["Ctrl + ↑ ↓", "files.keys.focus"],
  ["Space", "files.keys.toggle"],
  ["Ctrl + A", "files.keys.all"],
  ["Esc", "files.keys.clear"],
  ["a … z", "files.keys.letters"],
  ["Enter", "files.keys.open"],
  ["Backspace, Alt + ↑", "files.keys.up"],
  ["/", "files.keys.filter"],
  ["F2", "files.keys.rename"],
  ["Ctrl + C, Ctrl + X, Ctrl + V", "files.keys.clipboard"],
  ["Del", "files.keys.trash"],
  ["Shift + Del", "files.keys.remove"],
  ["Alt + Enter", "files.keys.properties"],
  ["Shift + F10", "files.keys.menu"],
  ["?", "files.keys.help"],
];

/** Shows which keys the list of files knows. */
export function openKeys(): void {
  openDialog((close) => (
    <Dialog title={t("files.keys.title")} onClose={close} footer={<Button kind="primary" autofocus onClick={close}>{t("common.close")}</Button>}>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">{t("files.keys.mouse")}</p>
    </Dialog>
  ));
}
