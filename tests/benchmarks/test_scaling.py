"""`benchmarks/scaling.py`: what it counts is what is sent, and what it computes is what a hand computes."""

import json

import pytest

from benchmarks.scaling import TURN, main, parameters, step_bytes, turns, weights


def test_bytes_of_a_step_by_hand() -> None:
    # 1,000 parameters over 4 GPUs, two micro-batches: three quarters come from others. Forward and backward, each twice
    # at 2 bytes: 1000 * 2 * 0.75 * 4 = 6,000. Gradients at 4 bytes, twice: 1000 * 4 * 0.75 * 2 = 6,000. For sampling
    # once at 4 bytes: 3,000. Three servers: written once (4,000), read by each (12,000).
    assert step_bytes(1000, gpus=4, micro_batches=2, servers=3) == {
        "gathered by a GPU": 6000,
        "scattered by a GPU": 6000,
        "gathered for sampling by a GPU": 3000,
        "written for servers": 4000,
        "read by servers": 12000,
    }
    alone = step_bytes(1000, gpus=1, micro_batches=2)
    assert set(alone.values()) == {0}


def test_parameters_are_those_that_are_published() -> None:
    assert parameters("Qwen3-0.6B") == pytest.approx(0.596e9, rel=0.001)
    assert parameters("Qwen3-8B") == pytest.approx(8.19e9, rel=0.001)


def test_a_turn_is_two_messages_whose_bytes_grow_with_the_context() -> None:
    short, long = turns(100, 8), turns(300, 8, servers=2)
    assert short["messages a turn"] == long["messages a turn"] == 2
    # A token is a number of six digits, a comma and a space.
    assert long["bytes there a turn"] - short["bytes there a turn"] == 200 * 8
    assert long["bytes back a turn"] == short["bytes back a turn"] > TURN * 8


def test_weights_take_four_bytes_a_parameter() -> None:
    assert weights()["bytes a parameter"] == pytest.approx(4, rel=0.01)


@pytest.mark.slow
def test_it_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--turns", "4", "--no-ray", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["weights", "turns", "computed"]
    main(["--turns", "4", "--no-ray"])
    assert "computed" in capsys.readouterr().out
