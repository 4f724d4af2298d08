"""Scorers that ask somebody else: a judge that sees no outcome, and a critic that reads the tokens."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from toolgym.agents.builtin.shipped import checkpoint_path
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import load_model
from toolgym.agents.policies.policy import Completion
from toolgym.agents.search import Ask, Node
from toolgym.agents.search.judging import JudgeScore, NoVerdictWarning
from toolgym.agents.search.tree import PlayedTurn
from toolgym.agents.search.value import ValueScore
from toolgym.agents.training.critic import ValueHead
from toolgym.errors import ConfigError, JudgeModelError
from toolgym.rewards.judge_backends import Endpoint, EndpointOptions


def states() -> tuple[Node, Node, Node]:
    """The opening, a state behind a turn, and the end behind another one."""
    said = {"messages": [{"role": "user", "content": "hello"}]}
    opening = Node(observation="hello", info=said)
    answer = {"messages": [{"role": "tool", "content": "found"}]}
    turn = PlayedTurn(Completion("look", [20, 21, 0], [-0.1] * 3, stop="length"), "found", answer)
    middle = Node(opening, [turn], observation="found", info=answer)
    last = PlayedTurn(Completion("done", [30, 31], [-0.1] * 2, stop="length"), "bye", {})
    return opening, middle, Node(middle, [last], over=True, outcome="solved")


class Answers:
    """A judge's model that gives these answers."""

    identity = "answers"

    def __init__(self, *answers: str):
        self.answers = list(answers)
        self.asked: list[str] = []

    def complete(self, messages, choices=()) -> str:
        self.asked.append(messages[-1]["content"])
        answer = self.answers[len(self.asked) - 1]
        if not answer:
            raise JudgeModelError("no answer")
        return answer


def test_a_judge_sees_what_the_agent_saw():
    model = Answers(json.dumps({"score": 0.9}), "who knows", "")
    score = JudgeScore("any", model)
    *_, end = states()
    assert score([end]) == [0.9]
    with pytest.warns(NoVerdictWarning, match=r"^The judge gives no verdict .*'who knows'.*count as 0\.5"):
        assert score([end]) == [0.5]
    assert score([end]) == [0.5], "it is said once, and counted"
    assert score.without == 2
    assert model.asked[0] == ("<episode>\n\nhello\n\nAssistant: look\n\nfound\n\nAssistant: done\n\nbye\n\n</episode>")


def test_a_judge_that_refuses_ends_the_search(chat_server):
    score = JudgeScore("no-model", Endpoint(EndpointOptions("no-model", chat_server.url)))
    opening, *_ = states()
    chat_server.script = [(401, {}, "bad key")]
    with pytest.raises(ConfigError, match=r"The judge at .* answered 401: bad key.*'no-model'"):
        score([opening])
    # Of a state that is too long for it the judge says nothing; of others it may.
    full = json.dumps({"error": {"code": "context_length_exceeded"}})
    chat_server.script = [(400, {}, full), json.dumps({"score": 0.25})]
    with pytest.warns(NoVerdictWarning, match="context_length_exceeded"):
        assert sorted(score([opening, opening])) == [0.25, 0.5]
    assert score.without == 1


def test_a_judge_that_is_not_there_is_told():
    away = EndpointOptions("any", "http://127.0.0.1:9/v1", attempts=1)
    score = JudgeScore("any", Endpoint(away))
    with pytest.warns(NoVerdictWarning, match="Is the server up"):
        assert score(states()) == [0.5] * 3
    assert score.without == 3


def test_a_critic_values_the_state_before_the_next_token(tmp_path):
    folder = shutil.copytree(Path(checkpoint_path("builtin:imperfect")), tmp_path / "critic")
    policy = LMPolicy.load("builtin:imperfect", SamplingOptions())
    with pytest.raises(ConfigError, match=r"has no value_head\.safetensors.*--algo steptool"):
        ValueScore(str(folder), policy)
    model, _ = load_model(str(folder))
    critic = ValueHead(model)
    torch.manual_seed(0)
    critic.set(torch.randn(critic.linear.in_features + 1))
    critic.save(folder)
    score = ValueScore(str(folder), policy)
    opening, middle, end = states()
    # V before each token, of the critic itself: of the whole conversation with one token more, whatever it is.
    ids = [*score.talk.at(Ask(middle), "")[1]["context_ids"], 30, 31]
    length = len(ids) - 1
    with torch.no_grad():
        model(input_ids=torch.tensor([ids]))
        values = critic.values(length)[0]
    first = len(score.talk.at(Ask(opening), "")[1]["context_ids"])
    # values[i] is V before ids[i + 1]. The end's is that before 31, the last token of its last turn.
    expected = [float(values[first - 1]), float(values[len(ids) - 3]), float(values[len(ids) - 2])]
    assert score([opening, middle, end]) == pytest.approx(expected, abs=1e-3)
