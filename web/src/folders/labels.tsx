// The labels of a folder: a name each, and a value that may be empty.
import { useState } from "preact/hooks";
import { Advice, items, post } from "../api.ts";
import type { Folder } from "../model.ts";
import { route, go, href } from "../route.ts";
import { t } from "../text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { FormDialog, openDialog } from "../ui/dialog.tsx";
import { toast } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";
import { refreshCatalog } from "./catalog.tsx";
import { labelShort, labelsOf } from "./model.ts";

/** The labels as links to the folders which have the same. Of very many, those beyond most are shown on demand. */
export function Labels({ of, most = 8 }: { of: Folder; most?: number }) {
  const [whole, setWhole] = useState(false);
  const all = labelsOf(of);
  const shown = whole || all.length <= most + 1 ? all : all.slice(0, most);
  return all.length === 0 ? null : (
    <ul class="labels" aria-label={t("folders.labels.of")}>
      {shown.map(([key, value]) => (
        <li key={key}>
          <a class="label" href={href([], { ...(route.value.path.length === 0 && Object.fromEntries(route.value.query)), label: `${key}=${value}` })} title={t("folders.labels.filter", { label: labelShort(key, value) })}>
            <bdi>{labelShort(key, value)}</bdi>
          </a>
        </li>
      ))}
      {shown.length < all.length && (
        <li><button type="button" class="label" onClick={() => setWhole(true)}>{t("folders.labels.more", { n: all.length - shown.length })}</button></li>
      )}
    </ul>
  );
}

/** The label of a filter: "key=value"; keys are without =. */
export const hasLabel = (f: Folder, filter: string): boolean => {
  const [key = "", value = ""] = filter.split(/=(.*)/s);
  return f.labels[key] === value;
};

/** Takes the filter by labels away. */
export const withoutLabel = (): void => {
  const query = new URLSearchParams(route.value.query);
  query.delete("label");
  go(href([], Object.fromEntries(query)), true);
};

/** Asks for the labels. after is called when they are changed. */
export const editLabels = (f: Folder, after: () => void): void => void openDialog((close) => <EditLabels folder={f} after={after} onClose={close} />);

function EditLabels({ folder, after, onClose }: { folder: Folder; after: () => void; onClose: () => void }) {
  const [all, setAll] = useState(labelsOf(folder));
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const [error, setError] = useState("");
  // The server keeps names in small letters.
  const clean = key.trim().toLowerCase();
  const added = (): [string, string][] => (clean === "" ? all : [...all.filter(([k]) => k !== clean), [clean, value.trim()]]);
  const add = () => {
    if (clean === "") {
      setError(t("folders.labels.nameless"));
    } else if (clean.includes("=")) {
      setError(t("folders.labels.equals"));
    } else {
      setAll(added());
      setKey("");
      setValue("");
      setError("");
    }
  };
  return (
    <FormDialog
      title={t("folders.labels.title")}
      action={t("common.save")}
      onClose={onClose}
      onSubmit={async () => {
        if (clean === "" && value.trim() !== "") {
          throw new Advice(t("folders.labels.nameless"));
        }
        await post("/api/files/collections/updateLabels", items({ id: folder.id, labels: Object.fromEntries(added()) }));
        toast(t("folders.labels.done"));
        void refreshCatalog();
        after();
      }}
    >
      {all.length === 0 ? (
        <p class="quiet">{t("folders.labels.none")}</p>
      ) : (
        <ul class="labels" aria-label={t("folders.labels.of")}>
          {all.map(([k, v]) => (
            <li key={k} class="label removable">
              <bdi>{labelShort(k, v)}</bdi>
              <IconButton icon="close" label={t("folders.labels.remove", { label: labelShort(k, v) })} onClick={() => setAll(all.filter(([other]) => other !== k))} />
            </li>
          ))}
        </ul>
      )}
      <div class="label-new">
        <Field label={t("folders.labels.name")} value={key} autofocus maxLength={256} error={error || undefined} onInput={(e) => setKey(e.currentTarget.value)} />
        <Field label={t("folders.labels.value")} value={value} maxLength={4096} onInput={(e) => setValue(e.currentTarget.value)} />
        <Button icon="add" onClick={add}>{t("folders.labels.add")}</Button>
      </div>
      <p class="hint">{t("folders.labels.hint")}</p>
    </FormDialog>
  );
}
