"""The mobile operator: customers, lines, plans and bills at the desk, and phones that only their customers see."""

from toolgym.composing.declaration import Declaration
from toolgym.envs.telecom.desk import ACTS, LOOKS, RULES
from toolgym.envs.telecom.phones import TROUBLES
from toolgym.envs.telecom.tables import BILLS, CUSTOMERS, DEVICES, LINES, PLANS
from toolgym.mcp_servers.telecom import TOOLS

__all__ = ["TELECOM"]

TELECOM = Declaration(
    name="telecom",
    title="Mobile operator",
    role=(
        "You are the assistant of a mobile operator. You serve one customer at a time with the tools you are given. "
        "The customer has a phone, which only the customer sees and handles: ask what it shows, and say what to do."
    ),
    who="customers",
    tables=(PLANS, CUSTOMERS, DEVICES, LINES, BILLS),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Lines": (
            "A line on hold costs $5 a month.",
            "Added data is charged at the price of the line's plan and goes onto the next bill.",
        ),
        "Bills": ("A customer is asked to pay one bill at a time, by a payment request to the phone.",),
        "Phones": (
            "Look, and have the customer look, no further than the symptoms call for; where the customer names the "
            "cause, mend it.",
            "Tell the customer one thing at a time.",
        ),
    },
    troubles=TROUBLES,
)
