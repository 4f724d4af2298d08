"""AWPO with a model that judges: a batch of episodes at once, a second look at low verdicts, and what is missing."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from toolgym.agents.awpo import AWPOOptions, episode_rewards, judge_reasoning, make_trainer
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.training.running import run
from toolgym.opening import open_env
from toolgym.rewards.judge import Judgement, JudgeRequest, ModelJudge
from toolgym.rewards.judge_backends import LocalModel, LocalModelOptions
from toolgym.rewards.judge_offline import OfflineJudge


@pytest.fixture(scope="module")
def played(tokenizer: Any) -> Any:
    """Tasks and their gold episodes under AWPO's outcome reward."""
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short", reward="awpo")
    tasks = [env.tasks[index] for index in range(4)]
    return tasks, lambda: demonstrate(env, tokenizer, tasks)


def test_every_paid_step_is_judged_together(played: Any) -> None:
    tasks, make = played
    at_once, most = threading.Semaphore(0), []

    def judge(request: JudgeRequest) -> Judgement:
        most.append(threading.current_thread().name)
        at_once.release()
        assert at_once.acquire(timeout=60)
        return OfflineJudge()(request)

    rollouts = make()
    asked = judge_reasoning(rollouts, tasks, judge, workers=4)
    # The gold's steps are each the first attempt at their action.
    assert len(asked) == sum(len(task.gold) for task in tasks)
    assert all("MainThread" not in name for name in most)
    outcome, mixed = episode_rewards(rollouts, [len(task.gold) for task in tasks])
    assert (mixed - outcome).tolist() == pytest.approx([1.0] * 4)  # the gold's own reasoning
    assert outcome.tolist() == pytest.approx([2.0] * 4)


def test_as_the_rule_based_judge_in_the_environment(played: Any, tokenizer: Any) -> None:
    tasks, make = played
    inside = open_env(
        "ToolGym/Airline-v0",
        split="train",
        size="small",
        prompt="short",
        reward="awpo",
        reward_options={"judge": "offline"},
    )
    rollouts = make()
    judge_reasoning(rollouts, tasks, OfflineJudge(), workers=4)
    for one, other in zip(rollouts, demonstrate(inside, tokenizer, tasks), strict=True):
        assert one.components == other.components


def test_missing_judgements_are_left_out(played: Any) -> None:
    tasks, make = played
    rollouts = make()
    judge_reasoning(rollouts, tasks, lambda request: Judgement(None, missing="down"), workers=2)
    assert not any("reasoning" in step for rollout in rollouts for step in rollout.components)
    assert episode_rewards(rollouts, [len(task.gold) for task in tasks])[1].isnan().all()


def test_in_a_run_over_http(
    chat_server: Any, fresh: Any, tokenizer: Any, tmp_path: Path, shape: Any, metrics: Any
) -> None:
    chat_server.default = '{"score": 0.75}'
    some = AWPOOptions(
        output=tmp_path / "run",
        judge="endpoint",
        judge_model="m",
        judge_url=chat_server.url,
        judge_cache=tmp_path / "judge.sqlite",
        **shape | {"steps": 1, "save_steps": 1, "size": "small", "prompt": "short", "context_tokens": 1024},
    )
    trainer = make_trainer(some, fresh(), tokenizer)
    run(trainer, some)
    (line,) = metrics(some.output)
    assert line["awpo/judgements"] == 8.0  # each episode's first step; what random text says is no attempt at more
    assert line["awpo/judgements_missing"] == 0.0
    assert [rollout.components[0]["reasoning"] for rollout in trainer.latest] == [0.75] * 8
    assert 0 < len(chat_server.requests) <= 8


class Answers:
    """A backend that gives prepared answers, and keeps what it was asked."""

    identity = "prepared"

    def __init__(self, *answers: str):
        self.answers, self.asked = list(answers), []

    def complete(self, messages: Any, choices: Any = ()) -> str:
        self.asked.append(list(messages))
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("answers", "score"),
    [
        (["0.25", "0.75"], 0.75),
        (["0.25", "0.00"], 0.0),
        (["0.00", "0.00"], 0.0),
        (["0.50"], 0.5),
        (["0.25", "hm", "hm"], 0.25),
    ],
)
def test_a_low_verdict_is_looked_at_again(answers: list[str], score: float) -> None:
    backend = Answers(*(answer if answer == "hm" else json.dumps({"score": float(answer)}) for answer in answers))
    request = JudgeRequest("q", "mine", (), "theirs", ())
    assert ModelJudge(backend, second_look=0.25)(request).score == score
    assert len(backend.asked) == len(answers)
    if len(answers) > 1:
        assert "deviates" in backend.asked[1][-1]["content"]


def test_without_a_reference_there_is_nothing_to_deviate_from() -> None:
    backend = Answers('{"score": 0.25}')
    assert ModelJudge(backend, second_look=0.25)(JudgeRequest("q", "mine", (), "", ())).score == 0.25


class Counting(LocalModel):
    """Keeps how many questions were answered together."""

    def __init__(self, options: LocalModelOptions):
        super().__init__(options)
        self.batches: list[int] = []

    def _answer(self, batch: Any) -> None:
        self.batches.append(len(batch))
        super()._answer(batch)


@pytest.mark.slow
def test_a_local_model_answers_what_waits_together(start: str) -> None:
    from toolgym.rewards.judge import judge_all

    asked = [JudgeRequest(f"question {n}" * (1 + n % 3), "mine", (), "theirs", ()) for n in range(9)]
    alone = [ModelJudge(LocalModel(LocalModelOptions(start)))(request) for request in asked]
    backend = Counting(LocalModelOptions(start, at_once=4))
    assert judge_all(ModelJudge(backend), asked, workers=9) == alone
    assert sum(backend.batches) == 9
    assert max(backend.batches) > 1
