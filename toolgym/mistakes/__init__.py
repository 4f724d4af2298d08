"""Chains with one wrong decision, at any place of a task's gold chain, played before they count.

    mistaker = Mistaker(make_domain("library", size="small"))
    mistake = mistaker.make(task, np.random.default_rng(0))
    mistake.kind, mistake.place     # ("wrong_argument", 1)
    mistake.actions                 # the gold chain up to there, the wrong decision, and what follows from it

A wrong chain goes on as if the decision had been right: what it names later, and what it answers, follows from what the
tools showed it. Values come from what was seen by then. The place of the decision is drawn first, from all alike. Every
chain is played in an environment: one that solves its task all the same is none, except where the decision was a call
that the tool refused and the chain then goes on right (`recovers`).
"""

from toolgym.mistakes.habits import Habits
from toolgym.mistakes.kinds import DECISIONS, Chain, Wrong
from toolgym.mistakes.mistaker import KINDS, Mistake, Mistaker

__all__ = ["DECISIONS", "KINDS", "Chain", "Habits", "Mistake", "Mistaker", "Wrong"]
