"""What a rule reads of what it is given, and so what must be looked at before it is known to be broken."""

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from dataclasses import replace
from typing import Any

from toolgym.composing.declaration import Seen

__all__ = ["read_by"]


class _Watched(dict[str, Any]):
    """A record of which each look at a field is noted."""

    def __init__(self, record: dict[str, Any], note: Callable[[str], None]):
        super().__init__(record)
        self._note = note

    def _all(self) -> None:
        for name in dict.keys(self):
            self._note(name)

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._note(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        self._all()
        return super().keys()  # type: ignore[return-value]

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        self._all()
        return super().values()  # type: ignore[return-value]

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        self._all()
        return super().items()  # type: ignore[return-value]

    def __eq__(self, other: object) -> bool:
        self._all()
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


def read_by(broken: Callable[[Seen], bool], seen: Seen) -> frozenset[tuple[str, str]]:
    """The parts of what is seen that a rule reads: ("subject", ""), ("speaker", ""), ("picked", the pick's name) and
    ("wishes", the wish's name).

    Args:
        broken: the rule's function.
        seen: what it is given.
    """
    read: set[tuple[str, str]] = set()

    def watched(record: Any, part: str, name: str = "") -> Any:
        # What was never shown is no record, and not looked at either: the rule has decided without it before.
        return _Watched(record, lambda _: read.add((part, name))) if isinstance(record, dict) else record

    broken(
        replace(
            seen,
            subject=watched(seen.subject, "subject"),
            speaker=watched(seen.speaker, "speaker"),
            picked={name: watched(record, "picked", name) for name, record in seen.picked.items()},
            wishes=_Watched(dict(seen.wishes), lambda name: read.add(("wishes", name))),
        )
    )
    return frozenset(read)
