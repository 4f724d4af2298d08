"""The learning benchmark: its statistics by hand, its commands, and one tiny run that is not made twice."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.learning import (
    OFFLINE,
    START,
    UPDATES,
    LearningOptions,
    arguments,
    check_folder,
    entries,
    main,
    make_unit,
    telling_tasks,
)
from benchmarks.learning_report import Run, interquartile_mean, interval, read_runs, summaries, summary
from benchmarks.learning_tables import draw, markdown_tables, report_table
from benchmarks.learning_unit import publish, write_json
from toolgym.agents.awpo import AWPOOptions
from toolgym.agents.builtin.policy import ModelOptions, new_model, save_checkpoint
from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.agents.dupo import DUPOOptions
from toolgym.agents.eto import ETOOptions
from toolgym.agents.grpo import PRESETS, GRPOOptions, preset
from toolgym.agents.rft import RFTOptions
from toolgym.agents.sft import SFTOptions
from toolgym.agents.steptool import StepToolPPOOptions
from toolgym.agents.toolupt import ToolUPTOptions
from toolgym.agents.training import registry
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.registry import algorithms
from toolgym.agents.training.running import RunConfig
from toolgym.agents.tree import TreeOptions, VineOptions
from toolgym.errors import ConfigError
from toolgym.messages import Turn, render
from toolgym.opening import open_env


def test_interquartile_mean_by_hand() -> None:
    # Eight values: two go at each end; 3, 4, 5, 6 are left. Five: one goes at each end. Three: none.
    assert interquartile_mean(np.array([100.0, 1, 2, 3, 4, 5, 6, -50])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert interquartile_mean(np.array([0.9, 0.1, 0.5, 0.6, 0.7])) == pytest.approx(0.6)
    assert interquartile_mean(np.array([0.0, 0.5, 1.0])) == pytest.approx(0.5)


def test_the_interval_covers_runs_and_tasks() -> None:
    same_RN = np.full((5, 10), 0.25)
    assert interval(same_RN) == (0.25, 0.25)
    # Runs that agree, tasks that do not: 50 tasks of 0 or 1. More runs on the same tasks say no more of other tasks:
    # the standard error stays 0.5 / sqrt(50) = 0.07.
    tasks_RN = np.tile(np.arange(50) % 2, (5, 1)).astype(float)
    low, high = interval(tasks_RN)
    assert 0.34 < low < 0.39
    assert 0.61 < high < 0.66
    # Tasks that agree within a run, runs that do not.
    low, high = interval(np.repeat([[0.1], [0.2], [0.5], [0.8], [0.9]], 50, axis=1))
    assert low < 0.25
    assert high > 0.75
    assert interval(tasks_RN) == interval(tasks_RN)


def evaluation(solved: dict[str, list[bool]], recall: float) -> dict[str, Any]:
    report = {
        "agent": "/runs/learning/model",
        "by_kind": {"book": {"pass@1": recall}},
        "tool_recall": recall,
        "mean_reward": 0.5,
        "turns": 2.0,
        "by_depth": {"1": {"pass@1": recall}},
        "errors": dict.fromkeys(("tool_selection", "hallucinated_tool", "arguments", "parse"), 0.1),
    }
    return {"report": report, "solved": solved}


def test_a_summary_by_hand(tmp_path: Path) -> None:
    # Run one: task a 1 of 2, b 0 of 2: pass@1 (0.5 + 0) / 2 = 0.25, pass@2 (1 + 0) / 2. Run two: both always: 1 and 1.
    lines = [{"env_steps": 10.0, "solved": 0.5}, {"loss": 1.0}, {"env_steps": 14.0, "solved": 0.75}]
    runs = [
        Run(0, evaluation({"b": [False, False], "a": [True, False]}, 0.5), lines, {"cpu_seconds": 3.0}),
        Run(1, evaluation({"a": [True, True], "b": [True, True]}, 1.0), lines, {"cpu_seconds": None}),
    ]
    out = summary(runs, 2)
    assert out["pass@1"]["by_seed"] == [0.25, 1.0]
    assert out["pass@1"]["iqm"] == pytest.approx(0.625)
    assert out["pass@2"]["iqm"] == pytest.approx(0.75)
    assert out["tool_recall"] == out["by_depth"]["1"] == pytest.approx(0.75)
    assert out["env_steps"] == 24.0
    assert out["cpu_seconds"] == 3.0
    assert out["seconds"] is None
    # The start solves a always and b never: a gains -0.5 and 0, b 0 and 1, so that the runs gain -0.25 and 0.5.
    start = Run(0, evaluation({"a": [True, True], "b": [False, False]}, 0.5), [], {})
    gained = summary(runs, 2, start)["gain"]
    assert gained["iqm"] == pytest.approx(0.125)
    assert gained["interval"][0] == pytest.approx(-0.5)
    assert gained["interval"][1] == pytest.approx(1.0)
    # An episode lost to the infrastructure leaves one trial: that task says nothing of pass@2.
    lost = [Run(0, evaluation({"a": [True], "b": [False, True]}, 0.5), [], {})]
    assert summary(lost, 2)["pass@1"]["by_seed"] == [0.75]
    assert summary(lost, 2)["pass@2"]["by_seed"] == [1.0]
    table = report_table({"one": out, "other": summary(lost, 2, start)}, 2)
    assert table.row_count == 2
    for name, figures in {"alone": out, "paired": summary(runs, 2, start)}.items():
        draw({"one": figures}, {"one": runs}, tmp_path / "deep" / f"{name}.png")
        assert (tmp_path / "deep" / f"{name}.png").stat().st_size > 5000


def test_rows_are_algorithms_and_variants() -> None:
    options = LearningOptions(algos=("grpo",), variants=("dapo-plain=dapo --no-overlong --attempts 2",))
    assert entries(options) == [("grpo", "grpo", []), ("dapo-plain", "dapo", ["--no-overlong", "--attempts", "2"])]
    with pytest.raises(ConfigError, match="Did you mean 'grpo'"):
        LearningOptions(algos=("grop",))
    with pytest.raises(ConfigError, match="NAME=ALGO"):
        LearningOptions(variants=("dapo --no-overlong",))
    assert "rft" in [name for name, _, _ in entries(LearningOptions())]


def test_ablations_are_rows_whose_flags_are_known(tmp_path: Path) -> None:
    options = LearningOptions(ablations=True, learning_rate=1e-3)
    rows = entries(options)
    assert {algo for _, algo, _ in rows} == {"steptool", "dupo", "toolupt", "awpo"}
    for name, algo, flags in rows:
        kind, defaults = KINDS[algo]
        plain = arguments(options, (algo, algo, []), 0, 1600, tmp_path)
        both = (plain, arguments(options, (name, algo, flags), 0, 1600, tmp_path))
        one, other = (parse_options(kind, words, prog="x", description="", defaults=defaults) for words in both)
        assert one.learning_rate == 1e-3
        assert [field for field in asdict(one) if asdict(one)[field] != asdict(other)[field]], name
        # As many batches of episodes, however many updates each is learnt from.
        assert other.steps == one.steps * (4 if "-4" in name else 1), name
    own = arguments(options, ("eto", "eto", ["--learning-rate", "3e-4"]), 0, 1600, tmp_path)
    assert parse_options(ETOOptions, own, prog="x", description="").learning_rate == 3e-4


KINDS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    **{name: (GRPOOptions, preset(name)) for name in PRESETS},
    "awpo": (AWPOOptions, {}),
    "dupo": (DUPOOptions, {}),
    "eto": (ETOOptions, {}),
    "ppo": (StepToolPPOOptions, {}),
    "rft": (RFTOptions, {}),
    "rlhf": (StepToolPPOOptions, {}),
    "sft": (SFTOptions, {}),
    "steptool": (StepToolPPOOptions, {}),
    "toolupt": (ToolUPTOptions, {}),
    "tree": (TreeOptions, {}),
    "vine": (VineOptions, {}),
}


@pytest.mark.parametrize(("groups", "rollouts", "micro_batch"), [(8, 8, 16), (2, 2, 16), (4, 8, 16), (6, 4, 5)])
@pytest.mark.parametrize("algo", algorithms())
def test_every_algorithm_gets_the_same_number_of_environment_steps(
    algo: str, groups: int, rollouts: int, micro_batch: int, tmp_path: Path
) -> None:
    options = LearningOptions(groups=groups, rollouts=rollouts, micro_batch=micro_batch, save_steps=2, bf16=True)
    words = arguments(options, (algo, algo, []), 3, 1600, tmp_path)
    kind, defaults = KINDS[algo]
    given = parse_options(kind, words, prog="x", description="", defaults=defaults)
    assert given.seed == 3
    assert given.model == "builtin:imperfect"
    assert given.env_steps == 1600
    assert given.bf16
    assert not given.progress
    if isinstance(given, RunConfig):
        assert given.groups == groups
        assert given.micro_batch <= micro_batch
        assert given.steps * groups >= 1600
    else:
        assert given.episodes >= 1600


def folder_of_units(output: Path, options: LearningOptions) -> None:
    """An output folder in which three units are done and one has failed."""
    check_folder(options)
    solved = {"a": [True, False], "b": [False, True]}
    write_json(output / "start" / "evaluation.json", evaluation(solved, 0.25))
    for name, seed in (("grpo", 0), ("grpo", 10), ("dapo", 2)):
        unit = output / name / f"seed-{seed}"
        write_json(unit / "evaluation.json", evaluation(solved, 0.5))
        write_json(unit / "trained.json", {"seconds": 3.0, "cpu_seconds": 2.0 + seed})
        (unit / "metrics.jsonl").write_text('{"env_steps": 10.0, "solved": 0.5}\n{"loss": 1.0}\n')
    (output / "dapo" / "seed-3").mkdir()
    (output / "dapo" / "seed-3" / "failed.txt").write_text("no room\n")


def test_a_report_is_made_of_all_units_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = LearningOptions(k=2, episodes=2, output=tmp_path / "out")
    folder_of_units(tmp_path / "out", options)
    assert main(["--report-only", "--seeds", "0", "1", "2", "--output", str(tmp_path / "out")]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["algorithms"]) == ["warm start", "dapo", "grpo"]
    assert results["algorithms"]["grpo"]["seeds"] == [0, 10]
    assert results["algorithms"]["grpo"]["cpu_seconds"] == pytest.approx(7.0)
    assert results["algorithms"]["grpo"]["updates"] == 2
    assert results["failed"] == {"dapo seed-3": "no room"}
    assert results["options"]["k"] == 2
    printed = capsys.readouterr().out
    assert "1/3" in printed
    assert "2/3" in printed
    assert (tmp_path / "out" / "learning.png").is_file()
    with pytest.raises(ConfigError, match=r"holds no evaluation\.json"):
        main(["--report-only", "--output", str(tmp_path / "empty")])


def test_gains_are_told_apart_by_whether_something_must_be_told(tmp_path: Path) -> None:
    # The start solves a in 1 of 2 trials and b in none, the row a in 2 and b in 1: both gain a half; c gains nothing.
    before = {"a": [True, False], "b": [False, False], "c": [True]}
    after = {"a": [True, True], "b": [True, False], "c": [True]}
    unit = tmp_path / "grpo" / "seed-0"
    write_json(tmp_path / "start" / "evaluation.json", evaluation(before, 0.5))
    write_json(unit / "evaluation.json", evaluation(after, 0.5))
    (unit / "metrics.jsonl").write_text('{"env_steps": 10.0, "solved": 0.5}\n')
    runs, _ = read_runs(tmp_path, START)
    rows = summaries(tmp_path, runs, 1, START, told={"a"})
    assert rows["grpo"]["gain_told"] == {"iqm": 0.5, "interval": [0.5, 0.5]}
    assert rows["grpo"]["gain_rest"]["iqm"] == 0.25
    assert "| grpo | +50.0 [+50.0, +50.0] | +25.0 [+0.0, +50.0] |" in markdown_tables(rows, 1)
    assert "gain_told" not in summaries(tmp_path, runs, 1, START)["grpo"]


def test_something_must_be_told_where_saying_nothing_does_not_solve_the_task() -> None:
    shared = {"env": "ToolGym/Airline-v0", "split": "test", "size": "small", "prompt": "short"}
    env = open_env(shared["env"], split="test", size="small")
    silent = {}
    for index in range(12):
        task = env.tasks[index]
        env.reset(options={"task": task})
        for action in task.gold[:-1]:
            env.step(render(Turn(action.plan, tuple(call.call() for call in action.calls), action.response)))
        silent[task.id] = env.step("<response>Well.</response>")[4]["outcome"]
    env.close()
    assert set(silent.values()) == {"solved", "unsolved"}
    told = {task_id for task_id, outcome in silent.items() if outcome == "unsolved"}
    assert telling_tasks(shared, [*silent, "no such task"]) == told


def test_a_variant_is_compared_with_its_algorithm_seed_by_seed(tmp_path: Path) -> None:
    # Of two tasks with two trials: the whole solves 1/4 with seed 0 and 3/4 with seed 1, the variant 3/4 with seed 1.
    few, many = {"a": [True, False], "b": [False, False]}, {"a": [True, True], "b": [False, True]}
    write_json(tmp_path / "options.json", {"k": 2})
    write_json(tmp_path / "start" / "evaluation.json", evaluation(few, 0.5))
    for name, seed, solved in (("awpo", 0, few), ("awpo", 1, many), ("no-gate", 1, many), ("other", 2, few)):
        unit = tmp_path / name / f"seed-{seed}"
        write_json(unit / "evaluation.json", evaluation(solved, 0.5))
        write_json(unit / "trained.json", {"algo": "awpo", "seconds": 3.0, "cpu_seconds": 2.0})
        (unit / "metrics.jsonl").write_text('{"env_steps": 10.0, "solved": 0.5, "completions/max_length": 7.0}\n' * 2)
    for rate, share in (("0.001", 0.5), ("3e-05", 0.75), ("0.0003", 0.25)):
        tried = evaluation(few, 0.5)
        tried["report"]["pass@1"] = share
        write_json(tmp_path / "awpo" / f"rate-{rate}" / "evaluation.json", tried)
    runs, _ = read_runs(tmp_path, START)
    rows = summaries(tmp_path, runs, 2, START)
    assert "of" not in rows["awpo"]
    assert list(rows["awpo"]["rates"].items()) == [("3e-05", 0.75), ("0.0003", 0.25), ("0.001", 0.5)]
    assert rows["no-gate"]["of"] == "awpo"
    assert rows["no-gate"]["difference"] == {"iqm": 0.0, "interval": [0.0, 0.0]}
    assert rows["other"]["difference"] is None
    main, _, tuning, variants = markdown_tables(rows, 2).split("\n\n")
    assert "| awpo | 3e-05 | 2 | 50.0 | +25.0 [+0.0, +50.0] | 75.0 | 50.0 | 50 | 2 |" in main
    assert "no-gate" not in main
    assert tuning.splitlines()[2:] == ["| awpo | 75.0 | 25.0 | 50.0 |"]
    assert variants.splitlines()[2:] == [
        "| no-gate | awpo | 1 | 75.0 | 50.0 | +0.0 [+0.0, +0.0] |",
        "| other | awpo | 1 | 25.0 | 50.0 |  |",
    ]
    draw(rows, runs, tmp_path / "learning.png")
    assert (tmp_path / "learning.png").stat().st_size > 5000


def test_published_runs_make_the_same_report(tmp_path: Path) -> None:
    options = LearningOptions(k=2, episodes=2, output=tmp_path / "out")
    folder_of_units(tmp_path / "out", options)
    assert main(["--report-only", "--output", str(tmp_path / "out"), "--publish", str(tmp_path / "copy")]) == 0
    assert main(["--report-only", "--output", str(tmp_path / "copy")]) == 0
    whole, copy = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("out", "copy"))
    assert copy == {**whole, "failed": {}}
    assert "by_kind" not in (tmp_path / "copy" / "grpo" / "seed-0" / "evaluation.json").read_text()


@pytest.mark.parametrize(
    "name",
    ["awpo/mixed", "awpo/clip", "toolupt/gamma", "clip_ratio/region_mean", "value/explained_variance", "dupo/clip_high",
     "clip_share", "kl_coefficient", "expert/left_out", "dynamic/flat_groups"],
)  # fmt: skip
def test_what_tells_whether_a_mechanism_acted_is_published(name: str, tmp_path: Path) -> None:
    folder_of_units(tmp_path / "out", LearningOptions(k=2, episodes=2, output=tmp_path / "out"))
    for lines in (tmp_path / "out").rglob("metrics.jsonl"):
        lines.write_text(
            json.dumps({"step": 1, name: 0.25, "seconds/rollout": 3.0, "completions/mean_length": 9.0}) + "\n"
        )
    publish(tmp_path / "out", tmp_path / "copy")
    kept = [json.loads(lines.read_text()) for lines in (tmp_path / "copy").rglob("metrics.jsonl")]
    assert kept
    assert all(line == {"step": 1, name: 0.25} for line in kept)


def test_a_folder_holds_one_comparison(tmp_path: Path) -> None:
    options = LearningOptions(output=tmp_path, episodes=4)
    check_folder(options)
    check_folder(replace(options, algos=("grpo",), seeds=(7,), threads=1, micro_batch=4, save_steps=1))
    with pytest.raises(ConfigError, match=r"episodes=4, not 5.*another --output"):
        check_folder(replace(options, episodes=5))
    (tmp_path / "options.json").write_text(
        (tmp_path / "options.json").read_text().replace('"weights": "', '"weights": "0')
    )
    with pytest.raises(ConfigError, match="weights="):  # the start was trained anew
        check_folder(options)


def test_a_unit_that_another_process_makes_is_left_to_it(tmp_path: Path) -> None:
    options = LearningOptions(output=tmp_path)
    # A lock that nothing refers to is given back.
    held = "from benchmarks.learning import lock; import pathlib, sys; it = lock(pathlib.Path(sys.argv[1])).acquire(); "
    words = [sys.executable, "-c", held + "print('held', flush=True); input()", str(tmp_path / "grpo/seed-0/unit.lock")]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(words, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert make_unit(options, ("grpo", "grpo", []), 0, 100) == "another process is at it"
        other.communicate("\n", timeout=60)
    assert not (tmp_path / "grpo" / "seed-0" / "train.log").exists()


@pytest.fixture
def tiny(tmp_path: Path) -> list[str]:
    """The benchmark's arguments for random weights and two tasks."""
    tokenizer = build_tokenizer()
    shape = ModelOptions(hidden_size=16, intermediate_size=16, layers=1, heads=2, kv_heads=1, max_tokens=1024)
    save_checkpoint(new_model(tokenizer, shape), tokenizer, tmp_path / "model")
    words = ["--groups", "2", "--rollouts", "2", "--episodes", "2", "--k", "2", "--max-new-tokens", "5"]
    words += ["--save-steps", "1", "--threads", "1", "--model", str(tmp_path / "model"), "--seeds", "0"]
    return [*words, "--output", str(tmp_path / "out")]


@pytest.mark.slow
def test_a_tiny_benchmark_runs_and_is_not_run_twice(tiny: list[str], tmp_path: Path) -> None:
    output, words = tmp_path / "out", [*tiny, "--algos", "grpo", "--env-steps", "1"]
    assert main(words) == 0
    results = json.loads((output / "results.json").read_text())
    assert list(results["algorithms"]) == ["warm start", "grpo"]
    assert results["algorithms"]["grpo"]["env_steps"] > 0
    assert results["algorithms"]["grpo"]["cpu_seconds"] > 0
    assert (output / "learning.png").is_file()
    assert not list((output / "grpo" / "seed-0").glob("checkpoint-*"))
    log = (output / "grpo" / "seed-0" / "train.log").read_bytes()
    assert main(words) == 0
    assert (output / "grpo" / "seed-0" / "train.log").read_bytes() == log
    assert json.loads((output / "results.json").read_text()) == results
    # A unit that fails is named, and the rest is still reported.
    assert main([*words, "--variants", "broken=grpo --epsilon nonsense"]) == 1
    failed = json.loads((output / "results.json").read_text())["failed"]
    assert list(failed) == ["broken seed-0"]
    assert "nonsense" in failed["broken seed-0"]
    # It is made again where that is asked for once more, and is then no failure any longer.
    assert main([*words, "--variants", "broken=grpo"]) == 0
    assert json.loads((output / "results.json").read_text())["failed"] == {}


@pytest.mark.slow
@pytest.mark.parametrize("algo", algorithms())
def test_every_algorithm_goes_through_and_resumes(algo: str, tiny: list[str], tmp_path: Path) -> None:
    flags = ["--batch", "1", "--micro-batch", "1"] if algo in OFFLINE else []
    options = parse_options(LearningOptions, tiny, prog="x", description="")
    unit, updates = tmp_path / "out" / algo / "seed-0", UPDATES.get(algo, 1)
    # As if it had been stopped: its first checkpoint is there, and no final model.
    budget = 60 if algo in OFFLINE else 100_000
    first_steps = ["--steps", str(updates), "--save-steps", str(updates)]
    registry.main(algo, [*arguments(options, (algo, algo, flags), 0, budget, unit), *first_steps])
    first = (unit / "metrics.jsonl").read_text()
    if algo not in OFFLINE:  # one batch more
        budget = int(sum(env_steps(first))) + 1
    variant = " ".join([f"{algo}={algo}", *flags])
    assert main([*tiny, "--variants", variant, "--env-steps", str(budget)]) == 0
    assert " --resume" in (unit / "train.log").read_text()
    whole = (unit / "metrics.jsonl").read_text()
    assert whole.startswith(first)
    assert len(whole) > len(first)
    played = env_steps(whole)
    assert sum(played) >= budget
    if algo in OFFLINE:
        assert played[0] == sum(played)
    else:
        assert len([steps for steps in played if steps]) == 2
        assert len(played) == 2 * updates
    figures = json.loads((tmp_path / "out" / "results.json").read_text())["algorithms"][algo]
    assert figures["env_steps"] == sum(played)
    assert figures["updates"] == len(played)
    assert 0 <= figures["pass@1"]["iqm"] <= 1


def env_steps(metrics: str) -> list[float]:
    return [json.loads(line).get("env_steps", 0.0) for line in metrics.splitlines()]


@pytest.mark.slow
def test_units_do_not_depend_on_what_the_process_did_before(tiny: list[str], tmp_path: Path) -> None:
    words = [*tiny[:-2], "--env-steps", "1"]
    assert main([*words, "--algos", "sft", "grpo", "--output", str(tmp_path / "both")]) == 0
    assert main([*words, "--algos", "grpo", "--output", str(tmp_path / "alone")]) == 0
    one, other = (
        json.loads((tmp_path / name / "grpo" / "seed-0" / "metrics.jsonl").read_text()) for name in ("both", "alone")
    )
    for name in ("loss", "grad_norm", "reward", "env_steps"):
        assert one[name] == other[name], name


PUBLISHED = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "learning"


@pytest.mark.slow
def test_the_documented_table_is_that_of_the_published_runs() -> None:
    runs, failed = read_runs(PUBLISHED, START)
    assert not failed
    shared = json.loads((PUBLISHED / "options.json").read_text())
    told = telling_tasks(shared, list(runs[START][0].evaluation["solved"]))
    assert 0 < len(told) < 64
    text = (PUBLISHED.parents[2] / "docs" / "learning.md").read_text()
    for table in markdown_tables(summaries(PUBLISHED, runs, shared["k"], START, told), shared["k"]).split("\n\n"):
        assert table in text, table


def test_the_reward_with_the_outcome_differs_from_toolrl_where_an_episode_is_solved() -> None:
    named = "benchmarks.learning_rewards:toolrl_and_solved"
    env = open_env("ToolGym/Airline-v0", split="train", size="small", reward=named)
    task = next(task for task in (env.tasks[index] for index in range(20)) if len(task.gold) > 1)
    for last, extra in ((task.gold[-1].response, 4.0), ("Well.", 0.0)):
        env.reset(options={"task": task})
        for action in task.gold[:-1]:
            env.step(render(Turn(action.plan, tuple(call.call() for call in action.calls), action.response)))
        _, reward, _, _, info = env.step(render(Turn(response=last)))
        assert reward == info["rewards"]["format"] + info["rewards"]["correctness"] + extra
    env.close()
