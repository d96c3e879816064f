// Sound and video, from the server in ranges. Their elements can't send the session's token: they get a link that needs
// none for ten minutes. When it has run out, a seek fails; then there is a new one, and it goes on at the same place.
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../api.ts";
import { visible } from "../format.ts";
import { t } from "../text.ts";
import { Alert, Spinner } from "../ui/feedback.tsx";
import { link, nameOf, type Place } from "./place.ts";
import { Unknown } from "./unknown.tsx";

export function MediaView({ place, size, video }: { place: Place; size: number; video: boolean }) {
  const element = useRef<HTMLMediaElement>(null);
  const [url, setURL] = useState("");
  const [state, setState] = useState<"" | "unplayable">("");
  const [error, setError] = useState<unknown>();
  const resume = useRef<{ at: number; play: boolean } | undefined>(undefined);
  const works = useRef(false); // with the current link
  const renew = async () => {
    try {
      setURL(await link(place));
      setError(undefined);
    } catch (e) {
      setError(e);
    }
  };
  useEffect(() => void renew(), []);
  const failed = () => {
    const el = element.current;
    if (!el) {
      return;
    }
    if (!works.current) { // a fresh link and still not: the browser can't play it
      setState("unplayable");
      return;
    }
    works.current = false;
    resume.current = { at: el.currentTime, play: !el.paused };
    void renew();
  };
  const ready = () => {
    const el = element.current;
    works.current = true;
    if (el && resume.current) {
      el.currentTime = resume.current.at;
      if (resume.current.play) {
        el.play().catch(() => {}); // the person presses the button then
      }
      resume.current = undefined;
    }
  };
  if (state === "unplayable") {
    return <Unknown place={place} size={size} why={t("preview.media.unplayable")} />;
  }
  const common = {
    src: url, controls: true, preload: "metadata", "aria-label": visible(nameOf(place)), onError: failed, onLoadedMetadata: ready, "data-keys": true,
  } as const;
  return (
    <>
      {error !== undefined && <Alert kind="error">{messageOf(error)}</Alert>}
      {url === "" ? error === undefined && <Spinner /> : video ? (
        <video class="preview-video" ref={element as { current: HTMLVideoElement | null }} playsInline {...common} />
      ) : (
        <audio class="preview-audio" ref={element as { current: HTMLAudioElement | null }} {...common} />
      )}
    </>
  );
}
