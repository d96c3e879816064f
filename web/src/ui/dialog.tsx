// Dialogs: modal, closed by Escape, and the focus goes back to where it was. They are opened from anywhere by
// openDialog and shown by <Dialogs/>, which stands once in the page.
import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { aborted, messageOf } from "../api.ts";
import { onEnd, sessionRound } from "../session.ts";
import { t } from "../text.ts";
import { Button, IconButton } from "./button.tsx";
import { Alert, toastError } from "./feedback.tsx";

type Open = { id: number; show: (close: () => void) => VNode };
const opened = signal<readonly Open[]>([]);
let last = 0;

/** Shows what show returns until that calls close. It should be a Dialog or a FormDialog. Returns close. */
export function openDialog(show: (close: () => void) => VNode): () => void {
  const id = ++last;
  opened.value = [...opened.value, { id, show }];
  return () => close(id);
}

function close(id: number): void {
  opened.value = opened.value.filter((d) => d.id !== id);
}

onEnd(() => {
  opened.value = [];
});

export function Dialogs() {
  return <>{opened.value.map((d) => <Shown key={d.id} dialog={d} />)}</>;
}

function Shown({ dialog }: { dialog: Open }) {
  return dialog.show(() => close(dialog.id));
}

type DialogProps = { title: ComponentChildren; onClose: () => void; children: ComponentChildren; wide?: boolean; footer?: ComponentChildren };

/** A dialog with a heading and a button that closes it. */
export function Dialog({ title, onClose, children, wide, footer }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) {
        before.focus();
      } else {
        // What it was opened from is gone, as after a deletion: go on at the top of the view.
        document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
      }
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={heading}
      onCancel={(e) => {
        if (e.target === element.current) {
          e.preventDefault();
          onClose();
        }
      }}
    >
      <header class="dialog-head">
        <h2 id={heading}>{title}</h2>
        <IconButton icon="close" label={t("common.close")} onClick={onClose} />
      </header>
      <div class="dialog-body">{children}</div>
      {footer && <footer class="dialog-foot">{footer}</footer>}
    </dialog>
  );
}

type FormProps = {
  title: ComponentChildren;
  /** What the button says that does it. */
  action: string;
  danger?: boolean;
  wide?: boolean;
  disabled?: boolean;
  /**
   * Does it; an error stays in the dialog, and is shown. The dialog closes when it is done. Who closes it before takes
   * nothing back: it goes on, and an error is told in a note.
   */
  onSubmit: (form: FormData) => Promise<void> | void;
  onClose: () => void;
  children: ComponentChildren;
};

/** A dialog that asks for something and does it. Its first field has the focus (autofocus). */
export function FormDialog({ title, action, danger, wide, disabled, onSubmit, onClose, children }: FormProps) {
  const [busy, setBusy] = useState(false);
  const [slow, setSlow] = useState(false);
  const [error, setError] = useState<unknown>();
  const id = useId();
  const here = useRef(true);
  useEffect(() => () => { here.current = false; }, []);
  useEffect(() => {
    setSlow(false);
    const timer = busy ? setTimeout(() => setSlow(true), 600) : undefined;
    return () => clearTimeout(timer);
  }, [busy]);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    const session = sessionRound();
    try {
      await onSubmit(new FormData(e.currentTarget as HTMLFormElement));
      onClose();
    } catch (e) {
      if (here.current) {
        if (!aborted(e)) {
          setError(e);
        }
        setBusy(false);
      } else if (session === sessionRound()) {
        toastError(e); // nobody waited for it
      }
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      {...(wide && { wide })}
      footer={
        <>
          <Button onClick={onClose}>{t(slow ? "common.dontWait" : "common.cancel")}</Button>
          <Button type="submit" form={id} kind={danger ? "danger" : "primary"} busy={busy} disabled={disabled}>
            {action}
          </Button>
        </>
      }
    >
      <form id={id} class="form" onSubmit={(e) => void submit(e as unknown as SubmitEvent)}>
        {children}
        {error !== undefined && <Alert kind="error">{messageOf(error)}</Alert>}
      </form>
    </Dialog>
  );
}

/**
 * Asks before something is done that is hard to undo, and does it; resolves to whether it was done. Closed while it is
 * being done, it resolves when that has ended.
 */
export function confirm(opts: { title: ComponentChildren; body: ComponentChildren; action: string; danger?: boolean; run?: () => Promise<void> }): Promise<boolean> {
  return new Promise((resolve) => {
    let running = false;
    let closed = false;
    openDialog((close) => (
      <FormDialog
        title={opts.title}
        action={opts.action}
        danger={opts.danger ?? false}
        onSubmit={async () => {
          running = true;
          try {
            await opts.run?.();
            resolve(true);
          } catch (e) {
            if (closed) {
              resolve(false);
            }
            throw e;
          } finally {
            running = false;
          }
        }}
        onClose={() => {
          closed = true;
          if (!running) {
            resolve(false); // after true it changes nothing
          }
          close();
        }}
      >
        <div class="prose">{opts.body}</div>
      </FormDialog>
    ));
  });
}
