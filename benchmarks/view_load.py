"""How fast `toolgym view` is: its index, its first screen, a filter, an episode, for files of any size.

    python -m benchmarks.view_load                                # 10, 1,000 and 100,000 episodes
    python -m benchmarks.view_load --episodes 1000 --browser      # the first screen in a Chromium, too
    python -m benchmarks.view_load --policy 30000                 # openings as long as those of real domains

Milliseconds are medians of five requests to the real server over its real address. `cpu_s` is what other work on the
machine does not change.
"""

import argparse
import json
import os
import shutil
import statistics
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from toolgym.view.library import Library
from toolgym.view.server import Viewer

__all__ = ["HEADER", "lines_of", "measure", "write", "write_many"]

HEADER = {"type": "header", "schema": 1}


def lines_of(
    number: int, *, name: int | None = None, policy: str = "The policy.", **given: Any
) -> list[dict[str, Any]]:
    """The records of a made-up episode: its number chooses outcome, depth, kind, tools and reward.

    Solved: numbers divisible by 3. Depth: 1 + number modulo 4. Kind: number modulo 2. The tool `look` is called by all,
    `change` by every fifth; every 35th has a call that fails. The reward is number / 1000.
    """
    episode = number if name is None else name
    solved = given.pop("solved", number % 3 == 0)
    calls = [{"name": "look", "arguments": {"id": f"user_{number}", "deep": {"list": [1, 2]}}}]
    results = [_result(f'{{"id": "user_{number}"}}')]
    if number % 5 == 0:
        calls.append({"name": "change", "arguments": {"id": f"user_{number}"}})
        results.append(_result("It is not allowed.", "tool_error" if number % 7 == 0 else "ok"))
    meta = {"split": "test", "kind": [f"kind{number % 2}"], "depth": 1 + number % 4, **given.pop("meta", {})}
    response, request = given.pop("response", f"Done with {number}."), given.pop("request", f"Help customer {number}.")
    turn = {"text": "", "format": "tagged", "plan": f"Plan {number}.", "calls": calls, "response": None, "problems": []}
    step = {"turn": turn, "results": results, "observation": "", "user": None, "diff": None}
    step |= {"reward": number / 1000, "rewards": {"checklist": number / 1000}}
    last = {**step, "turn": {**turn, "plan": None, "calls": [], "response": response}, "results": []}
    last |= {"diff": {"users": {"ann": {"credit": 7}}}, "reward": 0.0, "rewards": {}}
    opening = {"env_id": "Made/Up-v0", "task_id": f"task-{number:06}", "seed": number, "meta": meta}
    opening |= {"prompt": f"{policy}\n\n<user>{request}</user>", **given}
    end = {"outcome": "solved" if solved else "unsolved", "truncation": None, "meta": meta}
    return [
        {"type": "episode", "episode": episode, **opening},
        {"type": "step", "episode": episode, **step},
        {"type": "step", "episode": episode, **last},
        {"type": "end", "episode": episode, **end},
    ]


def _result(text: str, outcome: str = "ok") -> dict[str, Any]:
    return {"text": text, "structured": None, "is_error": outcome != "ok", "outcome": outcome}


def write(path: Path, records: Sequence[dict[str, Any]], mode: str = "w") -> Path:
    """Writes records as lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode, encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


def write_many(path: Path, count: int, policy: str = "The policy.") -> Path:
    """A file of `count` episodes as `lines_of` makes them."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(HEADER) + "\n")
        for number in range(count):
            file.writelines(json.dumps(record) + "\n" for record in lines_of(number, policy=policy))
    return path


def measure(count: int, policy: int = 2000, browser: bool = False) -> dict[str, Any]:
    """The figures for a file of `count` episodes whose openings have so many characters."""
    with TemporaryDirectory() as folder:
        path = write_many(Path(folder) / "episodes.jsonl", count, "x" * policy)
        out: dict[str, Any] = {"episodes": count, "bytes": path.stat().st_size}
        out["first_rows_ms"] = _until_rows(path, Path(folder) / "other")
        library = Library([path], Path(folder) / "cache")
        started, began = time.perf_counter(), time.process_time()
        library.read_all()
        out |= {"index_s": time.perf_counter() - started, "index_cpu_s": time.process_time() - began}
        out["index_episodes_cpu_s"] = count / max(out["index_cpu_s"], 1e-9)
        out["index_bytes"] = sum(file.stat().st_size for file in library.cache.iterdir())
        viewer = Viewer(library)
        viewer.start()
        try:
            run = f"run={next(iter(library.sources))}"
            for name, request in {
                "runs_ms": "runs",
                "first_page_ms": f"episodes?{run}",
                "filter_ms": f"episodes?{run}&outcome=solved&tool=change&depth=1",
                "sort_ms": f"episodes?{run}&sort=reward&down=1",
                "text_ms": f"episodes?{run}&text=user_{count - 1}",
                "episode_ms": f"episode?{run}&n={count // 2}",
            }.items():
                out[name] = statistics.median(_ask(viewer, request) for _ in range(5))
            if browser:
                out |= _in_browser(viewer)
        finally:
            viewer.close()
    return out


def _ask(viewer: Viewer, request: str) -> float:
    """Milliseconds until a request is answered."""
    asked = urllib.request.Request(f"http://127.0.0.1:{viewer.port}/api/{request}")
    asked.add_header("X-ToolGym-Token", viewer.token)
    started = time.perf_counter()
    with urllib.request.urlopen(asked) as answer:
        answer.read()
    return 1000 * (time.perf_counter() - started)


def _until_rows(path: Path, cache: Path) -> float:
    """Milliseconds from nothing (no index, no server) to the first rows of episodes."""
    started = time.perf_counter()
    library = Library([path], cache)
    viewer = Viewer(library)
    viewer.start()
    try:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{viewer.port}/api/episodes?run={next(iter(library.sources))}",
            headers={"X-ToolGym-Token": viewer.token},
        )
        while True:
            with urllib.request.urlopen(asked) as answer:
                if json.loads(answer.read())["rows"]:
                    return 1000 * (time.perf_counter() - started)
            time.sleep(0.01)
    finally:
        viewer.close()


def _in_browser(viewer: Viewer) -> dict[str, float]:
    """Milliseconds in a headless Chromium: to the table of runs, to a page of episodes, to a filtered one."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("TOOLGYM_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]).new_page()
        started = time.perf_counter()
        page.goto(viewer.address)
        page.wait_for_selector(".runs tbody tr")
        runs = time.perf_counter()
        page.click(".runs a.to")
        page.wait_for_selector(".episodes tbody tr")
        rows = time.perf_counter()
        page.check("input[value=solved]", force=True)
        page.wait_for_function("() => document.querySelector('.list-head p').textContent.includes('found')")
        page.wait_for_function("() => !document.querySelector('.episodes .is-unsolved')")
        ends = time.perf_counter()
    names = {"browser_runs_ms": runs - started, "browser_episodes_ms": rows - runs, "browser_filter_ms": ends - rows}
    return {name: 1000 * seconds for name, seconds in names.items()}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, nargs="+", default=[10, 1000, 100_000], help="sizes")
    parser.add_argument("--policy", type=int, default=2000, help="characters of an opening (default: 2000)")
    parser.add_argument("--browser", action="store_true", help="measure in a headless Chromium, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    found = [measure(count, chosen.policy, chosen.browser) for count in chosen.episodes]
    if chosen.json:
        print(json.dumps(found, indent=1))
        return
    for name in found[0]:
        print(
            f"{name:20}", *(f"{each[name]:>14,.0f}" if each[name] >= 100 else f"{each[name]:>14.2f}" for each in found)
        )


if __name__ == "__main__":
    main()
