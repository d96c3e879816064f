// The administration: a list of its parts beside the one that is shown. Each part is loaded when it is first gone to.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ViewProps } from "../app.tsx";
import { useEvery } from "../load.ts";
import { href } from "../route.ts";
import { doubtMe, me } from "../session.ts";
import { t, type TextKey } from "../text.ts";
import { Failure, Empty, Spinner } from "../ui/feedback.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Page } from "../ui/page.tsx";

type Section = { step: string; icon: IconName; label: TextKey; load: () => Promise<{ default: ComponentType<ViewProps> }> };

const sections: readonly Section[] = [
  { step: "", icon: "gauge", label: "people.sections.overview", load: () => import("./overview.tsx") },
  { step: "users", icon: "user", label: "people.sections.users", load: () => import("../people/users.tsx") },
  { step: "projects", icon: "users", label: "people.sections.projects", load: () => import("../people/projects.tsx") },
  { step: "products", icon: "server", label: "people.sections.products", load: () => import("../people/products.tsx") },
  { step: "folders", icon: "folder", label: "people.sections.folders", load: () => import("./folders.tsx") },
  { step: "locks", icon: "lock", label: "people.sections.locks", load: () => import("./locks.tsx") },
  { step: "mounts", icon: "mount", label: "people.sections.mounts", load: () => import("./mounts.tsx") },
  { step: "audit", icon: "history", label: "people.sections.audit", load: () => import("./audit.tsx") },
  { step: "check", icon: "check", label: "people.sections.check", load: () => import("./check.tsx") },
];

/** The place of a part: #/admin, #/admin/users, … */
const to = (step: string) => href(step === "" ? ["admin"] : ["admin", step]);

export default function Admin({ args }: ViewProps) {
  const nav = useRef<HTMLElement>(null);
  const [step = "", ...rest] = args;
  useEffect(() => {
    const current = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && current) { // in a narrow window it may be out of sight
      nav.current.scrollLeft = current.offsetLeft - (nav.current.clientWidth - current.clientWidth) / 2;
    }
  }, [step]);
  useEvery(15_000, doubtMe); // who is an administrator no more shall not go on looking at what was read before
  if (!me.value?.admin) {
    return (
      <Page title={t("nav.admin")}>
        <Empty icon="lock" title={t("people.refused.title")}>
          <p>{t("people.refused.why")}</p>
          <p><a href={href([])}>{t("app.toFolders")}</a></p>
        </Empty>
      </Page>
    );
  }
  const section = sections.find((s) => s.step === step);
  return (
    <div class="admin">
      <nav ref={nav} class="admin-nav" aria-label={t("nav.admin")}>
        {sections.map((s) => (
          <a key={s.step} href={to(s.step)} aria-current={s === section ? "page" : undefined}>
            <Icon name={s.icon} />
            <span>{t(s.label)}</span>
          </a>
        ))}
      </nav>
      {section ? <Part key={section.step} section={section} args={rest} /> : <Page title={t("app.nowhere")}><p><a href={to("")}>{t("people.refused.toOverview")}</a></p></Page>}
    </div>
  );
}

function Part({ section, args }: { section: Section; args: readonly string[] }) {
  const [loaded, setLoaded] = useState<{ view?: ComponentType<ViewProps>; error?: unknown }>({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    section.load().then(
      (m) => { if (current) setLoaded({ view: m.default }); },
      (error: unknown) => { if (current) setLoaded({ error }); },
    );
    return () => { current = false; };
  }, [section, round]);
  if (loaded.view) {
    const View = loaded.view;
    return <View args={args} />;
  }
  return <div class="page">{loaded.error === undefined ? <Spinner /> : <Failure error={loaded.error} retry={() => setRound((n) => n + 1)} />}</div>;
}
