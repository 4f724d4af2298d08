"""`World`: copy on write, forks that share nothing, diffs that are the overlay."""

import copy
import hashlib
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from toolgym.world import Base, World, canonical, copy_json

TABLES: dict[str, dict[str, Any]] = {
    "users": {"ann": {"credit": 5, "tags": ["a"]}, "bob": {"credit": 0, "tags": []}},
    "empty": {},
}
KEYS = st.sampled_from(["ann", "bob", "new"])
NAMES = st.sampled_from(sorted(TABLES))
VALUES = st.integers(0, 3)


class WorldMachine(RuleBasedStateMachine):
    """A world and its forks do what plain dictionaries do; the base never changes."""

    @initialize()
    def start(self) -> None:
        self.base = Base(copy.deepcopy(TABLES))
        self.worlds = [World(self.base)]
        self.models = [copy.deepcopy(TABLES)]

    def _pick(self, which: int) -> tuple[World, dict[str, dict[str, Any]]]:
        return self.worlds[which % len(self.worlds)], self.models[which % len(self.models)]

    @rule(which=VALUES, table=NAMES, key=KEYS, credit=VALUES)
    def put(self, which: int, table: str, key: str, credit: int) -> None:
        world, model = self._pick(which)
        record = {"credit": credit, "tags": ["new"]}
        world.put(table, key, record)
        model[table][key] = copy.deepcopy(record)
        record["tags"].append("a later change of the caller's record does not show")

    @rule(which=VALUES, table=NAMES, key=KEYS, credit=VALUES)
    def edit(self, which: int, table: str, key: str, credit: int) -> None:
        world, model = self._pick(which)
        if key in model[table]:
            for record in (world.edit(table, key), model[table][key]):
                record["credit"] = credit
                record["tags"].append("x")
        else:
            with pytest.raises(KeyError, match="no record"):
                world.edit(table, key)

    @rule(which=VALUES, table=NAMES, key=KEYS)
    def delete(self, which: int, table: str, key: str) -> None:
        world, model = self._pick(which)
        if key in model[table]:
            world.delete(table, key)
            del model[table][key]
        else:
            with pytest.raises(KeyError, match="no record"):
                world.delete(table, key)

    @rule(which=VALUES)
    def fork(self, which: int) -> None:
        if len(self.worlds) < 5:
            world, model = self._pick(which)
            self.worlds.append(world.fork())
            self.models.append(copy.deepcopy(model))

    @rule(which=VALUES)
    def restore(self, which: int) -> None:
        world, model = self._pick(which)
        twin = World(self.base)
        twin.restore(world.diff())
        assert {table: dict(twin.items(table)) for table in TABLES} == model
        assert twin.diff() == world.diff()
        assert twin.hash() == world.hash()

    @invariant()
    def agrees_with_dictionaries(self) -> None:
        assert self.base.tables == TABLES
        for world, model in zip(self.worlds, self.models, strict=True):
            for table in TABLES:
                assert dict(world.items(table)) == model[table]
                assert list(world.items(table)) == [(key, world.get(table, key)) for key in world.keys(table)]
                assert world.count(table) == len(model[table])
                for credit in range(6):
                    found = [(key, record) for key, record in world.items(table) if record["credit"] == credit]
                    assert list(world.where(table, "credit", credit).items()) == found
                for key in ("ann", "bob", "new"):
                    assert world.has(table, key) == (key in model[table])
                    assert world.get(table, key) == model[table].get(key)
            expected = {
                table: {
                    key: model[table].get(key)
                    for key in sorted({*model[table], *TABLES[table]})
                    if model[table].get(key) != TABLES[table].get(key)
                }
                for table in sorted(TABLES)
            }
            assert world.diff() == {table: changed for table, changed in expected.items() if changed}


TestWorldMachine = WorldMachine.TestCase
TestWorldMachine.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_what_a_diff_gives_is_a_copy() -> None:
    world = World(Base(copy.deepcopy(TABLES)))
    world.edit("users", "ann")["credit"] = 7
    world.diff()["users"]["ann"]["tags"].append("x")  # type: ignore[index]
    assert world.get("users", "ann") == {"credit": 7, "tags": ["a"]}


def test_version_counts_writes_and_only_writes() -> None:
    world = World(Base(copy.deepcopy(TABLES)))
    world.get("users", "ann")
    list(world.items("users"))
    assert world.version == 0
    world.edit("users", "ann")
    world.put("users", "new", {})
    world.delete("users", "new")
    assert world.version == 3
    assert world.fork().version == 3


def test_hash_is_that_of_the_canonical_diff() -> None:
    # The diff of one edited record, keys sorted, no spaces.
    world = World(Base(copy.deepcopy(TABLES)))
    world.edit("users", "bob")["credit"] = 2
    text = b'{"users":{"bob":{"credit":2,"tags":[]}}}'
    assert canonical(world.diff()) == text
    assert world.hash() == hashlib.sha256(text).hexdigest()


HASHES = """
from toolgym.world import Base, World
world = World(Base({"t": {str(i): {"n": i} for i in range(50)}}))
for key in {str(i) for i in range(20)}:
    world.edit("t", key)["n"] = -1
print(world.hash())
"""


def test_hash_does_not_depend_on_the_process() -> None:
    outs = [
        subprocess.run(
            [sys.executable, "-c", HASHES], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert outs[0] == outs[1]
    assert len(outs[0].strip()) == 64


def test_an_unknown_table_is_named_with_its_neighbours() -> None:
    world = World(Base(copy.deepcopy(TABLES)))
    for look in (lambda: world.get("user", "ann"), lambda: world.put("user", "ann", {}), lambda: world.count("user")):
        with pytest.raises(KeyError, match="Did you mean 'users'"):
            look()


def test_an_index_is_built_once() -> None:
    built = []

    def build(base: Base) -> int:
        built.append(1)
        return len(base.tables["users"])

    base = Base(copy.deepcopy(TABLES))
    assert [base.index("users", build), base.index("users", build)] == [2, 2]
    assert built == [1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=8,
    )
)
@settings(max_examples=50, deadline=None)
def test_copy_json_shares_no_container(value: Any) -> None:
    def containers(part: Any) -> set[int]:
        if isinstance(part, dict):
            return {id(part)}.union(*map(containers, part.values()))
        if isinstance(part, list):
            return {id(part)}.union(*map(containers, part))
        return set()

    twin = copy_json(value)
    assert twin == value
    assert not containers(twin) & containers(value)


def test_a_million_records_cost_an_episode_nothing() -> None:
    def median_us(base: Base, changed: int) -> tuple[float, float]:
        world = World(base)
        for key in range(changed):
            world.put("t", f"new {key}", {"n": 0})
        timings: list[list[float]] = [[], []]
        for _ in range(300):
            start = time.perf_counter()
            World(base)
            middle = time.perf_counter()
            world.fork()
            timings[0].append(middle - start)
            timings[1].append(time.perf_counter() - middle)
        return sorted(timings[0])[150] * 1e6, sorted(timings[1])[150] * 1e6

    record = {"n": 1}
    small = median_us(Base({"t": {"0": record}}), 10)
    large = median_us(Base({"t": {str(key): record for key in range(1_000_000)}}), 10)
    # Both take a microsecond or two; anything that grew with the base would take milliseconds.
    assert large[0] < small[0] + 50
    assert large[1] < small[1] + 50
