// Where the data comes from: the viewer's server, or, in an exported site, scripts beside the page (a page that is
// opened from disk may fetch nothing).
import type { Row } from "./types";

export type Query = Record<string, string | number | undefined | null>;

declare global {
  interface Window {
    TOOLGYM_PUT?: (key: string, value: unknown) => void;
  }
}

export const isStatic = document.documentElement.hasAttribute("data-static");

export async function get<T>(name: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (isStatic ? await fromScripts(name, query) : await fromServer(name, query, signal)) as T;
}

async function fromServer(name: string, query: Query, signal?: AbortSignal): Promise<unknown> {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") words.set(key, String(value));
  }
  let answer: Response;
  try {
    answer = await fetch(`api/${name}?${words}`, { signal, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("The viewer does not answer: has `toolgym view` ended?");
  }
  if (answer.status === 401 || answer.status === 403) throw new Error((await answer.text()).trim());
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || `status ${answer.status}`);
  return value;
}

/** Lets the server do something in an episode that is played. */
export async function act<T>(what: Record<string, unknown>): Promise<T> {
  const answer = await fetch("api/play", {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(what),
  });
  if (answer.status === 401 || answer.status === 403 || answer.status === 413) throw new Error((await answer.text()).trim());
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || `status ${answer.status}`);
  return value;
}

// Exported sites ------------------------------------------------------------------------------------------------------

const put = new Map<string, unknown>();
const asked = new Map<string, Promise<void>>();
window.TOOLGYM_PUT = (key, value) => void put.set(key, value);

function script(file: string): Promise<void> {
  let promise = asked.get(file);
  if (!promise) {
    promise = new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = `data/${file}.js`;
      element.onload = () => resolve();
      element.onerror = () => reject(new Error("This is not part of the exported site"));
      document.head.append(element);
    });
    asked.set(file, promise);
  }
  return promise;
}

async function kept(file: string, key = file): Promise<any> {
  await script(file);
  if (!put.has(key)) throw new Error("This is not part of the exported site");
  const value = structuredClone(put.get(key)) as { error?: string };
  if (value.error) throw new Error(value.error);
  return value;
}

async function fromScripts(name: string, query: Query): Promise<unknown> {
  const run = String(query.run ?? "");
  switch (name) {
    case "runs":
    case "curves":
      return kept("runs", name);
    case "facets":
      return kept(`${run}-rows`, "facets-" + run);
    case "broken":
      return kept(`${run}-rows`, "broken-" + run);
    case "episodes":
      return page((await kept(`${run}-rows`, "rows-" + run)) as Row[], query);
    case "pairs":
      return kept("pairs", `pairs-${query.runs}`);
    case "credit":
      return kept(`${run}-${Math.floor(Number(query.n) / 20)}`, `credit-${run}-${query.n}-${query.value}-${query.method}`);
    default: // 20 episodes a file
      return kept(`${run}-${Math.floor(Number(query.n) / 20)}`, `${name}-${run}-${query.n}`);
  }
}

function page(rows: Row[], query: Query) {
  const text = (name: string) => String(query[name] ?? "");
  const outcomes = text("outcome").split(",").filter(Boolean);
  const words = text("text").toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter(
    (row) =>
      (!outcomes.length || outcomes.includes(row.outcome ?? "unfinished")) &&
      (!text("tool") || row.tools.includes(text("tool"))) &&
      (!text("error") || row.errors.includes(text("error"))) &&
      (!text("kind") || row.kinds.includes(text("kind"))) &&
      (!text("depth") || row.depth === Number(text("depth"))) &&
      (!text("step") || row.step === Number(text("step"))) &&
      (!text("task") || row.task === text("task")) &&
      (!text("part") || row.part === text("part")) &&
      (!text("min") || (row.reward !== null && row.reward >= Number(text("min")))) &&
      (!text("max") || (row.reward !== null && row.reward <= Number(text("max")))) &&
      words.every((word) => (row.text ?? "").includes(word)),
  );
  const sort = (text("sort") || "n") as keyof Row;
  const down = text("down") === "1" ? -1 : 1;
  const value = (row: Row) => (Array.isArray(row[sort]) ? (row[sort] as string[]).join("\n") : row[sort]) as any;
  found.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return x === y ? a.n - b.n : x === null ? 1 : -1;
    return x < y ? -down : x > y ? down : a.n - b.n;
  });
  const start = Number(query.start ?? 0);
  return { total: found.length, start, rows: found.slice(start, start + Number(query.count ?? 50)) };
}
