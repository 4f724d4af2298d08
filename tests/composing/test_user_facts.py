"""What the scripted user answers: everything once."""

from hypothesis import given
from hypothesis import strategies as st

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Declaration
from toolgym.composing.words import join_facts
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
