"""The tokens of recorded episodes: those that were trained on, with what the loss got for each."""

import json
from pathlib import Path

import pytest

from toolgym.agents.rollouts.recording import _cut_tokens
from toolgym.agents.training import registry
from toolgym.errors import TrajectoryError
from toolgym.trajectory import read_trajectories


@pytest.mark.slow
def test_each_recorded_episode_has_its_tokens(airline_arguments: list[str], tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert registry.main("grpo", [*airline_arguments, "--record", "--steps", "2", "--output", str(output)]) == 0
    lines = [json.loads(line) for line in (output / "tokens.jsonl").read_text().splitlines()]
    episodes = read_trajectories(output / "episodes.jsonl")
    assert [line["step"] for line in lines] == [episode.meta["step"] for episode in episodes]
    for step in {line["step"] for line in lines}:
        numbers = [line["episode"] for line in lines if line["step"] == step]
        assert numbers == list(range(len(numbers)))
    for line, episode in zip(lines, episodes, strict=True):
        names = ("ids", "texts", "mask", "logprobs", "types", "advantages")
        assert {len(line[name]) for name in names} == {len(line["ids"])}
        assert len(line["spans"]) == len(episode.steps)
        for (start, end), step in zip(line["spans"], episode.steps, strict=True):
            assert all(line["mask"][start:end])
            said = "".join(line["texts"][start:end])
            assert step.turn.text.rstrip("\ufffd") in said  # a cut turn may end within a character
        assert all(value <= 0 for value in line["logprobs"])
        # What the environment said is not trained on, whatever came of it.
        masked = [at for at, sampled in enumerate(line["mask"]) if not sampled]
        assert all(line["advantages"][at] == 0 and line["logprobs"][at] == 0 for at in masked)
        assert all(line["types"][at] == "env" for at in masked)


def test_cutting_leaves_the_lines_of_earlier_steps(tmp_path: Path) -> None:
    path = tmp_path / "tokens.jsonl"
    _cut_tokens(path, 3)
    assert not path.exists()
    whole = "".join(f'{{"step": {step}, "episode": 0}}\n' for step in (1, 1, 2, 3))
    path.write_text(whole + '{"step": 3, "ep')
    _cut_tokens(path, 3)
    assert path.read_text() == whole
    _cut_tokens(path, 1)
    assert path.read_text().count("\n") == 2
    path.write_text("nonsense\n")
    with pytest.raises(TrajectoryError, match=r"tokens\.jsonl, line 1"):
        _cut_tokens(path, 1)
