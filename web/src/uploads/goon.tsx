// The list of uploads that were begun before and are not finished.
import { bytes, visible } from "../format.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Alert, toastError } from "../ui/feedback.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { discard, type Earlier, goOn, goOnByWay, knowsWay, remarks } from "./earlier.ts";
import { placeOf } from "./place.ts";
import { pick } from "./pick.ts";

export function EarlierUploads({ list }: { list: readonly Earlier[] }) {
  return (
    <section class="uploads-group">
      <h3>{t("uploads.earlier.title")}</h3>
      <p class="quiet">{t("uploads.earlier.how")}</p>
      <ul class="uploads-list">
        {list.map((e) => <li key={e.key}><One e={e} /></li>)}
      </ul>
    </section>
  );
}

async function again(e: Earlier): Promise<void> {
  if (knowsWay(e) && (await goOnByWay(e))) {
    return;
  }
  const chosen = await pick(e.directory ? "directory" : e.files > 1 ? "files" : "file");
  if (chosen) {
    await goOn(e, chosen);
  }
}

function One({ e }: { e: Earlier }) {
  const name = visible(e.name);
  const remark = remarks.value[e.key];
  return (
    <div class="upload earlier">
      <Icon name={e.directory ? "folder" : "file"} />
      <div class="upload-what">
        <Name text={e.name} class="upload-name" />
        <span class="quiet">
          {e.files > 1
            ? t("uploads.earlier.some", { done: e.done, n: e.files, left: bytes(e.left) })
            : t("uploads.earlier.part", { done: bytes(e.bytes - e.left), whole: bytes(e.bytes) })}
          {" · "}<Time at={e.started} />
          {placeOf(e.target) !== "" && ` · ${placeOf(e.target)}`}
        </span>
        {remark !== undefined && <Alert kind="warning">{remark}</Alert>}
        <div class="toolbar">
          <Button icon="play" aria-label={t("uploads.earlier.goOnOf", { name })} onClick={() => void again(e).catch(toastError)}>{t("uploads.earlier.goOn")}</Button>
          <Button
            icon="trash" aria-label={t("uploads.earlier.discardOf", { name })}
            onClick={() => void confirm({
              title: t("uploads.earlier.discardTitle", { name }), body: t("uploads.earlier.discardBody"), action: t("uploads.earlier.discard"), danger: true, run: () => discard(e),
            })}
          >
            {t("uploads.earlier.discard")}
          </Button>
        </div>
      </div>
    </div>
  );
}
