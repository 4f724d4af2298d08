import { useEffect, useRef, useState } from "preact/hooks";
import { isStatic } from "./api";
import { bytes, count, OUTCOMES, percent } from "./format";
import { Failure, Outcome, Reward, Wait } from "./parts";
import { href, move, type Place, place as now, useData, useKeys } from "./state";
import { Fold, Line, plain } from "./text";
import type { Facets, Page } from "./types";

export const FILTERS = ["text", "outcome", "tool", "error", "kind", "depth", "step", "task", "part", "min", "max"];
export const ROWS = 50;

export function Episodes({ place }: { place: Place }) {
  const run = place.path[1];
  const { query } = place;
  const given = Object.fromEntries([...FILTERS, "sort", "down"].map((name) => [name, query.get(name) ?? ""]));
  const start = Number(query.get("start") ?? 0) || 0;
  const facets = useData<Facets>("facets", { run }, (each) => (each.done < each.size ? 1 : 3));
  // Asked for anew where there is more to see: the key holds how far the reading is.
  const upTo = facets.value ? `${facets.value.done}` : "";
  const page = useData<Page>("episodes", { ...given, run, start, count: ROWS, upTo });
  const [text, setText] = useState(given.text);
  const timer = useRef(0);
  useEffect(() => setText(given.text), [given.text]);

  const set = (changes: Record<string, string>) => {
    // The address as it is now: what was typed comes here a moment later, when another filter may have been set.
    const next = new URLSearchParams(now().query);
    for (const [name, value] of Object.entries({ start: "", ...changes })) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    const to = href(["run", run], next);
    history.replaceState(null, "", to);
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  const total = page.value?.total ?? 0;
  const turn = (by: number) => {
    const next = start + by * ROWS;
    if (next >= 0 && next < total) set({ start: String(next || "") });
  };
  const step = (by: number) => {
    if (!move(".episodes tbody a.to", by)) turn(by);
  };
  useKeys({
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    ArrowRight: () => turn(1),
    ArrowLeft: () => turn(-1),
    n: () => turn(1),
    p: () => turn(-1),
    "/": () => document.querySelector<HTMLInputElement>("#filter-text")?.focus(),
    Escape: () => (location.hash = "#/"),
  });
  const sort = given.sort || "n";
  const header = (name: string, label: string, right = false) => (
    <th
      scope="col"
      class={right ? "right" : ""}
      aria-sort={sort === name ? (given.down ? "descending" : "ascending") : undefined}
    >
      <button
        type="button"
        class="sort"
        onClick={() =>
          set({ sort: name === "n" ? "" : name, down: sort === name ? (given.down ? "" : "1") : right && name !== "n" ? "1" : "" })
        }
      >
        {label}
      </button>
    </th>
  );
  const f = facets.value;
  const filtered = FILTERS.some((name) => given[name]);
  const outcomes = given.outcome.split(",").filter(Boolean);
  const choice = (name: string, label: string, values: (string | number)[]) =>
    values.length > 0 && (
      <label class="field">
        {label}
        <select value={given[name]} onChange={(event) => set({ [name]: event.currentTarget.value })} name={name}>
          <option value="">any</option>
          {values.map((value) => (
            <option key={value} value={String(value)}>
              {plain(String(value))}
            </option>
          ))}
        </select>
      </label>
    );
  return (
    <>
      <div class="page-head">
        <h1>{f ? <Line of={f.name} /> : "Episodes"}</h1>
        {f && f.size > f.done && !isStatic && (
          <p class="faint" role="status">
            reading: {percent(f.done / f.size, 0)} of {bytes(f.size)}
          </p>
        )}
        {f && f.tail > 0 && f.size === f.done && (
          <p class="faint">its last line is not whole yet ({bytes(f.tail)})</p>
        )}
        {f?.kind === "training" && <a href={href(["compare"], { runs: run })}>Curves</a>}
      </div>
      <form class="filters" role="search" aria-label="Filter episodes" onSubmit={(event) => event.preventDefault()}>
        <label class="field grow">
          <span class="hidden">Text of the request, plans, calls and answers</span>
          <input
            id="filter-text"
            type="search"
            name="text"
            placeholder="Text of requests, plans, calls, answers ( / )"
            value={text}
            onInput={(event) => {
              const value = event.currentTarget.value;
              setText(value);
              clearTimeout(timer.current);
              timer.current = window.setTimeout(() => now().path[1] === run && !now().path[2] && set({ text: value }), 200);
            }}
          />
        </label>
        <fieldset class="outcomes">
          <legend class="hidden">Outcome</legend>
          {Object.entries(f?.outcome ?? {}).map(([name, number]) => (
            <label key={name} class={`toggle is-${name} ${outcomes.includes(name) ? "on" : ""}`}>
              <input
                type="checkbox"
                name="outcome"
                value={name}
                checked={outcomes.includes(name)}
                onChange={() =>
                  set({
                    outcome: (outcomes.includes(name) ? outcomes.filter((each) => each !== name) : [...outcomes, name]).join(","),
                  })
                }
              />
              <span class="glyph" aria-hidden="true">
                {OUTCOMES[name]?.[0]}
              </span>
              {OUTCOMES[name]?.[1] ?? plain(name)} <span class="faint">{number.toLocaleString("en-US")}</span>
            </label>
          ))}
        </fieldset>
        <div class="field-row">
          {choice("kind", "Kind", f?.kinds ?? [])}
          {choice("depth", "Depth", f?.depth ?? [])}
          {choice("tool", "Tool", f?.tools ?? [])}
          {choice("error", "Error", f?.errors ?? [])}
          {f?.kind !== "corpus" && choice("part", "Part", f?.part ?? [])}
          {f?.steps && (
            <label class="field">
              Step
              <input class="short" inputMode="numeric" name="step" value={given.step} onChange={(event) => set({ step: event.currentTarget.value })} />
            </label>
          )}
          <span class="field">
            Reward
            <span class="range">
              <input
                class="short"
                inputMode="decimal"
                name="min"
                aria-label="Reward at least"
                placeholder="from"
                value={given.min}
                onChange={(event) => set({ min: event.currentTarget.value })}
              />
              <input
                class="short"
                inputMode="decimal"
                name="max"
                aria-label="Reward at most"
                placeholder="to"
                value={given.max}
                onChange={(event) => set({ max: event.currentTarget.value })}
              />
            </span>
          </span>
          {given.task && (
            <span class="field">
              Task
              <button type="button" onClick={() => set({ task: "" })} title="Show all tasks">
                {plain(given.task)} ×
              </button>
            </span>
          )}
          {filtered && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                setText("");
                set(Object.fromEntries(FILTERS.map((name) => [name, ""])));
              }}
            >
              Clear
            </button>
          )}
        </div>
      </form>
      <Failure of={facets.error || page.error} />
      {f && f.bad > 0 && <Broken run={run} total={f.bad} />}
      {!page.value ? (
        !page.error && <Wait />
      ) : (
        <>
          <div class="list-head">
            <p role="status" aria-live="polite">
              {count(total, "episode")}
              {filtered ? " found" : ""}
            </p>
            <nav class="pager" aria-label="Pages">
              <button type="button" onClick={() => turn(-1)} disabled={start <= 0}>
                Back
              </button>
              <span class="num">
                {total ? start + 1 : 0} to {Math.min(start + ROWS, total)}
              </span>
              <button type="button" onClick={() => turn(1)} disabled={start + ROWS >= total}>
                On
              </button>
            </nav>
          </div>
          <div class="scroll">
            <table class="episodes rows">
              <thead>
                <tr>
                  {header("n", "#", true)}
                  {header("task", "Task")}
                  {header("outcome", "Outcome")}
                  {header("reward", "Reward", true)}
                  {header("steps", "Turns", true)}
                  {header("calls", "Calls", true)}
                  {f && f.depth.length > 0 && header("depth", "Depth", true)}
                  {f?.steps && header("step", "Step", true)}
                  <th scope="col" class="wide">
                    Tools
                  </th>
                </tr>
              </thead>
              <tbody>
                {page.value.rows.map((row, at) => (
                  <tr key={row.n}>
                    <td class="right num faint" data-label="#">{row.n}</td>
                    <td class="name">
                      <a class="to" href={href(["run", run, row.n], withPlace(query, start + at))}>
                        <Line of={row.request || row.task} limit={140} />
                      </a>
                      <span class="under">
                        {[row.task, row.part, row.trial !== null ? `trial ${row.trial}` : ""].filter(Boolean).map(plain).join(" · ")}
                        {row.fault && <span class="warn"> · {plain(row.fault).slice(0, 120)}</span>}
                      </span>
                    </td>
                    <td>
                      <Outcome of={row.outcome} why={row.truncation} />
                      {row.errors.length > 0 && <span class="under">{row.errors.map(plain).join(", ")}</span>}
                    </td>
                    <td class="right" data-label="reward">
                      <Reward of={row.reward} />
                    </td>
                    <td class="right num" data-label="turns">{row.steps}</td>
                    <td class="right num" data-label="calls">{row.calls}</td>
                    {f && f.depth.length > 0 && <td class="right num" data-label="depth">{row.depth ?? "-"}</td>}
                    {f?.steps && <td class="right num" data-label="step">{row.step ?? "-"}</td>}
                    <td class="wide under">
                      <Line of={row.tools.join(", ")} limit={90} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {!total && <p class="faint pad">{filtered ? "No episode passes these filters." : "No episode was written yet."}</p>}
        </>
      )}
    </>
  );
}

export const withPlace = (query: URLSearchParams, at: number): URLSearchParams => {
  const next = new URLSearchParams(query);
  next.delete("start");
  next.set("at", String(at));
  return next;
};

function Broken({ run, total }: { run: string; total: number }) {
  return (
    <Fold title={`${count(total, "line")} cannot be read`} class="warn-fold">
      {() => <BrokenLines run={run} total={total} />}
    </Fold>
  );
}

function BrokenLines({ run, total }: { run: string; total: number }) {
  const { value, error } = useData<{ lines: { line: number; why: string }[] }>("broken", { run, total });
  if (!value) return error ? <Failure of={error} /> : <Wait />;
  return (
    <ul class="plain">
      {value.lines.map((each) => (
        <li key={each.line}>
          <span class="num">line {each.line.toLocaleString("en-US")}</span>: {plain(each.why)}
        </li>
      ))}
    </ul>
  );
}
