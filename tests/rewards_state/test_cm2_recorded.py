"""The CM2 aggregation against recorded cases of the published code."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolgym.rewards import cm2

SHARED = Path(os.environ.get("TOOLGYM_SHARED") or Path(__file__).resolve().parents[3] / "shared")
RECORDED = SHARED / "data" / "cm2" / "recorded.jsonl"

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(not RECORDED.is_file(), reason="the recorded CM2 cases are not beside this checkout"),
]


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDED.read_text().splitlines()] if RECORDED.is_file() else []


def samples_of(case: dict[str, Any]) -> list[cm2.Sample]:
    checklists = [[[cm2.TurnChecklist.of(turn) for turn in turns] for turns in sets] for sets in case["checklists"]]
    return [
        cm2.Sample(s["group"], checklists[s["group"]], s["verdicts"], s["judge_ok"] and s["tool_metric_ok"])
        for s in case["samples"]
    ]


def to_row(values: np.ndarray, lengths: list[int], width: int) -> np.ndarray:
    tokens = cm2.to_tokens(values, lengths)
    return np.pad(tokens, (0, width - len(tokens)))


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["case"]))
def test_reward_and_advantage_tensors_agree(case: dict[str, Any]) -> None:
    samples, config, output = samples_of(case), case["config"], case["output"]
    width = len(output["reward_tensor"][0])
    for sample, recorded, row in zip(samples, case["samples"], output["reward_tensor"], strict=True):
        lengths, rewards = recorded["seg_lens"], cm2.turn_rewards(sample)
        ends = np.cumsum([length + 1 for length in lengths]) - 2
        tokens = np.zeros(width)
        for reward, last_step in zip(rewards, np.cumsum(sample.steps_per_turn) - 1, strict=True):
            tokens[ends[last_step]] += reward
        np.testing.assert_allclose(tokens, row, atol=1e-6, rtol=0)

    def check(key: str, level: cm2.Level, normalise: bool, min_group: int) -> None:
        options = cm2.Options(level, config["eta"], normalise, min_group, "reference_code")
        for values, recorded, row in zip(cm2.advantages(samples, options), case["samples"], output[key], strict=True):
            np.testing.assert_allclose(to_row(values, recorded["seg_lens"], width), row, atol=1e-6, rtol=0, err_msg=key)

    if config["reward_level"] == "step":
        check("adv_tensor", "step", config["do_norm_in_adv"], config["threthod_num"])
        check("checklist_adv", "step", config["do_norm_in_adv"], config["threthod_num"])
    else:
        # The turn level has its own threshold of 4, whatever the case's is.
        check("checklist_adv", "turn", False, config["threthod_num"])
        check("checklist_adv_std", "turn", True, config["threthod_num"])
    check("grpo_adv", "trajectory", True, 0)
    check("drgrpo_adv", "trajectory", False, 0)


def test_all_recorded_cases_are_there() -> None:
    assert len(cases()) == 80
