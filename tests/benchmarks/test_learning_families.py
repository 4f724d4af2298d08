"""The learning benchmark's families: every row is a command that exists, on one reward, and what is claimed of them."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.learning import (
    OFFLINE,
    LearningOptions,
    arguments,
    start_of,
    units,
    updates_a_batch,
    weights_digest,
)
from benchmarks.learning_families import CONDITIONS, FAMILIES, Family, Row, family
from benchmarks.learning_published import restore
from benchmarks.learning_results import claims_table, conditions_table, markdown, results_of
from toolgym.agents.builtin import checkpoint_path
from toolgym.agents.policies.models import load_model
from toolgym.agents.training.archer_options import ArCHerOptions
from toolgym.agents.training.arpo_options import ARPOOptions
from toolgym.agents.training.awpo_options import AWPOOptions
from toolgym.agents.training.dupo_options import DUPOOptions
from toolgym.agents.training.eto_options import PRESETS as ETO
from toolgym.agents.training.eto_options import ETOOptions
from toolgym.agents.training.grpo_options import PRESETS as GRPO
from toolgym.agents.training.grpo_options import GRPOOptions
from toolgym.agents.training.hazard_options import HazardOptions
from toolgym.agents.training.loop_options import LoopOptions
from toolgym.agents.training.mua_rl_options import MUARLOptions
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.registry import algorithms
from toolgym.agents.training.rft_options import RFTOptions
from toolgym.agents.training.running import RunConfig, env_options
from toolgym.agents.training.scribe_options import SCRIBEOptions
from toolgym.agents.training.sft_options import SFTOptions
from toolgym.agents.training.spear_options import SPEAROptions
from toolgym.agents.training.steptool_options import PRESETS as STEPTOOL
from toolgym.agents.training.steptool_options import StepToolPPOOptions
from toolgym.agents.training.toolpo_options import ToolPOOptions
from toolgym.agents.training.toolupt_options import ToolUPTOptions
from toolgym.agents.training.tree_options import TreeOptions, VineOptions
from toolgym.errors import ConfigError

KINDS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    **{name: (GRPOOptions, preset) for name, preset in GRPO.items()},
    **{name: (StepToolPPOOptions, preset) for name, preset in STEPTOOL.items()},
    "arpo": (ARPOOptions, {}),
    "awpo": (AWPOOptions, {}),
    "dupo": (DUPOOptions, {}),
    "hazard": (HazardOptions, {}),
    "loop": (LoopOptions, {}),
    **{name: (ETOOptions, preset) for name, preset in ETO.items()},
    "archer": (ArCHerOptions, {}),
    "mua_rl": (MUARLOptions, {}),
    "scribe": (SCRIBEOptions, {}),
    "spear": (SPEAROptions, {}),
    "toolpo": (ToolPOOptions, {}),
    "rft": (RFTOptions, {}),
    "sft": (SFTOptions, {}),
    "toolupt": (ToolUPTOptions, {}),
    "tree": (TreeOptions, {}),
    "vine": (VineOptions, {}),
}
ROOT = Path(__file__).resolve().parents[2]
ROWS = [(of, row) for of in FAMILIES.values() for row in of.rows]
PUBLISHED = ("steptool", "toolupt", "awpo", "dupo")
"""The families of which there are published units."""


def parsed(of: Family, row: Row, folder: Path, **given: Any) -> list[Any]:
    """The options of a row's stages, as `toolgym train` would read them."""
    out = []
    for stage in row.stages:
        words = arguments(LearningOptions(**given), of, stage, 3, "builtin:imperfect", folder)
        kind, defaults = KINDS[stage.algo]
        out.append(parse_options(kind, words, prog="x", description="", defaults=defaults))
    return out


@pytest.mark.parametrize(("of", "row"), ROWS, ids=[f"{of.name}-{row.name}" for of, row in ROWS])
def test_rows_are_known_commands_on_their_familys_reward(of: Family, row: Row, tmp_path: Path) -> None:
    stages = parsed(of, row, tmp_path, env_steps=1600, bf16=True)
    for stage, options in zip(row.stages, stages, strict=True):
        assert options.seed == 3
        assert options.bf16
        assert options.learning_rate == (1e-3 if stage.algo in OFFLINE else 3e-4)
        assert options.schedule == "linear"
        assert options.env_steps == 1600 * stage.share
        if stage.algo not in OFFLINE:
            assert options.reward == of.reward
            # Experts do tasks of one and two calls only; without an expert, or with experts of the gold itself, so
            # are the tasks.
            assert options.depth in ((1, 2, 4, 5), (1, 2))
            learns = getattr(options, "expert", "none") != "none" or (stage.algo == "dupo" and options.unified)
            assert not learns or (getattr(options, "expert_depth", None) or options.depth) == (1, 2)
            assert options.minibatches * options.iterations == 8
            assert options.steps // 8 * options.groups >= options.env_steps
    assert sum(stage.share for stage in row.stages) == 1


def test_rewards_of_a_family_differ_in_what_is_compared_alone(tmp_path: Path) -> None:
    """The reward's options too are one, but for the judge's part, which is AWPO's mixed reward, and DUPO's decay."""
    apart = {("awpo", "judge"), ("dupo", "decay")}
    for of in FAMILIES.values():
        found: dict[str, set[Any]] = {}
        for row in of.rows:
            for name, value in env_options(parsed(of, row, tmp_path)[-1]).get("reward_options", {}).items():
                found.setdefault(name, set()).add(value)
        assert all(len(values) == 1 or (of.name, name) in apart for name, values in found.items()), found


def test_no_two_rows_of_a_family_are_the_same_run(tmp_path: Path) -> None:
    for of in FAMILIES.values():
        commands = [
            [{**asdict(options), "algo": stage.algo} for stage, options in zip(row.stages, stages, strict=True)]
            for row, stages in ((row, parsed(of, row, tmp_path)) for row in of.rows)
        ]
        for at, command in enumerate(commands):
            assert command not in commands[:at], of.rows[at]


def test_what_refutes_each_paper_was_written_down() -> None:
    claims = {(one.row, one.other): one.points for of in FAMILIES.values() for one in of.comparisons}
    assert claims == {
        ("toolupt", "dapo-star"): 2,
        ("fg-dapo-star", "dapo-star"): 1,
        ("toolupt", "toolupt-sft"): 0,
        ("awpo", "toolrl"): 1,
        ("awpo", "awpo-no-gate"): 0,
        ("awpo", "awpo-no-difficulty"): 0,
        ("awpo", "awpo-fixed-clip"): 0,
        ("steptool", "rlhf"): 5,
        ("steptool", "ppo"): 5,
        ("dupo", "toolrl-sft"): 3,
        ("dupo-token", "toolrl-sft"): 3,
        ("dupo-episode", "dupo-episode-no-decay"): 0,
        ("hazard", "grpo"): 0,
    }
    for of in FAMILIES.values():
        names = [row.name for row in of.rows]
        assert len(set(names)) == len(names)
        for one in of.comparisons:
            assert {one.row, one.other} <= set(names)
            assert set(one.conditions) <= CONDITIONS.keys()
    assert all((one.least is None) != (one.below is None) for one in CONDITIONS.values())
    assert "critic predicts" in FAMILIES["steptool"].comparisons[0].conditions


def test_the_family_of_all_has_every_algorithm_as_it_comes(tmp_path: Path) -> None:
    everything = family("all")
    assert [row.name for row in everything.rows] == algorithms()
    for row in everything.rows:
        (options,) = parsed(everything, row, tmp_path, env_steps=1600)
        if isinstance(options, RunConfig):
            assert options.depth == (1, 2, 4, 5)
            assert options.steps * options.groups >= 1600
        else:
            assert options.episodes >= 1600
    assert updates_a_batch("gspo", []) == updates_a_batch("loop", []) == 4
    assert updates_a_batch("dupo", ["--minibatches", "4", "--iterations", "2"]) == 8
    with pytest.raises(ConfigError, match="Did you mean 'awpo'"):
        family("awpp")


def test_units_are_seed_by_seed_and_can_be_chosen() -> None:
    options = LearningOptions(families=("awpo",), rows=("awpo", "toolrl"), seeds=(4, 5))
    assert [(of.name, row.name, seed) for of, row, seed in units(options)] == [
        ("awpo", "toolrl", 4),
        ("awpo", "awpo", 4),
        ("awpo", "toolrl", 5),
        ("awpo", "awpo", 5),
    ]
    assert len(list(units(LearningOptions()))) == 5 * len(ROWS)
    with pytest.raises(ConfigError, match="Did you mean 'toolrl'"):
        LearningOptions(families=("awpo",), rows=("toolrrl",))
    for wrong in ({"tasks": 0}, {"seeds": ()}, {"minutes": 0.0}, {"families": ()}):
        with pytest.raises(ConfigError, match="above 0"):
            LearningOptions(**wrong)  # pyright: ignore[reportArgumentType]


def test_the_defaults_are_those_of_a_result_that_means_something() -> None:
    options = LearningOptions()
    assert len(options.seeds) >= 5
    near, far, other = options.held_out()
    for test, trials in ((near, 8), (far, 8), (other, 2)):
        assert (test.tasks, test.trials) == (200, trials)
    assert (near.split, near.env_options["depth"]) == ("test", (4, 5))
    assert (far.split, far.env_options["depth"]) == ("test_unseen", (6, 7))
    assert other.env != options.env


def tables_of(found: dict[str, Any]) -> list[str]:
    return [part for part in markdown(found, LearningOptions().seeds).strip().split("\n\n") if part.startswith("|")]


def test_the_documented_tables_are_those_of_the_published_units(tmp_path: Path) -> None:
    restore(ROOT / "benchmarks" / "results" / "families", tmp_path)
    found = results_of(tmp_path, [FAMILIES[name] for name in PUBLISHED])
    tables = tables_of(found)
    text = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")
    assert len(tables) == 3 * len(PUBLISHED)
    for table in tables:
        assert table in text
    (rlhf, _) = found["families"]["steptool"]["claims"]
    told = rlhf["differences"]["near solved"]
    low, high = (round(100 * end) for end in told["interval"])
    assert f"+{100 * told['mean']:.0f} [+{low}, +{high}] points" in (ROOT / "README.md").read_text()
    assert [claim["verdict"] for claim in found["families"]["steptool"]["claims"]] == ["shown", "shown"]


@pytest.mark.parametrize("world", ["home", "airline"])
def test_hazards_documented_figures_are_those_of_its_published_units(world: str, tmp_path: Path) -> None:
    restore(ROOT / "benchmarks" / "results" / "hazard" / world, tmp_path)
    text = (ROOT / "docs" / "hazard.md").read_text(encoding="utf-8")
    found = results_of(tmp_path, [FAMILIES["hazard"]])
    tables = tables_of(found)
    assert len(tables) == 2
    for table in tables:
        assert table in text
    grpo, hazard = (found["families"]["hazard"]["rows"][name] for name in ("grpo", "hazard"))
    gains = [row["tests"]["near"]["gain"]["mean"] for row in (grpo, hazard)]
    assert re.search(rf"{gains[1] / gains[0]:.2f} times( GRPO's)? in the {world}", text)
    assert (
        f"{100 * (1 - hazard['tokens'] / grpo['tokens']):.0f}"
        in re.findall(r"of (\d+) and (\d+)% fewer tokens", text)[0]
    )
    assert f"for {100 * (hazard['cpu_seconds'] / grpo['cpu_seconds'] - 1):.0f}% more CPU seconds" in text


def test_the_start_is_one_that_was_made_for_it_and_says_how() -> None:
    options = LearningOptions()
    airline = json.loads((Path(checkpoint_path("builtin:habits")) / "training.json").read_text())
    assert (airline["env"], airline["demonstrations"]) == ("ToolGym/Airline-v0", "habits")
    folder = Path(start_of(options.model))
    made = json.loads((folder / "training.json").read_text())
    assert (made["env"], made["demonstrations"]) == (options.env, "habits")
    assert weights_digest(options.model) == weights_digest(str(folder)) != weights_digest("builtin:imperfect")
    assert start_of("builtin:imperfect") == "builtin:imperfect"
    model, tokenizer = load_model(folder)
    assert model.config.vocab_size == len(tokenizer)


def test_the_documented_claims_and_conditions_are_those_of_the_data() -> None:
    text = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")
    assert claims_table() in text
    assert conditions_table() in text
