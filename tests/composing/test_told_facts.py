"""What a customer must be told after an act, all who ask for the act ask for, or the policy says that it is told."""

import re
from importlib import import_module

import pytest

from toolgym.composing.declaration import Act, Declaration
from toolgym.registration import _DECLARED

ASKS = re.compile(
    r"\b(?:tell me|let me know|how (?:much|long|many)|what (?:is|are|does|do|will|would|comes?|that|you|it|they)|whose"
    r"|when|where|which|until when|(?:and|please) (?:name|state|give|quote|confirm)|name the)\b",
    re.IGNORECASE,
)
"""Words that ask to be told something."""


def _noted(declaration: Declaration, act: Act) -> bool:
    """Whether a note of the policy has the customer told something of the act."""
    others = {word for other in declaration.acts if other.tool != act.tool for word in (*other.about, *other.past)}
    own = [word for word in (*act.about, *act.past) if word not in others]
    words = re.compile(rf"\b(?:{'|'.join(map(re.escape, own))})", re.IGNORECASE)
    notes = [f"{heading}: {note}" for heading, notes in declaration.notes.items() for note in notes]
    return any(re.search(r"\btell\b", note, re.IGNORECASE) and words.search(note) for note in notes)


@pytest.mark.parametrize("name", _DECLARED)
def test_nobody_has_to_guess_what_must_be_told(name: str) -> None:
    declaration: Declaration = getattr(import_module(f"toolgym.envs.{name}"), name.upper())
    for act in declaration.acts:
        if act.told and not _noted(declaration, act):
            silent = [words for words in (*act.words, *act.unseen) if not ASKS.search(words)]
            assert not silent, (act.kind, act.told, silent)
