"""API-Bank's figures for `toolgym bench`: accuracy by level, and pooled."""

import pytest

from toolgym.errors import ConfigError

benchmark = pytest.importorskip("toolgym.benchmark")


def test_the_figures_are_pooled_over_calls():
    from toolgym.envs.api_bank.benchmark import figures

    shares = {"level-1": (0.5, 4), "level-2": (1.0, 1), "level-3": (0.0, 5)}
    # 2 of 4, 1 of 1 and 0 of 5 are right: 3 of 10. Of the dialogues nothing was run.
    found = figures({name: benchmark.Share(*share) for name, share in shares.items()})
    assert found == {"pooled": pytest.approx(0.3), "dialogues": None}


def test_its_parts_are_environments():
    from toolgym.envs.api_bank.benchmark import API_BANK

    assert [(part.name, part.options) for part in API_BANK.parts(None)] == [
        (f"level-{level}", {"form": "items", "level": level}) for level in (1, 2, 3)
    ]
    (part,) = API_BANK.parts(["dialogues-2"])
    assert (part.env_id, part.options) == ("ToolGym/APIBank-v0", {"form": "dialogues", "level": 2})
    twice = API_BANK.parts(["level-2", "level-1", "level-2"])
    assert [part.name for part in twice] == ["level-1", "level-2"]  # each once: its episodes are played once
    with pytest.raises(ConfigError, match="level-1"):
        API_BANK.parts(["level1"])
