"""The airline's gold chains, in process, over stdio and over HTTP: the same results and the same final states."""

import json
import sys

import pytest

from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.serve import serving
from toolgym.mcp_servers.airline import build_server
from toolgym.messages import ToolCall
from toolgym.registration import make_domain

OPTIONS = WireOptions(timeout_s=120)
COMMAND = [sys.executable, "-m", "toolgym.mcp_servers.airline", "--size", "small"]


@pytest.fixture(scope="module")
def tasks():
    tasks = make_domain("airline", size="small").tasks("test")
    return [tasks[index] for index in range(12)]


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_gold_chains_end_alike(transport, tasks, exact):
    server = build_server(size="small")
    with (
        serving(build_server(size="small")) as url,
        connect(COMMAND if transport == "stdio" else url, options=OPTIONS) as h,
    ):
        for task in tasks:
            near, far = server.session(task.world_seed), h.session(task.world_seed)
            for gold in task.gold_calls:
                assert exact(far.call(gold.call())) == exact(near.call(gold.call()))
                # and the same mistake, made of a good call
                wrong = ToolCall(gold.name, {**gold.arguments, "unasked": None})
                assert exact(far.call(wrong)) == exact(near.call(wrong))
            assert json.dumps(far.diff()) == json.dumps(near.diff())
            assert far.state_version() == near.state_version()
            far.close()
