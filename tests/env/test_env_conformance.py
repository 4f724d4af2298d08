"""Every registered environment passes the conformance suite."""

from pathlib import Path
from typing import Any

import pytest

from toolgym.checker import check_tool_env
from toolgym.registration import env_ids, own_domains

SHOP = Path(__file__).parents[1] / "own_server" / "shop_server.py"
API_BANK = Path(__file__).parents[1] / "api_bank" / "made_up"
ROWS = Path(__file__).parents[1] / "calls" / "rows.jsonl"
ORDER = {"request": "Two lamps, please.", "calls": [{"order": {"item": "lamp", "count": 2}}], "response": "Ordered."}
OPTIONS: dict[str, dict[str, Any]] = {
    "ToolGym/APIBank-v0": {"data": str(API_BANK), "prompt": "short"},
    "ToolGym/Airline-v0": {"size": "small", "prompt": "short"},
    "ToolGym/All-v0": {"size": "small", "prompt": "short"},
    "ToolGym/Calls-v0": {"data": str(ROWS), "prompt": "short"},
    "ToolGym/MCP-v0": {"servers": f"{SHOP}:server", "tasks": [ORDER]},
}
"""What makes an environment small enough for a test; those of declared domains have small worlds."""
SMALL = {"size": "small"}
FEW = {
    "ToolGym/Airline-v0": ("none", "scripted"),
    "ToolGym/Library-v0": ("none", "scripted"),
    "ToolGym/MCP-v0": ("none", "scripted"),
    "ToolGym/Telecom-v0": ("scripted",),
}
"""Those that are tried with every split and the users that play them; what is declared is made by the same kit."""


PUBLIC = {"ToolGym/TauAirline-v0", "ToolGym/TauRetail-v0"}
PUBLIC |= {f"ToolGym/Tau2{name}-v0" for name in ("Airline", "Retail", "Telecom")}
"""Benchmarks whose data is the user's: `tests/tau` and `tests/tau2` have small ones, on which the suite is run."""
SERVED = {"ToolGym/OpenEnv-v0", "ToolGym/Verifiers-v0"}
"""What somebody else serves, without gold: `tests/adapters` plays it."""


DEAR = {f"ToolGym/{name.capitalize()}-v0" for name in own_domains()} - FEW.keys()
DEAR |= {"ToolGym/APIBank-v0", "ToolGym/All-v0", "ToolGym/BFCL-v0", "ToolGym/Calls-v0", "ToolGym/PlanArena-v0"}
"""Those that the same kit makes as one of the few, and those that have tests of their own."""


@pytest.mark.parametrize(
    "env_id",
    [pytest.param(id, marks=pytest.mark.slow) if id in DEAR else id for id in sorted({*env_ids()} - PUBLIC - SERVED)],
)
def test_conformance(env_id: str, made_up_bfcl: Path) -> None:
    options = {"data": str(made_up_bfcl)} if env_id == "ToolGym/BFCL-v0" else OPTIONS.get(env_id, SMALL)
    report = check_tool_env(env_id, options=options, episodes=8)
    assert report.passed
    assert len(report.results) == 10


@pytest.mark.slow
@pytest.mark.parametrize("split", ["test", "test_unseen"])
@pytest.mark.parametrize(("env_id", "user"), [(env_id, user) for env_id, users in FEW.items() for user in users])
def test_conformance_of_other_splits_and_users(env_id: str, split: str, user: str) -> None:
    options = {**(OPTIONS.get(env_id, {}) if env_id != "ToolGym/Airline-v0" else {}), "split": split, "user": user}
    names = ["gymnasium", "any_string", "oracle", "random", "gold_is_hidden", "fork", "reads_change_nothing", "vector"]
    assert check_tool_env(env_id, options=options, only=names).passed
