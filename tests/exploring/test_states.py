"""Episodes as a tree of states: pairs and values worked out by hand."""

from toolgym.agents.exploring import State, states_of, step_pairs
from toolgym.agents.exploring.states import distinct
from toolgym.messages import CutMessage, parse
from toolgym.trajectory import Step, Trajectory


def call(name: str, **arguments: int) -> str:
    shown = ", ".join(f'"{name}": {value}' for name, value in arguments.items())
    return f'<tool_call>{{"name": "{name}", "arguments": {{{shown}}}}}</tool_call>'


def episode(*said: str, solved: bool = False) -> Trajectory:
    """What was said, turn by turn; each answer follows from it."""
    steps = [Step(parse(text), observation=f"after {text}") for text in said]
    return Trajectory("env", "task", prompt="Please.", steps=steps, outcome="solved" if solved else "unsolved")


LOOK, PAY, PAY_TWICE, PAY_WRONG = call("look"), call("pay", n=1), call("pay", n=2), call("pay", n=3)
DONE, SORRY = "<response>Done.</response>", "<response>I cannot.</response>"
PLANNED = f"<plan>First, look.</plan>{LOOK}"
# The tree, with the share of solved episodes at each state:
#
#   Please. 3/7 ── LOOK 2/4 ── PAY 2/2 ── DONE 2/2
#          │            ├──── PAY_WRONG 0/1 ── DONE 0/1
#          │            └──── SORRY 0/1
#          ├─ PLANNED 0/1 ─── PAY_TWICE 0/1            (does what LOOK does: no pair with it)
#          ├─ PAY 1/1 ─────── DONE 1/1
#          └─ SORRY 0/1
EPISODES = [
    episode(LOOK, PAY, DONE, solved=True),
    episode(LOOK, PAY_WRONG, DONE),
    episode(PLANNED, PAY_TWICE),
    episode(LOOK, PAY, DONE, solved=True),
    episode(PAY, DONE, solved=True),
    episode(SORRY),
    episode(LOOK, SORRY),
]


def said(state: State) -> str:
    return "" if state.turn is None else state.turn.text


def test_values_are_the_shares_of_solved_episodes() -> None:
    root = states_of("Please.", EPISODES)
    found = [(said(state), state.solved, state.visits) for state in root.walk()]
    assert found == [
        ("", 3, 7),
        (LOOK, 2, 4),
        (PAY, 2, 2),
        (DONE, 2, 2),
        (PAY_WRONG, 0, 1),
        (DONE, 0, 1),
        (SORRY, 0, 1),
        (PLANNED, 0, 1),
        (PAY_TWICE, 0, 1),
        (PAY, 1, 1),
        (DONE, 1, 1),
        (SORRY, 0, 1),
    ]
    assert root.value == 3 / 7
    # In the order in which they were reached.
    assert [state.number for state in root.walk()] == [0, 1, 2, 3, 4, 5, 11, 6, 7, 8, 9, 10]
    paid = root.children[0].children[0].children[0]
    assert ([turn.text for turn in paid.before], root.before) == ([LOOK, PAY, DONE], [])


def test_pairs_are_the_best_branch_against_each_that_failed() -> None:
    """At the opening PAY (1/1) is the best, before LOOK (2/4); PLANNED does what LOOK does, which led to success: only
    SORRY failed. After LOOK: PAY against PAY_WRONG and SORRY. Nowhere else did something succeed and something fail."""
    pairs = step_pairs(states_of("Please.", EPISODES))
    assert [(said(pair.state), said(pair.chosen), said(pair.rejected)) for pair in pairs] == [
        ("", PAY, SORRY),
        (LOOK, PAY, PAY_WRONG),
        (LOOK, PAY, SORRY),
    ]
    assert [pair.state.number for pair in pairs] == [0, 1, 1]
    assert step_pairs(states_of("Please.", EPISODES[1:2])) == []


def test_of_equal_branches_the_most_visited_then_the_first_is_chosen() -> None:
    twice = [episode(PAY, DONE, solved=True), *[episode(PAY_TWICE, DONE, solved=True)] * 2, episode(SORRY)]
    assert [said(pair.chosen) for pair in step_pairs(states_of("", twice))] == [PAY_TWICE]
    assert [said(pair.chosen) for pair in step_pairs(states_of("", [*twice, twice[0]]))] == [PAY]


def test_failed_steps_that_do_the_same_make_one_pair() -> None:
    again = [
        episode(LOOK, DONE, solved=True),
        episode(PAY),
        episode(f"<plan>Pay.</plan>{PAY}"),
        episode("<tool_call>{"),
    ]
    assert [said(pair.rejected) for pair in step_pairs(states_of("", again))] == [PAY, "<tool_call>{"]


def test_a_step_that_went_well_in_other_words_is_not_rejected() -> None:
    """Whichever of the two was sampled first."""
    good, bad, other = episode(LOOK, PAY, solved=True), episode(PLANNED, DONE), episode(SORRY)
    for episodes in ([bad, good, other], [good, bad, other]):
        assert [said(pair.rejected) for pair in step_pairs(states_of("", episodes))] == [SORRY]


def test_turns_that_were_cut_are_in_no_pair_and_nothing_after_them() -> None:
    def cut(*said: str, solved: bool) -> Trajectory:
        made = episode(*said, solved=solved)
        made.steps[0] = Step(parse(CutMessage(said[0])), observation="Too long.")
        return made

    root = states_of("", [cut(LOOK, PAY, solved=True), cut(LOOK, SORRY, solved=False), episode(PAY)])
    assert step_pairs(root) == []
    assert [(state.whole, state.visits) for state in root.children] == [(False, 2), (True, 1)]
    # The same words written to their end are another step.
    assert len(states_of("", [cut(LOOK, solved=True), episode(LOOK)]).children) == 2


def test_another_answer_to_the_same_step_is_another_state() -> None:
    other = episode(LOOK, DONE)
    other.steps[0].observation = "another answer"
    root = states_of("", [EPISODES[0], other])
    assert [state.visits for state in root.children] == [1, 1]
    assert step_pairs(root) == []  # one and the same step led to success and to failure
    assert distinct([EPISODES[0], EPISODES[3], other]) == [EPISODES[0], other]
