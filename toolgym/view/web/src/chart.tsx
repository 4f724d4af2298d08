// Learning curves: a smoothed line over its faint own; evaluations as points with their 95% interval.
import { useId, useMemo, useRef, useState } from "preact/hooks";
import { number } from "./format";
import { plain } from "./text";
import type { Curve } from "./types";

export interface Line {
  name: string;
  colour: number;
  curve: Curve;
}

const [W, H, LEFT, RIGHT, TOP, BOTTOM] = [420, 220, 46, 10, 10, 26];
const SHARES = /^(eval\/)?(pass@|pass\^|solved|truncated|tool_recall|call_recall|infra_errors|unscored)/;

function smooth(values: number[], by: number): number[] {
  let [total, weight] = [0, 0];
  return values.map((value) => {
    total = by * total + value;
    weight = by * weight + 1;
    return total / weight;
  });
}

/** Without the outermost, which would press all else together. */
function inner(values: number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const off = Math.floor(sorted.length * 0.01);
  return sorted.slice(off, sorted.length - off);
}

function ticks(low: number, high: number, most = 5): number[] {
  const span = high - low || 1;
  const raw = span / most;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * size).find((each) => span / each <= most) ?? raw;
  const out: number[] = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) out.push(Number(at.toPrecision(12)));
  return out;
}

const label = (tick: number): string =>
  tick !== 0 && (Math.abs(tick) >= 1e6 || Math.abs(tick) < 1e-4) ? tick.toExponential(1) : String(tick);

const path = (points: [number, number][]): string =>
  points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

export function Chart({ figure, lines, smoothing }: { figure: string; lines: Line[]; smoothing: number }) {
  const [over, setOver] = useState<number | null>(null);
  const svg = useRef<SVGSVGElement>(null);
  const clip = useId();
  const drawn = useMemo(() => {
    const evaluated = figure.startsWith("eval/");
    const by = evaluated ? 0 : smoothing;
    const series = lines.map((line) => ({ ...line, smoothed: smooth(line.curve.values, by), faint: by > 0 }));
    const steps = series.flatMap((each) => each.curve.steps);
    const values = series.flatMap((each) => [
      ...each.smoothed,
      ...(each.faint ? inner(each.curve.values) : []),
      ...each.curve.intervals.flatMap((ends) => ends ?? []),
    ]);
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (SHARES.test(figure)) [low, high] = [0, 1];
    else if (low === high) [low, high] = [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
    else [low, high] = [low - (high - low) * 0.06, high + (high - low) * 0.06];
    let [first, last] = [Math.min(...steps), Math.max(...steps)];
    if (first === last) [first, last] = [first - 1, last + 1];
    const x = (step: number) => LEFT + ((step - first) / (last - first)) * (W - LEFT - RIGHT);
    const y = (value: number) => TOP + (1 - (value - low) / (high - low)) * (H - TOP - BOTTOM);
    return { series, x, y, first, last, xs: ticks(first, last, 6), ys: ticks(low, high), evaluated };
  }, [figure, lines, smoothing]);
  const { series, x, y, first, last, xs, ys, evaluated } = drawn;

  const at = (event: PointerEvent) => {
    const box = svg.current!.getBoundingClientRect();
    const share = (((event.clientX - box.left) / box.width) * W - LEFT) / (W - LEFT - RIGHT);
    setOver(Math.max(first, Math.min(last, first + share * (last - first))));
  };
  const near = (line: (typeof series)[number]): number => {
    let best = 0;
    line.curve.steps.forEach((step, place) => {
      if (Math.abs(step - over!) < Math.abs(line.curve.steps[best] - over!)) best = place;
    });
    return best;
  };

  return (
    <figure class="chart">
      <figcaption>{plain(figure)}</figcaption>
      <svg
        ref={svg}
        viewBox={`0 0 ${W} ${H}`}
        role="img"
        aria-label={`${figure} over steps ${first} to ${last}: ${series
          .map((each) => `${each.name} ends at ${number(each.smoothed.at(-1))}`)
          .join("; ")}`}
        onPointerMove={at}
        onPointerLeave={() => setOver(null)}
      >
        <clipPath id={clip}>
          <rect x={LEFT - 4} y={TOP - 4} width={W - LEFT - RIGHT + 8} height={H - TOP - BOTTOM + 8} />
        </clipPath>
        {ys.map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={W - RIGHT} y1={y(tick)} y2={y(tick)} class="grid" />
            <text x={LEFT - 6} y={y(tick) + 3.5} class="tick" text-anchor="end">
              {label(tick)}
            </text>
          </g>
        ))}
        {xs.filter(Number.isInteger).map((tick) => (
          <text key={tick} x={x(tick)} y={H - 8} class="tick" text-anchor="middle">
            {tick}
          </text>
        ))}
        {series.map((line) => {
          const points = line.curve.steps.map((step, place): [number, number] => [x(step), y(line.smoothed[place])]);
          const own = line.curve.steps.map((step, place): [number, number] => [x(step), y(line.curve.values[place])]);
          return (
            <g key={line.name} class={`series-${line.colour}`} clip-path={`url(#${clip})`}>
              {line.faint && points.length > 2 && <path d={path(own)} class="own" />}
              <path d={path(points)} class="curve" />
              {line.curve.intervals.map(
                (ends, place) =>
                  ends && (
                    <line
                      key={place}
                      x1={points[place][0]}
                      x2={points[place][0]}
                      y1={y(ends[0])}
                      y2={y(ends[1])}
                      class="whisker"
                    />
                  ),
              )}
              {(evaluated || points.length < 3) &&
                points.map(([cx, cy], place) => <circle key={place} cx={cx} cy={cy} r="3" class="dot" />)}
            </g>
          );
        })}
        {over !== null && <line x1={x(over)} x2={x(over)} y1={TOP} y2={H - BOTTOM} class="cursor" />}
      </svg>
      <div class="chart-values" aria-hidden="true">
        {over === null ? (
          <span class="faint">{`${series.length === 1 ? number(series[0].smoothed.at(-1)) : ""}`}</span>
        ) : (
          series.map((line) => {
            const place = near(line);
            return (
              <span key={line.name} class={`series-${line.colour}`}>
                <i class="swatch" /> {line.curve.steps[place]}: {number(line.curve.values[place])}
              </span>
            );
          })
        )}
      </div>
    </figure>
  );
}
