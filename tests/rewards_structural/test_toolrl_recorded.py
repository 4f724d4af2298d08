"""ToolRL's reward against recorded outputs of the published function."""

import json
import os
from pathlib import Path

import pytest

from toolgym.rewards import score
from toolgym.rewards.toolrl import ToolRLOptions

SHARED = Path(os.environ.get("TOOLGYM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
TRIPLES = SHARED / "data" / "toolrl" / "triples.jsonl"


@pytest.mark.external
@pytest.mark.skipif(not TRIPLES.is_file(), reason="no recorded ToolRL triples")
def test_every_recorded_triple_agrees() -> None:
    triples = [json.loads(line) for line in TRIPLES.read_text().splitlines()]
    assert len(triples) > 1000
    for triple in triples:
        chosen = ToolRLOptions.from_switches(triple["mode"], triple["step"])
        options = {name: getattr(chosen, name) for name in ToolRLOptions.__slots__}
        got = score("toolrl", triple["completion"], triple["gold"], **options)
        for part in ("total", "format", "correctness", "length"):
            assert got[part] == pytest.approx(triple[part], abs=1e-9), (part, triple)
