// The tokens of an episode that training recorded, coloured by what is asked for.
import { useMemo, useRef, useState } from "preact/hooks";
import { number } from "./format";
import { Failure, Panel, Wait } from "./parts";
import { useData } from "./state";
import { plain } from "./text";
import type { Tokens } from "./types";

type By = "logprob" | "advantage" | "owner" | "type";
const NAMES: Record<By, string> = {
  logprob: "log-probability",
  advantage: "advantage",
  owner: "owner: trained on or masked",
  type: "type",
};
const TYPES = ["env", "tag", "plan", "tool", "resp", "response"];
const MOST = 20_000;

/** 0 to 8: how far a value is on its way from 0 to the largest. */
const bucket = (value: number, most: number): number => Math.min(8, Math.round((Math.abs(value) / most) * 8));

export function TokensView({ run, n }: { run: string; n: number }) {
  const { value: tokens, error } = useData<Tokens>("tokens", { run, n });
  const [by, setBy] = useState<By>("logprob");
  const [at, setAt] = useState<number | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const most = useMemo(() => Math.max(1e-9, ...(tokens?.advantages ?? []).slice(0, 100_000).map((each) => Math.abs(each ?? 0))), [tokens]);
  const shown = useMemo(() => tokens?.texts.slice(0, MOST).map((text, index) => <TokenText key={index} of={text} />), [tokens]);
  if (!tokens) return error ? <Failure of={error} /> : <Wait />;
  const masked = (index: number): boolean => !tokens.mask[index];
  const colour = (index: number): string => {
    switch (by) {
      case "logprob":
        return masked(index) ? "masked" : `lp-${bucket(tokens.logprobs[index], 6)}`;
      case "advantage": {
        const value = tokens.advantages[index] ?? 0;
        return masked(index) ? "masked" : `adv-${value < 0 ? "n" : "p"}${bucket(value, most)}`;
      }
      case "owner":
        return masked(index) ? "masked" : "trained";
      default:
        return `type-${Math.max(0, TYPES.indexOf(tokens.types[index]))}`;
    }
  };
  const step = (index: number): number => tokens.spans.findIndex(([start, end]) => index >= start && index < end);
  const select = (index: number) => {
    const all = box.current!.querySelectorAll<HTMLElement>("[data-token]");
    all[Math.max(0, Math.min(all.length - 1, index))]?.focus();
  };
  const index = (target: EventTarget | null): number | null => {
    const found = (target as HTMLElement | null)?.closest?.("[data-token]");
    return found ? Number(found.getAttribute("data-token")) : null;
  };
  const trained = tokens.mask.reduce((sum, each) => sum + (each ? 1 : 0), 0);
  return (
    <Panel title="Tokens" id="tokens">
      <fieldset class="segments">
        <legend>Coloured by</legend>
        {(Object.keys(NAMES) as By[]).map((name) => (
          <label key={name} class={by === name ? "on" : ""}>
            <input type="radio" name="by" value={name} checked={by === name} onChange={() => setBy(name)} />
            {NAMES[name]}
          </label>
        ))}
      </fieldset>
      <Legend by={by} most={most} />
      <p class="readout" role="status" aria-live="polite">
        {at === null ? (
          <span class="faint">
            {tokens.texts.length.toLocaleString("en-US")} tokens, {trained.toLocaleString("en-US")} of them trained on. Point at one, or move with the arrow keys.
          </span>
        ) : (
          <>
            <code>{plain(JSON.stringify(tokens.texts[at]))}</code>
            <span>
              token <b class="num">{at}</b>
              {tokens.ids[at] !== undefined && ` (id ${tokens.ids[at]})`}
            </span>
            <span>{masked(at) ? "masked: the environment's" : `trained on: step ${step(at) + 1}`}</span>
            <span>{tokens.types[at]}</span>
            {!masked(at) && (
              <>
                <span>
                  log-probability <b class="num">{number(tokens.logprobs[at])}</b>
                </span>
                <span>
                  probability <b class="num">{number(Math.exp(tokens.logprobs[at]))}</b>
                </span>
                <span>
                  advantage <b class="num">{number(tokens.advantages[at])}</b>
                </span>
              </>
            )}
          </>
        )}
      </p>
      <div
        ref={box}
        class="tokens"
        data-own-keys
        tabIndex={0}
        role="group"
        aria-label="Tokens; the arrow keys move among them"
        onMouseOver={(event) => setAt(index(event.target))}
        onMouseLeave={() => setAt(index(document.activeElement))}
        onFocusIn={(event) => setAt(index(event.target))}
        onKeyDown={(event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
          const now = index(document.activeElement);
          select(now === null ? 0 : now + by);
        }}
      >
        {shown!.map((text, place) => (
          <span
            key={place}
            data-token={place}
            tabIndex={-1}
            class={`token ${colour(place)} ${tokens.spans.some(([start]) => start === place) ? "first" : ""}`}
          >
            {text}
          </span>
        ))}
      </div>
      {tokens.texts.length > MOST && <p class="faint">{tokens.texts.length - MOST} more tokens are not shown.</p>}
    </Panel>
  );
}

function TokenText({ of }: { of: string }) {
  const text = plain(of).replace(/\n/g, "⏎\n");
  return <>{text || "∅"}</>;
}

function Legend({ by, most }: { by: By; most: number }) {
  const scale = (classes: string[], low: string, high: string) => (
    <p class="scale">
      <span>{low}</span>
      {classes.map((name) => (
        <i key={name} class={`token ${name}`} aria-hidden="true" />
      ))}
      <span>{high}</span>
      <i class="token masked" aria-hidden="true" />
      <span>masked</span>
    </p>
  );
  if (by === "logprob") return scale(Array.from({ length: 9 }, (_, at) => `lp-${at}`), "sure (0)", "surprising (-6 and less)");
  if (by === "advantage") {
    const names = [8, 6, 4, 2].map((at) => `adv-n${at}`).concat(["adv-p0"], [2, 4, 6, 8].map((at) => `adv-p${at}`));
    return scale(names, number(-most), `+${number(most)}`);
  }
  if (by === "owner") {
    return (
      <p class="scale">
        <i class="token trained" aria-hidden="true" />
        <span>sampled by the policy: trained on</span>
        <i class="token masked" aria-hidden="true" />
        <span>the environment's: masked</span>
      </p>
    );
  }
  return (
    <p class="scale">
      {TYPES.slice(0, 5).map((name, at) => (
        <>
          <i class={`token type-${at}`} aria-hidden="true" />
          <span>{name === "resp" ? "response" : name}</span>
        </>
      ))}
    </p>
  );
}
