// The storage products, as the configuration has them: nothing of it changes while the server runs, so each value
// says which setting makes it.
import type { ComponentChildren } from "preact";
import type { ViewProps } from "../app.tsx";
import { get } from "../api.ts";
import { bytes, count, date } from "../format.ts";
import { useLoad } from "../load.ts";
import type { Limit } from "../model.ts";
import { rich, t, type TextKey } from "../text.ts";
import { Fact, Facts } from "../ui/facts.tsx";
import { Alert, Loaded, Usage } from "../ui/feedback.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { Page } from "../ui/page.tsx";
import type { Product, Products as Answer } from "./model.ts";

export default function Products(_: ViewProps) {
  const products = useLoad((signal) => get<Answer>("/api/davit/products", {}, signal), []);
  return (
    <Page title={t("people.sections.products")}>
      <p class="quiet">{rich("people.products.what", { section: <code>products:</code>, option: <code>--config</code> })}</p>
      <Loaded of={products}>
        {(v) => (
          <>
            {v.products.map((p) => <Card key={`${p.provider}/${p.category}/${p.id}`} product={p} />)}
            <section class="card section">
              <h2>{t("people.products.defaults")}</h2>
              <p class="quiet">{t("people.products.defaultsWhat")}</p>
              <Facts>
                <Set label={t("people.limits.maxFolders")} setting="--default-max-folders">{number(v.defaults.maxFolders)}</Set>
                <Set label={t("people.limits.maxBytes")} setting="--default-max-bytes">{size(v.defaults.maxBytes)}</Set>
                <Set label={t("people.limits.maxFiles")} setting="--default-max-files">{number(v.defaults.maxFiles)}</Set>
              </Facts>
            </section>
          </>
        )}
      </Loaded>
    </Page>
  );
}

const size = (n: Limit): string => (n === null ? t("people.limits.none") : n === "default" ? t("people.products.byDefault") : bytes(n));
const number = (n: Limit): string => (n === null ? t("people.limits.none") : n === "default" ? t("people.products.byDefault") : count(n));

// Set is a value with the setting that makes it.
function Set({ label, setting, children }: { label: string; setting: string; children: ComponentChildren }) {
  return (
    <Fact label={label}>
      {children} <code class="setting">{setting}</code>
    </Fact>
  );
}

const abilities: readonly [group: "stats" | "collection" | "files", name: string, setting: string, label: TextKey][] = [
  ["collection", "usersCanCreate", "users-can-create", "people.products.can.create"],
  ["collection", "usersCanRename", "users-can-rename", "people.products.can.rename"],
  ["collection", "usersCanDelete", "users-can-delete", "people.products.can.delete"],
  ["collection", "aclModifiable", "acl-modifiable", "people.products.can.share"],
  ["files", "trashSupported", "trash-supported", "people.products.can.trash"],
  ["files", "searchSupported", "search-supported", "people.products.can.search"],
  ["stats", "sizeInBytes", "size-in-bytes", "people.products.can.size"],
  ["stats", "sizeIncludingChildrenInBytes", "size-including-children-in-bytes", "people.products.can.sizes"],
  ["stats", "modifiedAt", "modified-at", "people.products.can.modified"],
  ["stats", "createdAt", "created-at", "people.products.can.created"],
  ["stats", "unixPermissions", "unix-permissions", "people.products.can.permissions"],
];

function Card({ product: p }: { product: Product }) {
  const { totalBytes: total, freeBytes: free } = p.volume;
  const m = p.maintenance;
  return (
    <section class="card section">
      <div class="section-head">
        <h2><Name text={p.id} /></h2>
        {p.default && <span class="badge strong">{t("people.products.default")}</span>}
        {p.support.files["isReadOnly"] && <span class="badge">{t("people.products.readOnly")}</span>}
      </div>
      {p.description !== "" && <p><Name text={p.description} /></p>}
      {m && (
        <Alert kind={m.availability === "NO_SERVICE" ? "error" : "warning"}>
          <p><strong>{t(`people.products.maintenance.${m.availability as "NO_SERVICE"}`)}</strong> <Name text={m.description} /></p>
          <p>{m.estimatedEndsAt === null ? t("people.products.maintenanceFrom", { from: date(m.startsAt) }) : t("people.products.maintenanceUntil", { from: date(m.startsAt), until: date(m.estimatedEndsAt) })}</p>
        </Alert>
      )}
      <Facts>
        <Fact label={t("people.products.reference")}><code>{`${p.provider}/${p.category}/${p.id}`}</code></Fact>
        <Fact label={t("people.products.holds")}>
          {t("people.folders.sum", { n: p.usage.folders, bytes: bytes(p.usage.bytes) })}
        </Fact>
        <Fact label={t("people.products.volume")}>
          {p.volume.directory === "" ? t("people.products.dataDirectory") : <Name text={p.volume.directory} />} <code class="setting">{p.volume.directory === "" ? "--data" : "volume"}</code>
        </Fact>
        <Fact label={t("people.products.space")}>
          {total === null || free === null ? (
            <Alert kind="error">{t("people.products.noAnswer")}</Alert>
          ) : (
            <>
              <Usage used={total - free} max={total} unit="bytes" label={t("people.products.space")} />
              <span class="quiet">{t("people.products.free", { free: bytes(free) })}</span>
            </>
          )}
        </Fact>
        <Set label={t("people.products.limits.defaultMaxBytes")} setting="default-max-bytes">{size(p.limits.defaultMaxBytes)}</Set>
        <Set label={t("people.products.limits.defaultMaxFiles")} setting="default-max-files">{number(p.limits.defaultMaxFiles)}</Set>
        <Set label={t("people.products.limits.maxBytes")} setting="max-bytes">{size(p.limits.maxBytes)}</Set>
        <Set label={t("people.products.limits.maxFiles")} setting="max-files">{number(p.limits.maxFiles)}</Set>
        <Set label={t("people.products.limits.workspaceMaxBytes")} setting="workspace-max-bytes">{size(p.limits.workspaceMaxBytes)}</Set>
      </Facts>
      <details class="more">
        <summary>{t("people.products.abilities")}</summary>
        <ul class="abilities">
          {abilities.map(([group, name, setting, label]) => {
            const can = p.support[group][name] === true;
            return (
              <li key={group + name} class={can ? "can" : "cannot"}>
                <Icon name={can ? "check" : "close"} />
                <span>{t(label)}: {t(can ? "people.products.yes" : "people.products.no")}</span> <code class="setting">{`${group}: ${setting}`}</code>
              </li>
            );
          })}
        </ul>
      </details>
    </section>
  );
}
