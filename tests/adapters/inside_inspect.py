"""Run beside Inspect's package (see test_inspect.py): its own evaluations, with its mock model playing gold chains."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessageAssistant, ContentReasoning, ContentText, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
from inspect_ai.tool import ToolCall as InspectCall

from tests.adapters.experts import expert_turns, gold_messages
from tests.adapters.manual import command_of, file_of
from toolgym.adapters.inspect import RECORD, inspect_task
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.inprocess import InProcessSession
from toolgym.messages import render
from toolgym.opening import open_env
from toolgym.trajectory import trajectory_from_json
from toolgym.view.episodes import episode, trajectory
from toolgym.view.explaining import Explainer
from toolgym.view.library import Library

AIRLINE = {"size": "small", "depth": 2}
PLAYED = [
    ("ToolGym/Airline-v0", AIRLINE),
    ("ToolGym/Airline-v0", {"size": "small", "user": "scripted", "depth": 2}),
    ("ToolGym/Library-v0", {"size": "small"}),
    ("ToolGym/Telecom-v0", {"size": "small"}),
    ("ToolGym/All-v0", {"size": "small"}),
]


def written(message: dict[str, Any]) -> ModelOutput:
    """A message of the chat API as the mock model's output."""
    calls = [
        InspectCall(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls", ())
    ]
    content = message["content"]
    text = content if isinstance(content, str) else "".join(part["text"] for part in content or ())
    said = ChatMessageAssistant(content=text, tool_calls=calls or None)
    output = ModelOutput.from_message(said, "tool_calls" if calls else "stop")
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else it is counted with a download
    return output


def expert(env_id: str, options: dict[str, Any], count: int) -> Any:
    """Inspect's mock model, which finds the gold chain of the task whose request it is shown."""
    env = open_env(env_id, **options)
    chains = {}
    for index in range(count):
        _, info = env.reset(options={"task": index})
        chains[info["messages"][-1]["content"]] = gold_messages(env.task)
    assert len(chains) == count, "two tasks open alike: the mock model cannot tell them apart"

    def play(messages: Any, tools: Any, choice: Any, config: Any) -> ModelOutput:
        asked = next(message.text for message in messages if message.role == "user")
        return written(chains[asked][sum(message.role == "assistant" for message in messages)])

    return get_model("mockllm/model", custom_outputs=play, memoize=False)


def evaluated(task: Task, model: Any, folder: Path, **options: Any) -> EvalLog:
    (log,) = eval(task, model=model, log_dir=str(folder), display="none", **options)
    assert log.status == "success", log.error
    return log


@pytest.mark.parametrize(("env_id", "options"), PLAYED)
def test_the_gold_chain_solves_every_sample_and_is_the_episode_in_process(env_id, options, tmp_path):
    log = evaluated(inspect_task(env_id, count=3, **options), expert(env_id, options, 3), tmp_path)
    env = open_env(env_id, **options)
    for sample in log.samples:
        text, _ = env.reset(options={"task": sample.id})
        for turn in expert_turns(env.task):
            if not env.trajectory.done:
                env.step(render(turn, "openai"))
        assert sample.scores["solved"].value == 1
        assert sample.scores["episode_return"].value == sum(step.reward for step in env.trajectory.steps)
        record = trajectory_from_json(sample.store[RECORD])
        assert record.prompt == text
        assert [step.observation for step in record.steps] == [step.observation for step in env.trajectory.steps]
        assert [step.rewards for step in record.steps] == [step.rewards for step in env.trajectory.steps]
        assert record.outcome == "solved"
    scores = {score.name: score.metrics for score in log.results.scores}
    assert scores["solved"]["accuracy"].value == 1


def scripted(*messages: dict[str, Any], stop: str | None = None) -> Any:
    """Inspect's mock model, which says these messages one after another, in every sample."""

    def say(given: Any, tools: Any, choice: Any, config: Any) -> ModelOutput:
        output = written(messages[sum(message.role == "assistant" for message in given)])
        if stop is not None:
            output.choices[0].stop_reason = stop
        return output

    return get_model("mockllm/model", custom_outputs=say, memoize=False)


def calling(*calls: tuple[str, str, str]) -> dict[str, Any]:
    """An assistant's message with calls: (id, name, arguments)."""
    listed = [{"id": id, "function": {"name": name, "arguments": given}} for id, name, given in calls]
    return {"content": "", "tool_calls": listed}


SAID = {"content": "I cannot do that."}


def test_another_solver_plays_with_the_tools_and_its_last_message_is_the_answer(tmp_path):
    task = inspect_task("ToolGym/Airline-v0", count=3, **AIRLINE)
    log = evaluated(task, expert("ToolGym/Airline-v0", AIRLINE, 3), tmp_path, solver=generate())
    assert [sample.scores["solved"].value for sample in log.samples] == [1, 1, 1]
    assert all(event.error is None for sample in log.samples for event in sample.events if event.event == "tool")


def test_what_a_tool_refuses_is_an_error_of_the_tool_for_both_solvers(tmp_path):
    nobody = calling(("a", "get_user_details", '{"user_id": "nobody"}'))
    for name, solver in (("own", None), ("theirs", generate())):
        task = inspect_task("ToolGym/Airline-v0", count=1, **AIRLINE)
        options = {} if solver is None else {"solver": solver}
        (sample,) = evaluated(task, scripted(nobody, SAID), tmp_path / name, **options).samples
        (said,) = [message for message in sample.messages if message.role == "tool"]
        assert said.error is not None
        assert said.error.message
        assert sample.scores["solved"].value == 0
        record = trajectory_from_json(sample.store[RECORD])
        assert [[result.outcome for result in step.results] for step in record.steps] == [["tool_error"], []]


def test_every_call_of_a_message_gets_the_answer_that_is_its_own(tmp_path):
    broken = written(calling(("b", "calculate", "{}")))
    broken.message.tool_calls[0].parse_error = "no JSON"
    first = written(
        calling(("a", "calculate", '{"expression": "1 + 1"}'), ("c", "calculate", '{"expression": "2 + 3"}'))
    )
    first.message.tool_calls.insert(1, broken.message.tool_calls[0])
    said = iter([first, written(SAID)])
    task = inspect_task("ToolGym/Airline-v0", count=1, **AIRLINE)
    model = get_model("mockllm/model", custom_outputs=said, memoize=False)
    (sample,) = evaluated(task, model, tmp_path).samples
    tools = {message.tool_call_id: message for message in sample.messages if message.role == "tool"}
    assert list(tools) == ["a", "b", "c"]
    assert (tools["a"].error, tools["c"].error) == (None, None)
    assert ("2" in tools["a"].text, "5" in tools["c"].text) == (True, True)
    assert tools["b"].error.type == "parsing"
    step = trajectory_from_json(sample.store[RECORD]).steps[0]
    assert ([call.name for call in step.turn.calls], [each.kind for each in step.turn.problems]) == (
        ["calculate", "calculate"],
        ["bad_call"],
    )


def test_a_message_that_was_cut_off_is_no_answer(tmp_path):
    task = inspect_task("ToolGym/Airline-v0", count=1, max_turns=2, **AIRLINE)
    (sample,) = evaluated(task, scripted(SAID, SAID, stop="max_tokens"), tmp_path).samples
    record = trajectory_from_json(sample.store[RECORD])
    assert [[each.kind for each in step.turn.problems] for step in record.steps] == [["cut"], ["cut"]]
    assert (record.outcome, sample.scores["solved"].explanation) == ("truncated", "truncated")


def test_thoughts_are_the_plan(tmp_path):
    output = written(SAID)
    output.choices[0].message.content = [ContentReasoning(reasoning="Hm."), ContentText(text="No.")]
    model = get_model("mockllm/model", custom_outputs=[output], memoize=False)
    (sample,) = evaluated(inspect_task("ToolGym/Airline-v0", count=1, **AIRLINE), model, tmp_path).samples
    (step,) = trajectory_from_json(sample.store[RECORD]).steps
    assert (step.turn.plan, step.turn.response) == ("Hm.", "No.")


def test_what_the_infrastructure_broke_is_the_samples_error_and_no_score(tmp_path, monkeypatch):
    def fails(self, call):
        raise InfraError("the server is gone")

    monkeypatch.setattr(InProcessSession, "call", fails)
    task = inspect_task("ToolGym/Airline-v0", count=1, **AIRLINE)
    model = scripted(calling(("a", "calculate", "{}")))
    (log,) = eval(task, model=model, log_dir=str(tmp_path), display="none", fail_on_error=False)
    (sample,) = log.samples
    assert "the server is gone" in sample.error.message
    assert not sample.scores
    assert sample.store[RECORD]["outcome"] == "infra_error"


def test_each_epoch_is_perturbed_in_its_own_way(tmp_path):
    task = inspect_task("ToolGym/Airline-v0", count=1, rename=True, **AIRLINE)
    samples = evaluated(task, scripted(SAID), tmp_path, epochs=2).samples
    first, second = (sample.store[RECORD]["prompt"] for sample in samples)
    assert first != second


def test_the_manuals_file_runs_by_its_command_and_writes_a_log(tmp_path):
    """With a model that plays gold in the place of the one that the command names."""
    played = (
        f"\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from inspect_ai import task_with\n"
        "from tests.adapters.inside_inspect import expert\n\n\n"
        "@task\n"
        "def gold(count=20):\n"
        "    options = {'size': 'small', 'split': 'test'}\n"
        "    return task_with(airline(count=count), model=expert('ToolGym/Airline-v0', options, count))\n"
    )
    (tmp_path / "airline.py").write_text(file_of("airline.py") + played)
    given = command_of("inspect eval")[1:]
    given = ["airline.py@gold" if each == "airline.py" else each for each in given]
    del given[given.index("--model") : given.index("--model") + 2]
    command = [sys.executable, "-m", "inspect_ai", *given, "--log-format", "json", "--display", "none"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "logs").glob("*.json")
    log = read_eval_log(str(path))
    assert (log.status, len(log.samples)) == ("success", 3)
    assert all(sample.scores["solved"].value == 1 for sample in log.samples)


def test_a_schema_says_all_that_it_said(tmp_path):
    from toolgym.adapters.inspect import _described

    schema = {
        "type": "object",
        "properties": {
            "seat": {"$ref": "#/$defs/Seat", "description": "Where."},
            "at": {"type": "string", "multipleOf": 2},
            "tree": {"$ref": "#/$defs/Tree"},
        },
        "required": ["seat"],
        "$defs": {
            "Seat": {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]},
            "Tree": {"type": "object", "properties": {"child": {"$ref": "#/$defs/Tree"}}},
        },
    }
    made = _described({"function": {"name": "sit", "description": "Sits.", "parameters": schema}})["parameters"]
    dumped = made.model_dump(exclude_none=True)
    assert dumped["properties"]["seat"] == {
        "type": "object",
        "description": "Where.",
        "properties": {"row": {"type": "integer"}},
        "required": ["row"],
    }
    assert '"multipleOf": 2' in dumped["properties"]["at"]["description"]
    assert dumped["properties"]["tree"]["properties"]["child"]["type"] == "object"
    assert dumped["required"] == ["seat"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"env_id": "ToolGym/Airlin-v0"}, "Did you mean"),
        ({"count": 0}, "count must be from 1 to"),
        ({"count": "all"}, "count must be from 1 to"),
        ({"siz": "small"}, "Did you mean"),
        ({"reward": lambda trajectory, task: 0.0}, "values that JSON has"),
    ],
)
def test_what_cannot_be_is_said(options, words):
    with pytest.raises(ConfigError, match=words):
        inspect_task(**{"env_id": "ToolGym/Airline-v0", "size": "small", **options})


@pytest.mark.parametrize("log_format", ["eval", "json"])
def test_its_log_opens_in_our_viewer(log_format, tmp_path):
    options: dict[str, Any] = {"size": "small"}
    made = inspect_task("ToolGym/Library-v0", count=2, **options)
    log = evaluated(made, expert("ToolGym/Library-v0", options, 2), tmp_path, log_format=log_format)
    plain = Task(dataset=[Sample(id="x", input="Say yes.", target="Yes")], scorer=includes())
    evaluated(plain, scripted({"content": "Yes."}), tmp_path, log_format=log_format)
    library = Library([tmp_path], tmp_path / "cache")
    library.read_all()
    assert not library.failures
    sources = {source.path.name.split("_")[1]: source for source in library.sources.values()}
    assert set(sources) == {"Library-v0", "task"}
    for n, sample in enumerate(sorted(log.samples, key=lambda each: each.id)):
        shown = episode(library, sources["Library-v0"], n)
        assert (shown["env_id"], shown["task_id"], shown["outcome"]) == ("ToolGym/Library-v0", sample.id, "solved")
        assert shown["steps"] == sample.store[RECORD]["steps"]
        assert Explainer(None, {}).explain(trajectory(shown))["task"]["id"] == sample.id
    shown = episode(library, sources["task"], 0)
    assert (shown["prompt"], shown["outcome"], shown["steps"][0]["turn"]["response"]) == ("Say yes.", "solved", "Yes.")
    library.close()


def test_importing_toolgym_does_not_import_the_package():
    code = "import sys, toolgym, toolgym.adapters; sys.exit('inspect_ai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
