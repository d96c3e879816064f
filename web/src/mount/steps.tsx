// The steps of each system, in the order in which they are done.
import type { ComponentChildren, ComponentType } from "preact";
import { rich, t } from "../text.ts";
import { Fact, Facts } from "../ui/facts.tsx";
import { Alert } from "../ui/feedback.tsx";
import { CopyText } from "../ui/form.tsx";
import { curl, davfs2, gnome, kde, macos, rclone, windows } from "./commands.ts";
import { Phone } from "./phone.tsx";
import type { System } from "./systems.ts";
import { davAddress, placeholder, type Target } from "./target.ts";

type Props = { target: Target };

/** A step: what to do, and what to copy for it. */
export function Step({ children }: { children: ComponentChildren }) {
  return <li><div class="step">{children}</div></li>;
}

export function StepList({ children }: { children: ComponentChildren }) {
  return <ol class="steps">{children}</ol>;
}

/** The commands still lack the password. */
export function Lacking({ target }: Props) {
  return target.secret === placeholder ? <p class="hint">{t("mount.lacking", { word: placeholder })}</p> : null;
}

const label = (text: ComponentChildren) => <strong>{text}</strong>;

function Windows({ target }: Props) {
  const plain = target.url.startsWith("http:");
  return (
    <>
      <StepList>
        {plain && (
          <Step>
            <p>{t("mount.windows.plain")}</p>
            <CopyText label={t("mount.windows.plainCommand")} text={windows.plain()} />
          </Step>
        )}
        <Step><p>{rich("mount.windows.explorer", { map: label(t("mount.windows.map")) })}</p></Step>
        <Step>
          <p>{rich("mount.windows.address", { field: label(t("mount.windows.folderField")), credentials: label(t("mount.windows.credentials")) })}</p>
          <CopyText label={t("mount.windows.addressLabel")} text={target.url} />
        </Step>
        <Step><p>{t("mount.windows.finish")}</p></Step>
      </StepList>
      <h3>{t("mount.orCommand")}</h3>
      <StepList>
        <Step>
          <p>{t("mount.windows.command")}</p>
          <CopyText label={t("mount.mountCommand")} text={windows.map(target)} />
          <Lacking target={target} />
        </Step>
        <Step>
          <p>{t("mount.windows.unmap")}</p>
          <CopyText label={t("mount.umountCommand")} text={windows.unmap()} />
        </Step>
      </StepList>
      <h3>{t("mount.ifWrong")}</h3>
      <div class="prose">
        <p>{t("mount.windows.large")}</p>
        <CopyText label={t("mount.windows.largeCommand")} text={windows.large()} />
        <p>{t("mount.windows.service")}</p>
        <CopyText label={t("mount.windows.serviceCommand")} text={windows.start()} />
      </div>
    </>
  );
}

function MacOS({ target }: Props) {
  return (
    <>
      <StepList>
        <Step><p>{rich("mount.macos.open", { go: label(t("mount.macos.go")), keys: <kbd>⌘ K</kbd> })}</p></Step>
        <Step>
          <p>{t("mount.macos.address")}</p>
          <CopyText label={t("mount.macos.addressLabel")} text={target.url} />
        </Step>
        <Step><p>{t("mount.macos.user")}</p></Step>
      </StepList>
      <h3>{t("mount.orCommand")}</h3>
      <StepList>
        <Step>
          <p>{t("mount.macos.command")}</p>
          <CopyText label={t("mount.mountCommand")} text={macos.mount(target)} />
        </Step>
        <Step>
          <p>{t("mount.macos.umount")}</p>
          <CopyText label={t("mount.umountCommand")} text={macos.umount(target)} />
        </Step>
      </StepList>
    </>
  );
}

function Gnome({ target }: Props) {
  return (
    <>
      <StepList>
        <Step><p>{rich("mount.gnome.open", { network: label(t("mount.gnome.network")), other: label(t("mount.gnome.otherPlaces")) })}</p></Step>
        <Step>
          <p>{t("mount.gnome.address")}</p>
          <CopyText label={t("mount.gnome.addressLabel")} text={davAddress(target, "dav", false)} />
        </Step>
        <Step><p>{t("mount.gnome.user")}</p></Step>
      </StepList>
      <h3>{t("mount.orCommand")}</h3>
      <StepList>
        <Step>
          <p>{t("mount.gnome.command")}</p>
          <CopyText label={t("mount.mountCommand")} text={gnome.mount(target)} />
        </Step>
        <Step>
          <p>{t("mount.gnome.list")}</p>
          <CopyText label={t("mount.listCommand")} text={gnome.list(target)} />
        </Step>
        <Step>
          <p>{t("mount.gnome.umount")}</p>
          <CopyText label={t("mount.umountCommand")} text={gnome.umount(target)} />
        </Step>
      </StepList>
      <p class="hint">{t("mount.gnome.times")}</p>
    </>
  );
}

function KDE({ target }: Props) {
  return (
    <>
      <StepList>
        <Step><p>{rich("mount.kde.open", { keys: <kbd>Ctrl L</kbd> })}</p></Step>
        <Step>
          <p>{t("mount.kde.address")}</p>
          <CopyText label={t("mount.kde.addressLabel")} text={davAddress(target, "webdav")} />
        </Step>
        <Step><p>{t("mount.kde.user")}</p></Step>
      </StepList>
      <h3>{t("mount.orCommand")}</h3>
      <CopyText label={t("mount.mountCommand")} text={kde.open(target)} />
    </>
  );
}

function Davfs2({ target }: Props) {
  return (
    <>
      <p>{t("mount.davfs2.about")}</p>
      <StepList>
        <Step>
          <p>{t("mount.davfs2.install")}</p>
          <CopyText label={t("mount.installCommand")} text={davfs2.install()} />
        </Step>
        <Step>
          <p>{t("mount.davfs2.settings", { secrets: davfs2.secrets(target) })}</p>
          <CopyText label={t("mount.settingsCommand")} text={davfs2.settings(target)} />
          <Lacking target={target} />
          <p class="hint">{t("mount.davfs2.buffer")}</p>
        </Step>
        <Step>
          <p>{t("mount.davfs2.mount")}</p>
          <CopyText label={t("mount.mountCommand")} text={davfs2.mount(target)} />
        </Step>
        <Step>
          <p>{t("mount.davfs2.look")}</p>
          <CopyText label={t("mount.lookCommand")} text={davfs2.look(target)} />
        </Step>
        <Step>
          <p>{t("mount.davfs2.umount")}</p>
          <CopyText label={t("mount.umountCommand")} text={davfs2.umount(target)} />
        </Step>
      </StepList>
      <h3>{t("mount.davfs2.always")}</h3>
      <div class="prose">
        <p>{t("mount.davfs2.fstab")}</p>
        <CopyText label={t("mount.fstabCommand")} text={davfs2.fstab(target)} />
      </div>
      <h3>{t("mount.goodToKnow")}</h3>
      <div class="prose">
        <ul>
          <li>{t("mount.davfs2.full")}</li>
          <li>{t("mount.davfs2.times")}</li>
        </ul>
      </div>
    </>
  );
}

function Rclone({ target }: Props) {
  return (
    <>
      <p>{t("mount.rclone.about")}</p>
      <StepList>
        <Step>
          <p>{t("mount.rclone.install")}</p>
          <CopyText label={t("mount.installCommand")} text={rclone.install()} />
        </Step>
        <Step>
          <p>{t("mount.rclone.config")}</p>
          <CopyText label={t("mount.settingsCommand")} text={rclone.config(target)} />
          <Lacking target={target} />
        </Step>
        <Step>
          <p>{t("mount.rclone.list")}</p>
          <CopyText label={t("mount.listCommand")} text={rclone.list(target)} />
        </Step>
        <Step>
          <p>{t(target.readOnly ? "mount.rclone.fetch" : "mount.rclone.copy")}</p>
          <CopyText label={t("mount.copyCommand")} text={target.readOnly ? rclone.fetch(target) : rclone.copy(target)} />
        </Step>
        <Step>
          <p>{t("mount.rclone.mount")}</p>
          <CopyText label={t("mount.mountCommand")} text={rclone.mount(target)} />
        </Step>
        <Step>
          <p>{t("mount.rclone.umount")}</p>
          <CopyText label={t("mount.umountCommand")} text={rclone.umount(target)} />
        </Step>
      </StepList>
    </>
  );
}

function Any({ target }: Props) {
  return (
    <>
      <p>{t("mount.any.about")}</p>
      <Facts lines>
        <Fact label={t("mount.address")}><CopyText label={t("mount.any.addressLabel")} text={target.url} /></Fact>
        <Fact label={t("signIn.name")}><CopyText label={t("mount.any.user")} text={target.user} /></Fact>
        <Fact label={t("mount.devicePassword")}><CopyText label={t("mount.any.password")} text={target.secret} /><Lacking target={target} /></Fact>
      </Facts>
      <Alert>{t("mount.any.settings")}</Alert>
      <h3>{t("mount.any.curl")}</h3>
      <StepList>
        <Step>
          <p>{t("mount.any.list")}</p>
          <CopyText label={t("mount.listCommand")} text={curl.list(target)} />
        </Step>
        {!target.readOnly && (
          <Step>
            <p>{t("mount.any.upload")}</p>
            <CopyText label={t("mount.uploadCommand")} text={curl.upload(target)} />
          </Step>
        )}
        <Step>
          <p>{t("mount.any.download")}</p>
          <CopyText label={t("mount.downloadCommand")} text={curl.download(target)} />
        </Step>
      </StepList>
    </>
  );
}

/** What a system does; the kernel has a form of its own. */
export const stepsOf: { [system in System]?: ComponentType<Props> } = {
  windows: Windows, macos: MacOS, gnome: Gnome, kde: KDE, davfs2: Davfs2, rclone: Rclone, phone: Phone, any: Any,
};
