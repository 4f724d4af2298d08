"""Our environments in TRL's own GRPO loop: schemas as transformers writes them, and a step of the real trainer."""

import warnings
from typing import Any

import pytest

from toolgym.adapters.trl import environment_factory, episode_return, task_rows
from toolgym.agents.policies.scripted import gold_turns
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.mcp.server import ToolServer
from toolgym.messages import Turn, parse, render
from toolgym.opening import open_env
from toolgym.registration import needs_user, own_domains
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.world import Base, World

AIRLINE = {"size": "small", "depth": 2, "kinds": ["reservation", "cancel"]}
PLAYED = [name for name in own_domains() if not needs_user(name)]
TEMPLATE = (
    "{%- for message in messages -%}{{- '<|' + message['role'] + '|>' + message['content'] -}}"
    "{%- if message['tool_calls'] -%}{{- message['tool_calls'] | tojson -}}{%- endif -%}{{- '<|end|>' -}}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def gold_messages(env: ToolEnv) -> list[str]:
    """The gold chain of the current task as TRL's loop would have it: a call a message, no plans."""
    out = []
    for turn in gold_turns(env.task):
        out += [render(Turn(calls=(call,))) for call in turn.calls]
        out += [] if turn.response is None else [render(Turn(response=turn.response))]
    return out


@pytest.mark.parametrize("name", PLAYED)
def test_transformers_reads_each_tools_schema_from_its_method(name):
    get_json_schema = pytest.importorskip("transformers.utils").get_json_schema
    episode = environment_factory(f"ToolGym/{name.capitalize()}-v0", size="small")()
    for tool in episode._env.tools:
        made = get_json_schema(getattr(episode, tool.name))["function"]
        assert (made["name"], made["description"]) == (tool.name, " ".join(tool.description.split()))
        parameters, wanted = made["parameters"], tool.input_schema
        assert set(parameters["properties"]) == set(wanted.get("properties", {}))
        assert set(parameters.get("required", ())) == set(wanted.get("required", ()))
        for key, schema in wanted.get("properties", {}).items():
            assert parameters["properties"][key]["description"]
            if "enum" in schema:
                assert parameters["properties"][key]["enum"] == schema["enum"]
            elif isinstance(schema.get("type"), str):
                assert parameters["properties"][key]["type"] == schema["type"]


def test_what_a_type_cannot_say_stands_in_the_description():
    get_json_schema = pytest.importorskip("transformers.utils").get_json_schema
    episode = environment_factory("ToolGym/Airline-v0", size="small")()
    made = get_json_schema(episode.book_reservation)["function"]["parameters"]["properties"]
    assert '"required":["flight_number","date"]' in made["flights"]["description"]
    assert "JSON Schema" not in made["user_id"]["description"]


def test_a_step_of_trls_trainer_plays_the_gold_chain_and_is_paid_for_it(tmp_path):
    pytest.importorskip("torch")
    from datasets import Dataset
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    from toolgym.agents.builtin import build_tokenizer, new_model

    env = open_env("ToolGym/Airline-v0", prompt="short", **AIRLINE)
    rows = task_rows("ToolGym/Airline-v0", 1, prompt="short", **AIRLINE)
    env.reset(options={"task": rows[0]["task"]})
    messages = gold_messages(env)
    paid = sum(env.step(message)[1] for message in messages)
    assert env.trajectory.outcome == "solved"

    tokenizer: Any = build_tokenizer()
    tokenizer.chat_template, tokenizer.response_template = TEMPLATE, {}

    def read(ids: list[int], **_: Any) -> dict[str, Any]:
        turn = parse(tokenizer.decode(ids, skip_special_tokens=True))
        calls = [{"type": "function", "function": {"name": c.name, "arguments": dict(c.arguments)}} for c in turn.calls]
        return {"role": "assistant", "content": turn.response or "", **({"tool_calls": calls} if calls else {})}

    tokenizer.parse_response = read

    class Scripted(GRPOTrainer):
        """The trainer with the gold messages in the place of sampled ones; all else is TRL's."""

        def _generate_single_turn(self, prompt_ids, *args, **kwargs):
            said = [tokenizer.decode(ids).count("<|assistant|>") - 1 for ids in prompt_ids]
            texts = [f"{messages[at]}<|end|>" for at in said]
            return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts], None

    seen: list[list[float | None]] = []

    def paying(completions, environments, **kwargs):
        seen.append(episode_return(completions, environments, **kwargs))
        outcomes.update(episode._env.trajectory.outcome for episode in environments)
        return seen[-1]

    outcomes: set[str | None] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        args = GRPOConfig(
            output_dir=str(tmp_path), max_steps=1, per_device_train_batch_size=2, num_generations=2,
            max_completion_length=1500, report_to="none", use_cpu=True, bf16=False, save_strategy="no",
            disable_tqdm=True, logging_steps=1,
        )  # fmt: skip
        trainer = Scripted(
            model=new_model(tokenizer),
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            environment_factory=environment_factory("ToolGym/Airline-v0", prompt="short", **AIRLINE),
            reward_funcs=paying,
        )
        trainer.train()
    assert seen == [[pytest.approx(paid)] * 2]
    assert outcomes == {"solved"}
    (logged,) = [line for line in trainer.state.log_history if "reward" in line]
    assert logged["reward"] == pytest.approx(paid, abs=1e-4)
    assert logged["tools/failure_frequency"] == 0


def episode_of(task: str = "", **options: Any) -> Any:
    rows = task_rows("ToolGym/Airline-v0", 1, **AIRLINE, **options)
    episode = environment_factory("ToolGym/Airline-v0", **AIRLINE, **options)()
    episode.reset(**rows[0])
    return episode


def test_rows_have_the_policy_and_the_request():
    (row,) = task_rows("ToolGym/Airline-v0", 1, **AIRLINE)
    env = open_env("ToolGym/Airline-v0", **AIRLINE)
    env.reset(options={"task": row["task"]})
    assert row["prompt"] == [
        {"role": "system", "content": env.policy},
        {"role": "user", "content": env.task.request},
    ]
    assert [m["role"] for m in task_rows("ToolGym/Airline-v0", 1, prompt="short", **AIRLINE)[0]["prompt"]] == ["user"]


def test_a_wrong_call_is_an_answer_and_no_crash():
    episode = episode_of()
    said = episode.get_reservation_details(reservation_id="NOSUCH", colour="red")
    assert isinstance(said, str)
    assert "colour" in said
    assert len(episode._env.trajectory.steps) == 1


def test_an_episode_that_never_answers_earns_what_its_steps_did():
    episode = episode_of()
    said = episode.list_all_airports()
    messages = [{"role": "assistant", "content": "", "tool_calls": [{}]}, {"role": "tool", "content": said}]
    assert episode_return([messages, []], [episode, episode_of()]) == [episode._env.trajectory.steps[0].reward, 0]
    assert not episode._env.trajectory.done


def test_a_tool_may_be_unavailable_for_a_moment():
    episode = episode_of(flaky=1.0)
    assert "temporarily unavailable" in episode.list_all_airports()
    assert "temporarily unavailable" not in episode.list_all_airports()


def test_after_the_end_a_call_is_told_so():
    episode = episode_of(max_turns=1)
    episode.list_all_airports()
    with pytest.raises(ValueError, match="is over"):
        episode.list_all_airports()
    answer = [{"role": "assistant", "content": "Done."}]
    assert episode_return([answer], [episode]) == [episode._env.trajectory.steps[0].reward]


def test_an_episode_that_the_infrastructure_broke_has_no_reward(monkeypatch):
    episode = episode_of()
    episode.list_all_airports()
    object.__setattr__(episode._env.trajectory, "outcome", "infra_error")
    assert episode_return([[{"role": "assistant", "content": "Done."}]], [episode]) == [None]


def test_episodes_share_nothing():
    factory = environment_factory("ToolGym/Airline-v0", **AIRLINE)
    one, two = factory(), factory()
    row = task_rows("ToolGym/Airline-v0", 1, **AIRLINE)[0]
    one.reset(**row), two.reset(**row)
    one.cancel_reservation(reservation_id=one._env.task.gold_calls[-1].arguments["reservation_id"])
    assert one._env.trajectory.diff
    assert not two._env.trajectory.steps


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: environment_factory("ToolGym/Telecom-v0", size="small"), "has a user that must be answered"),
        (lambda: environment_factory("ToolGym/Airline-v0", size="small", user="scripted"), "must be answered"),
        (lambda: environment_factory("ToolGym/All-v0", size="small"), "differ from task to task"),
        (lambda: environment_factory("ToolGym/Airlin-v0"), "Did you mean"),
        (lambda: environment_factory("ToolGym/Airline-v0", size="small", rename=True), "rename would give each"),
        (lambda: task_rows("ToolGym/Airline-v0", 1, tools="oracle", distractors=2), "distractors and tools would"),
        (lambda: environment_factory("ToolGym/Airline-v0", size="small", reorder=True, flaky=0.5), "reorder would"),
        (lambda: task_rows("ToolGym/Airline-v0", 0, size="small"), "count must be from 1 to"),
        (lambda: environment_factory("ToolGym/Airline-v0", size="small")().reset(), "has no 'task'"),
    ],
)
def test_what_cannot_be_is_said(made, words):
    with pytest.raises(ConfigError, match=words):
        made()


def test_a_name_that_python_or_trl_cannot_have_is_said(monkeypatch):
    import toolgym.adapters.trl as adapter

    server = ToolServer("odd", base=Base({"t": {}}))

    @server.tool(writes=True, name="reset")
    def put(world: World) -> str:
        """Puts it back."""
        return "put"

    task = Task(
        id="t", domain="odd", kind=("put",), request="Put.", gold=(GoldAction(calls=(GoldCall(name="reset"),)),)
    )
    monkeypatch.setattr(adapter, "open_env", lambda *_, **__: ToolEnv(CustomDomain(server.session, [task])))
    with pytest.raises(ConfigError, match="takes that name for its own"):
        environment_factory("odd")
