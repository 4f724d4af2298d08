"""What an expert says in an episode, for the models of other projects that only repeat what they are given."""

import json
from typing import Any

from toolgym.agents.policies.scripted import gold_turns
from toolgym.messages import Turn, render
from toolgym.tasks import Task


def expert_turns(task: Task) -> list[Turn]:
    """The gold chain, and what an expert says to a user who goes on talking after it."""
    return [*gold_turns(task), *[Turn(response="Is there anything else?")] * 3]


def gold_messages(task: Task) -> list[dict[str, Any]]:
    """The same as an assistant's messages of the chat API."""
    return [json.loads(render(turn, "openai")) for turn in expert_turns(task)]
