"""Rewards of an episode that grows step by step are those of its prefixes read alone, whatever happens between."""

from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import ToolCall, Turn
from toolgym.rewards.checklist import checklist_term, satisfied
from toolgym.rewards.structural import StructuralTerm, structural_term
from toolgym.tasks import Assertion, CallCheck, ChecklistItem, GoldAction, GoldCall, NoWriteCheck, StateCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory


def task_of(name: str) -> Task:
    call = GoldCall(name=name, arguments={"x": 2})
    changed = Assertion(table="t", key="k", op="equals", path="n", value=2)
    return Task(
        id=name,
        domain="d",
        kind=("k",),
        request="r",
        gold=(
            GoldAction(
                calls=(call, GoldCall(name="b", arguments={})),
            ),
            GoldAction(response="done"),
        ),
        checklist=(
            ChecklistItem(id="called", question="?", check=CallCheck(name=name, arguments={"x": 2})),
            ChecklistItem(id="state", question="?", check=StateCheck(assertion=changed), depends_on=("called",)),
            ChecklistItem(id="still", question="?", check=NoWriteCheck(allow=(name,))),
        ),
    )


TASKS = [task_of("a"), task_of("c")]
TERMS = [structural_term, StructuralTerm(values=3.0), checklist_term]
STEPS = st.builds(
    lambda name, x, failed, n: Step(
        Turn(calls=(ToolCall(name, {"x": x}),)),
        (ToolResult("", is_error=failed),),
        diff=None if n is None else {"t": {"k": {"n": n}}},
    ),
    st.sampled_from("abc"),
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from([None, 1, 2]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=8))
def test_what_was_read_before_never_shows(said) -> None:
    growing = Trajectory("e", "t")
    for step, doing, which in said:
        growing.steps.append(step)
        if doing == 1:  # an earlier step is another one
            growing.steps[0] = Step(Turn(calls=(ToolCall("a", {"x": 2}),)))
        elif doing == 2 and len(growing.steps) > 1:
            del growing.steps[0]
        fresh = Trajectory("e", "t", steps=list(growing.steps))
        for term in TERMS if doing != 3 else TERMS[:1]:  # some steps are not scored
            assert term(growing, TASKS[which]) == term(fresh, TASKS[which])
        fresh = Trajectory("e", "t", steps=list(growing.steps))
        assert satisfied(growing, TASKS[which]) == satisfied(fresh, TASKS[which])
