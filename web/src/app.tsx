// The page: who is signed in, where we are, and the view of that place. Each area's view is loaded when it is
// first gone to.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { go, href, route } from "./route.ts";
import { me, signOut, state } from "./session.ts";
import { Lost, SignIn } from "./account/signin.tsx";
import { t, type TextKey } from "./text.ts";
import { setTheme, theme, type Theme } from "./theme.ts";
import { Dialogs } from "./ui/dialog.tsx";
import { Failure, Spinner, toastError, Toasts } from "./ui/feedback.tsx";
import { Icon, type IconName } from "./ui/icon.tsx";
import { MenuButton, OpenMenu } from "./ui/menu.tsx";
import { visible } from "./format.ts";
import { Uploads } from "./uploads/start.tsx";
import { pending } from "./folders/pending.ts";

/** What a view is given: the steps of the place after its own. */
export type ViewProps = { args: readonly string[] };
type View = ComponentType<ViewProps>;

const views: { [first: string]: () => Promise<{ default: View }> } = {
  "": () => import("./folders/index.tsx"),
  folders: () => import("./folders/index.tsx"),
  deleted: () => import("./folders/deleted.tsx"),
  invitations: () => import("./folders/invitations.tsx"),
  files: () => import("./files/index.tsx"),
  view: () => import("./preview/index.tsx"),
  mount: () => import("./mount/index.tsx"),
  account: () => import("./account/index.tsx"),
  projects: () => import("./people/projects.tsx"),
  admin: () => import("./admin/index.tsx"),
};

export function App() {
  return (
    <>
      {state.value === "starting" ? <Spinner /> : state.value === "lost" ? <Lost /> : state.value === "out" ? <SignIn /> : <Frame />}
      <Dialogs />
      <OpenMenu />
      <Toasts />
    </>
  );
}

type Place = { first: string[]; to: string; icon: IconName; label: TextKey };

const places: readonly Place[] = [
  { first: ["", "folders", "files", "view", "deleted", "invitations"], to: href([]), icon: "folder", label: "nav.folders" },
  { first: ["mount"], to: href(["mount"]), icon: "mount", label: "nav.mount" },
  { first: ["account"], to: href(["account"]), icon: "user", label: "nav.account" },
];
// Who is in a project sees its members; who leads it manages them.
const projects: Place = { first: ["projects"], to: href(["projects"]), icon: "users", label: "nav.projects" };
const administration: Place = { first: ["admin"], to: href(["admin"]), icon: "settings", label: "nav.admin" };

function Frame() {
  const first = route.value.path[0] ?? "";
  const all = [...places, ...(me.value?.workspaces.some((w) => w.id !== "") || (me.value?.mayCreateProjects && !me.value.admin) ? [projects] : []), ...(me.value?.admin ? [administration] : [])];
  return (
    <div class="frame">
      <a class="skip" href="#content" onClick={(e) => { e.preventDefault(); document.getElementById("content")?.focus(); }}>{t("app.skip")}</a>
      <header class="top">
        <a class="brand" href={href([])}><Icon name="folder" /><span>{t("app.name")}</span></a>
        <nav class="places" aria-label={t("nav.label")}>
          {all.map((p) => (
            <a key={p.to} href={p.to} aria-current={p.first.includes(first) ? "page" : undefined}>
              <Icon name={p.icon} />
              <span>{t(p.label)}</span>
              {p.label === "nav.folders" && pending.value > 0 && (
                <span class="count" title={t("nav.pending", { n: pending.value })}>{pending.value}<span class="unseen"> {t("nav.pending", { n: pending.value })}</span></span>
              )}
            </a>
          ))}
        </nav>
        <UserMenu />
      </header>
      <main id="content" tabIndex={-1}>
        <CurrentView />
      </main>
      <Uploads />
    </div>
  );
}

function UserMenu() {
  const name = visible(me.value?.name ?? "");
  const themes: Theme[] = ["auto", "light", "dark"];
  return (
    <MenuButton
      class="user-menu"
      label={t("nav.userMenu", { name })}
      icon="user"
      items={() => [
        { label: t("nav.account"), icon: "user", run: () => go(href(["account"])) },
        ...themes.map((to, i) => ({
          label: t(`theme.${to}`), separated: i === 0, icon: (theme.value === to ? "check" : to === "dark" ? "moon" : "sun") as IconName, run: () => setTheme(to),
        })),
        { label: t("nav.help"), icon: "info", separated: true, run: () => window.open("/openapi", "_blank", "noopener") },
        { label: t("nav.licences"), icon: "list", run: () => window.open("/assets/licences.txt", "_blank", "noopener") },
        { label: t("nav.signOut"), icon: "signout", separated: true, run: () => { signOut().catch(toastError); } },
      ]}
    >
      <bdi class="name">{name}</bdi>{/* as in the label, so that both say the same */}
    </MenuButton>
  );
}

function CurrentView() {
  const [first = "", ...args] = route.value.path;
  const [loaded, setLoaded] = useState<{ first: string; view?: View; error?: unknown }>({ first });
  const [round, setRound] = useState(0);
  const load = views[first];
  useEffect(() => {
    let current = true;
    load?.().then(
      (m) => { if (current) setLoaded({ first, view: m.default }); },
      (error: unknown) => { if (current) setLoaded({ first, error }); },
    );
    return () => { current = false; };
  }, [first, round]);
  if (!load) {
    return <div class="page"><h1>{t("app.nowhere")}</h1><p><a href={href([])}>{t("app.toFolders")}</a></p></div>;
  }
  if (loaded.first !== first || (!loaded.view && loaded.error === undefined)) {
    return <Spinner />;
  }
  if (!loaded.view) {
    return <Failure error={loaded.error} retry={() => setRound((n) => n + 1)} />;
  }
  const View = loaded.view;
  return <View args={args} />;
}
