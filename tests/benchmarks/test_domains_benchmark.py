"""What simple agents get in every domain, as the command prints it."""

import json
import subprocess
import sys

import pytest

from benchmarks.domains import COLUMNS, measure
from toolgym.registration import own_domains

pytestmark = pytest.mark.slow

FEW = ("airline", "home", "telecom")
"""What the kit makes solves in every domain in `tests/composing`; the benchmark is tried on these, one of which needs a
user, on the others with `--thorough`."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FEW else pytest.mark.thorough) for name in own_domains()]
)
def test_the_oracle_solves_all_and_who_knows_nothing_next_to_nothing(name: str) -> None:
    figures = measure(name, tasks=24)
    assert figures["oracle"] == figures["perturbed"] == 1.0
    assert figures["noop"] <= 0.15
    assert figures["random"] <= 0.15
    assert figures["refuse"] == 0.0
    assert figures["forbidden"] <= 0.5


def test_the_command_prints_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.domains", "--tasks", "4", "--only", "library", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    (row,) = json.loads(done.stdout).values()
    assert set(COLUMNS) < set(row)
