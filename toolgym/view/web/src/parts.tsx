import type { ComponentChildren } from "preact";
import { number, OUTCOMES, percent, signed } from "./format";
import { plain } from "./text";
import type { Share } from "./types";

export function Outcome({ of, why }: { of: string | null; why?: string | null }) {
  const [glyph, words] = OUTCOMES[of ?? "unfinished"] ?? ["?", plain(of ?? "")];
  return (
    <span class={`outcome is-${of ?? "unfinished"}`}>
      <span class="glyph" aria-hidden="true">
        {glyph}
      </span>
      {words}
      {why ? ` (${plain(why)})` : ""}
    </span>
  );
}

/** A share with its 95% interval: in numbers, and as a bar that a screen reader leaves out. */
export function ShareCell({ of }: { of: Share | null }) {
  if (!of) return <span class="faint">-</span>;
  const known = of.low !== null && of.high !== null;
  return (
    <span class="share">
      <span class="share-value">{percent(of.value)}</span>
      {known && (
        <>
          <svg class="share-bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
            <line x1="0" x2="100" y1="6" y2="6" class="share-line" />
            <rect x={100 * of.low!} width={Math.max(1, 100 * (of.high! - of.low!))} y="3" height="6" class="share-range" />
            <rect x={Math.min(98, Math.max(0, 100 * of.value - 1))} width="2" y="1" height="10" class="share-point" />
          </svg>
          <span class="share-interval">
            {(100 * of.low!).toFixed(0)} to {(100 * of.high!).toFixed(0)}
          </span>
        </>
      )}
    </span>
  );
}

export function Wait({ what = "Loading" }: { what?: string }) {
  return (
    <p class="wait" role="status">
      {what}
    </p>
  );
}

export function Failure({ of }: { of: string }) {
  return of ? (
    <p class="failure" role="alert">
      {plain(of)}
    </p>
  ) : null;
}

export function Reward({ of, sign = false }: { of: number | null; sign?: boolean }) {
  if (of === null || of === undefined) return <span class="faint">no score</span>;
  return <span class={`num ${of < 0 ? "negative" : ""}`}>{sign ? signed(of) : Math.abs(of) < 1e6 ? of.toFixed(3) : number(of)}</span>;
}

export function Panel({
  title,
  id,
  children,
  actions,
}: {
  title: ComponentChildren;
  id: string;
  children: ComponentChildren;
  actions?: ComponentChildren;
}) {
  return (
    <section class="panel" aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {actions}
      </header>
      {children}
    </section>
  );
}
