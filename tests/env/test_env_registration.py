"""Importing and registering: what `import toolgym` does, and what it does not."""

import subprocess
import sys
import time
from collections.abc import Callable

import gymnasium
import numpy as np
import pytest

import toolgym
from toolgym import registration
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.registration import env_ids, make_domain, register_domain, register_env
from toolgym.sampling import sample_value
from toolgym.spaces import Message
from toolgym.vector import ToolVectorEnv

HEAVY = ("torch", "transformers", "docker", "fastmcp", "trl", "rich", "httpx2")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_prints_nothing_and_brings_in_nothing_heavy() -> None:
    code = f"import sys; import toolgym; sys.exit(str([m for m in {HEAVY!r} if m in sys.modules] or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.strip()) == ("", "")


def test_every_module_is_imported_without_torch() -> None:
    code = """
import pkgutil, sys, toolgym
for module in pkgutil.iter_modules(toolgym.__path__, "toolgym."):
    if module.name not in ("toolgym.cli", "toolgym.agents", "toolgym.envs", "toolgym.mcp_servers"):
        __import__(module.name)
print([name for name in ("torch", "transformers", "docker") if name in sys.modules])
"""
    assert run(code).strip() == "[]"


def test_import_takes_less_than_half_a_second_beyond_gymnasium_and_fastmcp() -> None:
    code = """
import gymnasium, fastmcp, time
start = time.process_time()
import toolgym
print(time.process_time() - start)
"""
    assert min(float(run(code)) for _ in range(2)) < 0.5


def test_the_namespace_is_its_all() -> None:
    assert toolgym.__all__ == sorted(toolgym.__all__)
    for name in toolgym.__all__:
        assert getattr(toolgym, name) is not None
        assert name in dir(toolgym)
    with pytest.raises(AttributeError, match="no attribute 'ToolEnvv'"):
        toolgym.ToolEnvv  # noqa: B018


def test_environments_are_registered_once() -> None:
    assert "ToolGym/Airline-v0" in env_ids()
    before = dict(gymnasium.registry)
    toolgym.register_envs()
    assert gymnasium.registry == before


@pytest.fixture
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    monkeypatch.setattr(registration, "_DOMAINS", dict(registration._DOMAINS))


@pytest.mark.usefixtures("_registries")
def test_a_domain_of_your_own_becomes_an_environment(fresh_bank: Callable[[], ToolEnv]) -> None:
    domain = fresh_bank().domain
    register_domain("test-bank", lambda: domain)
    register_env("Test/Bank-v0", "test-bank")
    env = gymnasium.make("Test/Bank-v0", split="test", prompt="short", max_turns=3)
    assert isinstance(env, ToolEnv)
    assert env.reset(seed=0)[1]["split"] == "test"
    assert env.trajectory.env_id == "Test/Bank-v0"
    assert env.fork().trajectory == env.trajectory
    assert "Test/Bank-v0" in env_ids()
    assert make_domain("test-bank") is domain
    vector = gymnasium.make_vec("Test/Bank-v0", num_envs=3, prompt="short", autoreset_mode="SameStep")
    assert isinstance(vector, ToolVectorEnv)
    assert vector.spec is not None
    vector.reset(seed=0)
    assert {e.trajectory.env_id for e in vector.envs} == {"Test/Bank-v0"}
    sync = gymnasium.make_vec("Test/Bank-v0", num_envs=3, vectorization_mode="sync", prompt="short")
    assert sync.reset(seed=0)[0] == vector.reset(seed=0)[0]
    with pytest.raises(ConfigError, match="is taken"):
        register_domain("test-bank", "toolgym.envs.airline:AirlineDomain")
    with pytest.raises(ConfigError, match="Did you mean 'test-bank'"):
        make_domain("test-bnk")
    with pytest.raises(ConfigError, match="The domain 'test-bank' has no size and no seed: leave that out"):
        make_domain("test-bank", size="small", seed=3)


def test_airline_is_made_by_gymnasium() -> None:
    env = gymnasium.make("toolgym:ToolGym/Airline-v0", size="small", prompt="short", split="validation")
    observation, info = env.reset(seed=0)
    assert observation in env.observation_space
    assert info["split"] == "validation"
    env.close()


def test_async_needs_shared_memory_off_and_says_so() -> None:
    options = {"num_envs": 2, "vectorization_mode": "async", "size": "small", "prompt": "short"}
    with pytest.raises(ValueError, match="shared_memory=False"):
        gymnasium.make_vec("ToolGym/Airline-v0", **options)
    env = gymnasium.make_vec("ToolGym/Airline-v0", vector_kwargs={"shared_memory": False}, **options)
    own = gymnasium.make_vec("ToolGym/Airline-v0", num_envs=2, size="small", prompt="short")
    assert env.reset(seed=0)[0] == own.reset(seed=0)[0]
    actions = env.action_space.sample()
    assert env.step(actions)[0] == own.step(actions)[0]
    env.close()
    own.close()


def test_importing_by_the_module_prefix_registers() -> None:
    assert "validation" in run(
        "import gymnasium\n"
        "env = gymnasium.make('toolgym:ToolGym/Airline-v0', size='small', split='validation')\n"
        "print(env.reset(seed=0)[1]['split'])"
    )


def test_message_space(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    space = env.action_space
    assert isinstance(space, Message)
    for text in ("", "é中\ud800\x00", "x" * 10_000):
        assert text in space
    for other in (b"x", 1, None, ["x"]):
        assert other not in space
    space.seed(3)
    samples = [space.sample() for _ in range(30)]
    space.seed(3)
    assert samples == [space.sample() for _ in range(30)]
    env.reset(seed=0)
    for sample in samples:
        assert sample in space
        *_, info = env.step(sample)
        assert info["calls"][0]["outcome"] in ("ok", "tool_error")
        if env.trajectory.done:
            env.reset()
    assert env.observation_space.sample().startswith("<response>")
    assert space == make_bank().action_space
    assert space != env.observation_space
    assert "get_account" in repr(space)
    with pytest.raises(ValueError, match="mask"):
        space.sample(mask=(None, None))


def test_sampled_values_fit_their_schemas() -> None:
    rng = np.random.default_rng(0)
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "count": {"type": "integer", "minimum": 2, "maximum": 3},
            "over": {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6},
            "price": {"type": "number", "minimum": 0.5},
            "name": {"type": "string", "minLength": 12, "maxLength": 12},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 1},
            "either": {"anyOf": [{"type": "null"}, {"const": 7}]},
            "flag": {"type": ["boolean", "null"]},
        },
        "required": ["kind", "count", "over", "price", "name", "tags", "either", "flag"],
        "$defs": {"tag": {"type": "object", "properties": {"t": {"type": "string"}}, "required": ["t"]}},
    }
    for _ in range(50):
        value = sample_value(schema, rng)
        assert set(value) == set(schema["required"])
        assert value["kind"] in ("a", "b")
        assert value["count"] in (2, 3)
        assert value["over"] == 5
        assert value["price"] >= 0.5
        assert len(value["name"]) == 12
        assert value["tags"]
        assert all(isinstance(tag["t"], str) for tag in value["tags"])
        assert value["either"] in (None, 7)
        assert value["flag"] in (True, False, None)


def test_a_recursive_schema_ends() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}, "all": {"type": "array", "items": {"$ref": "#"}}}}
    start = time.process_time()
    for seed in range(30):
        sample_value(tree, np.random.default_rng(seed))
    assert time.process_time() - start < 5
