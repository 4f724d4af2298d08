"""Episodes as spans: what a trace says, worked out by hand; and what holds of any episode's."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate
from toolgym.agents.evaluation.tracing import Traces, actor_of
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.formats.turn import ParseProblem
from toolgym.messages import ToolCall, Turn
from toolgym.otel import META, Actor, Played, Span, spans_of
from toolgym.tasks import CallCheck, ChecklistItem, SaidCheck, Task
from toolgym.trajectory import Act, Step, ToolResult, Trajectory

ID = "0123456789abcdef0123456789abcdef"
ACTOR = Actor(name="api:m", provider="openai", model="m", temperature=0.5, max_tokens=64, address="h", port=8000)
LOOK, TAKE = ToolCall("look", {"at": "T1"}), ToolCall("take", {"what": "coat"})


def the_episode() -> Trajectory:
    """A look and a call that is refused, in one turn; then the answer."""
    return Trajectory(
        "ToolGym/Toy-v0",
        "toy-1",
        seed=7,
        prompt="# Policy\n\nBe kind.\n\n<user>My coat!</user>",
        steps=[
            Step(
                Turn(plan="First look.", calls=(LOOK, TAKE), text="..."),
                (ToolResult("a coat", {"coat": 1}), ToolResult("it is gone", is_error=True, outcome="tool_error")),
                observation="...",
                reward=0.25,
                rewards={"state": 0.5},
            ),
            Step(Turn(response="Here it is.", text="..."), user="Thanks!", reward=0.5, rewards={"state": 1.0}),
        ],
        outcome="solved",
        meta={"split": "test", "kind": ["look", "take"], "depth": 2},
    )


def the_task() -> Task:
    looked = ChecklistItem(id="looked", question="Did it look?", check=CallCheck(name="look", arguments={"at": "T1"}))
    asked = ChecklistItem(id="told", question="Was the time told?", check=SaidCheck(facts=("12:30",)), required=False)
    return Task(id="toy-1", domain="toy", kind=("look",), request="My coat!", checklist=(looked, asked))


def played(**more) -> Played:
    # Reset from 100 to 200; a turn until 500, its step until 700; a turn until 1,000, its step until 1,300.
    times = [100, 200, 500, 700, 1000, 1300]
    return Played(id=ID, actor=ACTOR, times_ns=times, usage=[(40, 10), (90, 5)], **more)


def test_an_episode_is_a_trace():
    root, ask, look, take, answer = spans = spans_of(the_episode(), played())
    assert [span.name for span in spans] == [
        "invoke_agent api:m",
        "chat m",
        "execute_tool look",
        "execute_tool take",
        "chat m",
    ]
    assert [span.parent for span in spans] == [None, 0, 0, 0, 0]
    # The two calls share the time of their step, from 500 to 700.
    whole = [(span.start_ns, span.end_ns) for span in spans]
    assert whole == [(100, 1300), (200, 500), (500, 600), (600, 700), (700, 1000)]
    assert [span.kind for span in spans] == ["internal", "client", "internal", "internal", "client"]
    assert [span.error for span in spans] == [None, None, None, "it is gone", None]
    assert root.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.conversation.id": ID,
        "server.address": "h",
        "server.port": 8000,
        "gen_ai.agent.name": "api:m",
        "gen_ai.usage.input_tokens": 130,  # 40 and 90
        "gen_ai.usage.output_tokens": 15,  # 10 and 5
        "toolgym.env": "ToolGym/Toy-v0",
        "toolgym.task": "toy-1",
        "toolgym.seed": 7,
        "toolgym.split": "test",
        "toolgym.kind": ["look", "take"],
        "toolgym.depth": 2,
        "toolgym.steps": 2,
        "toolgym.outcome": "solved",
        "toolgym.reward": 0.75,
        "toolgym.timed": True,
        "gen_ai.system_instructions": '[{"type":"text","content":"# Policy\\n\\nBe kind."}]',
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"My coat!"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Here it is."}],'
        '"finish_reason":"stop"}]',
    }
    assert look.attributes["gen_ai.tool.call.arguments"] == '{"at":"T1"}'
    assert look.attributes["gen_ai.tool.call.result"] == '{"coat":1}'
    assert "error.type" not in look.attributes
    assert take.attributes["gen_ai.tool.call.result"] == "it is gone"
    assert take.attributes["error.type"] == "tool_error"
    assert [span.attributes["toolgym.step"] for span in spans[1:]] == [1, 1, 1, 2]
    assert (ask.attributes["toolgym.reward"], ask.attributes["toolgym.rewards.state"]) == (0.25, 0.5)
    assert ask.attributes["gen_ai.response.finish_reasons"] == ["tool_call"]
    assert (answer.attributes["gen_ai.usage.input_tokens"], answer.attributes["gen_ai.usage.output_tokens"]) == (90, 5)


def test_a_turn_reads_what_was_said_before_it():
    spans = spans_of(the_episode(), played())
    ids = [span.attributes["gen_ai.tool.call.id"] for span in spans[2:4]]
    assert json.loads(spans[4].attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "My coat!"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "First look."},
                {"type": "tool_call", "id": ids[0], "name": "look", "arguments": {"at": "T1"}},
                {"type": "tool_call", "id": ids[1], "name": "take", "arguments": {"what": "coat"}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": ids[0], "response": "a coat"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": ids[1], "response": "it is gone"}]},
    ]
    (output,) = json.loads(spans[1].attributes["gen_ai.output.messages"])
    assert output["finish_reason"] == "tool_call"
    assert [part["type"] for part in output["parts"]] == ["reasoning", "tool_call", "tool_call"]


def test_the_verdicts_are_evaluations():
    root = spans_of(the_episode(), played(), task=the_task())[0]
    assert (root.attributes["toolgym.checklist.met"], root.attributes["toolgym.checklist.items"]) == (1, 2)
    events = {attributes["gen_ai.evaluation.name"]: (when, attributes) for _, when, attributes in root.events}
    assert {name for name, _, _ in root.events} == {"gen_ai.evaluation.result"}
    assert events["toolgym.outcome"][1]["gen_ai.evaluation.score.label"] == "solved"
    assert events["toolgym.outcome"][1]["gen_ai.evaluation.score.value"] == 1.0
    assert events["toolgym.reward"][1]["gen_ai.evaluation.score.value"] == 0.75
    when, looked = events["toolgym.checklist.looked"]
    assert (when, looked["toolgym.step"]) == (700, 1)  # the first step ended at 700
    assert (looked["gen_ai.evaluation.score.label"], looked["gen_ai.evaluation.score.value"]) == ("met", 1.0)
    when, told = events["toolgym.checklist.told"]
    assert (when, told["gen_ai.evaluation.score.label"]) == (1300, "not met")
    assert "toolgym.step" not in told


def test_without_content_nothing_is_told_that_was_said():
    spans = spans_of(the_episode(), played(), content=False, task=the_task())
    told = json.dumps([[span.name, span.attributes, span.events, span.error] for span in spans])
    for text in ("coat", "Be kind", "First look", "Here it is", "T1", "gone", "Did it look?"):
        assert text not in told
    assert spans[3].error == spans[3].attributes["error.type"] == "tool_error"
    assert spans[0].attributes["toolgym.outcome"] == "solved"


def test_a_turn_that_the_model_failed_is_an_error():
    episode = the_episode()
    episode.outcome, episode.meta = "infra_error", {"error": "the endpoint is gone"}
    episode.steps.pop()
    # The second turn was asked for at 700 and given up at 900: it has no step.
    spans = spans_of(episode, Played(id=ID, times_ns=[100, 200, 500, 700, 900]))
    assert [span.name.split()[0] for span in spans] == ["invoke_agent", "chat", "execute_tool", "execute_tool", "chat"]
    assert (spans[-1].start_ns, spans[-1].end_ns, spans[-1].attributes["error.type"]) == (700, 900, "infra_error")
    assert (spans[0].error, spans[0].attributes["error.type"]) == ("the endpoint is gone", "infra_error")
    assert spans[0].end_ns == 900


def test_a_call_that_the_infrastructure_failed_is_an_error():
    episode = the_episode()
    episode.outcome = "infra_error"
    episode.steps = [Step(Turn(calls=(LOOK, TAKE, LOOK)), (ToolResult("a coat"),))]
    tools = [span for span in spans_of(episode, played()) if span.name.startswith("execute_tool")]
    # The second was made and not answered; the third was not made.
    assert [span.attributes.get("error.type") for span in tools] == [None, "infra_error"]


def test_the_users_calls_are_marked():
    episode = the_episode()
    episode.steps[1].user_acts = (Act("user", ToolCall("reboot", {}), ToolResult("done")),)
    *_, act = spans_of(episode, played())
    assert (act.name, act.attributes["toolgym.actor"], act.start_ns, act.end_ns) == (
        "execute_tool reboot",
        "user",
        1000,
        1300,
    )


def test_what_was_not_understood_is_told_as_it_was_written():
    episode = the_episode()
    problem = ParseProblem("bad_json", "no JSON", 0, 3)
    episode.steps = [Step(Turn(problems=(problem,), text="<tool_call>"), observation="<problem>no JSON</problem>")] * 2
    _, first, second = spans_of(episode, played(cut=[0]))
    assert first.attributes["toolgym.problems"] == ["bad_json"]
    assert first.attributes["gen_ai.response.finish_reasons"] == ["length"]
    said = json.loads(second.attributes["gen_ai.input.messages"])
    assert [part["content"] for message in said[1:] for part in message["parts"]] == [
        "<tool_call>",
        "<problem>no JSON</problem>",
    ]


def test_a_long_history_keeps_its_beginning_and_its_end():
    episode = the_episode()
    answers = [Step(Turn(response=f"answer {n}"), user=f"{n} {'x' * 49_000}") for n in range(40)]
    episode.steps = answers
    spans = spans_of(episode, played())
    longest = max(len(span.attributes["gen_ai.input.messages"]) for span in spans)
    assert longest < 310_000  # of 40 * 49,000 characters that the last turn has read
    said = [message["parts"][0]["content"] for message in json.loads(spans[-1].attributes["gen_ai.input.messages"])]
    assert said[0] == "My coat!"
    assert said[1].endswith("messages are left out here)")
    left_out = int(said[1].strip("(").split()[0])
    assert left_out + len(said) - 1 == 1 + 2 * 39
    assert said[-1].startswith("38 xxx")


def test_a_long_text_is_cut_and_stays_json():
    episode = the_episode()
    huge = ToolCall("look", {"at": "x" * 200_000})
    episode.steps = [Step(Turn(calls=(huge,)), (ToolResult("y" * 1_000_000),)), Step(Turn(response="z"))]
    spans = spans_of(episode, played())
    assert all(len(str(span.attributes)) < 200_000 for span in spans)
    # {"at":"x..."} has 200,000 characters and 9 around them; 50,000 are kept.
    assert "150009 characters more" in spans[2].attributes["gen_ai.tool.call.arguments"]
    assert json.loads(spans[3].attributes["gen_ai.input.messages"])[2]["parts"][0]["response"].startswith("yyy")


texts = st.text(st.characters(), max_size=8)
values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | texts, st.lists, max_leaves=4)
calls = st.builds(ToolCall, texts, st.dictionaries(texts, values, max_size=2))
results = st.builds(
    ToolResult, texts, values, st.booleans(), st.sampled_from(["ok", "tool_error", "unknown_tool", "infra_error"])
)
steps = st.builds(
    Step,
    st.builds(Turn, st.none() | texts, st.lists(calls, max_size=3).map(tuple), st.none() | texts, text=texts),
    st.lists(results, max_size=3).map(tuple),
    texts,
    st.none() | texts,
    st.none(),
    st.floats(),
    st.dictionaries(texts, st.floats(), max_size=2),
    st.lists(st.builds(Act, st.just("user"), calls, results), max_size=2).map(tuple),
)
episodes = st.builds(
    Trajectory,
    texts,
    texts,
    st.none() | st.integers(),
    texts,
    st.lists(steps, max_size=4),
    st.none() | st.sampled_from(["solved", "truncated", "infra_error"]),
    st.none() | st.sampled_from(["tokens", "turns"]),
    st.dictionaries(st.sampled_from(["split", "kind", "depth", "step", "error"]), values),
)
times = st.lists(st.integers(0, 2**63 - 1), max_size=12)


def check_spans(spans: list[Span]) -> None:
    """Parents stand before their children and last at least as long; one thing happens after another."""
    root, *children = spans
    assert root.parent is None
    before = root.start_ns
    for span in children:
        assert span.parent == 0
        assert root.start_ns <= span.start_ns <= span.end_ns <= root.end_ns
        assert span.start_ns >= before
        before = span.end_ns if span.name.startswith("chat") else span.start_ns
    for span in spans:
        for _, when, _ in span.events:
            assert root.start_ns <= when <= root.end_ns
        for attributes in (span.attributes, *(told for _, _, told in span.events)):
            for name, value in attributes.items():
                name.encode()
                kind = type(value)
                assert kind in (str, bool, int, float, list)
                if kind is int:
                    assert -(2**63) <= value < 2**63
                if kind is float:
                    assert math.isfinite(value)
                for each in value if kind is list else [value] if kind is str else []:
                    each.encode()  # no half characters, which OTLP has no form for
        span.name.encode()
        (span.error or "").encode()


@settings(max_examples=40, deadline=None)
@given(episodes, times, st.booleans())
def test_any_episode_is_a_trace(episode, times_ns, content):
    spans = spans_of(episode, Played(id=ID, times_ns=times_ns), content=content, task=the_task())
    check_spans(spans)
    kinds = [span.attributes["gen_ai.operation.name"] for span in spans]
    assert kinds.count("invoke_agent") == 1
    assert kinds.count("chat") == max(len(episode.steps), (len(times_ns) - 1) // 2)
    if content:
        for span in spans:
            for name in ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"):
                json.loads(span.attributes.get(name, "[]"))


@settings(max_examples=40, deadline=None)
@given(episodes)
def test_a_record_without_times_keeps_the_order(episode):
    episode.meta.pop(META, None)
    one, other = (Played.recorded(episode, name, 10**18) for name in ("a.jsonl 0", "a.jsonl 1"))
    assert one == Played.recorded(episode, "a.jsonl 0", 10**18)
    assert one.id != other.id
    assert not one.timed
    spans = spans_of(episode, one)
    check_spans(spans)
    assert spans[0].end_ns < 10**18


def test_a_record_says_how_it_was_played():
    episode = the_episode()
    episode.meta[META] = json.loads(played(cut=[1]).model_dump_json())
    assert Played.recorded(episode, "any", 0) == played(cut=[1])
    for wrong in ({}, {"id": "0" * 32}, {"id": ID, "times_ns": [-1]}, {"id": ID, "times_ns": [2**63]}, "no"):
        episode.meta[META] = wrong
        with pytest.raises(ValidationError):
            Played.recorded(episode, "any", 0)


# Played episodes --------------------------------------------------------------------------------------------------


class Kept:
    """What a sender was given."""

    def __init__(self):
        self.taken = []

    def send(self, trajectory, played, task):
        self.taken.append((trajectory, played, task))


class Counting(OraclePolicy):
    """An oracle that counts its tokens as an endpoint would."""

    def generate(self, slots):
        return [Completion(done.text, usage=(11, 3)) for done in super().generate(slots)]


def test_an_evaluation_sends_each_episode(cloakroom):
    kept = Kept()
    options = EvalOptions(env_id=cloakroom, episodes=6)
    evaluate(Counting(), options, traces=Traces(kept, Actor(name="oracle")))
    assert len(kept.taken) == 6
    assert len({told.id for _, told, _ in kept.taken}) == 6
    for trajectory, told, task in kept.taken:
        assert trajectory.task_id == task.id
        assert Played.recorded(trajectory, "", 0) == told
        assert len(told.times_ns) == 2 + 2 * len(trajectory.steps)
        assert told.times_ns == sorted(told.times_ns)
        assert told.times_ns[0] > 1.7e18  # nanoseconds since 1970, in 2023
        assert told.usage == [(11, 3)] * len(trajectory.steps)
        check_spans(spans_of(trajectory, told, task=task))


def test_a_model_is_named_as_it_was_asked_for():
    local = actor_of("hf:org/model", AgentOptions(temperature=0.7))
    assert (local.provider, local.model, local.temperature, local.address) == ("transformers", "org/model", 0.7, None)
    assert actor_of("builtin:clean", AgentOptions()).temperature == 0.0  # greedy
    remote = actor_of("api:m", AgentOptions(base_url="http://ann:key@127.0.0.1:8000/v1"))
    assert (remote.provider, remote.model, remote.address, remote.port) == ("openai", "m", "127.0.0.1", 8000)
    assert "key" not in remote.model_dump_json()
    assert actor_of("api:m", AgentOptions(base_url="https://host/v1")).port == 443
    assert actor_of("oracle", AgentOptions()).provider == "toolgym"
