"""`SearchPolicy` in environments: it plays what was found, whatever runs beside it, and leaves nothing behind."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from fastmcp import Context, FastMCP
from fastmcp.utilities.types import Image
from mcp_types import ToolListChangedNotification

from toolgym.agents.policies.api import ApiOptions, ApiPolicy
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts
from toolgym.agents.search import Ask, Node, SearchCost, SearchPolicy, parse_search
from toolgym.agents.search.talk import talk_of
from toolgym.agents.search.tree import PlayedTurn
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.mcp.connect import connect
from toolgym.messages import ToolCall, Turn, render
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import trajectory_to_json

EVERY = (
    "best_of:n=4,scorer=consistency",
    "majority:n=5",
    "beam:width=2,branch=3,scorer=consistency",
    "dfsdt",
    "astar:branch=3",
    "mcts:simulations=5,scorer=verified",
)


def play(
    env: ToolEnv, policy: Any, search: str, at_once: int, **options: Any
) -> tuple[list[Rollout], list[SearchCost]]:
    """An episode of each task, `at_once` at the same time, and what their searches cost."""
    searching = SearchPolicy(policy, parse_search(search), concurrency=at_once, **options)
    envs = [env, *(env.spawn() for _ in range(at_once - 1))]
    played = rollouts(searching, envs, [Start(options={"task": at}) for at in range(len(env.tasks))])
    for each in envs:
        each.close()
    return played, [searching.take_cost(slot) for slot in range(len(played))]


@pytest.mark.parametrize("search", EVERY)
def test_what_is_played_does_not_depend_on_what_runs_beside_it(lock, dice, search, monkeypatch):
    made, closed = [], []
    fork, close = ToolEnv.fork, ToolEnv.close

    def forked(env: ToolEnv) -> ToolEnv:
        made.append(fork(env))
        return made[-1]

    def counted(env: ToolEnv) -> None:
        closed.append(env)
        close(env)

    monkeypatch.setattr(ToolEnv, "fork", forked)
    monkeypatch.setattr(ToolEnv, "close", counted)
    alone, cost = play(lock, dice(), search, 1)
    policy = dice()
    together, cost_together = play(lock.spawn(), policy, search, 4)
    assert [trajectory_to_json(one.trajectory) for one in alone] == [
        trajectory_to_json(one.trajectory) for one in together
    ]
    assert cost == cost_together
    assert made
    assert all(any(env is each for each in closed) for env in made)
    assert max(policy.batches) == 4, "the searches of several episodes share a batch"
    # The environment itself sees the chosen turns alone, which are among the sampled ones.
    for rollout, spent in zip(alone, cost, strict=True):
        assert len(rollout.trajectory.steps) == 3
        assert spent.turns == spent.steps + (0 if spent.steps else 1) >= 3
        assert (spent.searches, spent.oracle) == (1, "verified" in search)
        assert spent.tokens <= 2 * spent.turns


def test_the_oracle_finds_what_is_there_and_costs_are_counted(lock, dice):
    trees: dict[int, list[bool]] = {}

    def seen(slot: int, root: Node, chosen: Node) -> None:
        trees[slot] = [node.outcome == "solved" for node in root.children]
        assert chosen in root.children

    played, cost = play(lock, dice(), "best_of:n=12,scorer=verified", 2, on_tree=seen)
    assert [rollout.solved for rollout in played] == [any(trees[slot]) for slot in range(4)]
    assert any(map(any, trees.values()))
    # 12 episodes of 3 turns, of which two call a tool; 2 + 2 + 1 tokens.
    assert cost == [SearchCost(tokens=60, turns=36, steps=36, calls=24, searches=1, oracle=True)] * 4


def test_an_answer_that_was_not_the_forks_is_searched_from_anew(lock, dice):
    policy = SearchPolicy(dice(), parse_search("best_of:n=2,scorer=consistency"))
    observation, info = lock.reset(options={"task": 0})
    policy.start(0, observation, info, env=lock)
    (first,) = policy.generate([0])
    observation, *_, info = lock.step(first.text)
    policy.observe(0, observation + " (or was it?)", info)
    (second,) = policy.generate([0])
    assert '"two"' in second.text, "the search began where the episode stands"
    policy.end(0)
    # Two episodes of 3 turns from the opening, and two of 2 from there.
    assert policy.take_cost(0) == SearchCost(tokens=16, turns=10, steps=10, calls=6, searches=2)
    assert policy.take_cost(0) == SearchCost(), "it is kept no longer"


def test_where_the_chosen_turns_end_the_policy_goes_on(lock, dice):
    # Two queries are not enough for three turns: the longest way is played, and the policy ends the episode itself.
    played, cost = play(lock, dice(), "dfsdt:queries=2", 2)
    assert [len(rollout.trajectory.steps) for rollout in played] == [3] * 4
    assert [spent.turns for spent in cost] == [3] * 4


class GivesUp:
    """Gives up unless it was told what was tried before; then it answers."""

    def __init__(self) -> None:
        self.told: dict[int, bool] = {}
        self.count = 0

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        names = [tool["function"]["name"] for tool in info["tools"]]
        assert ("give_up" in names) == ("give_up" in observation)
        self.told[slot] = "first time" in info["messages"][-1]["content"]
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        raise AssertionError("turns are asked for one by one")

    def generate(self, slots: Any) -> list[Completion]:
        up = render(Turn(calls=(ToolCall("give_up", {}),)))
        look = render(Turn(calls=(ToolCall("turn", {"dial": "one", "to": 1}),)))
        over = render(Turn(response="It is open."))
        self.count += 1
        return [Completion(over if self.told[slot] else look if self.count == 1 else up) for slot in slots]

    def end(self, slot: int) -> None:
        self.told.pop(slot, None)


def test_giving_up_is_no_step_and_leads_back(lock):
    policy = SearchPolicy(GivesUp(), parse_search("dfsdt:width=2"))
    (played,) = rollouts(policy, [lock], [Start(options={"task": 0})])
    # A turn, then giving up after it, which leads back to the opening, where an answer is given.
    assert [step.turn.response for step in played.trajectory.steps] == ["It is open."]
    assert policy.take_cost(0) == SearchCost(turns=3, steps=2, calls=1, searches=1)


# Servers that are no ToolServer --------------------------------------------------------------------------------------


def list_env(server: Any) -> ToolEnv:
    """An environment of a server that keeps a list."""
    gold = (
        GoldAction(calls=(GoldCall(name="append", arguments={"item": 2}, writes=True),)),
        GoldAction(response="Ok."),
    )
    task = Task(id="append", domain="list", kind=("append",), depth=1, request="Append 2.", gold=gold)
    handle = connect(server)
    return ToolEnv(CustomDomain(handle.session, [task], name="list"))


def make_list(items: Any = None) -> FastMCP:
    """A server that keeps a list; `items` are appended in place of what was asked for."""
    mcp, kept = FastMCP("list"), []

    @mcp.tool
    def append(item: int) -> list[int]:
        """Appends an item."""
        kept.append(item if items is None else next(items))
        return kept

    return mcp


class Appends:
    """Appends 1, 2 or 3 by its slot, twice, then answers."""

    def __init__(self) -> None:
        self.turns: dict[int, int] = {}

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        self.turns[slot] = sum(message["role"] == "assistant" for message in info["messages"])
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        return []

    def generate(self, slots: Any) -> list[Completion]:
        out = []
        for slot in slots:
            call = ToolCall("append", {"item": 1 + slot % 3})
            out.append(Completion(render(Turn(calls=(call,)) if self.turns[slot] < 2 else Turn(response="Ok."))))
            self.turns[slot] += 1
        return out

    def end(self, slot: int) -> None:
        self.turns.pop(slot, None)


@pytest.mark.parametrize("search", ["beam:width=3,branch=3,scorer=verified", "best_of:n=3,scorer=verified"])
def test_a_server_that_forks_by_repeating_is_searched_in(search):
    env = list_env(make_list)
    assert env.session.fork_kind == "replay"
    (played,), (cost,) = play(env, Appends(), search, 1)
    calls = [call.arguments["item"] for call, _ in played.trajectory.calls]
    # Of the turns that the search drew, the real server has seen the chosen two.
    assert len(calls) == 2
    assert [result.structured for _, result in played.trajectory.calls] == [{"result": calls[:1]}, {"result": calls}]
    assert cost.steps == cost.turns > 3


def test_a_server_that_does_not_repeat_itself_is_the_infrastructures_failure():
    count = itertools.count()
    (played,), _ = play(list_env(lambda: make_list(count)), Appends(), "best_of:n=2,scorer=verified", 1)
    assert played.outcome == "infra_error"
    assert "not repeatable" in played.error


def test_a_server_whose_writes_stay_is_refused_before_anything_is_written():
    server = make_list()
    with pytest.raises(ConfigError, match=r"nothing can be undone here.*Give a command that starts the server"):
        play(list_env(server), Appends(), "best_of:n=2,scorer=verified", 1)
    env = list_env(server)
    env.reset()
    assert env.step(render(Turn(calls=(ToolCall("append", {"item": 5}),))))[4]["messages"][0]["content"] == "[5]"


def test_what_cannot_be_searched_with_is_refused(lock, dice):
    with pytest.raises(ConfigError, match="not the oracle"):
        SearchPolicy(OraclePolicy(), parse_search("best_of"))
    with pytest.raises(ConfigError, match=r"logprob is of a model whose tokens are known here.*consistency"):
        SearchPolicy(dice(), parse_search("best_of"))
    greedy: Any = SimpleNamespace(options=SimpleNamespace(temperature=0.0), tokenizer=object())
    with pytest.raises(ConfigError, match="at temperature 0 are all the same"):
        SearchPolicy(greedy, parse_search("majority"))
    SearchPolicy(greedy, parse_search("best_of:n=1"))
    with pytest.raises(ConfigError, match="needs the environment"):
        SearchPolicy(dice(), parse_search("majority")).start(0, "", {})


# What the policy reads -----------------------------------------------------------------------------------------------


def test_an_endpoints_conversation_has_its_calls_and_their_results():
    native = (
        '{"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": '
        '{"name": "turn", "arguments": "{}"}}, {"id": "c2", "type": "function", "function": {"name": "turn", '
        '"arguments": "{}"}}]}'
    )
    opening = Node(observation="Open it.", info={"messages": [{"role": "user", "content": "Open it."}], "tools": []})
    result = {"role": "tool", "name": "turn", "content": "ok", "parts": [{"type": "text", "text": "ok"}]}
    turns = [PlayedTurn(Completion(native), "ok", {"messages": [result]}), PlayedTurn(Completion("Hm."), "Go on.", {})]
    text, info = talk_of(SimpleNamespace(chat=None)).at(Ask(Node(opening, turns), note="Try more."), "a name")  # type: ignore[arg-type]
    said = info["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "tool", "assistant", "user", "user"]
    assert [call["id"] for call in said[1]["tool_calls"]] == ["c1", "c2"]
    # The second call was not answered, which endpoints refuse: it gets what the environment said.
    assert [(said[at]["tool_call_id"], said[at]["content"]) for at in (2, 3)] == [("c1", "ok"), ("c2", "ok")]
    assert text.endswith("Hm.\n\nGo on.\n\nTry more.")
    assert info["task_id"] == "a name"


def make_gallery() -> FastMCP:
    """A server that shows a picture, and learns another tool."""
    mcp = FastMCP("gallery")

    @mcp.tool(annotations={"readOnlyHint": True})
    def look() -> Image:
        """Looks at the picture."""
        return Image(data=bytes.fromhex("89504e470d0a1a0a"), format="png")

    @mcp.tool
    async def learn(ctx: Context) -> str:
        """Learns to step back."""
        mcp.tool(name="step_back")(lambda: "ok")
        await ctx.send_notification(ToolListChangedNotification())
        return "learnt"

    return mcp


@pytest.mark.parametrize("images", [False, True])
def test_an_endpoint_reads_the_same_conversation_with_a_search_and_without(chat_server, images):
    def calling(*names: str) -> dict[str, Any]:
        calls = [{"id": "c1", "type": "function", "function": {"name": each, "arguments": "{}"}} for each in names]
        return {"tool_calls": calls}

    turns = [
        {"content": "Let me look.", "reasoning_content": "A picture?", **calling("look")},
        {"content": "", **calling("learn", "nothing")},
        {"content": "And once", "finish": "length", **calling("look")},
        '<tool_call>{"name": "look", "arguments": {}}</tool_call>',
        {"content": "Which one is it?", "reasoning": "hm"},
    ]
    gold = (GoldAction(calls=(GoldCall(name="look", arguments={}),)), GoldAction(response="Red."))
    task = Task(id="look", domain="gallery", kind=("look",), depth=1, request="Look.", gold=gold)
    env = ToolEnv(CustomDomain(connect(make_gallery).session, [task], name="gallery"))
    asked = []
    for search in ("", "beam:width=1,branch=1,scorer=consistency"):
        chat_server.script, chat_server.requests = list(turns), []
        policy = ApiPolicy(ApiOptions("m", base_url=chat_server.url, images=images))
        playing = SearchPolicy(policy, parse_search(search)) if search else policy
        (played,) = rollouts(playing, [env], [Start(options={"task": 0})])
        policy.close()
        assert len(played.trajectory.steps) == len(turns)
        asked.append(chat_server.requests)
    env.close()
    plain, searched = asked
    assert searched == plain
    said = [message for message in plain[-1]["messages"] if message["role"] == "assistant"]
    assert [message["content"] for message in said[:3]] == ["Let me look.", "", "And once"]
    assert ("image_url" in str(plain[-1]["messages"])) is images


def test_a_policy_that_asks_a_server_is_searched_with_alike(lock, dice):
    class Elsewhere(dice):
        async def turn(self, slot: int) -> Completion:
            return super().generate([slot])[0]

        def generate(self, slots: Any) -> list[Completion]:
            raise AssertionError("it has a turn for each slot")

    here, cost = play(lock, dice(), "beam:width=2,branch=2,scorer=consistency", 2)
    there, cost_there = play(lock.spawn(), Elsewhere(), "beam:width=2,branch=2,scorer=consistency", 2)
    assert cost == cost_there
    assert [rollout.trajectory for rollout in here] == [rollout.trajectory for rollout in there]
