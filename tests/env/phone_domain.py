"""A domain with two sides, an operator and a customer with a phone, on the server of `tests/mcp/phone_server.py`."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.session import ToolSession
from toolgym.tasks import (
    Assertion,
    CallCheck,
    ChecklistItem,
    DoneCheck,
    GoldAction,
    GoldCall,
    NoWriteCheck,
    Task,
    UserAction,
    UserCall,
    UserScript,
)

SERVER_FILE = Path(__file__).resolve().parents[1] / "mcp" / "phone_server.py"
_NAME = "toolgym_test_phone_server"


def load_server() -> Any:
    """The server's module."""
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(_NAME, SERVER_FILE)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[_NAME] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[_NAME]


LOOK = UserCall(name="status_bar")
ACTIONS = (
    UserAction(
        words=("turn|switch|toggle off airplane|flight mode", "disable airplane mode"),
        calls=(UserCall(name="toggle_airplane_mode"),),
        report="Okay, I did that. {text}",
        done_if=DoneCheck(call=LOOK, shows='"airplane":false', say="Airplane mode is {airplane:on|off} already."),
    ),
    UserAction(
        words=("turn|switch|toggle on airplane mode", "enable airplane mode"),
        calls=(UserCall(name="toggle_airplane_mode"),),
        done_if=DoneCheck(call=LOOK, shows='"airplane":true', say="Airplane mode is {airplane:on|off} already."),
    ),
    UserAction(words=("turn|switch on|off wi-fi",), calls=(UserCall(name="toggle_wifi"),)),
    UserAction(words=("status bar",), calls=(LOOK,), report="It shows {signal} signal; Wi-Fi is {wifi:on|off}."),
    UserAction(
        words=("set|change|switch network mode",),
        calls=(UserCall(name="set_network_mode"),),
        values={"mode": {"2g": "2g", "4g|lte": "4g", "5g": "5g"}},
        report="Done: {text}",
        failed="It says: {text}.",
    ),
    UserAction(words=("reboot", "restart phone|device"), calls=(UserCall(name="reboot"),)),
)
SCRIPT = UserScript(
    facts={"line": "My line is l1."},
    keywords={"line": ("line", "line id")},
    symptoms="My phone has no signal.",
    actions=ACTIONS,
)
PHONE = {"airplane": False, "wifi": False, "mode": "2g", "booted": 0}


def task(number: int = 0) -> Task:
    """The line is to be switched on by the agent, and airplane mode off by the user; worlds are numbers."""
    call = GoldCall(name="set_line", arguments={"id": "l1", "active": True}, writes=True)
    line = {"active": True, "seed": number}
    return Task(
        id=f"phone-{number}",
        domain="phone",
        kind=("set_line",),
        depth=1,
        world_seed=number,
        request="My phone has no signal; get it to work.",
        user=SCRIPT,
        gold=(
            GoldAction(response="Which line is it, please?"),
            GoldAction(calls=(call,)),
            GoldAction(response="Please turn off airplane mode. What does the status bar show then?"),
            GoldAction(response="Your line is switched on, and all is set."),
        ),
        gold_diff={"lines": {"l1": line}, "phones": {"p1": PHONE}},
        assertions=(Assertion(table="phones", key="p1", path="airplane", value=False),),
        checklist=(
            ChecklistItem(
                id="line", question="On?", check=CallCheck(name="set_line", arguments={"active": True}), required=True
            ),
            ChecklistItem(id="only", question="No more?", check=NoWriteCheck(allow=("set_line",)), required=True),
        ),
    )


def phone_domain(session: Callable[[], ToolSession] | None = None) -> CustomDomain:
    """Four tasks, each in a world of its own."""
    make = session or load_server().make_server().session
    tasks = [task(number) for number in range(4)]
    return CustomDomain(make, tasks, policy="Help.", name="phone", world_key=lambda task: task.world_seed)


def phone_env(**options: Any) -> ToolEnv:
    """Made anew each time, in any process."""
    return ToolEnv(phone_domain(), **{"user": "scripted", "prompt": "short", **options})
