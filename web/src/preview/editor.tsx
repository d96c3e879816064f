// Editing a text. It is saved with the condition that the file is still what was read, so nobody's work is lost without
// being asked; what can't be saved stays here until it is.
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf, Problem, request } from "../api.ts";
import { visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { go, holdRoute } from "../route.ts";
import { saveLocally } from "../save.ts";
import { me, sessionRound, state as session } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, FormDialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Loaded, Spinner, toast } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import type { Shown } from "./codemirror.ts";
import { keepDraft, takeDraft, type Draft } from "./draft.ts";
import { decode, encode, newFormat, same } from "./encoding.ts";
import { Lock } from "./lock.ts";
import { davOf, directoryHref, nameOf, sibling, viewHref, type Place } from "./place.ts";
import { Code, FormatNotice, portion, readStart } from "./text.tsx";

type Props = {
  place: Place;
  size: number;
  /** There is no such file yet. */
  fresh: boolean;
  /** What has become of it since: it can't be seen any more, or may only be read. */
  lost?: "gone" | "right" | undefined;
};

type Opened = Draft & { restored: boolean };

export function EditView({ place, size, fresh, lost }: Props) {
  const [isNew] = useState(fresh); // it has a file after the first save
  const opened = useLoad<Opened | undefined>(async (signal) => {
    const draft = takeDraft(place);
    if (draft) {
      return { ...draft, restored: true };
    }
    if (isNew) {
      return { text: "", format: newFormat, etag: "", restored: false };
    }
    const start = await readStart(place, size, signal);
    const text = start.size > portion ? undefined : decode(start.bytes);
    return text && { ...text, etag: start.etag, restored: false };
  }, [davOf(place)]);
  if (!opened.busy && opened.error === undefined && opened.value === undefined) {
    return <Alert kind="warning">{t("preview.editor.notText")}</Alert>;
  }
  return <Loaded of={opened}>{(o) => (o ? <Editor place={place} opened={o} lost={lost} /> : null)}</Loaded>;
}

/** Why the text is not saved. */
type Trouble = { error: unknown; kind: "retry" | "refused" | "characters" };

function Editor({ place, opened, lost }: { place: Place; opened: Opened; lost: Props["lost"] }) {
  const [saving, setSaving] = useState(false);
  const [dirty, setDirty] = useState(opened.restored);
  const [trouble, setTrouble] = useState<Trouble>();
  const [notice, setNotice] = useState("");
  const [loaded, setLoaded] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const host = useRef<HTMLDivElement>(null);
  const shown = useRef<Shown | undefined>(undefined);
  // What the callbacks of timers and of CodeMirror need as it is now.
  const [now] = useState(() => ({ dirty: opened.restored, changes: 0, format: opened.format, etag: opened.etag, saving: false, user: me.value?.id ?? "", discarded: false, unhold: () => {} }));
  const [lock] = useState(() => opened.lock ?? new Lock(place));

  const changed = () => {
    now.changes++;
    if (!now.dirty) {
      now.dirty = true;
      setDirty(true);
    }
    if (now.etag !== "") {
      void lock.touch(now.etag)?.then((taken) => {
        setNotice(taken.state === "locked" ? t("preview.editor.lockedNow", { why: visible(taken.why) }) : taken.state === "changed" ? t("preview.editor.changedNow") : "");
      });
    }
  };

  const isSaved = (etag: string, changes: number) => {
    now.etag = etag;
    setTrouble(undefined);
    setNotice("");
    if (now.changes === changes) {
      now.dirty = false;
      setDirty(false);
      void lock.release();
    }
    if (opened.etag === "" && !now.dirty) {
      leaveTo(viewHref(place) + "?edit=1"); // of a new file
    }
  };

  // leaveTo goes somewhere without asking.
  const leaveTo = (to: string) => {
    now.unhold();
    go(to, true);
  };

  /** Saves; the answer is whether that worked. */
  const save = async (condition: { [name: string]: string } = now.etag === "" ? { "If-None-Match": "*" } : { "If-Match": now.etag }): Promise<boolean> => {
    if (now.saving || !shown.current) {
      return false;
    }
    const { changes } = now;
    const body = encode(shown.current.text(), now.format);
    if (!body) {
      setTrouble({ error: undefined, kind: "characters" });
      return false;
    }
    now.saving = true;
    setSaving(true);
    try {
      const etag = await put(place, body, condition, lock);
      isSaved(etag, changes);
      return true;
    } catch (e) {
      if (!(e instanceof Problem)) {
        setTrouble({ error: e, kind: "refused" });
      } else if (e.status === 412) {
        const theirs = await read(place).catch((e: unknown) => (setTrouble({ error: e, kind: "retry" }), undefined));
        if (theirs && theirs.bytes && same(theirs.bytes, body)) {
          isSaved(theirs.etag, changes); // an answer was lost on the way
          return true;
        }
        if (theirs) {
          setTrouble(undefined);
          openDialog((close) => <Conflict place={place} mine={shown.current?.text() ?? ""} theirs={theirs} close={close} overwrite={overwrite} take={take} saveAs={saveAs} />);
        }
      } else {
        setTrouble({ error: e, kind: e.status === 0 || [408, 429, 502, 503, 504].includes(e.status) ? "retry" : "refused" });
      }
      return false;
    } finally {
      now.saving = false;
      setSaving(false);
    }
  };
  const saveRef = useRef(save);
  saveRef.current = save;

  const overwrite = (theirs: Theirs) => void save(theirs.gone ? { "If-None-Match": "*" } : { "If-Match": theirs.etag });

  const take = (theirs: Theirs) => {
    const text = theirs.bytes && decode(theirs.bytes);
    if (!text) {
      now.discarded = true;
      leaveTo(theirs.gone ? directoryHref(place) : viewHref(place));
      return;
    }
    shown.current?.replace(text.text);
    Object.assign(now, { format: text.format, etag: theirs.etag, dirty: false });
    setDirty(false);
    setTrouble(undefined);
    setNotice("");
    void lock.release();
    toast(t("preview.editor.tookTheirs"));
  };

  const saveAs = () => {
    openDialog((close) => (
      <FormDialog
        title={t("preview.editor.saveAs")}
        action={t("common.save")}
        onClose={close}
        onSubmit={async (form) => {
          const name = String(form.get("name") ?? "").trim();
          if (name === "" || name.includes("/")) {
            throw new Problem(400, "", t("preview.editor.badName"));
          }
          const body = encode(shown.current?.text() ?? "", now.format);
          if (!body) {
            throw new Problem(400, "", t("preview.editor.characters"));
          }
          try {
            await put(sibling(place, name), body, { "If-None-Match": "*" });
          } catch (e) {
            throw e instanceof Problem && e.status === 412 ? new Problem(412, "", t("preview.editor.taken")) : e;
          }
          now.discarded = true;
          toast(rich("preview.editor.savedAs", { name: <Name text={name} /> }));
          leaveTo(viewHref(sibling(place, name)) + "?edit=1");
        }}
      >
        <Field label={t("preview.editor.name")} name="name" autofocus required value={otherName(nameOf(place))} />
      </FormDialog>
    ));
  };

  const saveOnDevice = () => saveLocally(new Blob([encode(shown.current?.text() ?? "", now.format) ?? shown.current?.text() ?? ""]), nameOf(place));

  useEffect(() => {
    let gone = false;
    import("./codemirror.ts").then(
      (cm) => {
        if (gone || !host.current) {
          return;
        }
        shown.current = cm.show(host.current, {
          label: t("preview.editor.label", { name: visible(nameOf(place)) }), description: t("preview.editor.tab"), filename: nameOf(place),
          text: opened.text, wrap: true, mixed: opened.format.ending === "mixed", onChange: changed,
        });
        setLoaded(true);
        shown.current.focus();
      },
      (e: unknown) => setFailed(e),
    );
    const keys = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === "s" && !document.querySelector("dialog[open]")) {
        e.preventDefault();
        void saveRef.current();
      }
    };
    document.addEventListener("keydown", keys);
    return () => {
      gone = true;
      document.removeEventListener("keydown", keys);
      if (now.dirty && !now.discarded && shown.current) {
        lock.pause();
        keepDraft(now.user, place, { text: shown.current.text(), format: now.format, etag: now.etag, lock });
      } else {
        void lock.release();
      }
      shown.current?.destroy();
      shown.current = undefined;
    };
  }, []);

  useEffect(() => {
    if (!dirty) {
      return;
    }
    const unhold = holdRoute((leave) => {
      openDialog((close) => (
        <Unsaved
          place={place}
          close={close}
          discard={() => {
            now.discarded = true;
            leave();
          }}
          save={async () => {
            if (await save()) {
              leave();
            }
          }}
        />
      ));
    });
    now.unhold = unhold;
    const stay = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener("beforeunload", stay);
    return () => {
      unhold();
      removeEventListener("beforeunload", stay);
    };
  }, [dirty]);

  // Waiting for the server: again after a while, and at once when the network is back.
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (trouble?.kind !== "retry") {
      setTries(0);
      return;
    }
    const again = () => {
      if (session.value === "in") {
        setTries((n) => n + 1);
        void saveRef.current();
      }
    };
    const timer = setTimeout(again, Math.min(30_000, 2000 * 2 ** tries));
    addEventListener("online", again);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }, [trouble]);

  return (
    <>
      <div class="toolbar">
        <Button kind="primary" icon="check" busy={saving} disabled={!loaded} onClick={() => void save()}>{t("common.save")}</Button>
        <Button onClick={() => go(viewHref(place), true)}>{t("preview.editor.done")}</Button>
        <span role="status" class="quiet">{saving ? t("preview.editor.saving") : dirty ? t("preview.editor.unsaved") : opened.etag === "" && now.etag === "" ? t("preview.editor.new") : t("preview.editor.saved")}</span>
      </div>
      {opened.restored && dirty && <Alert>{t("preview.editor.restored")}</Alert>}
      <FormatNotice format={now.format} />
      {now.format.ending === "mixed" && <Alert>{t("preview.editor.mixed")}</Alert>}
      {lost && !trouble && (
        <Alert kind="warning">
          <p>{t(lost === "gone" ? "preview.editor.goneNow" : "preview.editor.readOnlyNow")}</p>
          <Button icon="download" onClick={saveOnDevice}>{t("preview.editor.onDevice")}</Button>
        </Alert>
      )}
      {notice !== "" && !trouble && <Alert kind="warning">{notice}</Alert>}
      {trouble && (
        <Alert kind="error">
          <p>{wordsOf(trouble)}</p>
          <div class="toolbar">
            {trouble.kind === "characters" ? (
              <Button
                onClick={() => {
                  now.format = { ...now.format, encoding: "utf-8" };
                  void save();
                }}
              >
                {t("preview.editor.asUTF8")}
              </Button>
            ) : (
              <Button icon="refresh" busy={saving} onClick={() => void save()}>{t("common.retry")}</Button>
            )}
            {trouble.kind !== "retry" && <Button onClick={saveAs}>{t("preview.editor.saveAsButton")}</Button>}
            <Button icon="download" onClick={saveOnDevice}>{t("preview.editor.onDevice")}</Button>
          </div>
        </Alert>
      )}
      {failed !== undefined ? <Alert kind="error">{messageOf(failed)}</Alert> : !loaded && <Spinner />}
      <div class="preview-code" ref={host} data-keys data-editor />
      <p class="hint">{t("preview.editor.tab")}</p>
    </>
  );
}

function wordsOf({ error, kind }: Trouble): string {
  if (kind === "characters") {
    return t("preview.editor.characters");
  }
  if (kind === "retry") {
    return t("preview.editor.unreachable", { why: messageOf(error) });
  }
  if (error instanceof Problem) {
    const why = visible(error.message);
    switch (error.status) {
      case 423:
        return t("preview.editor.locked", { why });
      case 507:
        return t("preview.editor.full", { why });
      case 403:
        return t("preview.editor.forbidden", { why });
      case 409:
      case 404:
        return t("preview.editor.directoryGone");
    }
  }
  return t("preview.editor.refused", { why: messageOf(error) });
}

// put writes a file under a condition. A lock that has lapsed makes its own condition fail: then once more without it.
async function put(place: Place, body: Uint8Array<ArrayBuffer>, condition: { [name: string]: string }, lock?: Lock): Promise<string> {
  const asked = sessionRound();
  const held = (await lock?.header()) ?? {};
  if (asked !== sessionRound()) {
    throw new DOMException("the session is another one", "AbortError"); // the text waits as a draft
  }
  const send = (more: { [name: string]: string }) => request("PUT", davOf(place), { body: new Blob([body]), headers: { ...condition, ...more } });
  let res: Response;
  try {
    res = await send({ ...held });
  } catch (e) {
    if (!(e instanceof Problem) || e.status !== 412 || !lock || held.If === undefined) {
      throw e;
    }
    lock.lost();
    res = await send({});
  }
  return res.headers.get("ETag") ?? "";
}

/** What is in the file now. There are no bytes if it is gone, or larger than what can be compared. */
type Theirs = { etag: string; bytes?: Uint8Array; gone: boolean };

async function read(place: Place): Promise<Theirs> {
  try {
    const head = await request("HEAD", davOf(place));
    const start = await readStart(place, Number(head.headers.get("Content-Length") ?? 0));
    return { etag: start.etag, gone: false, ...(start.size <= portion && { bytes: start.bytes }) };
  } catch (e) {
    if (e instanceof Problem && e.status === 404) {
      return { etag: "", gone: true };
    }
    throw e;
  }
}

const otherName = (name: string): string => name.replace(/^(.+?)(\.[^.]+)?$/, (_, stem: string, ext = "") => t("preview.editor.copyName", { stem, ext }));

type ConflictProps = { place: Place; mine: string; theirs: Theirs; close: () => void; overwrite: (t: Theirs) => void; take: (t: Theirs) => void; saveAs: () => void };

function Conflict({ place, mine, theirs, close, overwrite, take, saveAs }: ConflictProps) {
  const text = theirs.bytes && decode(theirs.bytes)?.text;
  const then = (f: () => void) => () => {
    close();
    f();
  };
  return (
    <Dialog
      title={rich(theirs.gone ? "preview.conflict.gone" : "preview.conflict.changed", { name: <Name text={nameOf(place)} /> })}
      wide
      onClose={close}
      footer={
        <>
          <Button onClick={then(() => take(theirs))}>{t(theirs.gone ? "preview.conflict.drop" : "preview.conflict.take")}</Button>
          <Button onClick={then(saveAs)}>{t("preview.editor.saveAsButton")}</Button>
          <Button kind="danger" onClick={then(() => overwrite(theirs))}>{t(theirs.gone ? "preview.conflict.again" : "preview.conflict.overwrite")}</Button>
        </>
      }
    >
      <div class="prose">
        <p>{t(theirs.gone ? "preview.conflict.goneWhy" : "preview.conflict.why")}</p>
        {text !== undefined && <Code label={t("preview.conflict.diff")} filename={nameOf(place)} text={mine} original={text} />}
        {!theirs.gone && text === undefined && <p>{t("preview.conflict.noDiff")}</p>}
      </div>
    </Dialog>
  );
}

function Unsaved({ place, close, discard, save }: { place: Place; close: () => void; discard: () => void; save: () => Promise<void> }) {
  return (
    <Dialog
      title={t("preview.unsaved.title")}
      onClose={close}
      footer={
        <>
          <Button onClick={close}>{t("preview.unsaved.stay")}</Button>
          <Button kind="danger" onClick={() => (close(), discard())}>{t("preview.unsaved.discard")}</Button>
          <Button kind="primary" onClick={() => (close(), void save())}>{t("common.save")}</Button>
        </>
      }
    >
      <p>{rich("preview.unsaved.why", { name: <Name text={nameOf(place)} /> })}</p>
    </Dialog>
  );
}
