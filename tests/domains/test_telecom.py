"""The mobile operator: its desk's tools and rules by hand, the words that its customers understand, and both sides."""

import sys
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Seen
from toolgym.composing.fields import TODAY
from toolgym.env import ToolEnv
from toolgym.envs.telecom import TELECOM
from toolgym.envs.telecom.phone_words import ACTIONS
from toolgym.mcp.connect import connect
from toolgym.messages import ToolCall, Turn, render
from toolgym.tasks import Task
from toolgym.users.acting import instructions

TODAY_TEXT = TODAY.isoformat()
DOMAIN = DeclaredDomain(TELECOM, size="small")


def ago(days: int) -> str:
    return (date.fromisoformat(TODAY_TEXT) - timedelta(days=days)).isoformat()


class Desk:
    """The desk in a generated world, at one customer's records, of which some fields are set first."""

    def __init__(self, bill: str = "Issued", **line: Any):
        self.session = DOMAIN.session()
        self.session.reset(0)
        world = self.session.world
        self.customer_id = next(iter(world.keys("customers")))
        owner = world.edit("customers", self.customer_id)
        owner.update(goodwill_credit_used_this_year=10, last_extension_date=None)
        self.line_id, self.bill_id = owner["line_ids"][0], owner["bill_ids"][0]
        world.edit("lines", self.line_id).update({"status": "Active", **line})
        world.edit("bills", self.bill_id).update(status=bill, total_due=100, due_date="2026-06-20")
        self.own = {"customer_id": self.customer_id}
        self.line = {**self.own, "line_id": self.line_id}
        self.bill = {**self.own, "bill_id": self.bill_id}

    def ok(self, name: str, **arguments: Any) -> Any:
        result = self.session.call(ToolCall(name, arguments))
        assert not result.is_error, result.text
        structured = result.structured
        return structured["result"] if structured and set(structured) == {"result"} else structured

    def refused(self, name: str, **arguments: Any) -> str:
        before = self.session.world.hash()
        result = self.session.call(ToolCall(name, arguments))
        assert result.is_error, result.text
        assert self.session.world.hash() == before
        return result.text

    def record(self, table: str, key: str) -> dict[str, Any]:
        return self.session.world.get(table, key)


class TestDesk:
    def test_lookups(self) -> None:
        desk = Desk()
        line = desk.record("lines", desk.line_id)
        assert desk.ok("get_line_by_phone", phone_number=line["phone_number"]) == line
        assert [one["customer_id"] for one in desk.ok("list_lines", **desk.own)] == [desk.customer_id] * len(
            desk.record("customers", desk.customer_id)["line_ids"]
        )
        assert len(desk.ok("list_plans")) == 6
        assert "no line has" in desk.refused("get_line_by_phone", phone_number="555")
        assert "not found" in desk.refused("list_lines", customer_id="C0")

    def test_another_plan(self) -> None:
        desk = Desk()
        plans = [plan["plan_id"] for plan in desk.ok("list_plans")]
        old = desk.record("lines", desk.line_id)["plan_id"]
        new = next(plan for plan in plans if plan != old)
        line = desk.ok("change_plan", **desk.line, plan_id=new)
        assert (line["plan_id"], line["last_plan_change_date"]) == (new, TODAY_TEXT)
        assert "already" in desk.refused("change_plan", **desk.line, plan_id=new)
        assert "plan 'P0' not found" in desk.refused("change_plan", **desk.line, plan_id="P0")

    def test_a_new_sim_card(self) -> None:
        assert Desk().ok("replace_sim", **Desk().line)["last_sim_replacement_date"] == TODAY_TEXT

    def test_bills(self) -> None:
        desk = Desk()
        # 100 less 15 are 85, and 10 + 15 are 25; the 20th and 5 days are the 25th.
        assert desk.ok("give_credit", **desk.bill, amount=15)["total_due"] == 85
        assert desk.ok("extend_due_date", **desk.bill, days=5)["due_date"] == "2026-06-25"
        owner = desk.record("customers", desk.customer_id)
        assert (owner["goodwill_credit_used_this_year"], owner["last_extension_date"]) == (25, TODAY_TEXT)
        assert "more than the bill" in desk.refused("give_credit", **desk.bill, amount=86)
        assert desk.ok("dispute_bill", **desk.bill)["status"] == "Disputed"

    @pytest.mark.parametrize("status", ["Paid", "Disputed", "Awaiting Payment"])
    def test_what_is_not_to_be_paid(self, status: str) -> None:
        desk = Desk(bill=status)
        for tool, more in (("give_credit", {"amount": 5}), ("extend_due_date", {"days": 5}), ("dispute_bill", {})):
            assert "still to be paid" in desk.refused(tool, **desk.bill, **more)

    def test_e_mail(self) -> None:
        desk = Desk()
        assert desk.ok("update_email", **desk.own, email="a.b@mail.example")["email"] == "a.b@mail.example"
        for wrong in ("", "a", "@", "a b@c"):
            assert "no e-mail address" in desk.refused("update_email", **desk.own, email=wrong)

    def test_the_public_dialect_has_the_public_tools_alone(self) -> None:
        assert "change_plan" in [tool.name for tool in DOMAIN.server.tool_specs]
        tau2 = DeclaredDomain(TELECOM, size="small", dialect="tau2").server
        assert len(tau2.tool_specs) == 13
        assert len(tau2.user_tool_specs) == 30


NOT_BROKEN: dict[str, Any] = {
    "contract_end_date": ago(-1), "status": "Active", "last_plan_change_date": ago(30),
    "last_sim_replacement_date": ago(30), "issue_date": ago(60),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        ("contract_over", {"contract_end_date": ago(0)}, {"contract_end_date": ago(1)}),
        ("account_suspended", {"speaker": {"account_status": "Active"}}, {"speaker": {"account_status": "Suspended"}}),
        ("not_active", {"status": "Active"}, {"status": "Suspended"}),
        ("too_much_data", {"wishes": {"gb_amount": 2}}, {"wishes": {"gb_amount": 3}}),
        ("changed_lately", {"last_plan_change_date": ago(30)}, {"last_plan_change_date": ago(29)}),
        ("replaced_lately", {"last_sim_replacement_date": ago(30)}, {"last_sim_replacement_date": ago(29)}),
        ("replaced_lately", {"last_sim_replacement_date": None}, {"last_sim_replacement_date": ago(0)}),
        ("not_overdue", {"status": "Overdue"}, {"status": "Issued"}),
        ("old_bill", {"issue_date": ago(60)}, {"issue_date": ago(61)}),
        ("overdue_bill", {"status": "Issued"}, {"status": "Overdue"}),
        ("too_many_days", {"wishes": {"days": 14}}, {"wishes": {"days": 15}}),
        ("extended_lately", {"speaker": {"last_extension_date": ago(180)}},
         {"speaker": {"last_extension_date": ago(179)}}),
        ("extended_lately", {"speaker": {"last_extension_date": None}}, {"speaker": {"last_extension_date": ago(0)}}),
        ("credit_used", {"speaker": {"goodwill_credit_used_this_year": 40}, "wishes": {"amount": 10}},
         {"speaker": {"goodwill_credit_used_this_year": 40}, "wishes": {"amount": 15}}),
    ],
)  # fmt: skip
def test_a_rule_at_its_border(rule: str, right: dict[str, Any], wrong: dict[str, Any]) -> None:
    broken = next(one.broken for one in TELECOM.rules if one.name == rule)

    def seen(given: dict[str, Any]) -> Seen:
        subject = {**NOT_BROKEN, **{name: value for name, value in given.items() if name not in ("speaker", "wishes")}}
        return Seen(subject, given.get("wishes", {}), {}, given.get("speaker"), TODAY_TEXT)

    assert not broken(seen(right))
    assert broken(seen(wrong))


@pytest.mark.parametrize(
    ("said", "tools"),
    [
        ("Please turn off airplane mode, and tell me what the status bar shows.",
         ["toggle_airplane_mode", "check_status_bar"]),
        ("Could you switch flight mode off?", ["toggle_airplane_mode"]),
        ("Please go to your settings and turn mobile data on.", ["toggle_data"]),
        ("Can you enable data roaming on your phone?", ["toggle_roaming"]),
        ("Please disable Data Saver mode.", ["toggle_data_saver_mode"]),
        ("Please turn Wi-Fi calling off.", ["toggle_wifi_calling"]),
        ("Please turn off Wi-Fi.", ["toggle_wifi"]),
        ("Please disconnect from your VPN, then run a speed test.", ["disconnect_vpn", "run_speed_test"]),
        ("Please re-seat your SIM card.", ["reseat_sim_card"]),
        ("Please remove the SIM card and put it back in.", ["reseat_sim_card"]),
        ("Please reset your APN settings and then reboot your phone.", ["reset_apn_settings", "reboot_device"]),
        ("Please restart your device.", ["reboot_device"]),
        ("Please set the network mode preference to 4g_5g_preferred.", ["set_network_mode_preference"]),
        ("Please grant the messaging app the storage permission.", ["grant_app_permission"]),
        ("Which permissions does your messaging app have?", ["check_app_permissions"]),
        ("Please check the SIM status.", ["check_sim_status"]),
        ("Can you send a picture message now?", ["can_send_mms"]),
        ("Do you see a payment request? Please pay the bill.", ["check_payment_request", "make_payment"]),
        ("Is Data Saver on? Please check Data Saver.", ["check_data_restriction_status"]),
        ("I will enable roaming for your line.", []),
        ("Do not turn off mobile data.", []),
        ("Your line is active, and airplane mode is off.", []),
    ],
)  # fmt: skip
def test_what_a_customer_understands(said: str, tools: list[str]) -> None:
    assert [one.action.calls[0].name for one in instructions(said, ACTIONS) if not one.missing] == tools


def test_every_tool_of_the_phone_is_in_reach_of_words() -> None:
    named = {call.name for action in ACTIONS for call in action.calls}
    theirs = {tool.name for tool in DOMAIN.server.user_tool_specs}
    assert theirs - named == {"set_apn_settings"}
    assert named <= theirs


MAKER = DOMAIN._workshop.maker(DOMAIN.source("train"))


def _trouble(*faults: str, depth: int | None = None) -> Task:
    """A task whose faults are these."""
    for index in range(4000):
        recipe = MAKER.recipe(index)
        names = [fault.name for fault in getattr(recipe, "faults", ())]
        if names == list(faults) and depth in (None, recipe.depth):
            return MAKER.make(index)
    raise AssertionError(f"no task has the faults {faults}")


def play(task: Task, turns: list[Turn], **options: Any) -> SimpleNamespace:
    env = ToolEnv(TELECOM, size="small", user="scripted", **options)  # pyright: ignore[reportArgumentType]
    env.reset(options={"task": task})
    info: dict[str, Any] = {}
    for turn in [*turns, *[Turn(response="That is all done. Anything else?")] * 4]:
        *_, terminated, truncated, info = env.step(render(turn))
        if terminated or truncated:
            break
    return SimpleNamespace(outcome=info["outcome"], trajectory=env.trajectory, env=env)


def gold(task: Task) -> list[Turn]:
    return [
        Turn(plan=one.plan, calls=tuple(call.call() for call in one.calls), response=one.response) for one in task.gold
    ]


class TestBothSides:
    def test_a_suspended_line_by_hand(self) -> None:
        # The hint spares the network status: line and bills are looked at, then request, payment, line, restart.
        task = _trouble("suspended", depth=6)
        said = [turn.calls[0].name if turn.calls else turn.response for turn in gold(task)]
        assert said[:-1] == [
            "get_line_by_phone",
            "get_bills_for_customer",
            "send_payment_request",
            "Please pay the bill that you find in your payment request.",
            "resume_line",
            "Please restart your phone.",
        ]
        played = play(task, gold(task))
        assert played.outcome == "solved"
        acts = [
            (act.actor, act.call.name) for act in played.trajectory.acts if act.call.name in said or act.actor == "user"
        ]
        assert [name for actor, name in acts if actor == "user"] == ["make_payment", "reboot_device"]
        assert "Payment of" in (played.trajectory.steps[3].user or "")

    def test_the_agent_cannot_touch_the_phone(self) -> None:
        task = _trouble("airplane")
        played = play(task, [Turn(calls=(ToolCall("toggle_airplane_mode", {}),))])
        assert played.outcome == "policy_error"
        assert played.trajectory.steps[0].results[0].outcome == "unknown_tool"
        assert play(task, [Turn(response="Please switch flight mode off.")]).outcome == "solved"

    def test_other_ways_are_as_good_and_more_than_was_asked_for_is_not(self) -> None:
        task = _trouble("airplane")
        mended = Turn(response="Please turn off airplane mode.")
        looks = [Turn(response=words) for words in ("What does the status bar show?", "Please restart your phone.")]
        assert play(task, [*looks, mended, *looks]).outcome == "solved"
        line = DOMAIN.server.base(task.world_seed).tables["lines"][task.meta["world"][1]]
        wrong = "disable_roaming" if line["roaming_enabled"] else "enable_roaming"
        own = {"customer_id": line["customer_id"], "line_id": line["line_id"]}
        assert play(task, [mended, Turn(calls=(ToolCall(wrong, own),))]).outcome == "unsolved"

    def test_forks_have_a_phone_each(self) -> None:
        task = _trouble("data_off")
        env = ToolEnv(TELECOM, size="small", user="scripted")  # pyright: ignore[reportArgumentType]
        env.reset(options={"task": task})
        twin = env.fork()
        twin.step("<response>Please turn on mobile data.</response>")
        assert twin.trajectory.diff != {}
        assert env.trajectory.diff == {}
        assert [act.call.name for act in twin.trajectory.acts] == ["check_network_status", "toggle_data"]
        assert env.trajectory.acts == []

    def test_both_sides_over_stdio_are_as_in_process(self) -> None:
        task = _trouble("data_off", "line_roaming")
        key = DOMAIN.world_key(task)
        here = DOMAIN.session()
        here.reset(key)
        with connect([sys.executable, "-m", "toolgym.mcp_servers.telecom", "--size", "small"]) as handle:
            there = handle.session()
            there.reset(key)
            for call in task.gold_calls:
                assert here.call(call.call()) == there.call(call.call())
            for name in ("check_network_status", "toggle_data", "run_speed_test"):
                assert here.call_as_user(ToolCall(name, {})) == there.call_as_user(ToolCall(name, {}))
            assert here.diff() == there.diff()


def test_recipes_that_are_asked_for_in_the_same_words_are_told_apart() -> None:
    # A line in the customer's list, or read by the ids in the customer's record: "my line with the number ...".
    named = {outline.name: outline for outline in DOMAIN._workshop.composer.kitchen.outlines}
    listed, read = named["lines(speaker):told sim"], named["line*2(customer(speaker).line_ids):told sim"]
    assert listed.alike == read.alike
    others = ("lines(speaker):extreme sim", "line(told) sim", "line_by_phone(told) sim", "lines(speaker):told suspend")
    assert len({listed.alike, *(named[name].alike for name in others)}) == 5


def test_every_fault_occurs_and_so_does_every_rule() -> None:
    recipes = [MAKER.recipe(index) for index in range(900)]
    faults = {fault.name for recipe in recipes for fault in getattr(recipe, "faults", ())}
    rules = {
        outline.forbidden.name for recipe in recipes for outline in getattr(recipe, "outlines", ()) if outline.forbidden
    }
    assert faults == {fault.name for fault in TELECOM.troubles.faults}  # pyright: ignore[reportOptionalMemberAccess]
    assert rules == {rule.name for rule in TELECOM.rules}
