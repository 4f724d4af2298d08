"""Cases in the prompt: retrieval and ranking by hand, what is shown, and room that runs out."""

import math

import pytest

from toolgym.agents.memory import learn
from toolgym.agents.memory.cases import CaseBank, CasesOptions, CasesPolicy, case_text
from toolgym.agents.memory.learning import request_of
from toolgym.agents.memory.ranking import features, fit, value
from toolgym.agents.memory.records import Ranker
from toolgym.agents.memory.words import TextIndex, words
from toolgym.errors import ConfigError, OpeningError
from toolgym.messages import Turn


def test_words_are_what_requests_share():
    assert words("Cancel HAT051 for ann_7, getHTTPStatus!") == [
        *("cancel", "hat", "for", "ann"),
        *("get", "http", "status"),
    ]


def test_bm25_by_hand():
    # Two texts of 2 and 3 words (on average 2.5); "fog" is in one of the two, twice: its idf is
    # ln(1 + (2 - 1 + 0.5) / (1 + 0.5)) = ln 2. Its score: ln 2 * 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * 3 / 2.5)) = 0.37216.
    index = TextIndex(["sun sea", "sea fog fog"])
    assert index.best("FOG!", 5) == [(1, pytest.approx(math.log(2) * 2 / 3.725, rel=1e-6))]
    assert [place for place, _ in index.best("sea", 5)] == [0, 1]  # the shorter text
    assert index.best("sea", 1, among=[1])[0][0] == 1
    assert index.best("rain", 5) == index.best("", 5) == TextIndex([]).best("x", 1) == TextIndex(["", "7"]).best("x", 1)
    assert TextIndex(["a b", "a b"]).best("a", 2)[0][0] == 0  # equals in their order


@pytest.fixture
def memory(episode):
    refund = [("refund", {"order": "o1"}, "done")]
    return learn(
        [
            episode("s1", "refund my hat", refund),
            episode("s2", "refund my red hat please", refund),
            episode("s3", "where is my coat", [("track", {"id": 3}, "Error: no")]),
            episode("f1", "refund my hat now", refund, outcome="unsolved"),
            episode("f2", "sing a song", outcome="truncated"),
        ]
    )


def test_solved_and_failed_cases_are_found_apart(memory):
    def tasks(**options):
        return [found.case.task_id for found in CaseBank(memory, CasesOptions(**options)).find("Refund the hat")]

    assert tasks() == ["s1", "s2", "f1"]
    assert tasks(failed=0) == ["s1", "s2"]  # no other case shares a word with the request
    assert tasks(k=2) == ["s1", "f1"]
    assert tasks(k=1, failed=1) == ["f1"]
    assert CaseBank(memory, CasesOptions()).find("9 9 9") == []


def test_features_and_the_ranker_by_hand(memory):
    # "Refund the hat" and "refund my red hat please" share 2 of 6 words; that case has 2 turns.
    assert features(1.0, 2.0, words("Refund the hat"), words("refund my red hat please"), 2) == [0.5, 2 / 6, 0.2]
    # One feature that tells nothing: the intercept is the log-odds of 3 in 4, the weights are 0.
    weights = fit([[0.0, 0.0, 0.0]] * 4, [True, True, True, False])
    assert weights == pytest.approx([0, 0, 0, math.log(3)], abs=1e-4)
    # Success where the first feature is 1, failure where it is 0, two pairs a side: by symmetry b = -w / 2, and the
    # gradient for w is 2 * (s(w / 2) - 1) + 0.1 * w = 0, the ridge being 0.1.
    weights = fit([[1, 0, 0]] * 2 + [[0, 0, 0]] * 2, [True, True, False, False])
    w = weights[0]
    assert 2 * (1 / (1 + math.exp(-w / 2)) - 1) + 0.1 * w == pytest.approx(0, abs=1e-6)
    assert weights[3] == pytest.approx(-w / 2, abs=1e-4)
    assert value([2, 0, 0, -1], [1, 0, 0]) == 1
    # All solved: finite, and the same again.
    assert all(map(math.isfinite, fit([[1, 1, 1]], [True])))
    assert fit([[1, 0, 0]] * 2, [True, False]) == fit([[1, 0, 0]] * 2, [True, False])


def test_the_ranker_chooses_where_it_is_asked(memory):
    learnt = CasesOptions(similarity="learnt", failed=0)
    with pytest.raises(ConfigError, match="needs a memory that has learnt from episodes with cases"):
        CaseBank(memory, learnt)
    # A ranker that likes what BM25 does not.
    odd = memory.model_copy(update={"ranker": Ranker(weights=[-9.0, 0.0, 0.0, 0.0], pairs=2)})
    assert [each.case.task_id for each in CaseBank(odd, learnt).find("Refund the hat")] == ["s2", "s1"]
    dense = CasesOptions(similarity="dense", failed=0)
    longest = CaseBank(memory, dense, similarity=lambda _, case: len(case)).find("Refund the hat")
    assert [each.case.task_id for each in longest] == ["s2", "s1"]


def test_episodes_with_cases_teach_the_ranker(episode):
    def shown(score):
        return {"memory": {"name": "cases", "shown": [{"features": [score, 0.5, 0.1]}]}}

    good = [episode(f"g{n}", "x", **shown(1.0)) for n in range(3)]
    bad = [episode(f"b{n}", "x", outcome="unsolved", **shown(0.1)) for n in range(3)]
    ranker = learn([*good, *bad]).ranker
    assert ranker is not None
    assert ranker.pairs == 6
    assert value(ranker.weights, [1.0, 0.5, 0.1]) > 0 > value(ranker.weights, [0.1, 0.5, 0.1])
    foreign = episode("m", "x", memory={"shown": [3, {"features": "?"}, {"features": [1]}]})
    assert learn([foreign]).ranker is None


def test_a_case_is_told_compactly_and_its_text_closes_no_tag(episode):
    calls = [("track", {"id": 3}, "Error: no"), ("refund", {"order": "</user>"}, "done")]
    case = learn([episode("t", "<b>coat</user>", calls, outcome="unsolved")]).cases[0]
    assert case_text(case).splitlines() == [
        "Request: <b>coat&lt;/user>",
        'Calls: track(id=3) -> error; refund(order="&lt;/user>")',
        "Answer: Done.",
        "Failed: this was not right as it stands.",
    ]
    assert request_of("# Policy\n<user>old</user>\n\n<user>new\none</user>") == "new\none"
    assert request_of("no tag") == "no tag"


class Cramped:
    """A policy whose opening has room for so many characters."""

    def __init__(self, room):
        self.room, self.told = room, []

    def start(self, slot, observation, info, env=None):
        if sum(len(message["content"]) for message in info["messages"]) > self.room:
            raise OpeningError("full")
        self.told = info["messages"]
        return [1]

    def observe(self, slot, observation, info):
        return []

    def generate(self, slots):
        return []

    def end(self, slot):
        pass


def test_cases_stand_in_the_opening_as_far_as_there_is_room(memory, scripted):
    request = {"role": "user", "content": "Refund the hat"}
    policy = CasesPolicy(inner := scripted(Turn(response="Bye.")), memory)
    info = {"messages": [{"role": "system", "content": "Be kind."}, request], "tools": [], "task_id": "t9"}
    policy.start(0, "Refund the hat", info)
    system, user = inner.told[0]
    assert system["content"].startswith("Be kind.\n\n# Similar tasks from before\n\nRequest: refund my hat\n")
    assert user == request
    assert info["messages"][0]["content"] == "Be kind."
    policy.end(0)
    shown = policy.notes(0)["memory"]["shown"]
    assert [(each["task_id"], each["solved"]) for each in shown] == [("s1", True), ("s2", True), ("f1", False)]
    assert all(len(each["features"]) == 3 for each in shown)
    for room, count in ((10_000, 3), (300, 2), (170, 1), (20, 0)):
        policy = CasesPolicy(Cramped(room), memory)
        policy.start(0, "Refund the hat", {"messages": [request], "task_id": "t9"})
        policy.end(0)
        assert len(policy.notes(0)["memory"]["shown"]) == count, room
    with pytest.raises(OpeningError):
        CasesPolicy(Cramped(5), memory).start(0, "Refund the hat", {"messages": [request]})
    # A fork goes on with a context that has its cases already.
    roomy = Cramped(10_000)
    CasesPolicy(roomy, memory).start(0, "Refund the hat", {"messages": [request], "context_ids": [1, 2]})
    assert roomy.told == [request]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"k": 0}, "k=0"), ({"failed": 4}, "failed=4"), ({"similarity": "word"}, "Did you mean 'words'")],
)
def test_options_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        CasesOptions(**wrong)
