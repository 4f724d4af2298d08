"""The kit on a domain that is worked out by hand: ways by type, outlines, what is thrown away, the policy."""

import random

import pytest

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Declaration
from toolgym.composing.execution import Execution, execute, flaw, needless
from toolgym.composing.policy import render_policy
from toolgym.composing.recipes import Kitchen
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import make_story
from toolgym.composing.story import Do, Done, PlannedCall, Run, Story
from toolgym.composing.ways import ways_to
from toolgym.composing.worlds import world_key
from toolgym.mcp.session import ToolSession, WrappedSession
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult

KEY = world_key("train", 3)


def domain(shop: Declaration) -> DeclaredDomain:
    return DeclaredDomain(shop, size="small")


def test_the_ways_to_a_job_are_those_that_its_type_allows(shop: Declaration) -> None:
    # By its id; or from its owner's list of ids: the only one, or one of two or three, told apart or the extreme one.
    assert [(way.name, way.composition, way.depth) for way in ways_to(shop, "jobs")] == [
        ("job(told)", "job", 1),
        ("job*1(person(speaker).jobs)", "person;job", 2),
        ("job*2(person(speaker).jobs):extreme", "person;(job||job)", 3),
        ("job*2(person(speaker).jobs):told", "person;(job||job)", 3),
        ("job*3(person(speaker).jobs):extreme", "person;(job||job||job)", 4),
        ("job*3(person(speaker).jobs):told", "person;(job||job||job)", 4),
    ]


def test_a_machine_is_found_by_way_of_a_job(shop: Declaration) -> None:
    # By its id, or after each of the six ways to a job.
    ways = ways_to(shop, "machines")
    assert len(ways) == 7
    assert [(way.composition, way.depth) for way in ways[:3]] == [
        ("machine", 1),
        ("job;machine", 2),
        ("person;job;machine", 3),
    ]


def test_outlines_are_series_of_acts_with_their_depths(shop: Declaration) -> None:
    kitchen = Kitchen(shop, lambda recipe: True)
    by_name = {outline.name: outline for outline in kitchen.outlines}
    assert by_name["job(told) stop"].depth == 2
    assert by_name["job(told) stop"].composition == "job;stop"
    assert by_name["job(told) stop open"].composition == "job;stop;open"
    # A refusal looks and does nothing.
    assert by_name["job(told) stop!dear"].composition == "job"
    assert not by_name["job(told) stop!dear"].writes
    assert by_name["fact person(speaker)"].speaks == "id"


def _run_of(*calls: PlannedCall, looks_at: int) -> Run:
    results = []
    for call in calls:
        results += yield Do("", (call,))
    return Done(f"It is {results[looks_at]['state']}.")


@pytest.mark.parametrize(("looks_at", "expected"), [(0, [1]), (1, [0])])
def test_a_call_whose_result_nobody_looks_at_is_needless(shop: Declaration, looks_at: int, expected: list[int]) -> None:
    session = domain(shop).session()
    one, two = list(domain(shop).server.base(KEY).tables["jobs"])[:2]
    calls = [PlannedCall("job", "get_job", {"job_id": key}) for key in (one, two)]
    story = Story("", "", "", lambda: _run_of(*calls, looks_at=looks_at))
    done = execute(session, KEY, [story])
    assert done is not None
    assert list(needless(session, KEY, [story], done)) == expected


def test_a_second_look_at_the_same_is_needless_unless_something_was_written(shop: Declaration) -> None:
    session = domain(shop).session()
    key = next(iter(domain(shop).server.base(KEY).tables["jobs"]))
    look = PlannedCall("job", "get_job", {"job_id": key})
    stop = PlannedCall("stop", "stop_job", {"job_id": key}, writes=True)

    def places(*calls: PlannedCall) -> list[int]:
        def run() -> Run:
            seen = []
            for call in calls:
                seen += yield Do("", (call,))
            return Done(" ".join(one["state"] for one in seen))

        story = Story("", "", "", run)
        done = execute(session, KEY, [story])
        assert done is not None
        return list(needless(session, KEY, [story], done))

    assert places(look, look) == [1]
    assert places(look, stop, look) == []


class _Counting(WrappedSession):
    calls = 0

    def call(self, call: ToolCall) -> ToolResult:
        self.calls += 1
        return self.inner.call(call)

    def fork(self) -> ToolSession:
        return self.inner.fork()


def test_where_a_call_is_left_out_only_what_comes_after_it_is_called_again(shop: Declaration) -> None:
    session = _Counting(domain(shop).session())
    base = domain(shop).server.base(KEY)
    key, other = [name for name, job in base.tables["jobs"].items() if job["state"] == "open"][:2]
    look, beside = (PlannedCall("job", "get_job", {"job_id": name}) for name in (key, other))
    stop, stop_other = (PlannedCall("stop", "stop_job", {"job_id": name}, writes=True) for name in (key, other))

    def found(*calls: PlannedCall) -> tuple[list[int], int]:
        def run() -> Run:
            results = []
            for call in calls:
                results += yield Do("", (call,))
            return Done(results[2]["state"])

        story = Story("", "", "", run)
        done = execute(session, KEY, [story])
        assert done is not None
        assert done.actions[-1].response == "stopped"
        session.calls = 0
        return list(needless(session, KEY, [story], done)), session.calls

    # Without stop: stop the other one, and look. Without that: stop again, for what look shows, and look. Without look:
    # none.
    assert found(stop, stop_other, look) == ([], 2 + 2 + 0)
    # Without stop nothing would be changed, which needs no trial. Without beside: stop again, and look.
    assert found(stop, beside, look) == ([1], 0 + 2 + 0)


def test_parallel_stories_end_alike_in_any_order(shop: Declaration) -> None:
    session = domain(shop).session()
    jobs = domain(shop).server.base(KEY).tables["jobs"]
    key, other = [name for name, job in jobs.items() if job["state"] == "open"][:2]

    def story(kind: str, job: str) -> Story:
        def run() -> Run:
            yield Do("", (PlannedCall(kind, f"{kind}_job", {"job_id": job}, writes=True),))
            return Done("Done.")

        return Story("", "", "", run)

    def found(*stories: Story) -> str:
        done = execute(session, KEY, stories)
        assert done is not None
        return flaw(session, KEY, stories, "", done)

    # Opened and then stopped it is stopped; stopped and then opened, as it was.
    assert found(story("open", key), story("stop", key)) == "order"
    assert found(story("stop", key), story("stop", other)) == ""


def test_what_is_undone_again_or_given_is_no_task(shop: Declaration) -> None:
    session = domain(shop).session()
    jobs = domain(shop).server.base(KEY).tables["jobs"]
    key = next(name for name, job in jobs.items() if job["state"] == "open")
    stop, reopen = (PlannedCall(kind, f"{kind}_job", {"job_id": key}, writes=True) for kind in ("stop", "open"))

    def made(*calls: PlannedCall, said: tuple[str, ...] = ()) -> tuple[Story, Execution]:
        def run() -> Run:
            for call in calls:
                yield Do("", (call,))
            return Done("Done.", said=said)

        story = Story("", "", "", run)
        done = execute(session, KEY, [story])
        assert done is not None
        return story, done

    story, done = made(stop, reopen)
    assert flaw(session, KEY, [story], "", done) == "undone"
    story, done = made(stop, said=("$12",))
    assert flaw(session, KEY, [story], "the one for $12", done) == "given"
    assert flaw(session, KEY, [story], "the one for $123", done) == ""


def test_a_refusal_is_decided_by_what_the_tools_show(shop: Declaration) -> None:
    kitchen = Kitchen(shop, lambda recipe: True)
    outline = next(one for one in kitchen.outlines if one.name == "job(told) stop!dear")
    base = domain(shop).server.base(KEY)
    owner = next(
        job["person_id"] for job in base.tables["jobs"].values() if job["cost"] > 300 and job["state"] == "open"
    )
    story = make_story(Scene(shop, base, owner, "seen", random.Random(1)), outline)
    assert story is not None
    session = domain(shop).session()
    done = execute(session, KEY, [story])
    assert done is not None
    assert done.diff == {}
    assert [call.planned.tool for call in done.calls] == ["get_job"]
    (refusal,) = done.endings[0].refusals
    assert f"Sorry, I cannot stop {refusal.subject}: it costs $" in done.endings[0].response


def test_the_policy_has_every_rule(shop: Declaration) -> None:
    text = render_policy(shop)
    assert text.startswith("# Workshop: policy\n\nYou are the clerk of a workshop.\n\nToday is 2026-06-15.")
    assert text.endswith("## What is not allowed\n\n- A job of more than $300 cannot be stopped.\n")
