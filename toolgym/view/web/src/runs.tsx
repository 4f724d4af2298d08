import { useMemo, useState } from "preact/hooks";
import { isStatic } from "./api";
import { bytes, count, OUTCOMES, percent, SERIES } from "./format";
import { Failure, Panel, ShareCell, Wait } from "./parts";
import { href, move, useData, useKeys } from "./state";
import { Fold, Json, Line, plain } from "./text";
import type { Run } from "./types";

const KINDS: Record<Run["kind"], string> = {
  training: "training",
  benchmark: "benchmark",
  corpus: "corpus",
  episodes: "episodes",
  report: "report",
};

export const growing = (runs: { done: number; size: number }[]): number =>
  runs.some((run) => run.done < run.size) ? 1 : 3;

type Column = "name" | "kind" | "episodes" | "tasks" | "pass" | "reward" | "step";

const value = (run: Run, column: Column): string | number => {
  if (column === "pass") return run.pass?.value ?? -1;
  const found = run[column];
  return typeof found === "number" ? found : typeof found === "string" ? found : -1e308;
};

export function Runs() {
  const { value: data, error, loading } = useData<{ runs: Run[] }>("runs", {}, (each) => growing(each.runs));
  const [chosen, setChosen] = useState<string[]>([]);
  const [text, setText] = useState("");
  const [sort, setSort] = useState<{ by: Column; down: boolean }>({ by: "name", down: false });
  useKeys({
    j: () => move(".runs tbody a.to", 1),
    ArrowDown: () => move(".runs tbody a.to", 1),
    k: () => move(".runs tbody a.to", -1),
    ArrowUp: () => move(".runs tbody a.to", -1),
    "/": () => document.querySelector<HTMLInputElement>("#find-run")?.focus(),
    x: () => {
      const id = document.activeElement?.closest("tr")?.getAttribute("data-run");
      if (id) toggle(id);
    },
    c: () => chosen.length > 1 && (location.hash = href(["compare"], { runs: chosen.join(",") })),
  });
  const toggle = (id: string) =>
    setChosen((before) => (before.includes(id) ? before.filter((each) => each !== id) : [...before, id].slice(-SERIES)));
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = (data?.runs ?? []).filter((run) => {
      const all = [run.name, run.kind, run.agent, ...run.envs].join(" ").toLowerCase();
      return words.every((word) => all.includes(word));
    });
    const by = sort.by;
    return found.sort((a, b) => {
      const [x, y] = [value(a, by), value(b, by)];
      const order = typeof x === "string" && typeof y === "string" ? x.localeCompare(y, "en", { numeric: true }) : Number(x) - Number(y);
      return sort.down ? -order : order;
    });
  }, [data, text, sort]);
  if (!data) return error ? <Failure of={error} /> : <Wait />;
  const by = (column: Column, label: string, number = false) => (
    <th
      scope="col"
      class={number ? "right" : ""}
      aria-sort={sort.by === column ? (sort.down ? "descending" : "ascending") : undefined}
    >
      <button
        type="button"
        class="sort"
        onClick={() => setSort({ by: column, down: sort.by === column ? !sort.down : number })}
      >
        {label}
      </button>
    </th>
  );
  return (
    <>
      <div class="page-head">
        <h1>Runs</h1>
        <p class="faint">{count(data.runs.length, "run")}</p>
        <div class="tools">
          <label class="field grow">
            <span class="hidden">Find runs</span>
            <input
              id="find-run"
              type="search"
              placeholder="Find ( / )"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          {chosen.length > 1 ? (
            <a class="button primary" href={href(["compare"], { runs: chosen.join(",") })}>
              Compare {chosen.length}
            </a>
          ) : (
            <span class="faint hint">Tick two or more to compare them</span>
          )}
        </div>
      </div>
      <Failure of={error} />
      {!data.runs.length && !loading && <Empty />}
      {data.runs.length > 0 && (
        <div class="scroll">
          <table class="runs rows">
            <thead>
              <tr>
                <th scope="col">
                  <span class="hidden">Compare</span>
                </th>
                {by("name", "Run")}
                {by("kind", "Kind")}
                {by("pass", "pass@1", true)}
                {by("episodes", "Episodes", true)}
                {by("tasks", "Tasks", true)}
                {by("reward", "Reward", true)}
                {by("step", "Step", true)}
                <th scope="col" class="wide">
                  How they ended
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((run) => (
                <tr key={run.id} data-run={run.id} class={chosen.includes(run.id) ? "chosen" : ""}>
                  <td>
                    <input
                      type="checkbox"
                      checked={chosen.includes(run.id)}
                      onChange={() => toggle(run.id)}
                      aria-label={`Compare ${plain(run.name)}`}
                    />
                  </td>
                  <td class="name">
                    <a class="to" href={target(run)}>
                      <Line of={run.name} />
                    </a>
                    <span class="under">
                      {[...run.envs.slice(0, 3), run.agent].filter(Boolean).map((each) => plain(each!)).join(" · ")}
                    </span>
                    <Progress of={run} />
                  </td>
                  <td>{KINDS[run.kind]}</td>
                  <td class="right">
                    <ShareCell of={run.pass} />
                  </td>
                  <td class="right num" data-label="episodes">{run.episodes ? run.episodes.toLocaleString("en-US") : "-"}</td>
                  <td class="right num" data-label="tasks">{run.tasks ? run.tasks.toLocaleString("en-US") : "-"}</td>
                  <td class="right num" data-label="reward">{run.reward === null ? "-" : run.reward.toFixed(3)}</td>
                  <td class="right num" data-label="step">{run.step ?? "-"}</td>
                  <td class="wide">
                    <Ends of={run.outcomes} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {!shown.length && <p class="faint pad">No run has these words.</p>}
        </div>
      )}
    </>
  );
}

const target = (run: Run): string =>
  run.kind === "training" || run.kind === "report" ? href(["compare"], { runs: run.id }) : href(["run", run.id]);

function Progress({ of }: { of: Run }) {
  if (of.failure) return <span class="under warn">{plain(of.failure)}</span>;
  if (of.size > of.done && !isStatic) {
    return (
      <span class="under" role="status">
        reading: {percent(of.done / of.size, 0)} of {bytes(of.size)}
      </span>
    );
  }
  return of.bad ? <span class="under warn">{count(of.bad, "line")} cannot be read</span> : null;
}

/** How episodes ended, as a bar; the words are its title. */
function Ends({ of }: { of: Record<string, number> }) {
  const entries = Object.keys(OUTCOMES).filter((name) => of[name]);
  const total = entries.reduce((sum, name) => sum + of[name], 0);
  if (!total) return <span class="faint">-</span>;
  const words = entries.map((name) => `${of[name].toLocaleString("en-US")} ${OUTCOMES[name][1]}`).join(", ");
  let at = 0;
  return (
    <span title={words}>
      <span class="hidden">{words}</span>
      <svg class="ends" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        {entries.map((name) => {
          const start = at;
          at += (100 * of[name]) / total;
          return <rect key={name} x={start} width={Math.max(at - start - 0.6, 0.3)} y="0" height="8" class={`fill-${name}`} />;
        })}
      </svg>
    </span>
  );
}

function Empty() {
  return (
    <Panel title="Nothing to see yet" id="empty">
      <p>Here episodes and runs will appear by themselves as soon as they are written. To make some:</p>
      <pre class="command">
        {`toolgym eval --agent builtin:imperfect --episodes 50 --output runs/first.jsonl
toolgym train --algo grpo --steps 20 --record --output runs/grpo`}
      </pre>
    </Panel>
  );
}

export function Settings({ of }: { of: Record<string, unknown> | undefined }) {
  return of && Object.keys(of).length ? (
    <Fold title="Options">{() => <Json of={of} />}</Fold>
  ) : null;
}
