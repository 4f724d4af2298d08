// Where the page is (the address behind #), what the keyboard does, and the data that is on its way.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, isStatic, type Query } from "./api";

export interface Place {
  path: string[];
  query: URLSearchParams;
}

export const place = (): Place => {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { path: parts, query: new URLSearchParams(query ?? "") };
};

export const href = (path: (string | number)[], query: Record<string, string | number | null | undefined> | URLSearchParams = {}): string => {
  const words =
    query instanceof URLSearchParams
      ? query
      : new URLSearchParams(
          Object.entries(query)
            .filter(([, value]) => value !== undefined && value !== null && value !== "")
            .map(([key, value]) => [key, String(value)]),
        );
  const text = words.toString();
  return `#/${path.map((part) => encodeURIComponent(part)).join("/")}${text ? `?${text}` : ""}`;
};

export function usePlace(): Place {
  const [now, setNow] = useState(place);
  useEffect(() => {
    const changed = () => setNow(place());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return now;
}

export interface Loaded<T> {
  value: T | null;
  error: string;
  loading: boolean;
}

/** Data of the viewer; asked for again every `every` seconds, where it may still grow. What was there stays meanwhile. */
export function useData<T>(name: string | null, query: Query, every: number | ((value: T) => number) = 0): Loaded<T> {
  const key = name === null ? "" : `${name}?${JSON.stringify(query)}`;
  const [state, setState] = useState<Loaded<T> & { key: string }>({ value: null, error: "", loading: true, key });
  const latest = useRef(key);
  latest.current = key;
  useEffect(() => {
    if (name === null) return;
    const stop = new AbortController();
    let timer = 0;
    const load = async () => {
      let pause = 0;
      try {
        const value = await get<T>(name, query, stop.signal);
        if (stop.signal.aborted) return;
        setState({ value, error: "", loading: false, key });
        pause = typeof every === "function" ? every(value) : every;
      } catch (error) {
        if (stop.signal.aborted) return;
        setState((before) => ({
          value: before.key === key ? before.value : null,
          error: (error as Error).message,
          loading: false,
          key,
        }));
        pause = typeof every === "function" ? 5 : every;
      }
      if (pause && !isStatic) timer = window.setTimeout(load, document.hidden ? 10_000 : pause * 1000);
    };
    setState((before) => ({ ...before, loading: true, error: "" }));
    void load();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key]);
  const sameKind = state.key.split("?")[0] === key.split("?")[0];
  return sameKind ? state : { value: null, error: "", loading: true };
}

// Keyboard ------------------------------------------------------------------------------------------------------------

type Keys = Record<string, (event: KeyboardEvent) => void>;
const stack: { current: Keys }[] = [];

/** What keys do while a part of the page is shown; the part that came last goes first. */
export function useKeys(keys: Keys): void {
  const held = useRef(keys);
  held.current = keys;
  useEffect(() => {
    stack.push(held);
    return () => void stack.splice(stack.indexOf(held), 1);
  }, []);
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target as HTMLElement;
  const types = target.matches?.("input:not([type=checkbox]), textarea, select");
  if (types) {
    if (event.key === "Escape") {
      target.blur();
      event.preventDefault();
    }
    return;
  }
  if (target.closest?.("[data-own-keys]") && event.key !== "?" && event.key !== "Escape") return;
  for (const keys of [...stack].reverse()) {
    const does = keys.current[event.key];
    if (does) {
      event.preventDefault();
      does(event);
      return;
    }
  }
});

/** Moves among elements that can be focused: what has the focus, or else the first. */
export function move(selector: string, by: number): boolean {
  const all = [...document.querySelectorAll<HTMLElement>(selector)];
  if (!all.length) return false;
  const at = all.findIndex((each) => each === document.activeElement || each.contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
  if (next < 0 || next >= all.length) return false;
  all[next].focus({ preventScroll: true });
  all[next].scrollIntoView({ block: "nearest" });
  return true;
}
