"""A `Task`: what the user wants, the gold chain that does it, and how success is told.

Tasks are data (pydantic models, JSON in and out). Everything that would give the answer away is under `Task.gold`,
`Task.assertions` and `Task.checklist`, and the environment never shows those.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from toolgym.messages import ToolCall
from toolgym.world import Diff

__all__ = [
    "Assertion",
    "ChecklistItem",
    "DoneCheck",
    "GoldAction",
    "GoldCall",
    "Task",
    "UserAction",
    "UserCall",
    "UserScript",
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GoldCall(_Model):
    """One call of the gold chain, with arguments resolved."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    writes: bool = False
    """Whether the call changes the world."""

    def call(self) -> ToolCall:
        return ToolCall(self.name, self.arguments)


class GoldAction(_Model):
    """One turn of the gold trajectory: a plan, parallel calls, or a response (AC-Planner Eq. 4, 7)."""

    plan: str | None = None
    calls: tuple[GoldCall, ...] = ()
    response: str | None = None


class Assertion(_Model):
    """A fact about the final state: in `table`, record `key`, the value at `path` (dotted; list indices allowed).

    `op`: `equals` compares with `value`; `exists` and `absent` look at the record (or the path); `contains` looks for
    `value` in a list; `unchanged` says that the record (or, with `key="*"`, the table; with `table="*"`, the world) is
    as it was.
    """

    table: str
    key: str = "*"
    path: str = ""
    op: Literal["equals", "exists", "absent", "contains", "unchanged"] = "equals"
    value: Any = None


class CallCheck(_Model):
    """True once a successful call of `name` was made whose arguments include `arguments`."""

    type: Literal["call"] = "call"
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class StateCheck(_Model):
    """True while the assertion holds of the present state."""

    type: Literal["state"] = "state"
    assertion: Assertion


class SaidCheck(_Model):
    """True once a response to the user says every one of `facts` (case, commas and spaces aside) and commits to them.

    `toolgym.saying.answers` tells what that is: not a list of candidates, nothing made up.
    """

    type: Literal["said"] = "said"
    facts: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    """Wrong answers: they may be mentioned as what the answer is not, but not given."""
    allowed: tuple[str, ...] = ()
    """Texts whose ids and numbers may be said although the request and the tools' results do not show them."""


class RefusedCheck(_Model):
    """True once a response refuses: it says that the thing cannot be done, or what bars it, and claims no success.

    `toolgym.saying.refusals` tells what counts.
    """

    type: Literal["refused"] = "refused"
    about: tuple[str, ...] = ()
    """Beginnings of the words that the request and its rule are about ("cancel", "refund"); the response has one."""
    unrelated: tuple[str, ...] = ()
    """Such words for other things that might be refused: a response with more than two of them refuses everything."""
    done: tuple[str, ...] = ()
    """Verbs in the past participle that would claim that it was done ("cancelled"); by default the usual ones."""
    subject: str = ""
    """What is refused (an id): where the same answer rightly says that other things are done."""


class NoWriteCheck(_Model):
    """True while no call has changed the world, apart from successful calls of the tools in `allow`."""

    type: Literal["no_write"] = "no_write"
    allow: tuple[str, ...] = ()


class JudgedCheck(_Model):
    """A check that only a judge can decide; the default reward leaves it out."""

    type: Literal["judged"] = "judged"
    pass_condition: str
    failure_examples: tuple[str, ...] = ()
    """What does not meet it (CM2)."""


Check = Annotated[
    CallCheck | StateCheck | SaidCheck | RefusedCheck | NoWriteCheck | JudgedCheck,
    Field(discriminator="type"),
]


class ChecklistItem(_Model):
    """A binary criterion (CM2): satisfied or not, by program unless its check is judged."""

    id: str
    question: str
    check: Check
    weight: float = Field(default=1.0, ge=0)
    turn: int = 0
    """The user turn it belongs to (0 = first)."""
    depends_on: tuple[str, ...] = ()
    """Ids of items that must be satisfied first."""
    evidence: str = ""
    """Where to look: the call, record or sentence that shows it."""
    focus: str = ""
    required: bool = False
    """Whether the task counts as solved only with this item."""
    required_for_next_turn: bool = False
    """Whether the conversation ends when the item is unsatisfied at its turn's end (CM2)."""


class UserCall(_Model):
    """One call of a tool of the user's."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class DoneCheck(_Model):
    """What the user looks at first: where `shows` is in what the call gives, there is nothing to do."""

    call: UserCall
    shows: str = Field(min_length=1)
    """Text of the result, case aside: `"airplane":false`."""
    say: str
    """What the user says then, with fields as in `UserAction.report`."""


class UserAction(_Model):
    """Something that the user does with its own tools when it is told to, or asked what they show."""

    words: tuple[str, ...] = Field(min_length=1)
    """Phrases that call for it. Each stands for all its words, in any order, in one clause of what the agent says; `|`
    parts alternatives of a word: `turn|switch off airplane|flight mode`."""
    calls: tuple[UserCall, ...] = Field(min_length=1)
    """What it calls, in order, up to the first call that fails."""
    values: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Arguments that the clause must name too, in every call: an argument -> words -> its value. The user asks for one
    that it does not find."""
    report: str = "{text}"
    """What it says then. `{text}` is what the last call gave, `{a.b.0}` a value of its structured content, and
    `{a:yes|no}` one of two texts, as that is true or false."""
    failed: str = "That did not work: {text}"
    """What it says where a call failed."""
    done_if: DoneCheck | None = None
    """Spares it what is done already: for tools that toggle."""


class UserScript(_Model):
    """What a scripted user knows and does.

    The user opens with `opening` (or, where that is empty, with its symptoms, or the whole `Task.request`), gives a
    fact when asked for it, does what it is told and reports it, answers yes or no when asked to confirm, and ends the
    conversation when the agent says it is done.
    """

    opening: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    """What it can be asked for: a topic (`reservation id`, `payment`) -> the sentence that it answers with."""
    keywords: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Topic -> words in the agent's question that call for it."""
    confirms: bool = True
    """Answers yes (or no) when asked whether to go ahead."""
    symptoms: str = ""
    """What it has noticed, without knowing why: said when asked what the problem is."""
    actions: tuple[UserAction, ...] = ()
    """What it can be told to do with tools of its own; such a task cannot be played with `user="none"`."""
    turns: tuple[str, ...] = ()
    """What it says, one after the other, whatever the agent answers: its part of a fixed conversation, which ends with
    the answer to the last. All else in the script is left aside then."""


class Task(_Model):
    """One task of an environment.

    Two tasks with equal `id` are the same task, in any process.
    """

    id: str
    domain: str
    kind: tuple[str, ...]
    """The atomic kinds it is composed of, in order (AC-Planner Eq. 3)."""
    composition: str = ""
    """How they are composed: kinds joined by `;` (serial) and `||` (parallel)."""
    depth: int = 1
    """The number of atomic tasks, 1 to 7."""
    split: Literal["train", "validation", "test", "test_unseen", "custom"] = "custom"
    world_seed: int = 0
    """Which world it happens in (see the domain's `build_world`)."""
    request: str
    """The whole request in natural language."""
    user: UserScript = UserScript()
    forbidden: bool = False
    """Whether the policy forbids the request, so that refusing and changing nothing is right."""
    gold: tuple[GoldAction, ...] = ()
    gold_diff: Diff = Field(default_factory=dict)
    """The world's diff after the gold chain was executed (`toolgym.tasks.freezing`); empty: nothing changes."""
    unordered: tuple[str, ...] = ()
    """Paths (`table.key.path`, `*` matches any) of lists in the diff whose order does not matter in comparisons."""
    free: tuple[str, ...] = ()
    """Tables of which any state is right in which the assertions hold (the settings of a user's own phone); the rest of
    the state must be the gold chain's."""
    assertions: tuple[Assertion, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()
    single_turn: bool = False
    """Whether the agent's first message ends the episode, whatever it is: calls are asked for, nothing comes back."""
    verdict: str = ""
    """The name (`toolgym.rewards.verdicts`) of what tells whether the task is solved, in place of the state: a public
    benchmark's own verdict."""
    meta: dict[str, Any] = Field(default_factory=dict)

    @property
    def gold_calls(self) -> tuple[GoldCall, ...]:
        """All calls of the gold chain, in order."""
        return tuple(call for action in self.gold for call in action.calls)
