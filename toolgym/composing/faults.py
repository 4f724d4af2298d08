"""What a domain declares of its customers' troubles: what may be wrong, how it shows, and what mends it.

    Troubles(
        goals=(Goal("mms", ("I want to send pictures again.",), ...),),
        checks=(Check(Tell("ask_status", "check_network_status", "Please check the network status."), note=...),),
        faults=(
            Fault("airplane", breaks=("mms",), occurs=airplane_on, symptoms=("I have no signal.",),
                  hints=("There is a little plane at the top of my screen.",), checks=("ask_status",),
                  shows=lambda known: "Airplane Mode: ON" in known["ask_status"],
                  mended_by=(Tell("tell_airplane", "toggle_airplane_mode", "Please turn off airplane mode."),)),
        ), ...
    )

Each step is a decision of the agent's: a call of its own, or something that it tells the customer to do or to look at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from toolgym.composing.fields import Field
from toolgym.tasks import UserAction
from toolgym.world import Base, World

__all__ = ["Asked", "Call", "Check", "Fault", "Goal", "Known", "Tell", "Troubles"]

Known = Mapping[str, Any]
"""What the agent knows: `subject` (how the customer names what it calls about), wishes, what else the customer said
(`Fault.tells`), and by the kind of each check what it showed."""


@dataclass(frozen=True, eq=False)
class Tell:
    """Something that the customer is told to do, or asked to look at.

    Args:
        kind: its atomic kind, a word.
        tool: the customer's tool that it leads to.
        words: how the agent says it.
    """

    kind: str
    tool: str
    words: str


@dataclass(frozen=True, eq=False)
class Call:
    """A call of the agent's own.

    Args:
        kind: its atomic kind, a word.
        tool: the tool's name.
        arguments: made of what is known.
        writes: whether it changes something.
        required: whether the trouble counts as dealt with only with this call, which changes nothing.
        free: whether its arguments can be worded in many ways.
    """

    kind: str
    tool: str
    arguments: Callable[[Known], dict[str, Any]]
    writes: bool = False
    required: bool = False
    free: bool = False


@dataclass(frozen=True, eq=False)
class Asked:
    """What the customer must choose.

    Args:
        field: makes the value.
        topic: what an agent asks for it by.
        fact: how the customer answers then.
    """

    field: Field
    topic: str
    fact: str = "{value}."


@dataclass(frozen=True, eq=False)
class Check:
    """A look at what may be wrong, at the operator's or by the customer.

    Args:
        by: how; its kind is the check's.
        note: what the policy says: what it is for.
    """

    by: Tell | Call
    note: str


@dataclass(frozen=True, eq=False)
class Fault:
    """One thing that is wrong.

    Args:
        name: a word.
        breaks: the goals that are out of reach because of it alone.
        occurs: puts it into the world, for the record of the customer's that the trouble is about.
        symptoms: what the customer notices, which leaves the cause open.
        hints: what the customer notices instead where that gives it away.
        checks: what is looked at where only the symptoms are known.
        shows: whether what is known after these checks shows it.
        mended_by: the steps that mend it, in this order; nothing where it can only be handed over.
        note: what the policy says about it.
        needs: the checks that are needed all the same where there is a hint.
        wishes: parameter -> what the customer must choose; with `asks`, the sentence in which it says so.
        tells: words for what the customer's symptoms and hints say besides; each is known then.
        apart: the faults that it does not go together with.
        alone: whether it goes together with none.
        done: what the agent says in the end, instead of the goal's words.
        unseen: symptoms of `test_unseen` alone.
        unseen_hints: hints of `test_unseen` alone.
    """

    name: str
    breaks: tuple[str, ...]
    occurs: Callable[[World, str], None]
    symptoms: tuple[str, ...]
    hints: tuple[str, ...]
    checks: tuple[str, ...]
    shows: Callable[[Known], bool]
    mended_by: tuple[Tell | Call, ...]
    note: str
    needs: tuple[str, ...] = ()
    wishes: Mapping[str, Asked] = field(default_factory=dict)
    asks: str = ""
    tells: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    alone: bool = False
    done: str = ""
    unseen: tuple[str, ...] = ()
    unseen_hints: tuple[str, ...] = ()

    @property
    def hopeless(self) -> bool:
        """Whether nothing that either side can do mends it."""
        return not any(isinstance(step, Tell) or step.writes for step in self.mended_by)


@dataclass(frozen=True, eq=False)
class Goal:
    """Something that must work again.

    Args:
        name: the field of the record of what works.
        words: how the customer says so.
        unseen: the same, in `test_unseen` alone.
        done: what the agent says in the end.
    """

    name: str
    words: tuple[str, ...]
    unseen: tuple[str, ...]
    done: str


@dataclass(frozen=True, eq=False)
class Troubles:
    """The troubles of a domain.

    Args:
        goals: what must work.
        checks: all looks, in the order in which they are taken.
        faults: all faults, in the order in which they are mended.
        actions: what the customer can do, in plain words.
        about: the table of the records that troubles are about (lines).
        told: the field by which the customer names such a record (the phone number).
        topic: what an agent asks for it by.
        suits: whether nothing is wrong with a record of the world yet.
        begin: puts the customer's device into the world, for such a record.
        devices: the table of devices; empty in worlds without trouble.
        works: the table of what works on a device, one record each of flags.
        intro: how the customer names the record; `unseen_intro` in `test_unseen`.
        share: of the domain's tasks.
    """

    goals: tuple[Goal, ...]
    checks: tuple[Check, ...]
    faults: tuple[Fault, ...]
    actions: tuple[UserAction, ...]
    about: str
    told: str
    topic: str
    suits: Callable[[Base, Mapping[str, Any]], bool]
    begin: Callable[[World, str], None]
    devices: str
    works: str
    intro: tuple[str, ...]
    unseen_intro: tuple[str, ...]
    share: float = 0.45

    @cached_property
    def by_name(self) -> dict[str, Fault]:
        """The faults."""
        return {fault.name: fault for fault in self.faults}

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Atomic kind -> the tool that does it, on either side."""
        steps = [check.by for check in self.checks] + [step for fault in self.faults for step in fault.mended_by]
        return {step.kind: step.tool for step in steps}

    @property
    def free(self) -> tuple[str, ...]:
        """The tables in which only what the goal needs is told: there is more than one way to a phone that works."""
        return (self.devices, self.works)

    def notes(self) -> list[str]:
        """What the policy says of checks and faults."""
        return [part.note for part in (*self.checks, *self.faults) if part.note]
