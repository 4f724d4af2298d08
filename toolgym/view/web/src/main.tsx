import { Component, type ComponentChildren, render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { isStatic } from "./api";
import "./app.css";
import { Compare } from "./compare";
import { EpisodePage } from "./episode";
import { Episodes } from "./episodes";
import { Failure } from "./parts";
import { Play } from "./play";
import { Runs } from "./runs";
import { useKeys, usePlace } from "./state";

// What is copied from the address bar opens nothing: the token is in a cookie by now.
if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname + location.hash);

type Theme = "auto" | "light" | "dark";
const THEMES: Theme[] = ["auto", "light", "dark"];

function kept(): Theme {
  try {
    const found = localStorage.getItem("toolgym-theme") as Theme;
    return THEMES.includes(found) ? found : "auto";
  } catch {
    return "auto";
  }
}

function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(kept);
  useEffect(() => {
    if (theme === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", theme);
    try {
      localStorage.setItem("toolgym-theme", theme);
    } catch {
      // A page from disk may not be allowed to keep it.
    }
  }, [theme]);
  return [theme, () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length])];
}

const KEYS: [string, string][] = [
  ["j, k or the arrows", "the next, the one before: rows, steps"],
  ["Enter", "open what is chosen"],
  ["/", "search"],
  ["Esc", "back"],
  ["n, p", "the next page of episodes, the one before"],
  ["[ and ]", "the episode before, the next one"],
  ["1 to 4", "the parts of an episode"],
  ["o", "open or fold all answers"],
  ["x, c", "tick a run; compare those that are ticked"],
  ["t", "light or dark"],
  ["?", "this help"],
];

function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  useKeys({ Escape: close, "?": close });
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="help-title" onClick={(event) => event.target === dialog.current && close()}>
      <h2 id="help-title">Keys</h2>
      <dl class="json keys">
        {KEYS.map(([key, what]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <form method="dialog">
        <button class="primary">Close</button>
      </form>
    </dialog>
  );
}

/** One part of a page that breaks must not take the rest with it. */
class Guarded extends Component<{ children: ComponentChildren; at: string }, { error: string }> {
  state = { error: "" };
  componentDidCatch(error: Error) {
    this.setState({ error: String(error?.message ?? error) });
  }
  componentDidUpdate(before: { at: string }) {
    if (before.at !== this.props.at && this.state.error) this.setState({ error: "" });
  }
  render() {
    return this.state.error ? <Failure of={`This cannot be shown: ${this.state.error}`} /> : this.props.children;
  }
}

function App() {
  const place = usePlace();
  const [theme, nextTheme] = useTheme();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  const [page, run, n] = place.path;
  const at = place.path.join("/");
  useKeys({ "?": () => setHelp(true), t: nextTheme });
  useEffect(() => {
    const names: Record<string, string> = { compare: "Compare", play: "Play", run: n ? `Episode ${n}` : "Episodes" };
    document.title = page ? `${names[page] ?? "Not found"} - ToolGym` : "ToolGym";
  }, [at]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current!.focus())}>
        To the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          ToolGym
        </a>
        <nav aria-label="Where you are">
          <ol class="crumbs">
            <li>
              <a href="#/" aria-current={page ? undefined : "page"}>
                Runs
              </a>
            </li>
            {page === "play" && <li aria-current="page">Play</li>}
            {page === "compare" && <li aria-current="page">Compare</li>}
            {page === "run" && (
              <li>
                <a href={`#/run/${encodeURIComponent(run ?? "")}`} aria-current={n ? undefined : "page"}>
                  Episodes
                </a>
              </li>
            )}
            {page === "run" && n && <li aria-current="page">{n}</li>}
          </ol>
        </nav>
        <span class="top-tools">
          {!isStatic && (
            <a class="button quiet" href="#/play">
              Play
            </a>
          )}
          <button type="button" class="quiet" onClick={nextTheme} title="Light or dark (t)">
            <span class="hidden">Colours: </span>
            {theme}
          </button>
          <button type="button" class="quiet" onClick={() => setHelp(true)} title="Keys (?)" aria-label="Keys and help">
            ?
          </button>
        </span>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Guarded at={at}>
          {!page ? (
            <Runs />
          ) : page === "compare" ? (
            <Compare place={place} />
          ) : page === "play" && !isStatic ? (
            <Play />
          ) : page === "run" && run && n ? (
            <EpisodePage place={place} />
          ) : page === "run" && run ? (
            <Episodes key={run} place={place} />
          ) : (
            <Failure of="There is no such page" />
          )}
        </Guarded>
      </main>
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

const root = document.getElementById("app")!;
root.textContent = "";
render(<App />, root);
