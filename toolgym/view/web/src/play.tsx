// A person acts: calls tools by their fields, answers, takes back, keeps moments and returns to them.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { act } from "./api";
import { Reasons } from "./check";
import { lastDiff, opening, StepView } from "./episode";
import { Failure, Outcome, Reward, Wait } from "./parts";
import { useData, useKeys } from "./state";
import { Fold, Json, plain, Text } from "./text";
import type { Episode, Explanation } from "./types";

interface Schema {
  type?: string | string[];
  enum?: unknown[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Tool {
  name: string;
  description: string;
  schema: Schema;
  writes: boolean | null;
}

interface Told {
  play: string;
  episode: Episode;
  policy: string;
  tools: Tool[];
  forks: string[];
  can_undo: boolean;
  reasons: Explanation["reasons"];
}

export function Play() {
  const offered = useData<{ envs: string[] }>("plays", {});
  const [told, setTold] = useState<Told | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [env, setEnv] = useState("");
  const [task, setTask] = useState("");
  const run = async (what: Record<string, unknown>): Promise<boolean> => {
    setBusy(true);
    setError("");
    try {
      setTold(await act<Told>(what));
      return true;
    } catch (failure) {
      setError((failure as Error).message);
      return false;
    } finally {
      setBusy(false);
    }
  };
  useKeys({ Escape: () => (location.hash = "#/") });
  if (!offered.value) return offered.error ? <Failure of={offered.error} /> : <Wait />;
  const envs = offered.value.envs;
  const chosen = env || envs[0];
  const start = () => run({ do: "start", env: chosen, task, options: { size: "small" } });
  return (
    <>
      <div class="page-head">
        <h1>Play</h1>
        <form
          class="field-row tools"
          onSubmit={(event) => {
            event.preventDefault();
            void start();
          }}
        >
          <label class="field">
            Environment
            <select name="env" value={chosen} onChange={(event) => setEnv(event.currentTarget.value)}>
              {envs.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
          <label class="field">
            Task
            <input name="task" placeholder="any" value={task} onInput={(event) => setTask(event.currentTarget.value.trim())} />
          </label>
          <button class="primary" disabled={busy}>
            {told ? "Begin anew" : "Begin"}
          </button>
        </form>
      </div>
      <Failure of={error} />
      {busy && !told && <Wait what="Making the environment" />}
      {!told && !busy && (
        <p class="faint">
          You are the agent: a user asks for something, you call tools and answer. What you do can be taken back, and any moment can be
          kept to return to. Nothing is written.
        </p>
      )}
      {told && <Playing key={told.play} told={told} run={run} busy={busy} />}
    </>
  );
}

function Playing({ told, run, busy }: { told: Told; run: (what: Record<string, unknown>) => Promise<boolean>; busy: boolean }) {
  const { episode, play } = told;
  const [, request] = useMemo(() => opening(episode.prompt), [episode.prompt]);
  const [name, setName] = useState("");
  const over = episode.outcome !== null;
  const end = useRef<HTMLDivElement>(null);
  const total = episode.steps.reduce<number | null>((sum, step) => (sum === null || step.reward === null ? null : sum + step.reward), 0);
  useEffect(() => {
    if (episode.steps.length) end.current?.scrollIntoView({ block: "nearest" });
  }, [episode.steps.length]);
  const most = Math.max(1e-9, ...episode.steps.map((step) => Math.abs(step.reward ?? 0)));
  return (
    <div class="columns">
      <div class="main-column">
        <Fold title={<span class="faint">Policy</span>}>{() => <Text of={told.policy} limit={8000} />}</Fold>
        <article class="says user-says" aria-label="The request">
          <span class="who">user</span>
          <Text of={request} />
        </article>
        <ol class="steps" aria-label="Steps" aria-live="polite">
          {episode.steps.map((step, at) => (
            <StepView key={at} of={step} at={at} before={lastDiff(episode.steps, at)} most={most} credit={null} />
          ))}
        </ol>
        {over ? (
          <>
            <p class="end" role="status">
              <Outcome of={episode.outcome} why={episode.truncation} /> reward <Reward of={total} />
            </p>
            {episode.outcome !== "solved" && told.reasons.length > 0 && <Reasons of={told} />}
          </>
        ) : (
          <Action tools={told.tools} busy={busy} send={(what) => run({ ...what, do: "act", play })} />
        )}
        <div ref={end} />
      </div>
      <aside class="facts" aria-label="Moments">
        <p>
          <button type="button" onClick={() => run({ do: "undo", play })} disabled={busy || !told.can_undo}>
            Undo
          </button>
        </p>
        <form
          class="field-row"
          onSubmit={(event) => {
            event.preventDefault();
            void run({ do: "fork", play, name: name || `moment ${told.forks.length + 1}` });
            setName("");
          }}
        >
          <input class="short" aria-label="Name of the moment" placeholder="name" value={name} onInput={(event) => setName(event.currentTarget.value)} />
          <button disabled={busy}>Keep this moment</button>
        </form>
        {told.forks.length > 0 && (
          <ul class="plain">
            {told.forks.map((each) => (
              <li key={each}>
                {plain(each)}{" "}
                <button type="button" class="more" onClick={() => run({ do: "back", play, name: each })} disabled={busy}>
                  return
                </button>
              </li>
            ))}
          </ul>
        )}
        <p class="faint">
          Task <Text of={episode.task_id} />
        </p>
      </aside>
    </div>
  );
}

function Action({ tools, busy, send }: { tools: Tool[]; busy: boolean; send: (what: Record<string, unknown>) => Promise<boolean> }) {
  const [name, setName] = useState("");
  const [fields, setFields] = useState<Record<string, string>>({});
  const [answer, setAnswer] = useState("");
  const tool = tools.find((each) => each.name === name);
  const properties = Object.entries(tool?.schema.properties ?? {});
  const call = async () => {
    const values: Record<string, unknown> = {};
    for (const [field, schema] of properties) {
      const text = fields[field] ?? "";
      if (text !== "") values[field] = read(text, schema);
    }
    if (await send({ calls: [{ name, arguments: values }] })) {
      setFields({});
      setName("");
    }
  };
  return (
    <div class="action">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void call();
        }}
      >
        <label class="field">
          Call
          <select
            name="tool"
            value={name}
            onChange={(event) => {
              setName(event.currentTarget.value);
              setFields({});
            }}
          >
            <option value="">a tool</option>
            {tools.map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
        </label>
        {tool && <p class="faint">{plain(tool.description)}</p>}
        {tool && (
          <div class="arguments-form">
            {properties.map(([field, schema]) => (
              <label key={field}>
                <span>
                  {plain(field)}
                  {!tool.schema.required?.includes(field) && <span class="faint"> (may be left out)</span>}
                </span>
                {schema.enum ? (
                  <select name={field} value={fields[field] ?? ""} onChange={(event) => setFields({ ...fields, [field]: event.currentTarget.value })}>
                    <option value="" />
                    {schema.enum.map((each) => (
                      <option key={String(each)}>{String(each)}</option>
                    ))}
                  </select>
                ) : (
                  <input name={field} value={fields[field] ?? ""} placeholder={kind(schema)} onInput={(event) => setFields({ ...fields, [field]: event.currentTarget.value })} />
                )}
              </label>
            ))}
            <button class="primary" disabled={busy}>
              Call {plain(name)}
            </button>
            <Fold title={<span class="faint">Its parameters</span>}>{() => <Json of={tool.schema} />}</Fold>
          </div>
        )}
      </form>
      <form
        class="field-row"
        onSubmit={async (event) => {
          event.preventDefault();
          if (answer.trim() && (await send({ response: answer }))) setAnswer("");
        }}
      >
        <label class="field grow">
          Answer
          <textarea name="answer" rows={2} value={answer} onInput={(event) => setAnswer(event.currentTarget.value)} />
        </label>
        <button disabled={busy || !answer.trim()}>Send</button>
      </form>
    </div>
  );
}

const kind = (schema: Schema): string => ([] as string[]).concat(schema.type ?? "value").join(" or ");

/** What was typed, as its parameter takes it: text where it takes text, or else JSON where it is that. */
function read(text: string, schema: Schema): unknown {
  if (([] as string[]).concat(schema.type ?? []).includes("string")) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
