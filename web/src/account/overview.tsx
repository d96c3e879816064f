// Who one is, what one may and what is used of it.
import { get } from "../api.ts";
import { bytes, count } from "../format.ts";
import { useLoad } from "../load.ts";
import { loadMe, me } from "../session.ts";
import { t } from "../text.ts";
import { Fact, Facts } from "../ui/facts.tsx";
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
  return <Loaded of={loaded}>{(categories) => <About categories={categories} />}</Loaded>;
}

function About({ categories }: { categories: readonly Category[] }) {
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
        <Facts lines>
          <Fact label={t("account.name")}><Name text={who.name} />{who.admin && <> <span class="badge">{t("account.administrator")}</span></>}</Fact>
          <Fact label={t("account.email")}>{who.email ? <Name text={who.email} /> : <span class="quiet">{t("common.none")}</span>}</Fact>
          <Fact label={t("account.seen")}>{t("account.seenCounts", { own: folders.own, project: folders.project, shared: folders.shared })}</Fact>
        </Facts>
      </section>
      <section class="card section" aria-labelledby="account-limits">
        <h2 id="account-limits">{t("account.limits")}</h2>
        <Facts lines>
          {usage && (
            <>
              <Fact label={t("account.ownFolders")}><div class="account-usage"><Usage used={usage.folders} max={limits?.maxFolders} unit="folders" label={t("account.ownFolders")} /></div></Fact>
              <Fact label={t("account.stored")}>{t("account.storedIn", { bytes: bytes(usage.bytes), n: usage.files })}</Fact>
            </>
          )}
          {limited.map((c) => (
            <Fact key={c.category} label={limited.length === 1 && categories.length === 1 ? t("account.together") : t("account.togetherOf", { category: c.category })}>
              <div class="account-usage">
                <Usage used={c.usedBytes} max={c.maxBytes} unit="bytes" label={t("account.together")} />
                {c.deletedBytes > 0 && <p class="hint">{t("account.deletedCount", { bytes: bytes(c.deletedBytes) })}</p>}
              </div>
            </Fact>
          ))}
          {limits && (
            <Fact label={t("account.newFolder")}>
              {limits.maxBytes === null ? t("account.noLimitBytes") : t("account.limitBytes", { bytes: bytes(limits.maxBytes) })}
              {", "}
              {limits.maxFiles === null ? t("account.noLimitFiles") : t("account.limitFiles", { files: count(limits.maxFiles), n: limits.maxFiles })}
            </Fact>
          )}
        </Facts>
        <p class="hint">{t("account.limitsWho")}</p>
      </section>
      <section class="card section" aria-labelledby="account-projects">
        <h2 id="account-projects">{t("account.projects")}</h2>
        {projects.length === 0 ? (
          <p class="quiet">{t("account.noProjects")}</p>
        ) : (
          <Facts lines>
            {projects.map((p) => {
              const groups = who.groups.filter((g) => g.project === p.id);
              return (
                <Fact key={p.id} label={<Name text={p.title} />}>
                  {t(`account.role${p.role}`)}
                  {groups.length > 0 && <> · {t("account.groups", { n: groups.length })} {groups.map((g, i) => <>{i > 0 && ", "}<Name key={g.id} text={g.title} /></>)}</>}
                </Fact>
              );
            })}
          </Facts>
        )}
      </section>
    </>
  );
}
