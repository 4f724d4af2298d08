"""tau2's published tasks as tasks of this project: the scenario, the gold chain and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolgym.envs.tau2.data import Benchmark
from toolgym.envs.tau2.users import OPENING
from toolgym.envs.telecom.phone_words import ACTIONS
from toolgym.mcp.inprocess import InProcessSession
from toolgym.messages import ToolCall
from toolgym.tasks import GoldAction, GoldCall, Task, UserScript

__all__ = ["make_task", "played", "scenario"]

_LABELS = (
    ("reason_for_call", "What you want"),
    ("known_info", "What you know"),
    ("unknown_info", "What you do not know"),
    ("task_instructions", "How you behave"),
)
_SWITCHES = {
    "toggle_airplane_mode": ("airplane_mode", "airplane mode"),
    "toggle_data": ("data_enabled", "mobile data"),
    "toggle_roaming": ("roaming_enabled", "roaming"),
    "toggle_data_saver_mode": ("data_saver_mode", "Data Saver"),
    "toggle_wifi": ("wifi_enabled", "Wi-Fi"),
    "toggle_wifi_calling": ("wifi_calling_enabled", "Wi-Fi calling"),
}
"""Tool -> the setting of the phone that it toggles, and what it is called."""
_ASKED = {
    "disconnect_vpn": "Please disconnect the VPN.",
    "connect_vpn": "Please connect the VPN.",
    "reseat_sim_card": "Please reseat the SIM card.",
    "reset_apn_settings": "Please reset the APN settings.",
    "reboot_device": "Please restart the phone.",
    "make_payment": "Please pay the bill.",
    "check_payment_request": "Please check whether you see a payment request.",
}
_MODES = {"4g_5g_preferred": "4g 5g", "4g_only": "only 4g", "3g_only": "3g", "2g_only": "2g"}


def scenario(raw: Mapping[str, Any]) -> str:
    """What a task's user is and wants, as its file says it."""
    told = raw["user_scenario"]
    persona, instructions = told.get("persona"), told["instructions"]
    parts = [("Who you are", persona)] if persona else []
    if isinstance(instructions, str):
        parts.append(("What you want", instructions))
    else:
        parts += [(label, instructions[name]) for name, label in _LABELS if instructions.get(name)]
    return "\n\n".join(f"{label}:\n{text.strip()}" for label, text in parts)


def make_task(benchmark: Benchmark, task_id: str, split: Any, *, solo: bool, meta: Mapping[str, Any]) -> Task:
    """A published task.

    Args:
        benchmark: the domain.
        task_id: the task's.
        split: what it is called here.
        solo: whether the agent acts for the user too, by a ticket.
        meta: what the task notes for its verdict.
    """
    raw = benchmark.task(task_id)
    criteria = benchmark.criteria(task_id)
    acts = not solo and benchmark.domain == "telecom"
    session = benchmark.session(task_id)
    writes = {tool.name for tool in (*session.tools, *session.user_tools) if tool.writes}
    gold = tuple(_chain(session, criteria.get("actions") or (), writes, solo))
    info = criteria.get("communicate_info") or ()
    ticket = raw.get("ticket") or ""
    return Task(
        id=task_id,
        domain=f"tau2_{benchmark.domain}",
        kind=_kind(task_id, gold),
        split=split,
        request=ticket if solo else scenario(raw),
        user=UserScript(opening="" if solo else OPENING, symptoms=ticket, actions=ACTIONS if acts else ()),
        gold=(*gold, GoldAction(response=_closing(info, bool(gold)))),
        gold_diff=session.diff(),
        free=("phones",) if benchmark.domain == "telecom" else (),
        verdict="tau2",
        meta={"tau2": {"domain": benchmark.domain, **meta}},
    )


def played(calls: Sequence[tuple[str, Mapping[str, Any]]], session: InProcessSession) -> Iterator[GoldAction]:
    """A chain of the agent's calls, each of them made in a session."""
    writes = {tool.name for tool in session.tools if tool.writes}
    for name, arguments in calls:
        session.call(ToolCall(name, dict(arguments)))
        yield GoldAction(calls=(GoldCall(name=name, arguments=dict(arguments), writes=name in writes),))


def _chain(
    session: InProcessSession, actions: Sequence[Mapping[str, Any]], writes: set[str], solo: bool
) -> Iterator[GoldAction]:
    """The gold actions, each made in the session; what is the user's to do it is asked for."""
    for action in actions:
        name, arguments = action["name"], dict(action["arguments"])
        of_user = action.get("requestor", "assistant") == "user"
        if of_user and not solo:
            yield GoldAction(response=_request(session, name, arguments))
        else:
            yield GoldAction(calls=(GoldCall(name=name, arguments=arguments, writes=name in writes),))
        make = session.call_as_user if of_user else session.call
        make(ToolCall(name, arguments))


def _request(session: InProcessSession, name: str, arguments: Mapping[str, Any]) -> str:
    """Asks the user, in words that a scripted one understands, for a call of its own."""
    if name in _SWITCHES:
        setting, called = _SWITCHES[name]
        on = next(phone for _, phone in session.world.items("phones"))["device"][setting]
        return f"Please turn {'off' if on else 'on'} {called}."
    if name == "set_network_mode_preference":
        return f"Please set the network mode to {_MODES.get(arguments.get('mode', ''), '4g 5g')}."
    if name == "grant_app_permission":
        return f"Please grant the {arguments.get('app_name')} app the {arguments.get('permission')} permission."
    return _ASKED.get(name, f"Please use {name.replace('_', ' ')}.")


def _kind(task_id: str, gold: Sequence[GoldAction]) -> tuple[str, ...]:
    """What a task is about: its issue, where the id names one, or else the writing tools of its gold chain."""
    if task_id.startswith("[") and "]" in task_id:
        return (task_id[1 : task_id.index("]")],)
    tools = dict.fromkeys(call.name for action in gold for call in action.calls if call.writes)
    return tuple(tools) or ("no_change",)


def _closing(info: Sequence[str], done: bool) -> str:
    """The last response of a gold chain, with all that has to be said."""
    told = "Everything is done." if done else "I am sorry, I cannot do that."
    return f"{told} {'; '.join(info)}." if info else told
