"""Tools that a model plays: a local server with OpenAI's chat interface stands for the model, which costs money."""

import json

import gymnasium
import pytest

import toolgym  # noqa: F401 (registers the environments)
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.connect import connect
from toolgym.mcp.simulated import SimulatedServer, SimulationOptions, read_specs
from toolgym.mcp.state import make_state_options
from toolgym.messages import ToolCall

TOOLS = [
    {
        "name": "get_customer",
        "description": "Gets a customer.",
        "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        "annotations": {"readOnlyHint": True},
    },
    {"type": "function", "function": {"name": "add_customer", "parameters": {"type": "object"}}},
]


@pytest.fixture
def model(chat_server):
    """A chat endpoint that numbers its answers."""
    chat_server.default = lambda _: f'Sure: {{"result": {{"answer": {len(chat_server.requests)}}}}}'
    return chat_server


@pytest.fixture
def simulated(model, tmp_path):
    def make(**options):
        settings = {"base_url": model.url, "backoff_s": 0.01, "cache": str(tmp_path / "cache.sqlite"), **options}
        server = SimulatedServer(read_specs(TOOLS), SimulationOptions("m", **settings))
        made.append(server)
        return server

    made: list[SimulatedServer] = []
    yield make
    for server in made:
        server.close()


GET = ToolCall("get_customer", {"id": "c1"})
ADD = ToolCall("add_customer", {"name": "Ann"})


def test_equal_calls_in_equal_states_get_equal_answers(simulated, model):
    """Asked once: the read. Once more: the write. Once more: the read after the write. Then everything is known."""
    first = simulated()
    session = first.session()
    before = session.call(GET)
    assert before.structured == {"answer": 1}
    assert session.call(GET) == before
    fork = session.fork()
    assert session.call(ADD).structured == {"answer": 2}
    assert session.call(GET).structured == {"answer": 3}
    assert fork.call(GET) == before
    session.reset()
    assert session.call(GET) == before
    other = simulated().session()  # another process would read the same file
    assert [other.call(call).structured["answer"] for call in (GET, ADD, GET)] == [1, 2, 3]
    assert len(model.requests) == 3
    past = json.loads(model.requests[2]["messages"][1]["content"])["calls before"]
    assert [call["name"] for call in past] == ["add_customer"]


def test_what_the_policy_does_wrong_asks_nobody(simulated, model):
    session = simulated().session()
    assert session.call(ToolCall("get_customr", {})).outcome == "unknown_tool"
    assert session.call(ToolCall("get_customer", {})).outcome == "invalid_arguments"
    assert session.call(ToolCall("get_customer", {"id": float("nan")})).outcome == "invalid_arguments"
    assert model.requests == []


def test_a_tool_that_refuses(simulated, model):
    model.script.append('{"error": "no such customer"}')
    result = simulated().session().call(GET)
    assert (result.text, result.outcome) == ("no such customer", "tool_error")


def test_a_model_that_fails_is_infrastructure(simulated, model):
    model.script += [503, 429]
    assert simulated().session().call(GET).outcome == "ok"  # the third attempt
    model.script += ["no JSON"] * 4
    with pytest.raises(InfraError, match="failed 4 times; the last: no tool result"):
        simulated().session().call(ADD)
    model.script += [401]
    with pytest.raises(InfraError, match="401"):
        simulated().session().call(ADD)


def test_an_environment_of_simulated_tools(model, tmp_path):
    (tmp_path / "tools.json").write_text(json.dumps(TOOLS))
    entry = {"tools": "tools.json", "model": "m", "base_url": model.url, "cache": "cache.sqlite"}
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {"crm": {"simulated": entry}}}))
    task = {"request": "Who is c1?", "calls": [{"get_customer": {"id": "c1"}}]}
    env = gymnasium.make("ToolGym/MCP-v0", servers=str(path), tasks=[task], prompt="short")
    env.reset(seed=0)
    env.step('<tool_call>{"name": "get_customer", "arguments": {"id": "c1"}}</tool_call>')
    *_, info = env.step("<response>Somebody.</response>")
    assert info["outcome"] == "solved"
    env.close()
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"tools": TOOLS}, "need 'tools'"),
        ({"tools": TOOLS, "model": "m", "modle": "x"}, "Did you mean 'model'"),
        ({"tools": "nowhere.json", "model": "m"}, "Cannot read"),
        ({"tools": [], "model": "m"}, "a list of tools"),
        ({"tools": [{"name": 3}], "model": "m"}, "a name and a schema"),
    ],
)
def test_entries_that_cannot_be_used(entry, message):
    with pytest.raises(ConfigError, match=message):
        connect({"mcpServers": {"crm": {"simulated": entry}}})


def test_hidden_tools_are_left_out(model):
    """By the entry, or by the environment."""
    entry = {"simulated": {"tools": TOOLS, "model": "m", "base_url": model.url}}
    hiding = entry | {"toolgym": {"hidden_tools": ["add_customer"]}}
    for servers, more in ((hiding, {}), (entry, {"state": make_state_options(hidden=["add_customer"])})):
        with connect({"mcpServers": {"crm": servers}}, **more) as handle:
            assert [tool.name for tool in handle.tools] == ["get_customer"]
            assert handle.session().call(ADD).outcome == "unknown_tool"
    with pytest.raises(ConfigError, match="Did you mean 'add_customer'"):
        connect({"mcpServers": {"crm": entry | {"toolgym": {"hidden_tools": ["ad_customer"]}}}})
