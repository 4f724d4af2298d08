"""The values that would be wrong to say: other ones of the world, but what is said rightly besides."""

from toolgym.composing.checks import derive_checklist
from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Declaration
from toolgym.composing.execution import execute
from toolgym.composing.story import Do, Done, PlannedCall, Run, Story
from toolgym.composing.worlds import world_key
from toolgym.tasks import SaidCheck

KEY = world_key("train", 3)


def forbidden(shop: Declaration, *endings: Done, request: str = "") -> list[tuple[str, ...]]:
    """The wrong values of stories that look at a job and end so."""
    domain = DeclaredDomain(shop, size="small")
    jobs = list(domain.server.base(KEY).tables["jobs"])

    def story(job: str, ending: Done) -> Story:
        def run() -> Run:
            yield Do("", (PlannedCall("job", "get_job", {"job_id": job}),))
            return ending

        return Story("", "", "", run)

    done = execute(domain.session(), KEY, [story(*one) for one in zip(jobs, endings, strict=False)])
    assert done is not None
    return [item.check.forbidden for item in derive_checklist(done, request) if isinstance(item.check, SaidCheck)]


def test_what_is_said_rightly_is_not_wrong_to_say(shop: Declaration) -> None:
    one = Done("The state is open.", said=("open",), unsaid=("closed", "stopped"))
    assert forbidden(shop, one, Done("J2 is stopped.")) == [("closed",)]


def test_a_task_whose_right_answer_looks_like_a_wrong_one_is_none(shop: Declaration) -> None:
    one = Done("The fee is $5. You get 3 portions.", said=("$5",), unsaid=("$3", "$4"))
    assert forbidden(shop, one) == [("$3", "$4")]


def test_a_figure_inside_an_id_is_not_said(shop: Declaration) -> None:
    one = Done("The room is 7.", said=("7",), unsaid=("3", "34", "90", "9.5"))
    assert forbidden(shop, one, Done("J-34590 of $90 is stopped.")) == [("3", "34", "9.5")]


def test_what_the_request_says_whole_is_not_wrong_to_say(shop: Declaration) -> None:
    one = Done("It is due on 2026-06-20.", said=("2026-06-20",), unsaid=("2026-06-14", "2026-06-15", "14"))
    assert forbidden(shop, one, request="When is my job of 2026-06-14 due?") == [("2026-06-15", "14")]


def test_a_little_word_of_the_request_says_no_value(shop: Declaration) -> None:
    one = Done("The light is off.", said=("off",), unsaid=("on",))
    assert forbidden(shop, one, request="Is the light on the floor off?") == [("on",)]


def test_figures_of_other_records_are_wrong_though_they_hold_the_right_ones(shop: Declaration) -> None:
    # Of 6 machines: none is left out because its room's figures stand in another one's.
    domain, found = DeclaredDomain(shop, size="small"), 0
    for task in (domain.tasks("train")[index] for index in range(80)):
        rooms = {str(one["room"]) for one in domain.server.base(domain.world_key(task)).tables["machines"].values()}
        for item in task.checklist:
            if isinstance(item.check, SaidCheck) and "The room is" in (task.gold[-1].response or ""):
                room = item.check.facts[0]
                inside = {other for other in rooms - {room} if other in room or room in other}
                found += len(inside)
                assert inside <= {*item.check.forbidden, *(word.strip(".") for word in task.request.split())}
    assert found
