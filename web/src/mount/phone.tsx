// Phones and tablets: the address as a picture that a camera reads.
import { useEffect, useState } from "preact/hooks";
import { t } from "../text.ts";
import { Alert, Failure, Spinner } from "../ui/feedback.tsx";
import { Checkbox, CopyText } from "../ui/form.tsx";
import { Lacking, Step, StepList } from "./steps.tsx";
import { placeholder, type Target } from "./target.ts";

export function Phone({ target }: { target: Target }) {
  const [whole, setWhole] = useState(false);
  const has = target.secret !== placeholder;
  const secret = whole && has;
  return (
    <>
      <p>{t("mount.phone.about")}</p>
      <StepList>
        <Step><p>{t("mount.phone.app")}</p></Step>
        <Step>
          <p>{t("mount.phone.scan")}</p>
          <QR text={secret ? withSecret(target) : target.url} label={t(secret ? "mount.phone.codeSecret" : "mount.phone.code")} />
          <CopyText label={t("mount.phone.addressLabel")} text={target.url} />
          <Checkbox label={t("mount.phone.whole")} checked={secret} disabled={!has} onChange={(e) => setWhole(e.currentTarget.checked)} hint={has ? undefined : t("mount.phone.wholeFirst")} />
          {secret && <Alert kind="warning">{t("mount.phone.warning")}</Alert>}
        </Step>
        <Step>
          <p>{t("mount.phone.user")}</p>
          <Lacking target={target} />
        </Step>
      </StepList>
    </>
  );
}

function withSecret(target: Target): string {
  return target.url.replace("://", `://${encodeURIComponent(target.user)}:${encodeURIComponent(target.secret)}@`);
}

/** A QR code, dark on light in every theme: cameras want that. */
function QR({ text, label }: { text: string; label: string }) {
  const [code, setCode] = useState<{ of: string; rows: boolean[][] } | { error: unknown }>();
  useEffect(() => {
    let current = true;
    import("qr").then(
      ({ encodeQR }) => { if (current) setCode({ of: text, rows: encodeQR(text, "raw", { ecc: "medium", border: 4 }) }); },
      (error: unknown) => { if (current) setCode({ error }); },
    );
    return () => { current = false; };
  }, [text]);
  if (code && "error" in code) {
    return <Failure error={code.error} />;
  }
  if (!code || code.of !== text) {
    return <Spinner />;
  }
  const dark = code.rows.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
  const size = code.rows.length;
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#ffffff" />
      <path d={dark} fill="#000000" />
    </svg>
  );
}
