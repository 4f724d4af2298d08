import { useEffect, useMemo, useState } from "preact/hooks";
import { isStatic } from "./api";
import { Check } from "./check";
import { bytes, count, number, signed } from "./format";
import { FILTERS } from "./episodes";
import { Failure, Outcome, Reward, Wait } from "./parts";
import { href, move, type Place, useData, useKeys } from "./state";
import { Answer, Fold, Json, Line, plain, Text } from "./text";
import { TokensView } from "./tokens";
import { TreeView } from "./tree";
import type { Call, Credit, Episode, Label, Page, Result, Step } from "./types";

const TABS = ["conversation", "check", "tree", "tokens"] as const;
type Tab = (typeof TABS)[number];
const NAMES: Record<Tab, string> = { conversation: "Conversation", check: "Check and state", tree: "Tree", tokens: "Tokens" };

export function EpisodePage({ place }: { place: Place }) {
  const [, run, n] = place.path;
  const { query } = place;
  const found = useData<Episode>("episode", { run, n }, (each) => (each.outcome === null ? 2 : 0));
  const tab = (TABS as readonly string[]).includes(query.get("tab") ?? "") ? (query.get("tab") as Tab) : "conversation";
  // Its place in the list that it was opened from, or else in the whole one.
  const listed = query.get("at") !== null;
  const at = Number(listed ? query.get("at") : n) || 0;
  const given = Object.fromEntries(
    [...FILTERS, "sort", "down"].map((name) => [name, (listed && query.get(name)) || ""]),
  );
  const first = Math.max(0, at - 1);
  const around = useData<Page>("episodes", { ...given, run, start: first, count: 3 });
  const place_ = (by: number): string | null => {
    if (!around.value || around.value.start !== first) return null;
    const row = around.value.rows[at + by - first];
    if (!row || at + by < 0) return null;
    const next = new URLSearchParams(query);
    next.set("at", String(at + by));
    return href(["run", run, row.n], next);
  };
  const [before, after] = [place_(-1), place_(1)];
  const list = (() => {
    const next = new URLSearchParams(query);
    next.delete("at");
    next.delete("tab");
    if (at >= 50) next.set("start", String(at - (at % 50)));
    return href(["run", run], next);
  })();
  const to = (name: Tab): string => {
    const next = new URLSearchParams(query);
    if (name === "conversation") next.delete("tab");
    else next.set("tab", name);
    return href(["run", run, n], next);
  };
  const episode = found.value && String(found.value.n) === n ? found.value : null;
  const tabs = TABS.filter((each) => each !== "tokens" || episode?.tokens);
  useKeys({
    j: () => move(".step", 1),
    ArrowDown: () => move(".step", 1) || scrollBy({ top: 120 }),
    k: () => move(".step", -1),
    ArrowUp: () => move(".step", -1) || scrollBy({ top: -120 }),
    "]": () => after && (location.hash = after),
    "[": () => before && (location.hash = before),
    ArrowRight: () => after && (location.hash = after),
    ArrowLeft: () => before && (location.hash = before),
    o: () => toggleFolds(),
    Escape: () => (location.hash = list),
    ...Object.fromEntries(tabs.map((each, index) => [String(index + 1), () => (location.hash = to(each))])),
  });
  useEffect(() => scrollTo({ top: 0 }), [run, n]);
  if (!episode) return found.error ? <Failure of={found.error} /> : <Wait />;
  const total = episode.steps.reduce<number | null>((sum, step) => (sum === null || step.reward === null ? null : sum + step.reward), 0);
  return (
    <>
      <div class="page-head episode-head">
        <h1>
          Episode {episode.n} <Outcome of={episode.outcome} why={episode.truncation} />
        </h1>
        <nav class="pager" aria-label="Episodes">
          <a class={`button ${before ? "" : "off"}`} href={before ?? undefined} aria-disabled={!before}>
            Before
          </a>
          <a class="button" href={list}>
            List
          </a>
          <a class={`button ${after ? "" : "off"}`} href={after ?? undefined} aria-disabled={!after}>
            After
          </a>
        </nav>
      </div>
      <nav class="tabs" aria-label="Parts of the episode">
        {tabs.map((each) => (
          <a key={each} href={to(each)} aria-current={each === tab ? "page" : undefined}>
            {NAMES[each]}
          </a>
        ))}
      </nav>
      <Failure of={found.error} />
      {episode.broken.length > 0 && (
        <div class="failure" role="alert">
          {count(episode.broken.length, "line")} between this episode's cannot be read:
          <ul class="plain">
            {episode.broken.map((each, index) => (
              <li key={index}>
                {each.line !== null && `line ${each.line}: `}
                {plain(each.why)}
              </li>
            ))}
          </ul>
        </div>
      )}
      <div class="columns">
        <div class="main-column">
          {tab === "conversation" && <Conversation key={`${run} ${n}`} of={episode} run={run} />}
          {tab === "check" && <Check key={`${run} ${n}`} run={run} of={episode} />}
          {tab === "tree" && <TreeView run={run} n={episode.n} />}
          {tab === "tokens" && <TokensView run={run} n={episode.n} />}
        </div>
        <Facts of={episode} total={total} />
      </div>
    </>
  );
}

function toggleFolds() {
  const all = [...document.querySelectorAll<HTMLDetailsElement>(".result.fold")];
  const open = all.some((each) => !each.open);
  for (const each of all) each.open = open;
}

function Facts({ of, total }: { of: Episode; total: number | null }) {
  const { split, world, kind, depth, step, ...meta } = of.meta;
  const facts: [string, unknown][] = [
    ["Task", of.task_id],
    ["Environment", of.env_id],
    ["Split", split],
    ["World", world],
    ["Kind", kind],
    ["Depth", depth],
    ["Seed", of.seed],
    ["Training step", step],
    ["Turns", of.steps.length],
    ["Calls", of.steps.reduce((sum, each) => sum + each.results.length, 0)],
  ];
  return (
    <aside class="facts" aria-label="About the episode">
      <dl class="json facts-list">
        {!of.corpus && (
          <>
            <dt>Reward</dt>
            <dd>
              <Reward of={total} />
            </dd>
          </>
        )}
        {facts
          .filter(([, value]) => value !== undefined && value !== null && !(Array.isArray(value) && !value.length))
          .map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>
                <Json of={value} depth={1} />
              </dd>
            </>
          ))}
      </dl>
      {Object.keys(meta).length > 0 && <Fold title="More">{() => <Json of={meta} />}</Fold>}
    </aside>
  );
}

export function opening(prompt: string): [policy: string, request: string] {
  const at = prompt.lastIndexOf("\n\n<user>");
  return at >= 0 && prompt.endsWith("</user>") ? [prompt.slice(0, at), prompt.slice(at + 8, -7)] : ["", prompt];
}

/** The environment's own words at the end of an observation: why an episode was cut off. What others say cannot hold the tag. */
function notice(observation = ""): string {
  const at = observation.lastIndexOf("<notice>");
  return at >= 0 && observation.endsWith("</notice>") ? observation.slice(at + 8, -9) : "";
}

function Conversation({ of, run }: { of: Episode; run: string }) {
  const [policy, request] = useMemo(() => opening(of.prompt), [of.prompt]);
  const [credit, setCredit] = useState<Credit | null>(null);
  const most = Math.max(1e-9, ...of.steps.map((step) => Math.abs(step.reward ?? 0)));
  return (
    <>
      {policy && (
        <Fold title={<span class="faint">Policy and tools, {bytes(policy.length).replace("bytes", "characters")}</span>}>
          {() => <Text of={policy} limit={8000} class="pre" />}
        </Fold>
      )}
      <article class="says user-says" aria-label="The request">
        <span class="who">user</span>
        <Text of={request} />
      </article>
      <CreditBar of={of} run={run} credit={credit} setCredit={setCredit} />
      <ol class="steps" aria-label="Steps">
        {of.steps.map((step, at) => (
          <StepView
            key={at}
            of={step}
            at={at}
            before={lastDiff(of.steps, at)}
            most={most}
            credit={credit && at < credit.values.length ? credit.values[at] : null}
            decision={of.corpus?.decisions.find((each) => each.turn === at)}
          />
        ))}
      </ol>
      <p class="end">
        <Outcome of={of.outcome} why={of.truncation} />
        {typeof of.meta.error === "string" && <span class="warn"> {plain(of.meta.error)}</span>}
      </p>
    </>
  );
}

export const lastDiff = (steps: Step[], at: number) => {
  for (let each = at - 1; each >= 0; each--) if (steps[each].diff) return steps[each].diff;
  return null;
};

export function StepView({
  of,
  at,
  before,
  most,
  credit,
  decision,
}: {
  of: Step;
  at: number;
  before: Step["diff"];
  most: number;
  credit: number | null;
  decision?: NonNullable<Episode["corpus"]>["decisions"][number];
}) {
  const { turn } = of;
  const terms = Object.entries(of.rewards).filter(([, value]) => value !== 0);
  return (
    <li class="step" tabIndex={-1} aria-label={`Step ${at + 1}`}>
      <header class="step-head">
        <span class="step-number">{at + 1}</span>
        {of.reward !== null && Object.keys(of.rewards).length + Math.abs(of.reward) > 0 && (
          <span class="reward" aria-label={`reward ${number(of.reward)}`}>
            <RewardBar of={of.reward} most={most} />
            <strong class="num">{signed(of.reward)}</strong>
            <span class="terms">
              {terms.map(([name, value]) => (
                <span key={name} class="term">
                  {plain(name)} <span class="num">{value === null ? "no score" : signed(value)}</span>
                </span>
              ))}
            </span>
          </span>
        )}
        {of.reward === null && !of.labels && <span class="faint">no score</span>}
        {credit !== null && (
          <span class="credit" title="what the episode's value would lose without this step">
            credit <strong class="num">{signed(credit)}</strong>
          </span>
        )}
      </header>
      {turn.plan && (
        <div class="plan">
          <span class="who">plan</span>
          <Text of={turn.plan} />
        </div>
      )}
      {turn.calls.map((call, index) => (
        <CallView key={index} call={call} result={of.results[index]} label={of.labels?.[index]} />
      ))}
      {turn.response !== null && (
        <div class="says agent-says">
          <span class="who">agent</span>
          <Text of={turn.response} />
          {of.labels && !turn.calls.length && of.labels[0] && <Labelled of={of.labels[0]} />}
        </div>
      )}
      {turn.problems.map((problem, index) => (
        <p key={index} class="notice">
          <span class="who">notice</span> <Text of={problem.message} />
        </p>
      ))}
      {turn.plan === null && !turn.calls.length && turn.response === null && turn.text !== "" && (
        <div class="says">
          <span class="who">text</span>
          <Text of={turn.text} />
        </div>
      )}
      {(of.user_acts ?? []).map((act, index) => (
        <CallView key={index} call={act} result={act.result} by="user" />
      ))}
      {of.user !== null && (
        <div class="says user-says">
          <span class="who">user</span>
          <Text of={of.user} />
        </div>
      )}
      {notice(of.observation) && (
        <p class="notice">
          <span class="who">notice</span> <Text of={notice(of.observation)} />
        </p>
      )}
      {of.diff && <Changes of={of.diff} before={before} />}
      {decision && decision.alternatives.length > 0 && (
        <Fold title={`${count(decision.alternatives.length, "other action")} that could have been taken here`} class="quiet-fold">
          {() => (
            <ul class="alternatives">
              {decision.alternatives.map((each, index) => (
                <li key={index}>
                  <span class={`role is-${each.role}`}>{plain(each.kind)}</span>{" "}
                  {each.calls.map((call) => `${call.name}(${call.arguments})`).map((text, place) => (
                    <code key={place}>
                      <Text of={text} limit={300} />
                    </code>
                  ))}
                  {each.response && <Text of={each.response} limit={300} />}
                  <span class="under">
                    {plain(each.role)}, relevance {number(each.relevance, 2)}, {each.solvable ? "still solvable" : "no longer solvable"}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Fold>
      )}
    </li>
  );
}

function RewardBar({ of, most }: { of: number; most: number }) {
  const width = (Math.abs(of) / most) * 20;
  return (
    <svg class="reward-bar" viewBox="0 0 40 8" aria-hidden="true">
      <line x1="20" x2="20" y1="0" y2="8" class="grid" />
      <rect x={of < 0 ? 20 - width : 20} width={width} y="1.5" height="5" class={of < 0 ? "loss" : "gain"} />
    </svg>
  );
}

function CallView({ call, result, by, label }: { call: Call; result?: Result; by?: string; label?: Label }) {
  const failed = result && result.outcome !== "ok";
  return (
    <div class={`call ${failed ? "failed" : ""}`}>
      <div class="call-head">
        <span class="who">{by ? "user calls" : "calls"}</span>
        <code class="tool">
          <Text of={call.name} limit={200} />
        </code>
        {failed && <span class="fault">{plain(result.outcome).replace(/_/g, " ")}</span>}
        {label && <Labelled of={label} />}
      </div>
      {Object.keys(call.arguments).length > 0 && (
        <div class="arguments">
          <Json of={call.arguments} depth={0} />
        </div>
      )}
      {result ? (
        <Fold
          class="result"
          open={failed && result.text.length < 400}
          title={
            <>
              <span class="faint">{failed ? "answer" : "answer"} </span>
              <Line of={result.text.slice(0, 400)} limit={110} />
              {result.text.length > 400 && <span class="faint"> {bytes(result.text.length).replace("bytes", "characters")}</span>}
            </>
          }
        >
          {() => <Answer of={result.text} />}
        </Fold>
      ) : (
        <p class="faint">It was not executed.</p>
      )}
    </div>
  );
}

function Labelled({ of }: { of: Label }) {
  return (
    <span class="labelled">
      <span class={`role is-${of.role}`}>{plain(of.role)}</span> relevance {number(of.relevance, 2)},{" "}
      {of.solvable ? "still solvable" : "no longer solvable"}
    </span>
  );
}

/** The records that a step changed: what is in the world's diff after it that was not, or otherwise, in the one before. */
function Changes({ of, before }: { of: NonNullable<Step["diff"]>; before: Step["diff"] }) {
  const changed = Object.entries(of).flatMap(([table, records]) =>
    Object.entries(records)
      .filter(([key, record]) => JSON.stringify(before?.[table]?.[key]) !== JSON.stringify(record))
      .map(([key, record]) => ({ table, key, record })),
  );
  const back = Object.entries(before ?? {}).flatMap(([table, records]) =>
    Object.keys(records)
      .filter((key) => !(key in (of[table] ?? {})))
      .map((key) => ({ table, key, record: undefined as unknown })),
  );
  const all = [...changed, ...back];
  if (!all.length) return null;
  const names = all.map((each) => `${each.table}.${each.key}`).join(", ");
  return (
    <Fold
      class="changes"
      title={
        <>
          <span class="who">world</span> changed <Line of={names} limit={100} />
        </>
      }
    >
      {() =>
        all.slice(0, 100).map((each) => (
          <div key={`${each.table} ${each.key}`} class="record">
            <h4>
              <Line of={`${each.table}.${each.key}`} />
            </h4>
            {each.record === undefined ? (
              <p class="faint">as it was at the start again</p>
            ) : each.record === null ? (
              <p class="faint">deleted</p>
            ) : (
              <Json of={each.record} />
            )}
          </div>
        ))
      }
    </Fold>
  );
}

function CreditBar({
  of,
  run,
  credit,
  setCredit,
}: {
  of: Episode;
  run: string;
  credit: Credit | null;
  setCredit: (credit: Credit | null) => void;
}) {
  const [value, setValue] = useState("outcome");
  const [method, setMethod] = useState("leave_one_out");
  const [asked, setAsked] = useState(false);
  const found = useData<Credit>(asked ? "credit" : null, { run, n: of.n, value, method });
  const fresh = asked && found.value?.value === value && found.value.method.startsWith(method) ? found.value : null;
  useEffect(() => setCredit(fresh), [fresh]);
  if (of.outcome === null || !of.steps.length) return null;
  return (
    <Fold class="credit-bar" title={<span class="faint">Credit: would it still be solved without a step?</span>}>
      {() => (
        <div class="field-row">
          <label class="field">
            Of
            <select value={value} onChange={(event) => setValue(event.currentTarget.value)}>
              <option value="outcome">the outcome</option>
              <option value="checklist">the checklist</option>
              <option value="state">the state</option>
            </select>
          </label>
          <label class="field">
            By
            <select value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
              <option value="leave_one_out">leaving one out</option>
              {!isStatic && <option value="shapley">Shapley values</option>}
            </select>
          </label>
          <button type="button" class="primary" onClick={() => setAsked(true)} disabled={asked && !found.error}>
            Replay
          </button>
          <span role="status" class="faint">
            {asked && found.loading && !fresh && "replaying"}
            {credit &&
              `the whole episode ${number(credit.all)}, nothing done ${number(credit.none)}; ${
                credit.exact ? "exact" : credit.method.endsWith("sampled") ? "sampled" : "an estimate"
              }`}
          </span>
          {asked && <Failure of={found.error} />}
        </div>
      )}
    </Fold>
  );
}
