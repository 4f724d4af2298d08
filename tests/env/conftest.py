"""A small domain of its own: a cash desk with accounts, so that the environment is tested apart from the domains."""

from collections.abc import Callable
from typing import Any

import pytest

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.rewards.base import Reward
from toolgym.rewards.state import outcome_term
from toolgym.tasks import Assertion, CallCheck, ChecklistItem, GoldAction, GoldCall, Task, UserScript
from toolgym.world import Base, World

ACCOUNTS = {f"acc_{number}": {"owner": f"owner {number}", "balance": 10 * number, "log": []} for number in range(12)}


def bank_server() -> ToolServer:
    """Three tools: one reads, one writes and can refuse, one says what it is told."""
    server = ToolServer("bank", base=Base({"accounts": ACCOUNTS}))

    @server.tool(writes=False)
    def get_account(world: World, account: str) -> dict[str, Any]:
        """Gets an account."""
        found = world.get("accounts", account)
        if found is None:
            raise ToolError(f"Account {account} not found")
        return found

    @server.tool(writes=True)
    def pay_in(world: World, account: str, amount: int) -> dict[str, Any]:
        """Pays money into an account."""
        if amount <= 0:
            raise ToolError("The amount must be positive")
        if not world.has("accounts", account):
            raise ToolError(f"Account {account} not found")
        record = world.edit("accounts", account)
        record["balance"] += amount
        record["log"].append(amount)
        return {"balance": record["balance"]}

    @server.tool(writes=False)
    def think(world: World, thought: str) -> str:
        """Notes a thought."""
        return ""

    return server


def bank_task(number: int) -> Task:
    """Pay `number + 1` into account `number`."""
    account, amount = f"acc_{number}", number + 1
    call = GoldCall(name="pay_in", arguments={"account": account, "amount": amount}, writes=True)
    record = {"owner": f"owner {number}", "balance": 10 * number + amount, "log": [amount]}
    return Task(
        id=f"bank-{number}",
        domain="bank",
        kind=("pay_in",),
        depth=1 + number % 2,
        request=f"Please pay {amount} into {account}.",
        user=UserScript(
            opening="I want to pay something in.",
            facts={"account": f"My account is {account}.", "amount": f"The amount is {amount}."},
            keywords={"account": ("account", "account id"), "amount": ("amount", "how much")},
        ),
        gold=(GoldAction(plan="Pay it in.", calls=(call,)), GoldAction(response="It is paid in: GOLDWORD.")),
        gold_diff={"accounts": {account: record}},
        assertions=(Assertion(table="accounts", key=account, path="balance", value=10 * number + amount),),
        checklist=(
            ChecklistItem(
                id=f"secretitem{number}",
                question=f"Was exactly {amount} paid into the account GOLDQUESTION?",
                check=CallCheck(name="pay_in", arguments={"account": account, "amount": amount}),
            ),
        ),
    )


def bank_domain() -> CustomDomain:
    """Twelve tasks on one world."""
    tasks = [bank_task(number) for number in range(12)]
    return CustomDomain(bank_server().session, tasks, policy="Pay in what is asked for, no more.", name="bank")


OUTCOME = Reward({"outcome": outcome_term}, {"outcome": 1.0})


@pytest.fixture(scope="session")
def bank() -> CustomDomain:
    return bank_domain()


def bank_env() -> ToolEnv:
    """Made anew each time, in any process."""
    return ToolEnv(bank_domain())


@pytest.fixture(scope="session")
def fresh_bank() -> Callable[[], ToolEnv]:
    """A function at the top of a file, for what needs other processes."""
    return bank_env


@pytest.fixture
def make_bank(bank: CustomDomain) -> Callable[..., ToolEnv]:
    """Makes bank environments; keywords are `EnvOptions` fields."""

    def make(**options: Any) -> ToolEnv:
        return ToolEnv(bank, **{"reward": OUTCOME, **options})

    return make
