// One run's figures, or several beside each other, paired by task.
import { useMemo, useState } from "preact/hooks";
import { Chart, type Line as ChartLine } from "./chart";
import { count, number, percent, points } from "./format";
import { Failure, Panel, ShareCell, Wait } from "./parts";
import { growing, Settings } from "./runs";
import { href, move, type Place, useData, useKeys } from "./state";
import { Line, plain } from "./text";
import type { Curve, Pairs, Run } from "./types";

const USUAL = ["eval/pass@1", "solved", "reward", "entropy", "loss", "eval/mean_reward"];
const ROWS = 100;

export function Compare({ place }: { place: Place }) {
  const ids = (place.query.get("runs") ?? "").split(",").filter(Boolean);
  const runs = useData<{ runs: Run[] }>("runs", {}, (each) => growing(each.runs));
  const curves = useData<{ runs: Record<string, Record<string, Curve>> }>("curves", { runs: ids.join(",") }, 5);
  const found = ids.map((id) => runs.value?.runs.find((run) => run.id === id)).filter((run): run is Run => !!run);
  useKeys({ Escape: () => (location.hash = "#/") });
  if (!runs.value) return runs.error ? <Failure of={runs.error} /> : <Wait />;
  if (!found.length) return <Failure of="There is no such run any more" />;
  const paired = found.filter((run) => run.episodes > 0 && run.kind !== "report");
  return (
    <>
      <div class="page-head">
        <h1>{found.length === 1 ? <Line of={found[0].name} /> : `${found.length} runs`}</h1>
        {found.length === 1 && <p class="faint">{[found[0].kind, ...found[0].envs].map(plain).join(" · ")}</p>}
      </div>
      <ul class="legend" aria-label="Runs">
        {found.map((run, at) => (
          <li key={run.id} class={`series-${at}`}>
            <i class="swatch" aria-hidden="true" />
            <span class="legend-name">
              <Line of={run.name} />
            </span>
            <ShareCell of={run.pass} />
            {run.episodes > 0 && run.kind !== "report" && (
              <a href={href(["run", run.id])}>{count(run.episodes, "episode")}</a>
            )}
          </li>
        ))}
      </ul>
      <Failure of={curves.error} />
      {curves.value && <Curves of={curves.value.runs} runs={found} place={place} />}
      {paired.length > 1 && <Paired runs={paired} />}
      {found.length === 1 && (
        <Panel title="How it was made" id="made">
          <Settings of={found[0].settings} />
          {!found[0].settings && <p class="faint">Nothing is known of it.</p>}
        </Panel>
      )}
    </>
  );
}

function Curves({ of, runs }: { of: Record<string, Record<string, Curve>>; runs: Run[]; place: Place }) {
  const [smoothing, setSmoothing] = useState(0.8);
  const names = useMemo(() => {
    const all = new Set(runs.flatMap((run) => Object.keys(of[run.id] ?? {})));
    return [...USUAL.filter((name) => all.has(name)), ...[...all].filter((name) => !USUAL.includes(name)).sort()];
  }, [of, runs.map((run) => run.id).join()]);
  const [picked, setPicked] = useState<string[] | null>(null);
  const shown = picked ?? names.slice(0, 4);
  const lines = useMemo(() => {
    const out = new Map<string, ChartLine[]>();
    for (const name of shown) {
      out.set(
        name,
        runs.flatMap((run, colour) => {
          const curve = of[run.id]?.[name];
          return curve ? [{ name: run.name, colour, curve }] : [];
        }),
      );
    }
    return out;
  }, [of, shown.join("\n"), runs.map((run) => run.id).join()]);
  if (!names.length) return null;
  return (
    <Panel
      title="Curves"
      id="curves"
      actions={
        <label class="field">
          Smoothing
          <input
            type="range"
            min="0"
            max="0.98"
            step="0.02"
            value={smoothing}
            onInput={(event) => setSmoothing(Number(event.currentTarget.value))}
          />
        </label>
      }
    >
      <div class="charts">
        {shown.map((name) => {
          const found = lines.get(name);
          return found?.length ? <Chart key={name} figure={name} lines={found} smoothing={smoothing} /> : null;
        })}
      </div>
      <details class="fold">
        <summary>
          Figures ({shown.length} of {names.length})
        </summary>
        <div class="fold-body checks">
          {names.map((name) => (
            <label key={name} class="check">
              <input
                type="checkbox"
                checked={shown.includes(name)}
                onChange={() =>
                  setPicked(shown.includes(name) ? shown.filter((each) => each !== name) : [...shown, name])
                }
              />
              {plain(name)}
            </label>
          ))}
        </div>
      </details>
      <details class="fold">
        <summary>As a table</summary>
        <div class="fold-body scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Last value of</th>
                {runs.map((run) => (
                  <th scope="col" class="right" key={run.id}>
                    <Line of={run.name} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((name) => (
                <tr key={name}>
                  <th scope="row">{plain(name)}</th>
                  {runs.map((run) => {
                    const curve = of[run.id]?.[name];
                    return (
                      <td class="right num" key={run.id}>
                        {curve ? `${number(curve.values.at(-1))} (step ${curve.steps.at(-1)})` : "-"}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </Panel>
  );
}

type Which = "apart" | "better" | "worse" | "both" | "neither" | "all";

function Paired({ runs }: { runs: Run[] }) {
  const { value: pairs, error } = useData<Pairs>("pairs", { runs: runs.map((run) => run.id).join(",") }, 15);
  const [which, setWhich] = useState<Which>("apart");
  const [most, setMost] = useState(ROWS);
  useKeys({ j: () => move(".pairs tbody a", 1), k: () => move(".pairs tbody a", -1) });
  if (!pairs) return error ? <Failure of={error} /> : <Wait what="Pairing by task" />;
  if (!pairs.tasks) {
    return (
      <Panel title="Paired by task" id="paired">
        <p class="faint">These runs have no task in common.</p>
      </Panel>
    );
  }
  const two = runs.length === 2;
  const passes = (row: Pairs["rows"][number]): boolean => {
    const shares = row.runs.map((run) => run.share);
    const equal = shares.every((share) => share === shares[0]);
    switch (which) {
      case "apart":
        return !equal;
      case "better":
        return shares.at(-1)! > shares[0];
      case "worse":
        return shares.at(-1)! < shares[0];
      case "both":
        return equal && shares[0] > 0;
      case "neither":
        return equal && shares[0] === 0;
      default:
        return true;
    }
  };
  const rows = pairs.rows.filter(passes);
  const options: [Which, string][] = [
    ["apart", "on which they differ"],
    ...(two ? ([["better", "better in the second"], ["worse", "better in the first"]] as [Which, string][]) : []),
    ["both", "solved equally often"],
    ["neither", "that none solves"],
    ["all", "all"],
  ];
  return (
    <Panel title="Paired by task" id="paired">
      <div class="scroll">
        <table class="versus">
          <thead>
            <tr>
              <th scope="col">On {count(pairs.tasks, "task")} of all</th>
              <th scope="col" class="right">solved</th>
              <th scope="col" class="right">against the first</th>
              <th scope="col" class="right">95% interval</th>
              <th scope="col" class="right">more often</th>
              <th scope="col" class="right">less often</th>
            </tr>
          </thead>
          <tbody>
            {pairs.runs.map((run, at) => {
              const versus = at ? pairs.versus[at - 1] : null;
              return (
                <tr key={run.id} class={`series-${at}`}>
                  <th scope="row">
                    <i class="swatch" aria-hidden="true" /> <Line of={run.name} />
                  </th>
                  <td class="right num">{percent(pairs.means[at])}</td>
                  <td class="right num">{versus?.difference != null ? `${points(versus.difference)} points` : "-"}</td>
                  <td class="right num">
                    {versus?.interval ? `${points(versus.interval[0])} to ${points(versus.interval[1])}` : "-"}
                  </td>
                  <td class="right num">{versus ? versus.better : "-"}</td>
                  <td class="right num">{versus ? versus.worse : "-"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {pairs.left_out > 0 && <p class="faint">{count(pairs.left_out, "task")} that not all of them have are left out.</p>}
      <fieldset class="segments">
        <legend>Tasks</legend>
        {options.map(([name, words]) => (
          <label key={name} class={which === name ? "on" : ""}>
            <input type="radio" name="which" value={name} checked={which === name} onChange={() => setWhich(name)} />
            {words}
          </label>
        ))}
      </fieldset>
      <p class="faint" role="status">{count(rows.length, "task")}</p>
      <div class="scroll">
        <table class="pairs rows">
          <thead>
            <tr>
              <th scope="col">Task</th>
              {pairs.runs.map((run, at) => (
                <th scope="col" class={`right series-${at}`} key={run.id}>
                  <i class="swatch" aria-hidden="true" /> <Line of={run.name} limit={30} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((row) => (
              <tr key={`${row.env} ${row.world} ${row.part} ${row.task}`}>
                <th scope="row">
                  <Line of={row.task} />
                  <span class="under">
                    <Line of={row.runs[0].request ?? ""} limit={120} />
                  </span>
                </th>
                {row.runs.map((run, at) => (
                  <td class="right" key={at}>
                    <a
                      class={`pair ${run.share === 1 ? "is-solved" : run.share === 0 ? "is-unsolved" : "is-truncated"}`}
                      href={run.trials === 1 ? href(["run", pairs.runs[at].id, run.n]) : href(["run", pairs.runs[at].id], { task: row.task })}
                    >
                      {run.trials === 1 ? (run.share ? "✓ solved" : "✗ not") : `${Math.round(run.share * run.trials)} of ${run.trials}`}
                    </a>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > most && (
        <button type="button" onClick={() => setMost(most + 10 * ROWS)}>
          More of {rows.length}
        </button>
      )}
      {pairs.cut > 0 && <p class="faint">{count(pairs.cut, "task")} on which they agree are not listed.</p>}
    </Panel>
  );
}
