"""The examples of all rows, read again when they are asked for: what is held of one is a dozen bytes.

Ids are `NAME-LINE`, of a conversation's turn `NAME-LINE-TURN`; a row without a split of its own gets one by a seeded
rule, by what it says, so that equal rows and the turns of one conversation are never in two splits.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from typing import Any

from toolgym.envs.calls.errors import RowError
from toolgym.envs.calls.rows import Example, Said, Until, read_row
from toolgym.envs.calls.session import as_diff
from toolgym.envs.calls.sources import Source, each_row
from toolgym.errors import ConfigError, TaskError
from toolgym.tasks import ChecklistItem, GoldAction, GoldCall, SaidCheck, Task
from toolgym.tasks.task import CallCheck
from toolgym.world import canonical

__all__ = ["RowStore", "RowTasks"]

KINDS = ("no_call", "single", "parallel", "chain")
"""What the gold is: no call, one call, several in one message, or several turns with calls."""
_SPLITS = ("train", "validation", "test", "test_unseen", "custom")
_MADE = 512
"""How many tasks, and as many examples, are kept."""
_WHOLE = 0xFFFF
"""The turn of a row that is no conversation."""
_SHOWN = 10
_DONE = "Done."
_NO_CALL = "None of these tools does that."


class RowStore:
    """All examples.

    Args:
        sources: where the rows are.
        until: when episodes end.
        test_share: the share of the rows without a split of their own that is held out for tests, and as many again for
            validation. 0: they are all for training.
        seed: seeds which.
        skip_broken: whether broken rows are left out, and not an error.

    Raises:
        TaskError: a row is broken; it names the file and the line of the first ones.
    """

    def __init__(
        self, sources: Sequence[Source], until: Until, test_share: float, seed: int, skip_broken: bool = False
    ):
        self.sources = sources
        self._until: Until = until
        self._source, self._row, self._turn = array("H"), array("L"), array("H")
        self._kind, self._depth = array("B"), array("B")
        self.broken: list[str] = []
        """Where the rows stand that are broken, and why."""
        keys, given = array("Q"), array("B")
        for at, index in each_row(sources):
            try:
                row = sources[at].row(index)
                examples = read_row(row, until)
                split = _SPLITS.index(_given_split(row, sources[at].split))
            except RowError as error:
                self.broken.append(f"{sources[at].where(index)}: {error}")
                continue
            key = int.from_bytes(blake2b(_content(examples), digest_size=8, key=str(seed).encode()).digest(), "big")
            for turn, example in enumerate(examples):
                self._source.append(at)
                self._row.append(index)
                self._turn.append(min(turn, _WHOLE - 1) if len(examples) > 1 else _WHOLE)
                self._kind.append(_kind_of(example))
                self._depth.append(min(255, max(1, sum(len(said.calls) for said in example.gold))))
                keys.append(key)
                given.append(split)
        if self.broken and not skip_broken:
            raise TaskError(_told(self.broken))
        if not self._row:
            raise TaskError("no row can be read. " + _told(self.broken))
        self._split = _divided(keys, given, test_share)
        self.task = lru_cache(maxsize=_MADE)(self._task)
        self.example = lru_cache(maxsize=_MADE)(self._example)

    def __len__(self) -> int:
        return len(self._row)

    def _example(self, place: int) -> Example:
        """The example of a place, read anew.

        Raises:
            TaskError: its file is not what it was.
        """
        source = self.sources[self._source[place]]
        turn = self._turn[place]
        try:
            examples = read_row(source.row(self._row[place]), self._until)
            return examples[0 if turn == _WHOLE else turn]
        except (RowError, IndexError) as error:
            where = source.where(self._row[place])
            raise TaskError(f"{where} is not what it was when it was opened: {error}") from error

    def kind(self, place: int) -> str:
        """What the gold of a place is: one of `KINDS`."""
        return KINDS[self._kind[place]]

    def id(self, place: int) -> str:
        """The id of a place's task."""
        source, turn = self.sources[self._source[place]], self._turn[place]
        number = f"{source.name}-{source.number(self._row[place])}"
        return number if turn == _WHOLE else f"{number}-{turn + 1}"

    def where(self, split: str, depths: Sequence[int] | None, kinds: Sequence[str] | None) -> "array[int]":
        """The places of a split that fit.

        Raises:
            ConfigError: there is no such kind.
        """
        for kind in kinds or ():
            if kind not in KINDS:
                raise ConfigError(f"Calls-v0 has no kind {kind!r}: it has {', '.join(KINDS)}")
        wanted = {_SPLITS.index(split), _SPLITS.index("custom")}
        chosen = None if kinds is None else {KINDS.index(kind) for kind in kinds}
        fit = (
            place
            for place, own in enumerate(self._split)
            if own in wanted
            and (chosen is None or self._kind[place] in chosen)
            and (depths is None or self._depth[place] in depths)
        )
        return array("L", fit)

    def _task(self, place: int) -> Task:
        example = self.example(place)
        gold = [_action(turn) for turn in example.gold]
        if self._until == "response" and gold[-1].response is None:
            gold.append(GoldAction(response=_DONE))
        calls = [call for action in gold for call in action.calls]
        request = next((said.text for said in reversed(example.history) if said.role == "user"), "")
        items = [
            ChecklistItem(
                id=f"call{number}",
                question=f"Was call {number} made?",
                check=CallCheck(name=call.name, arguments=call.arguments),
            )
            for number, call in enumerate(calls, 1)
        ]
        if gold[-1].response is not None:
            items.append(ChecklistItem(id="answer", question="Is there an answer?", check=_ANSWERS, required=True))
        return Task(
            id=self.id(place),
            domain="calls",
            kind=(self.kind(place),),
            depth=self._depth[place],
            split=_SPLITS[self._split[place]],
            request=request,
            gold=tuple(gold),
            gold_diff=as_diff([{"name": call.name, "arguments": call.arguments} for call in calls]),
            unordered=("calls.made.list",),
            checklist=tuple(items),
            meta={"row": self.sources[self._source[place]].where(self._row[place])},
        )

    def place_of(self, task_id: str) -> int | None:
        """The place of an id, or None."""
        for at, source in enumerate(self.sources):
            head, _, rest = task_id.partition(f"{source.name}-")
            parts = rest.split("-")
            if head or not 1 <= len(parts) <= 2 or not all(part.isdigit() for part in parts):
                continue
            index = source.index(int(parts[0]))
            wanted = at, index, int(parts[1]) - 1 if len(parts) == 2 else _WHOLE
            if index is None:
                continue
            place = bisect_left(range(len(self)), wanted, key=self._at)
            if place < len(self) and self._at(place) == wanted:
                return place
        return None

    def _at(self, place: int) -> tuple[int, int, int]:
        """(source, row, turn); they rise with the place."""
        return self._source[place], self._row[place], self._turn[place]


class RowTasks:
    """The examples of a split as tasks."""

    def __init__(self, store: RowStore, places: "array[int]"):
        self._store, self._places = store, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int, /) -> Task:
        return self._store.task(self._places[index])

    def __iter__(self) -> Iterator[Task]:
        for place in self._places:
            yield self._store.task(place)

    def by_id(self, task_id: str) -> Task:
        """The task of that id, in this split.

        Raises:
            ConfigError: there is none.
        """
        place = self._store.place_of(task_id)
        at = 0 if place is None else bisect_left(self._places, place)
        if place is None or at == len(self) or self._places[at] != place:
            first, last = self._store.id(self._places[0]), self._store.id(self._places[-1])
            raise ConfigError(f"There is no task {task_id!r} in this split: its tasks are {first!r} to {last!r}")
        return self._store.task(place)


_ANSWERS = SaidCheck(facts=())
"""True once there is a response at all."""


def _action(turn: Said) -> GoldAction:
    calls = tuple(GoldCall(name=call.name, arguments=call.arguments) for call in turn.calls)
    response = turn.text.strip() or (None if calls else _NO_CALL)
    return GoldAction(plan=turn.plan or None, calls=calls, response=response)


def _kind_of(example: Example) -> int:
    turns = [turn for turn in example.gold if turn.calls]
    if len(turns) > 1:
        return KINDS.index("chain")
    return 0 if not turns else KINDS.index("single" if len(turns[0].calls) == 1 else "parallel")


def _content(examples: Sequence[Example]) -> bytes:
    """What a row says to begin with: equal rows have it in common, whatever their ids."""
    first = examples[0]
    tools = [[tool.name, tool.description] for tool in first.tools]
    return canonical([[[said.role, said.text] for said in first.history], tools])


def _given_split(row: Mapping[str, Any], of_source: str | None) -> str:
    split = row.get("split", of_source)
    if split is None:
        return "custom"
    if split not in _SPLITS:
        raise RowError(f"its split {split!r:.40} is none of {', '.join(_SPLITS)}")
    return split


def _divided(keys: "array[int]", given: "array[int]", test_share: float) -> "array[int]":
    """The split of each place: its own, or by its key among those without one."""
    none, train, validation, test = (_SPLITS.index(name) for name in ("custom", "train", "validation", "test"))
    free = sorted({key for key, own in zip(keys, given, strict=True) if own == none})
    if not free:
        return given
    held = ceil(test_share * len(free))
    if len(free) < 2 * held + 1:  # too few to hold any out
        return given
    tests, validations = set(free[:held]), set(free[held : 2 * held])

    def of(key: int) -> int:
        return test if key in tests else validation if key in validations else train

    return array("B", (of(key) if own == none else own for key, own in zip(keys, given, strict=True)))


def _told(broken: Sequence[str]) -> str:
    shown = "; ".join(one.rstrip(".") for one in broken[:_SHOWN])
    more = f"; and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
    return (
        f"{len(broken)} broken row{'s' if len(broken) > 1 else ''}: {shown}{more}. Mend them, or leave them out with "
        "skip_broken=true (python -m toolgym.envs.calls FILE lists all)"
    )
