"""What searches find on the train split, as data: episodes, step pairs and step values (`toolgym explore`)."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.exploring.explored import Explored
    from toolgym.agents.exploring.exploring import ExploringOptions, Totals, explore
    from toolgym.agents.exploring.states import State, StepPair, states_of, step_pairs

__all__ = [
    "Explored",
    "ExploringOptions",
    "State",
    "StepPair",
    "Totals",
    "explore",
    "states_of",
    "step_pairs",
]

_HOME = {
    "Explored": "explored",
    "ExploringOptions": "exploring",
    "State": "states",
    "StepPair": "states",
    "Totals": "exploring",
    "explore": "exploring",
    "states_of": "states",
    "step_pairs": "states",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
