"""What a call changed, what is needed, and whether the task can still be solved: by hand, on tasks of the library.

Task 9 (`CANCEL`): "My e-mail is voglot.hoult84@example.com. Cancel my hindmost hold." Its chain: find_member_by_email,
list_holds (H-99325, place 6, and H-15971, place 4), cancel_hold H-99325, the answer.

Task 5 (`RESERVE`): get_member, list_holds, get_book, place_hold of B-88684 at north, the answer.

Task 31 (`RENEW`): a hold is placed and moved; beside it the loan L-62801 is renewed, and then returned.
"""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.envs.planarena.corpus import playing
from toolgym.envs.planarena.corpus.labels import relevance_of_call, relevance_of_response, role_of_call
from toolgym.envs.planarena.corpus.playing import SearchLimitError, State, new_env, start
from toolgym.registration import make_domain
from toolgym.tasks import GoldAction, GoldCall, Task

CANCEL, RESERVE, RENEW = 9, 5, 31


def call(name: str, **arguments: str) -> GoldAction:
    return GoldAction(calls=(GoldCall(name=name, arguments=arguments),))


FOUND, HOLDS = (
    call("find_member_by_email", email="voglot.hoult84@example.com"),
    call("list_holds", member_id="voglot_hoult_61"),
)


def test_the_gold_chain_stays_solvable_and_solves(
    state_of: Callable[[int], State], task_of: Callable[[int], Task]
) -> None:
    state = state_of(CANCEL)
    assert state.solvable()
    for action, left in zip(task_of(CANCEL).gold, (2, 1, 0, 0), strict=True):
        played = state.play(action)
        assert state.solvable()
        assert len(state.left) == left
        assert all(done.needed for done in played.calls)
    assert state.outcome == "solved"


def test_what_a_call_changed_is_what_is_otherwise_after_it(state_of: Callable[[int], State]) -> None:
    state = state_of(CANCEL)
    (found,) = state.play(FOUND).calls
    assert found.changed == {}
    (cancelled,) = state.play(call("cancel_hold", hold_id="H-99325")).calls
    assert cancelled.changed == {"holds": {"H-99325": None}}
    (again,) = state.play(HOLDS).calls
    assert again.changed == {}  # it was changed before


def test_parallel_calls_are_told_apart(state_of: Callable[[int], State]) -> None:
    # A loan is renewed and a hold placed in one turn: each call's change is its own.
    state = state_of(RENEW)
    renewed = call("renew_loan", loan_id="L-62801").calls[0]
    placed = call("place_hold", member_id="maihox_cliolt_97", book_id="B-81857", branch="north").calls[0]
    played = state.play(GoldAction(calls=(renewed, placed)))
    assert [set(done.changed) for done in played.calls] == [{"loans"}, {"holds"}]
    assert [done.needed for done in played.calls] == [True, True]


def test_cancelling_another_hold_loses_the_task(
    state_of: Callable[[int], State], task_of: Callable[[int], Task]
) -> None:
    state = state_of(CANCEL)
    for action in (FOUND, HOLDS):
        state.play(action)
    left = [made for _, made in state.left]
    (done,) = state.play(call("cancel_hold", hold_id="H-15971")).calls
    assert not state.solvable()
    assert role_of_call(done, state.solvable()) == "wrong"
    # cancel_hold is to come, with another hold: r_name 1, r_param 0 of 2 -> (1 + 0) / 2.
    assert relevance_of_call(done, left, task_of(CANCEL)) == 0.5


def test_a_hold_at_another_branch_is_wrong_and_near(
    state_of: Callable[[int], State], task_of: Callable[[int], Task]
) -> None:
    state = state_of(RESERVE)
    for action in task_of(RESERVE).gold[:3]:
        state.play(action)
    left = [made for _, made in state.left]
    (done,) = state.play(call("place_hold", member_id="syutge_ufrl_37", book_id="B-88684", branch="harbour")).calls
    assert role_of_call(done, state.solvable()) == "wrong"
    # Member and book are shared, the branches are two: 2 of 4, (1 + 2/4) / 2 = 0.75.
    assert relevance_of_call(done, left, task_of(RESERVE)) == 0.75


def test_a_refused_call_leaves_the_task_solvable(state_of: Callable[[int], State]) -> None:
    state = state_of(CANCEL)
    (done,) = state.play(call("cancel_hold", hold_id="H-00000")).calls
    assert done.result.is_error
    assert state.solvable()
    assert role_of_call(done, True) == "refused"


def test_looking_elsewhere_is_harmless(state_of: Callable[[int], State], task_of: Callable[[int], Task]) -> None:
    state = state_of(CANCEL)
    state.play(FOUND)
    left = [made for _, made in state.left]
    (done,) = state.play(call("list_loans", member_id="voglot_hoult_61")).calls
    assert role_of_call(done, state.solvable()) == "harmless"
    # list_holds takes the same member: r_name 0, r_param 1 -> 0.5. cancel_hold shares nothing.
    assert relevance_of_call(done, left, task_of(CANCEL)) == 0.5


def test_a_response_is_as_relevant_as_it_is_like_the_right_one(task_of: Callable[[int], Task]) -> None:
    task, right = task_of(CANCEL), "H-99325 is cancelled."
    assert relevance_of_response(right, True, task) == 1.0
    # 21 characters each; the longest common subsequence lacks the one digit that differs: 2 * 20 / 42.
    assert relevance_of_response("H-99326 is cancelled.", False, task) == round(40 / 42, 4)


def test_a_return_before_the_renewal_loses_the_task(state_of: Callable[[int], State]) -> None:
    state = state_of(RENEW)
    assert state.solvable()
    state.play(call("return_book", loan_id="L-62801"))
    assert not state.solvable()  # what was returned cannot be renewed


def test_the_order_in_which_calls_are_left_does_not_matter(state_of: Callable[[int], State]) -> None:
    # Backwards the first order fails (the return comes before the renewal); another one is found.
    state = state_of(RENEW)
    assert State(state.env, state.task, state.left[::-1]).solvable()


def test_a_search_that_is_given_up_says_so(state_of: Callable[[int], State], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST_CALLS", 2)
    with pytest.raises(SearchLimitError):
        state_of(RENEW).solvable()


def test_two_equal_calls_of_the_gold_chain_need_two(state_of: Callable[[int], State]) -> None:
    state = state_of(CANCEL)
    twice = State(state.env, state.task, (state.left[0], *state.left))
    assert twice.play(FOUND).calls[0].needed
    assert twice.play(FOUND).calls[0].needed
    assert not twice.play(FOUND).calls[0].needed


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, 120), seed=st.integers(0, 2**31))
def test_searching_leaves_no_trace(index: int, seed: int) -> None:
    domain = make_domain("library", size="small")
    task = domain.tasks("train")[index]
    state = start(new_env(domain), task)
    for action in task.gold[: seed % len(task.gold)]:
        state.play(action)
    before = state.env.trajectory.diff, len(state.env.trajectory.steps), state.left
    assert state.fork().solvable() == state.solvable()
    assert (state.env.trajectory.diff, len(state.env.trajectory.steps), state.left) == before
