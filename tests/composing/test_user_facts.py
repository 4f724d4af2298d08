"""What the scripted user answers: everything once."""

import re
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Declaration
from toolgym.composing.words import join_facts
from toolgym.registration import _DECLARED
from toolgym.tasks import Task
from toolgym.users.scripted import ScriptedUser

ANSWERS = st.dictionaries(st.sampled_from(["id", "town"]), st.sampled_from(["A.", "B.", "A. B.", "AA.", "It is C."]))


@given(st.lists(ANSWERS, max_size=6))
def test_every_answer_is_given_and_none_again(given_answers: list[dict[str, str]]) -> None:
    facts: dict[str, str] = {}
    for answers in given_answers:
        join_facts(facts, answers)
    assert facts.keys() == {topic for answers in given_answers for topic in answers}
    for answers in given_answers:
        assert all(answer in facts[topic] for topic, answer in answers.items())
        before = dict(facts)
        join_facts(facts, answers)
        assert facts == before


def test_a_longer_answer_stands_for_its_part() -> None:
    facts = {"id": "I am ann_1."}
    join_facts(facts, {"id": "I am ann_1. It is my own."})
    assert facts == {"id": "I am ann_1. It is my own."}
    join_facts(facts, {"id": "I am ann_1."})
    assert facts == {"id": "I am ann_1. It is my own."}
    join_facts(facts, {"id": "I am ann_11."})  # another id, though its letters begin alike
    assert facts == {"id": "I am ann_1. It is my own. I am ann_11."}


def test_a_user_says_who_it_is_once(shop: Declaration) -> None:
    domain, asked = DeclaredDomain(shop, "small"), 0
    for task in [domain.tasks("train")[index] for index in range(30)]:
        people = domain.server.base(domain.world_key(task)).tables["people"]
        told = [person for person in people if person in task.user.facts.get("id", "")]
        user = ScriptedUser()
        user.start(task)
        said = user.reply("Please tell me your id.").text or ""
        assert all(said.count(person) == 1 for person in told)
        asked += bool(told)
    assert asked


IDS = re.compile(r"\b[A-Z]{1,3}-\d{3,}\b|#W\d+")


def tasks_of(name: str, count: int) -> list[Task]:
    declaration: Declaration = getattr(import_module(f"toolgym.envs.{name}"), name.upper())
    tasks = DeclaredDomain(declaration, "small").tasks("train")
    return [tasks[index] for index in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("name", _DECLARED)
def test_a_user_knows_what_its_request_names(name: str) -> None:
    for task in tasks_of(name, 40):
        facts = " ".join(answer for topic, answer in task.user.facts.items() if topic != "details")
        known = f"{task.user.opening} {task.user.symptoms} {facts}"
        assert [one for one in IDS.findall(task.request) if one not in known] == [], task.id


@pytest.mark.parametrize(
    ("name", "noun", "named"), [("home", "home", r"of home (H-\d+)"), ("hotel", "city", r"\bin ([A-Z]\w+)")]
)
def test_a_user_that_is_asked_where_a_record_is_says_so(name: str, noun: str, named: str) -> None:
    said = 0
    for task in tasks_of(name, 60):
        for where in re.findall(named, task.request):
            user = ScriptedUser()
            user.start(task)
            assert where in (user.reply(f"In which {noun}?").text or ""), task.request
            said += 1
    assert said
