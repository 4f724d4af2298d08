"""Environments on a Ray cluster of two nodes: spread over both, the same episodes, and a node that is lost."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.opening import open_env

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
ray = pytest.importorskip("ray")
OPTIONS = {"size": "small", "prompt": "short"}
ENV = "ToolGym/Airline-v0"


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head with one CPU and another node with one."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    other = made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made, other
    ray.shutdown()
    made.shutdown()


def test_environments_are_on_both_nodes_and_a_lost_node_costs_its_own(cluster: Any) -> None:
    from toolgym.ray_envs import ray_envs

    made, other = cluster
    envs = ray_envs(ENV, 4, 2, OPTIONS)
    where = [ray.get(env._actor.__ray_call__.remote(_node)) for env in envs]
    assert len(set(where)) == 2
    starts = [Start(options={"task": task}) for task in range(6)]
    here = rollouts(OraclePolicy(), [open_env(ENV, **OPTIONS)], starts)
    there = rollouts(OraclePolicy(), envs, starts)
    assert [rollout.trajectory for rollout in there] == [rollout.trajectory for rollout in here]

    for env in envs:
        env.reset(options={"task": 0})
    made.remove_node(other)
    outcomes = [env.step("<response>Hello.</response>")[4]["outcome"] for env in envs]
    lost = [node == other.node_id for node in where]
    assert outcomes == ["infra_error" if gone else "unsolved" for gone in lost]


def _node(worker: Any) -> str:
    return ray.get_runtime_context().get_node_id()


def test_the_shipped_cluster_is_one_that_ray_takes() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    from toolgym.agents.training.sharding import CONFIG

    config = prepare_config(yaml.safe_load(CONFIG.with_name("ray_cluster.yaml").read_text()))
    validate_config(config)
    assert config["provider"]["type"] == "local"
    assert config["max_workers"] == len(config["provider"]["worker_ips"]) == 2
