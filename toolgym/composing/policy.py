"""The policy document of a declared domain, rendered from its rules."""

from typing import Final

from toolgym.composing.declaration import Declaration
from toolgym.composing.fields import TODAY

__all__ = ["render_policy"]

_GENERAL: Final = (
    "Do what the customer asks when this policy allows it, without asking for permission again. Ask only for what is "
    "missing.",
    "Look a fact up before you rely on it. Before you change a record, look at it, so that you know that the rules "
    "allow it.",
    "Refuse what this policy forbids, say why, and change nothing. A request of several parts is served part by part: "
    "do what is allowed and refuse the rest.",
    "Answer questions with the exact value that a tool shows, or that follows from such values. Say nothing that you "
    "have not looked up.",
    'A record that is named by what it is ("the latest", "the one of ...") is found by a look at all that it could be.',
)


def render_policy(declaration: Declaration) -> str:
    """The policy document (Markdown): who the agent is, what holds in general, and the rules, act by act."""
    parts = [f"# {declaration.title}: policy", declaration.role, f"Today is {TODAY.isoformat()}.", "## In general"]
    parts.append("\n".join(f"- {sentence}" for sentence in _GENERAL))
    for heading, sentences in declaration.notes.items():
        parts += [f"## {heading}", "\n".join(f"- {sentence}" for sentence in sentences)]
    if declaration.troubles is not None:
        parts += ["## Troubles", "\n".join(f"- {note}" for note in declaration.troubles.notes())]
    if declaration.rules:
        parts += ["## What is not allowed", "\n".join(f"- {rule.text}" for rule in declaration.rules)]
    return "\n\n".join(parts) + "\n"
