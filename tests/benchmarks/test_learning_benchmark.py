"""The learning benchmark: its report of units by hand, units among processes, and tiny runs in parts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import learning_gpu
from benchmarks.learning import LearningOptions, check_folder, evaluate, lock, main, make_unit, report
from benchmarks.learning_families import CONDITIONS, FAMILIES
from benchmarks.learning_parts import Clock, HeldOut, TimeIsUpError, evaluate_in_parts, train_in_parts, write_json
from benchmarks.learning_published import publish, restore
from benchmarks.learning_results import markdown, measured
from toolgym.agents.builtin.policy import ModelOptions, new_model, save_checkpoint
from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.registry import algorithms
from toolgym.errors import ConfigError

STEPTOOL = FAMILIES["steptool"]


def test_a_condition_is_the_mean_of_what_was_logged() -> None:
    lines = [{"value/explained_variance": 0.9}, {"value/explained_variance": 0.0}, {"value/explained_variance": 0.2}]
    lines += [{"clipped_choices": 0.2}, {"value/explained_variance": 0.4, "clipped_choices": 0.0}]
    # Without the first, which the critic was fitted to, and the second, in which it is a constant: 0.2 and 0.4.
    assert measured(CONDITIONS["critic predicts"], lines) == pytest.approx(0.3)
    assert measured(CONDITIONS["clips act"], lines) == pytest.approx(0.1)
    assert measured(CONDITIONS["early errors"], lines) is None
    pulls = [{"toolupt/expert_pull": 1.0, "toolupt/rl_pull": 2.0}, {"toolupt/expert_pull": 0.0, "toolupt/rl_pull": 1.0}]
    assert measured(CONDITIONS["SPO pulls"], pulls) == pytest.approx(0.25)  # 1 of 4, not the mean of a third and 0


def outcomes(share: float, tasks: int = 8) -> dict[str, Any]:
    """An evaluation of 10 trials a task, of which `share` are solved; the state is right in one more."""
    done = round(10 * share)
    names = [f"t{at}" for at in range(tasks)]
    return {
        "solved": {name: [at < done for at in range(10)] for name in names},
        "state": {name: [at <= done for at in range(10)] for name in names},
        "depth": dict.fromkeys(names, 4),
        "recall": 1.0,
        "turns": 4.0,
        "cpu_seconds": 1.0,
    }


def folder_of_units(output: Path, shares: Mapping[str, float], explained: float = 0.5, *, other: bool = False) -> None:
    """Units of StepTool's family: what each row solves of all tasks, with seeds that are alike."""
    check_folder(LearningOptions(output=output))
    write_json(output / "start" / "near.json", outcomes(0.2))
    for name, share in shares.items():
        for seed in range(5):
            unit = output / "steptool" / name / f"seed-{seed}"
            write_json(unit / "near.json", outcomes(share))
            write_json(unit / "far.json", outcomes(share / 2))
            if other:
                write_json(unit / "other.json", outcomes(0.0))
            cost = {"algo": name, "words": ["--x"], "seconds": 3.0, "cpu_seconds": 2.0 + seed}
            write_json(unit / "stage-1" / "trained.json", cost)
            line = {"env_steps": 10.0, "num_tokens": 500.0, "clipped_choices": 0.1, "solved": 0.5, "learning_rate": 1.0}
            lines = [{**line, "value/explained_variance": explained}] * 3
            (unit / "stage-1" / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))


def verdicts(output: Path) -> dict[tuple[str, str], tuple[str, str]]:
    results = report(LearningOptions(families=("steptool",), output=output))
    claims = results["families"]["steptool"]["claims"]
    return {(one["row"], one["other"]): (one["verdict"], one["interval_says"]) for one in claims}


def test_claims_are_shown_refuted_or_not_told(tmp_path: Path) -> None:
    # StepTool - RLHF = 10 points > 5, StepTool - PPO = 0 < 5; seeds and tasks are alike, so the intervals are points.
    folder_of_units(tmp_path / "one", {"steptool": 0.5, "rlhf": 0.4, "ppo": 0.5})
    assert verdicts(tmp_path / "one") == {
        ("steptool", "rlhf"): ("shown", "shown"),
        ("steptool", "ppo"): ("refuted", "refuted"),
    }
    # With a critic that predicts nothing the same figures say nothing of the claims.
    folder_of_units(tmp_path / "two", {"steptool": 0.5, "rlhf": 0.4, "ppo": 0.5}, explained=0.1)
    assert verdicts(tmp_path / "two") == {
        ("steptool", "rlhf"): ("not told", "shown"),
        ("steptool", "ppo"): ("not told", "refuted"),
    }
    # A row that was not run tells nothing.
    folder_of_units(tmp_path / "three", {"steptool": 0.5, "rlhf": 0.4})
    assert verdicts(tmp_path / "three")["steptool", "ppo"] == ("not told", "not told")


def test_tokens_that_were_not_logged_are_not_none_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_units(tmp_path, {"steptool": 0.5, "sft-own": 0.2})
    for lines in tmp_path.glob("steptool/sft-own/*/stage-1/metrics.jsonl"):
        lines.write_text('{"env_steps": 10.0, "loss": 0.1}\n{"loss": 0.1}\n')
    assert main(["--families", "steptool", "--report-only", "--output", str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| steptool |") and line.endswith("| 30 | 0 | 4 |") for line in told)  # 500 tokens
    assert any(line.startswith("| sft-own |") and line.endswith("| 10 |  | 4 |") for line in told)
    rows = json.loads((tmp_path / "results.json").read_text())["families"]["steptool"]["rows"]
    assert rows["sft-own"]["tokens"] is None


def test_a_report_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_units(tmp_path, {"steptool": 0.5, "rlhf": 0.4, "ppo": 0.5}, explained=0.1)
    (tmp_path / "steptool" / "sft-own" / "seed-3").mkdir(parents=True)
    (tmp_path / "steptool" / "sft-own" / "seed-3" / "failed.txt").write_text("no room\n")
    words = ["--families", "steptool", "awpo", "--report-only", "--output", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert results == json.loads((tmp_path / "results.json").read_text())
    found = results["families"]["steptool"]
    row = found["rows"]["steptool"]
    assert row["tests"]["near"]["solved"] == pytest.approx(0.5)
    assert row["tests"]["near"]["state"] == pytest.approx(0.6)
    assert row["tests"]["far"]["solved"] == pytest.approx(0.2)  # two of ten trials
    assert row["tests"]["near"]["gain"]["mean"] == pytest.approx(0.3)
    assert (row["env_steps"], row["tokens"], row["cpu_seconds"]) == (30.0, 500.0, 4.0)
    assert [(one["name"], one["met"]) for one in found["conditions"]] == [
        ("critic predicts", False),
        ("clips act", True),
    ]
    assert found["failed"] == {"sft-own seed 3": "no room"}
    assert (tmp_path / "steptool.png").stat().st_size > 5000
    table = markdown(results, (0, 1, 2, 3, 4))
    assert "| steptool | 5 | +30.0 [+30.0, +30.0] | 50.0 | 60.0 |" in table
    assert "| steptool - rlhf > 5 | +10.0 [+10.0, +10.0] |" in table
    assert "not told: without critic predicts (the interval alone: shown)" in table
    assert "awpo: not run." in table
    assert "sft-own seed 3 failed: no room" in table


def test_published_units_make_the_same_report(tmp_path: Path) -> None:
    folder_of_units(tmp_path / "out", {"steptool": 0.5, "rlhf": 0.4, "ppo": 0.5}, other=True)
    publish(tmp_path / "out", tmp_path / "copy")
    one, other = (report(LearningOptions(families=("steptool",), output=tmp_path / name)) for name in ("out", "copy"))
    assert one == other
    kept = json.loads((tmp_path / "copy/steptool/ppo/seed-0/stage-1/metrics.jsonl").read_text().splitlines()[0])
    assert "learning_rate" not in kept
    assert "--x" not in (tmp_path / "copy/steptool/ppo/seed-0/stage-1/trained.json").read_text()


def test_published_units_are_not_made_again(tmp_path: Path) -> None:
    """They count as done in a folder that is new; what the folder has itself stays, and half a unit is not taken."""
    folder_of_units(tmp_path / "out", {"steptool": 0.5, "rlhf": 0.4, "ppo": 0.5}, other=True)
    half = tmp_path / "out/steptool/rlhf/seed-0"
    (half / "far.json").unlink()
    write_json(tmp_path / "out/options.json", LearningOptions().shared())
    publish(tmp_path / "out", tmp_path / "copy")
    own = tmp_path / "new/steptool/ppo/seed-1"
    write_json(own / "near.json", {"mine": True})
    write_json(own / "stage-1/train.log", "begun here")
    cut_short = tmp_path / "new/steptool/ppo/seed-0/stage-1/trained.json"  # a restoring that was killed
    write_json(cut_short, {})
    restore(tmp_path / "copy", tmp_path / "new")
    assert json.loads((own / "near.json").read_text()) == {"mine": True}
    assert json.loads(cut_short.read_text())["cpu_seconds"] == 2.0
    assert not (tmp_path / "new/steptool/rlhf/seed-0").exists()
    options = LearningOptions(families=("steptool",), rows=("ppo",), seeds=(0,), output=tmp_path / "new")
    check_folder(options)
    said = make_unit(options, STEPTOOL, STEPTOOL.row("ppo"), 0, Clock(minutes=0.001))  # no time to train or to evaluate
    assert said == "50.0% solved of near tasks"


def test_units_of_another_comparison_are_not_taken(tmp_path: Path) -> None:
    folder_of_units(tmp_path / "out", {"steptool": 0.5}, other=True)
    publish(tmp_path / "out", tmp_path / "copy")
    words = ["--families", "steptool", "--rows", "ppo", "--tasks", "3", "--publish", str(tmp_path / "copy")]
    with pytest.raises(ConfigError, match=r"another comparison.*another --publish or another --output"):
        main([*words, "--output", str(tmp_path / "new")])
    assert not (tmp_path / "new/steptool").exists()


def test_what_is_published_already_is_not_written_again(tmp_path: Path) -> None:
    """A report alone publishes too, and only what is not there."""
    folder_of_units(tmp_path / "out", {"steptool": 0.5, "rlhf": 0.4}, other=True)
    words = ["--families", "steptool", "--report-only", "--json"]
    words += ["--output", str(tmp_path / "out"), "--publish", str(tmp_path / "copy")]
    assert main(words) == 0
    kept = tmp_path / "copy/steptool/rlhf/seed-4/near.json"
    kept.write_text("{}")
    assert main(words) == 0
    assert kept.read_text() == "{}"


def test_a_folder_holds_one_comparison(tmp_path: Path) -> None:
    options = LearningOptions(output=tmp_path, tasks=4)
    check_folder(options)
    check_folder(
        replace(options, families=("dupo",), seeds=(7,), threads=1, micro_batch=4, save_batches=1, minutes=3.0)
    )
    with pytest.raises(ConfigError, match=r"tasks=4, not 5.*another --output"):
        check_folder(replace(options, tasks=5))
    (tmp_path / "options.json").write_text(
        (tmp_path / "options.json").read_text().replace('"weights": "', '"weights": "0')
    )
    with pytest.raises(ConfigError, match="weights="):  # the start was trained anew
        check_folder(options)
    with pytest.raises(ConfigError, match="holds no unit"):
        main(["--report-only", "--output", str(tmp_path)])
    for one, other in (("near", "far"), ("far", "near")):  # with fewer tests it is another one, either way
        folder = tmp_path / one
        tests = {"near": ("near",), "far": ("far", "near", "other")}
        check_folder(replace(options, output=folder, tests=tests[one]))
        with pytest.raises(ConfigError, match="tests="):
            check_folder(replace(options, output=folder, tests=tests[other]))
    with pytest.raises(ConfigError, match="near, and any of far and other; got far"):
        LearningOptions(tests=("far",))


def test_of_one_test_a_unit_is_done_with_it(tmp_path: Path) -> None:
    folder_of_units(tmp_path / "out", {"steptool": 0.5, "rlhf": 0.4}, other=True)
    for path in (tmp_path / "out").glob("**/*.json"):
        if path.name in ("far.json", "other.json"):
            path.unlink()
    options = LearningOptions(families=("steptool",), tests=("near",), output=tmp_path / "out")
    assert [test.name for test in options.held_out()] == ["near"]
    write_json(tmp_path / "out/options.json", options.shared())
    publish(tmp_path / "out", tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "new")
    results = report(replace(options, output=tmp_path / "new"))
    assert results == report(options)
    table = markdown(results, options.seeds)
    assert "| claim, in points | near | near, state right | verdict |" in table
    assert "far" not in table


def test_a_unit_that_another_process_makes_is_left_to_it(tmp_path: Path) -> None:
    # A lock that nothing refers to is given back.
    held = "from benchmarks.learning import lock; import pathlib, sys; it = lock(pathlib.Path(sys.argv[1])).acquire(); "
    place = tmp_path / "steptool/ppo/seed-0/unit.lock"
    words = [sys.executable, "-c", held + "print('held', flush=True); input()", str(place)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(words, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        options = LearningOptions(output=tmp_path)
        assert make_unit(options, STEPTOOL, STEPTOOL.row("ppo"), 0, Clock()) == "another process is at it"
        other.communicate("\n", timeout=60)
    assert not (tmp_path / "steptool" / "ppo" / "seed-0" / "stage-1").exists()
    with lock(place, wait=False):
        pass


# Runs ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a model of random weights."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = build_tokenizer()
    shape = ModelOptions(hidden_size=16, intermediate_size=16, layers=1, heads=2, kv_heads=1)
    save_checkpoint(new_model(tokenizer, shape), tokenizer, folder)
    return str(folder)


def words_for(model: str, output: Path) -> list[str]:
    """The benchmark's arguments for that model and two tasks."""
    words = ["--groups", "2", "--rollouts", "4", "--tasks", "2", "--trials", "2", "--max-new-tokens", "5"]
    words += ["--env-steps", "1", "--threads", "1", "--model", model, "--seeds", "0"]
    return [*words, "--output", str(output)]


@pytest.fixture
def tiny(model: str, tmp_path: Path) -> list[str]:
    return words_for(model, tmp_path / "out")


@pytest.fixture(scope="module")
def start(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the model solves before it learns, from one trial: every comparison of it begins with that."""
    folder = tmp_path_factory.mktemp("start")
    words = [*words_for(model, folder), "--trials", "1"]
    options = parse_options(LearningOptions, words, prog="x", description="")
    evaluate(options, model, folder, Clock())
    return folder


@pytest.fixture
def trained(start: Path, tiny: list[str], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Makes what is left of a comparison; its families in the results."""

    def make(*words: str) -> dict[str, Any]:
        shutil.copytree(start, tmp_path / "out" / "start")
        assert main([*tiny, "--trials", "1", *words]) == 0
        return json.loads((tmp_path / "out" / "results.json").read_text())["families"]

    return make


def test_an_evaluation_is_made_in_slices_that_are_kept(model: str, tmp_path: Path) -> None:
    test = HeldOut("near", "ToolGym/Airline-v0", "test", {"size": "small", "prompt": "short", "depth": (4, 5)}, 3, 2)

    class Stops(Clock):
        def check(self) -> None:
            if (tmp_path / "near-1-of-2.json").is_file():
                raise TimeIsUpError

    how: dict[str, Any] = {"max_new_tokens": 5, "context_tokens": 512, "threads": 1}
    with pytest.raises(TimeIsUpError):
        evaluate_in_parts(model, test, tmp_path, Stops(), **how)
    first = (tmp_path / "near-1-of-2.json").read_text()
    assert not (tmp_path / "near.json").exists()
    whole = evaluate_in_parts(model, test, tmp_path, Clock(), **how)
    assert [len(trials) for trials in whole["solved"].values()] == [2, 2, 2]
    assert set(whole["depth"].values()) <= {4, 5}
    assert json.loads(first)["episodes"]
    assert not (tmp_path / "near-1-of-2.json").exists()
    assert evaluate_in_parts("no such model", test, tmp_path, Clock(), **how) == whole  # made once


def test_a_training_stops_at_the_deadline_and_goes_on(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["--model", model, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress"]
    words += ["--groups", "1", "--rollouts", "2", "--micro-batch", "2", "--max-new-tokens", "5", "--save-steps", "100"]
    words += ["--output", str(folder)]

    def lines() -> int:
        path = folder / "metrics.jsonl"
        return len(path.read_text().splitlines()) if path.is_file() else 0

    def ring() -> None:
        """The deadline's own signal, as soon as two batches are done."""
        while lines() < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGALRM)

    threading.Thread(target=ring, daemon=True).start()
    with pytest.raises(TimeIsUpError):
        train_in_parts("grpo", [*words, "--steps", "100000"], folder, Clock(minutes=60))
    stopped = lines()
    assert stopped >= 2
    assert list(folder.glob("checkpoint-*"))
    assert not (folder / "trained.json").exists()
    spent = json.loads((folder / "spent.json").read_text())["seconds"]
    train_in_parts("grpo", [*words, "--steps", str(stopped + 1)], folder, Clock())
    assert lines() == stopped + 1
    assert json.loads((folder / "trained.json").read_text())["seconds"] >= spent
    assert not list(folder.glob("checkpoint-*"))
    log = (folder / "train.log").read_text()
    assert " --resume" in log
    train_in_parts("grpo", ["--nonsense"], folder, Clock())  # what is done is not done again
    assert (folder / "train.log").read_text() == log


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nonsense"):
        train_in_parts("grpo", ["--nonsense", "1"], tmp_path, Clock())
    assert not (tmp_path / "trained.json").exists()
    with pytest.raises(TimeIsUpError):
        train_in_parts("grpo", [], tmp_path, Clock(minutes=0.01, margin_s=60))


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.learning.evaluate", lambda *_: None)
    monkeypatch.setattr("benchmarks.learning.make_unit", stopped)
    assert main(["--families", "steptool", "--output", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "Stopped: the same command goes on from here.\n"


def test_a_tiny_benchmark_runs_and_is_not_run_twice(tiny: list[str], tmp_path: Path) -> None:
    words = [*tiny, "--families", "toolupt", "--rows", "toolupt", "sft-dapo-star", "--json"]
    assert main(words) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    rows = results["families"]["toolupt"]["rows"]
    assert rows.keys() == {"toolupt", "sft-dapo-star"}
    assert all(row["env_steps"] > 0 and row["cpu_seconds"] > 0 for row in rows.values())
    assert rows["toolupt"]["tokens"] > 0
    assert rows["sft-dapo-star"]["tokens"] is None  # its first stage logs none
    assert all(row["tests"].keys() == {"near", "far", "other"} for row in rows.values())
    unit = tmp_path / "out" / "toolupt" / "sft-dapo-star" / "seed-0"
    assert json.loads((unit / "stage-1" / "trained.json").read_text())["algo"] == "sft"
    second = json.loads((unit / "stage-2" / "trained.json").read_text())["words"]
    assert second[second.index("--model") + 1] == str(unit / "stage-1" / "final")
    log = (unit / "stage-2" / "train.log").read_bytes()
    assert main(words) == 0
    assert (unit / "stage-2" / "train.log").read_bytes() == log
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == results


def test_the_larger_benchmark_goes_on_part_by_part(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*tiny, "--families", "dupo", "--rows", "dupo", "--warm-steps", "2", "--tool-role", "template"]
    words += ["--no-bf16", "--micro-batch", "4"]
    assert learning_gpu.main([*words, "--minutes", "0.01"]) == 0  # no time but to say so
    assert "goes on from here" in capsys.readouterr().out
    assert not (tmp_path / "out" / "dupo").exists()
    assert learning_gpu.main([*words, "--minutes", "10"]) == 0
    assert (tmp_path / "out" / "warm" / "trained.json").is_file()
    options = json.loads((tmp_path / "out" / "options.json").read_text())
    assert options["model"] == str(tmp_path / "out" / "warm" / "final")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["families"]["dupo"]["rows"].keys() == {"dupo"}
    assert learning_gpu.main([*words, "--report-only", "--json"]) == 0


def test_the_larger_benchmarks_defaults() -> None:
    options = parse_options(learning_gpu.GPUOptions, [], prog="x", description="", defaults=learning_gpu._SHAPE)
    assert (options.model, options.bf16, options.minutes) == ("data:smollm2", True, 10.0)
    assert options.families == tuple(FAMILIES)
    words = learning_gpu.warm_words(options, Path("there"))
    assert words[words.index("--depth") : words.index("--depth") + 3] == ["--depth", "1", "2"]
    assert "--bf16" in words


@pytest.mark.slow
# All samples of a random model earn the same, so that there is nothing to prefer: see test_tool_star.
@pytest.mark.parametrize("algo", [name for name in algorithms() if name != "tool_star_dpo"])
def test_every_algorithm_as_it_comes_goes_through(algo: str, trained: Callable[..., dict[str, Any]]) -> None:
    found = trained("--families", "all", "--rows", algo)["all"]
    assert found["rows"][algo]["env_steps"] > 0
    assert found["claims"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_row_of_a_family_goes_through(name: str, trained: Callable[..., dict[str, Any]]) -> None:
    found = trained("--families", name)[name]
    assert list(found["rows"]) == [row.name for row in FAMILIES[name].rows]
    assert not found["failed"]
