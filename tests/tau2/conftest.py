"""tau2's data in small: the hand-made worlds of the servers' tests, with tasks whose rewards can be told on paper."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
CHECKOUT = TESTS.parent
sys.path.append(str(CHECKOUT))  # the comparison with recordings is a script of the checkout, not of the package


def _worlds(domain: str) -> ModuleType:
    """The module that makes a domain's hand-made world."""
    name = f"toolgym_test_{domain}_worlds"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / f"{domain}_server" / "conftest.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def action(name: str, requestor: str = "assistant", /, **arguments: Any) -> dict[str, Any]:
    return {"action_id": name, "requestor": requestor, "name": name, "arguments": arguments, "info": None}


def task(task_id: str, basis: list[str], actions: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    told = {"task_instructions": "Be brief.", "domain": "any", "reason_for_call": f"You want {task_id}."}
    criteria = {"actions": actions, "communicate_info": [], "nl_assertions": None, "reward_basis": basis}
    criteria |= {name: value for name, value in more.items() if name != "set_up"}
    state = {"initialization_data": None, "initialization_actions": more["set_up"], "message_history": None}
    instructions = {**told, "known_info": "You are Ann.", "unknown_info": None}
    return {
        "id": task_id,
        "user_scenario": {"persona": None, "instructions": instructions},
        "ticket": f"Ann wants {task_id}.",
        "initial_state": state if more["set_up"] else None,
        "evaluation_criteria": criteria,
    }


def set_up(name: str, env_type: str = "user", /, **arguments: Any) -> dict[str, Any]:
    return {"env_type": env_type, "func_name": name, "arguments": arguments}


CANCEL = action("cancel_reservation", reservation_id="OLD001")
RETURN = action("return_delivered_order_items", order_id="#W3", item_ids=["11"], payment_method_id="paypal_3")
LOOK = action("get_order_details", order_id="#W3")
ANN = set_up("set_user_info", name="Ann Reyes", phone_number="555-000-0001")
ROAMING = action("enable_roaming", customer_id="C1", line_id="L1")
PAY = [
    action("send_payment_request", customer_id="C1", bill_id="B2"),
    action("make_payment", "user"),
]


def _holds(name: str, /, **arguments: Any) -> dict[str, Any]:
    return {**set_up(name, **arguments), "assert_value": True, "message": None}


ONLINE = _holds("assert_mobile_data_status", expected_status=True)
TASKS = {
    "airline": [
        task("cancel", ["DB", "COMMUNICATE"], [CANCEL], communicate_info=["362", "in Two days"], set_up=None),
        task("refuse", ["DB", "COMMUNICATE"], [], nl_assertions=["It refuses."], set_up=None),
    ],
    "retail": [
        task("return", ["DB", "NL_ASSERTION"], [LOOK, RETURN], set_up=None),
        task("judged", ["DB", "NL_ASSERTION"], [RETURN], nl_assertions=["It is polite."], set_up=None),
    ],
    "telecom": [
        task(
            "flight mode",
            ["ENV_ASSERTION"],
            [action("toggle_airplane_mode", "user")],
            env_assertions=[ONLINE],
            set_up=[ANN, set_up("turn_airplane_mode_on")],
        ),
        task(
            "abroad",
            ["ENV_ASSERTION", "ACTION"],
            [ROAMING, action("toggle_roaming", "user")],
            env_assertions=[ONLINE],
            set_up=[ANN, set_up("set_user_location", abroad=True)],
        ),
        task(
            "bill",
            ["ENV_ASSERTION"],
            PAY,
            env_assertions=[_holds("assert_no_overdue_bill", overdue_bill_id="B2")],
            set_up=[ANN],
        ),
    ],
}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `toolgym.envs.tau2.data` describes it."""
    root = tmp_path_factory.mktemp("tau2")
    for domain, tasks in TASKS.items():
        folder = root / domain
        folder.mkdir()
        (folder / "tasks.json").write_text(json.dumps(tasks))
        ids = [each["id"] for each in tasks]
        splits = {"train": ids[:1], "test": ids[1:], "base": ids}
        (folder / "split_tasks.json").write_text(json.dumps(splits))
        (folder / "policy.md").write_text(f"The {domain}'s policy.")
    for name in ("main_policy", "tech_support_manual", "tech_support_workflow"):
        (root / "telecom" / f"{name}.md").write_text(f"The {name}.")
    for name, records in _worlds("airline").hand_made_tables().items():
        (root / "airline" / f"{name}.json").write_text(json.dumps(records))
    (root / "retail" / "db.json").write_text(json.dumps(_worlds("retail").hand_made_tables()))
    telecom = _worlds("telecom")
    tables = telecom.hand_made_tables()
    phone = tables.pop("phones")["phone"]["device"]
    rows = [f"{table} = {telecom._toml(list(records.values()))}" for table, records in tables.items()]
    (root / "telecom" / "db.toml").write_text("\n".join(rows))
    (root / "telecom" / "user_db.toml").write_text(f"device = {telecom._toml(phone)}")
    return root
