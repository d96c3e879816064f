// The question what becomes of a file whose name is taken.
import { effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { bytes, date, visible } from "../format.ts";
import { onEnd } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, openDialog } from "../ui/dialog.tsx";
import { Alert } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { placeOf } from "./place.ts";
import { asking, type Choice, decide, nameOf, type Upload } from "./queue.ts";

let shown = false;
// Who closed the question is not asked again until they want to decide.
const put = signal(false);

/** Asks about the uploads whose names are taken, one after the other. */
export function ask(): void {
  put.value = false;
  if (!shown && asking.value.length > 0) {
    shown = true;
    openDialog((close) => <Question close={() => {
      shown = false;
      close();
    }} />);
  }
}

effect(() => {
  if (asking.value.length === 0) {
    put.value = false;
  } else if (!put.value) {
    ask();
  }
});

onEnd(() => {
  shown = false; // with all dialogs
  put.value = true;
});

function Question({ close }: { close: () => void }) {
  const u = asking.value[0];
  useEffect(() => {
    if (!u) {
      close();
    }
  }, [u]);
  return u ? <Asked key={u.id} u={u} more={asking.value.length - 1} close={close} /> : null;
}

function Asked({ u, more, close }: { u: Upload; more: number; close: () => void }) {
  const [all, setAll] = useState(false);
  const there = u.there!;
  const target = u.batch.target;
  const path = nameOf(u);
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const dir = slash < 0 ? target.path : [target.path, path.slice(0, slash)].filter((s) => s !== "").join("/");
  const does = (choice: Choice) => decide(u, choice, all);
  return (
    <Dialog
      title={rich("uploads.conflict.title", { name: <Name text={name} /> })}
      onClose={() => {
        put.value = true;
        close();
      }}
      footer={
        <>
          <Button onClick={() => does("skip")}>{t("uploads.conflict.skip")}</Button>
          <Button kind="danger" disabled={there.directory} onClick={() => does("replace")}>{t("uploads.conflict.replace")}</Button>
          <Button kind="primary" onClick={() => does("both")}>{t("uploads.conflict.both")}</Button>
        </>
      }
    >
      <div class="prose">
        {u.changed && <Alert kind="warning">{t("uploads.conflict.changed")}</Alert>}
        <p>{t("uploads.conflict.where", { place: placeOf({ ...target, path: dir }) })}</p>
        <dl class="upload-versions">
          <dt>{t("uploads.conflict.there")}</dt>
          <dd>{there.directory ? t("uploads.conflict.directory") : t("uploads.conflict.version", { size: bytes(there.size), time: date(there.changed) })}</dd>
          <dt>{t("uploads.conflict.yours")}</dt>
          <dd>{t("uploads.conflict.version", { size: bytes(u.file.size), time: date(u.file.lastModified) })}</dd>
        </dl>
        <div class="field check">
          <input id="upload-all" type="checkbox" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
          <label for="upload-all">{more > 0 ? t("uploads.conflict.all", { n: more }) : t("uploads.conflict.allNone")}</label>
        </div>
      </div>
    </Dialog>
  );
}

/** The name of an upload, for labels. */
export const label = (u: Upload): string => visible(nameOf(u));
