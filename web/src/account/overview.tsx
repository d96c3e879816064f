// Who one is, what one may and what is used of it.
import { get } from "../api.ts";
import { bytes, count } from "../format.ts";
import { useLoad } from "../load.ts";
import { loadMe, me } from "../session.ts";
import { t } from "../text.ts";
import { Loaded, Usage } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";

type Category = { category: string; maxBytes: number | null; usedBytes: number; reservedBytes: number; deletedBytes: number };

export function Overview() {
  const loaded = useLoad(
    async (signal) => {
      const [quota] = await Promise.all([get<{ categories: Category[] }>("/api/davit/workspaces/me/quota", {}, signal), loadMe()]);
      return quota.categories;
    },
    [],
  );
  return <Loaded of={loaded}>{(categories) => <Facts categories={categories} />}</Loaded>;
}

function Facts({ categories }: { categories: readonly Category[] }) {
  const who = me.value;
  if (!who) {
    return null;
  }
  const { limits, usage, folders } = who;
  const limited = categories.filter((c) => c.maxBytes !== null);
  const projects = who.workspaces.filter((w) => w.id !== "");
  return (
    <>
      <section class="card section" aria-labelledby="account-who">
        <h2 id="account-who">{t("account.who")}</h2>
        <dl class="account-facts">
          <dt>{t("account.name")}</dt>
          <dd><Name text={who.name} />{who.admin && <> <span class="badge">{t("account.administrator")}</span></>}</dd>
          <dt>{t("account.email")}</dt>
          <dd>{who.email ? <Name text={who.email} /> : <span class="quiet">{t("common.none")}</span>}</dd>
          <dt>{t("account.seen")}</dt>
          <dd>{t("account.seenCounts", { own: folders.own, project: folders.project, shared: folders.shared })}</dd>
        </dl>
      </section>
      <section class="card section" aria-labelledby="account-limits">
        <h2 id="account-limits">{t("account.limits")}</h2>
        <dl class="account-facts">
          {usage && (
            <>
              <dt>{t("account.ownFolders")}</dt>
              <dd class="account-usage"><Usage used={usage.folders} max={limits?.maxFolders} unit="folders" label={t("account.ownFolders")} /></dd>
              <dt>{t("account.stored")}</dt>
              <dd>{t("account.storedIn", { bytes: bytes(usage.bytes), n: usage.files })}</dd>
            </>
          )}
          {limited.map((c) => (
            <>
              <dt key={c.category}>{limited.length === 1 && categories.length === 1 ? t("account.together") : t("account.togetherOf", { category: c.category })}</dt>
              <dd class="account-usage">
                <Usage used={c.usedBytes} max={c.maxBytes} unit="bytes" label={t("account.together")} />
                {c.deletedBytes > 0 && <p class="hint">{t("account.deletedCount", { bytes: bytes(c.deletedBytes) })}</p>}
              </dd>
            </>
          ))}
          {limits && (
            <>
              <dt>{t("account.newFolder")}</dt>
              <dd>
                {limits.maxBytes === null ? t("account.noLimitBytes") : t("account.limitBytes", { bytes: bytes(limits.maxBytes) })}
                {", "}
                {limits.maxFiles === null ? t("account.noLimitFiles") : t("account.limitFiles", { files: count(limits.maxFiles), n: limits.maxFiles })}
              </dd>
            </>
          )}
        </dl>
        <p class="hint">{t("account.limitsWho")}</p>
      </section>
      <section class="card section" aria-labelledby="account-projects">
        <h2 id="account-projects">{t("account.projects")}</h2>
        {projects.length === 0 ? (
          <p class="quiet">{t("account.noProjects")}</p>
        ) : (
          <dl class="account-facts">
            {projects.map((p) => {
              const groups = who.groups.filter((g) => g.project === p.id);
              return (
                <>
                  <dt key={p.id}><Name text={p.title} /></dt>
                  <dd>
                    {t(`account.role${p.role}`)}
                    {groups.length > 0 && <> · {t("account.groups", { n: groups.length })} {groups.map((g, i) => <>{i > 0 && ", "}<Name key={g.id} text={g.title} /></>)}</>}
                  </dd>
                </>
              );
            })}
          </dl>
        )}
      </section>
    </>
  );
}
