"""Tools that an agent makes, in a real container: they compute, reach nothing, and leave nothing for the next run."""

import pytest

from toolgym.env import ToolEnv
from toolgym.messages import ToolCall, Turn, render
from toolgym.retrieval.sandbox import DockerSandbox

pytestmark = [pytest.mark.docker, pytest.mark.slow]

LEAVES = """
import os, subprocess, sys
def leaves():
    open("/tmp/note", "w").write("mine")
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    return sorted(os.listdir("/tmp"))
"""
SEES = """
import os
def sees():
    running = [name for name in os.listdir("/proc") if name.isdigit()]
    return {"files": os.listdir("/tmp"), "processes": len(running), "variables": sorted(set(os.environ) - {"LC_CTYPE"})}
"""


def test_a_made_tool_runs_in_a_container(base_image, running):
    box = DockerSandbox(base_image)
    before = len(running())
    try:
        assert box.run("def f(a): return {'b': [a, None]}", "f", {"a": "ü"}).value == {"b": ["ü", None]}
        assert len(running()) == before + 1
        assert box.run("def f():\n    print('noise')\n    return 1", "f", {}).value == 1
        assert box.run(LEAVES, "leaves", {}).value == ["note"]
        assert box.run(SEES, "sees", {}).value == {"files": [], "processes": 2, "variables": []}
        said = {
            "def f(): return 1 / 0": "ZeroDivisionError",
            "def f(): return {1, 2}": "not JSON serializable",
            "def f(): return float('nan')": "not JSON compliant",
            "def f(): return 'x' * 200_000": "longer than 100000",
            "def f():\n    while True: pass": "longer than 5 seconds",
            "import os\ndef f(): os._exit(3)": "ended with 3",
            "import os\ndef f(): os.kill(1, 9); os.kill(os.getppid(), 15); return open('/etc/x', 'w')": "Read-only",
            "import socket\ndef f(): socket.create_connection(('1.1.1.1', 53), 2)": "unreachable",
        }
        for code, words in said.items():
            assert words in (box.run(code, "f", {}).error or ""), code
        drawn = "import random\ndef f(): return random.random()"
        assert box.run(drawn, "f", {}) == box.run(drawn, "f", {})
    finally:
        box.close()
    assert len(running()) == before


def test_an_agent_makes_a_tool_and_calls_it(base_image):
    env = ToolEnv("airline", size="small", make_tools=base_image)
    env.reset(seed=1)
    told = {
        "name": "total",
        "description": "Adds up fares.",
        "parameters": {"fares": {"type": "array"}},
        "code": "def total(fares): return sum(fares)",
        "examples": [{"arguments": {"fares": [1, 2]}, "result": 3}],
    }
    calls = (ToolCall("make_tool", told), ToolCall("total", {"fares": [120, 80]}))
    observation, *_ = env.step(render(Turn(calls=calls)))
    assert '<tool_response>{"result":200}</tool_response>' in observation
    env.close()
