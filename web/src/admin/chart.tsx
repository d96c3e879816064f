// A chart of the last 15 minutes: drawn for the eyes, told in a sentence, and as a table for who asks for it. The
// library that draws comes when the first chart is shown.
import type uPlot from "uplot";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { language, t } from "../text.ts";
import { theme } from "../theme.ts";

export type Series = { label: string; values: readonly (number | null)[] };
type Props = {
  title: string;
  /** What it shows, in a sentence with numbers. */
  words: string;
  /** Seconds since 1970. */
  times: readonly number[];
  series: readonly Series[];
  write: (n: number) => string;
  /** Steps of the axis are powers of two. */
  binary: boolean;
  /** Bounds of the time that is shown, in seconds. */
  from: number;
  to: number;
};

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hour12: false });
const clockLong = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const dashes: readonly (number[] | undefined)[] = [undefined, [6, 3], [2, 3], [10, 3, 2, 3], [4, 2], [1, 2], [8, 2, 2, 2, 2, 2], [12, 4]];

const powers = Array.from({ length: 60 }, (_, n) => 2 ** n);

export function Chart({ title, words, times, series, write, binary, from, to }: Props) {
  const heading = useId();
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [library, setLibrary] = useState<typeof uPlot>();
  const [dark, setDark] = useState(false);
  const [table, setTable] = useState(false);
  const chosen = theme.value;
  useEffect(() => {
    let current = true;
    import("uplot").then((m) => { if (current) setLibrary(() => m.default); }, () => undefined); // without it the words and the table remain
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const change = () => setDark(scheme.matches);
    change();
    scheme.addEventListener("change", change);
    return () => {
      current = false;
      scheme.removeEventListener("change", change);
    };
  }, []);
  const latest = { times, series, from, to, write };
  const now = useRef(latest);
  now.current = latest;
  const labels = series.map((s) => s.label).join("\n");
  useEffect(() => {
    const el = place.current;
    if (!library || !el) {
      return;
    }
    const ink = getComputedStyle(el).color;
    const line = getComputedStyle(el).borderBlockEndColor;
    const colours = [...(legend.current?.querySelectorAll(".watch-swatch") ?? [])].map((s) => getComputedStyle(s).borderBlockEndColor);
    const axis = { stroke: ink, font: "12px system-ui", grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const u = new library(
      {
        width: Math.max(el.clientWidth, 100), height: 160, legend: { show: false }, pxAlign: 1,
        cursor: { show: false },
        scales: {
          x: { time: true, range: () => [now.current.from, now.current.to] },
          y: { range: (_u, _min, max) => [0, Number.isFinite(max) && max > 0 ? max * 1.1 : 1] },
        },
        axes: [
          { ...axis, space: 60, size: 30, values: (_u, all) => all.map((s) => (now.current.to - now.current.from < 300 ? clockLong : clock).format(s * 1000)) },
          { ...axis, size: 76, space: 32, ...(binary && { incrs: powers }), values: (_u, all) => all.map((v) => now.current.write(v)) },
        ],
        series: [{}, ...now.current.series.map((s, i) => ({ label: s.label, stroke: colours[i] ?? ink, width: 2, spanGaps: false, points: { show: false }, dash: dashes[i % dashes.length] ?? [] }))],
      },
      data(now.current),
      el,
    );
    plot.current = u;
    const watch = new ResizeObserver(() => u.setSize({ width: Math.max(el.clientWidth, 100), height: 160 }));
    watch.observe(el);
    return () => {
      watch.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [library, dark, chosen, labels]);
  useEffect(() => {
    plot.current?.setData(data(now.current));
  }, [times, series]);
  return (
    <figure class="watch-chart card" aria-labelledby={heading}>
      <figcaption>
        <h3 id={heading}>{title}</h3>
        <p class="quiet">{words}</p>
      </figcaption>
      <div ref={place} class="watch-chart-place" aria-hidden="true" />
      <ul ref={legend} class="watch-legend">
        {series.map((s, i) => (
          <li key={s.label}>
            <span class={`watch-swatch watch-swatch-${i % 8}`} aria-hidden="true" />
            <span>{s.label}</span>
            <strong>{told(s.values.at(-1), write)}</strong>
          </li>
        ))}
      </ul>
      <details onToggle={(e) => setTable(e.currentTarget.open)}>
        <summary>{t("admin.chart.table")}</summary>
        {table && (
          <div class="watch-scroll" tabIndex={0} role="region" aria-label={title}>
            <table class="watch-numbers">
              <caption class="unseen">{title}</caption>
              <thead>
                <tr>
                  <th scope="col">{t("admin.chart.time")}</th>
                  {series.map((s) => <th key={s.label} scope="col">{s.label}</th>)}
                </tr>
              </thead>
              <tbody>
                {times.map((at, i) => ({ at, i })).slice(-30).reverse().map(({ at, i }) => (
                  <tr key={at}>
                    <th scope="row">{clockLong.format(at * 1000)}</th>
                    {series.map((s) => <td key={s.label}>{told(s.values[i], write)}</td>)}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </details>
    </figure>
  );
}

const told = (n: number | null | undefined, write: (n: number) => string): string => (n == null ? t("admin.chart.nothing") : write(n));

const data = ({ times, series }: { times: readonly number[]; series: readonly Series[] }): uPlot.AlignedData =>
  [[...times], ...series.map((s) => [...s.values])] as uPlot.AlignedData;
