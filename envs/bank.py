"""The bank: customers, accounts, payees, cards, transactions, disputes, standing orders and loans."""

from datetime import date, timedelta
from typing import Any, Final

from toolgym.composing.declaration import Act, Declaration, Key, Look, Pick, Reckoned, Rule, Seen, Wish
from toolgym.composing.fields import (
    TODAY,
    Choice,
    Code,
    Day,
    Draw,
    Flag,
    Made,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
    Words,
)
from toolgym.composing.tables import Table
from toolgym.mcp_servers.bank import FREQUENCIES, LOSSES, REASONS, TOOLS

__all__ = ["BANK"]

CAPS: Final = {"standard": 2_000, "plus": 4_000, "private": 10_000}
"""Tier -> the highest daily limit of a card, in dollars."""
_SHOPS: Final = (
    ("Corner", "Blue", "Station", "Garden", "Old", "Bright", "Lake", "Union"),
    ("Bakery", "Books", "Grocers", "Cinema", "Pharmacy", "Cycles", "Hardware", "Optics"),
)
_FEES: Final = ("Overdraft fee", "Late payment fee", "Paper statement fee", "Foreign use fee", "Cheque fee")
_DISPUTED: Final = 2
"""Which of every seven transactions is disputed: the rows of `DISPUTES` say the same."""


def _is_disputed(draw: Draw) -> bool:
    return draw.index % 7 == _DISPUTED


def _kind(draw: Draw) -> str:
    kinds = ("purchase", "purchase", "purchase", "fee", "fee", "cash")
    return "purchase" if _is_disputed(draw) else draw.rng.choice(kinds)


def _text(draw: Draw) -> str:
    if draw.record["kind"] == "fee":
        return draw.rng.choice(_FEES)
    if draw.record["kind"] == "cash":
        return f"Cash machine {draw.rng.randrange(100, 1000)}"
    return " ".join(draw.rng.choice(part) for part in _SHOPS)


def _amount(draw: Draw) -> int:
    low, high, step = {"fee": (4, 45, 1), "cash": (20, 400, 20), "purchase": (6, 900, 1)}[draw.record["kind"]]
    return draw.rng.randrange(low, high + 1, step)


def _status(draw: Draw) -> str:
    if _is_disputed(draw):
        return "disputed"
    recent = draw.record["date"] >= _day(-3)
    return "pending" if recent and draw.rng.random() < 0.5 else "posted"


def _opened(draw: Draw) -> str:
    """A day after the transaction, today at the latest."""
    assert draw.parent is not None
    paid = date.fromisoformat(draw.parent["date"])
    return min(paid + timedelta(days=draw.rng.randint(1, 30)), TODAY).isoformat()


def _day(days: int) -> str:
    """The date so many days from today."""
    return (TODAY + timedelta(days=days)).isoformat()


def _parents(draw: Draw) -> str:
    """The customer whom the parent belongs to."""
    assert draw.parent is not None
    return draw.parent["customer_id"]


def _mine(table: str) -> Any:
    """Makes the id of one of the same customer's records."""
    return lambda draw: draw.rng.choice(draw.related(table, "customer_id", _parents(draw)))


CUSTOMERS = Table(
    "customers",
    "customer",
    "customer_id",
    {
        "first": Name(longest=6),
        "last": Name(longest=6),
        "customer_id": Code("{first}_{last}_##"),
        "phone": Pattern("555-###-####", label="phone number", told="with phone number {value}"),
        "tier": Choice(("standard", "standard", "standard", "plus", "private"), label="tier"),
        "joined": Day(-4000, -200, label="joining date"),
        "refunds": Number(0, 3, label="number of fee refunds this year"),
    },
    {"small": 10, "standard": 200, "large": 1500},
)
ACCOUNTS = Table(
    "accounts",
    "account",
    "account_id",
    {
        "account_id": Code("A-######"),
        "customer_id": Ref("customers"),
        "kind": Choice(("checking", "checking", "savings"), label="type"),
        "nickname": Words(
            (
                ("Holiday", "Rent", "Family", "Car", "Studio", "Winter", "Daily", "Garden"),
                ("pot", "money", "fund", "account", "reserve"),
            ),
            label="nickname",
            told="called '{value}'",
        ),
        "balance": Money(0, 6000, label="balance", extremes=("lowest-balance", "highest-balance"), total="balance"),
        "overdraft": Made(
            lambda draw: 0 if draw.record["kind"] == "savings" else draw.rng.choice((0, 200, 500)),
            "money",
            "${value}",
            label="overdraft",
        ),
        "limit": Money(300, 2000, 100, label="transfer limit"),
        "status": Choice(("open", "open", "open", "open", "open", "frozen"), label="status"),
    },
    (2, 3, 2, 1),
    per="customers",
    pronoun="that account",
)
PAYEES = Table(
    "payees",
    "payee",
    "payee_id",
    {
        "payee_id": Code("P-#####"),
        "customer_id": Ref("customers"),
        "name": Name(longest=7, told="{value}"),
        "region": Choice(("domestic", "domestic", "domestic", "abroad"), label="region"),
        "added": Day(-30, 0, label="date of entry", extremes=("oldest", "newest")),
    },
    (2, 3, 4),
    per="customers",
)
CARDS = Table(
    "cards",
    "card",
    "card_id",
    {
        "card_id": Code("K-#####"),
        "account_id": Ref("accounts"),
        "customer_id": Ref("customers", by=_parents),
        "kind": Choice(("debit", "debit", "credit"), label="type"),
        "ending": Pattern("####", told="ending in {value}"),
        "limit": Money(300, 2000, 100, label="daily limit"),
        "expires": Day(20, 1200, label="expiry date"),
        "status": Choice(("active", "active", "frozen"), label="status"),
        "frozen_by": Made(
            lambda draw: "nobody" if draw.record["status"] == "active" else draw.rng.choice(("customer", "bank"))
        ),
    },
    (1, 1, 2),
    per="accounts",
)
TRANSACTIONS = Table(
    "transactions",
    "transaction",
    "transaction_id",
    {
        "transaction_id": Code("T-######"),
        "account_id": Ref("accounts"),
        "customer_id": Ref("customers", by=_parents),
        "kind": Made(_kind, label="type"),
        "text": Made(_text, label="text", told="with the text '{value}'"),
        "amount": Made(
            _amount, "money", "${value}", label="amount", told="of {value}", extremes=("smallest", "largest")
        ),
        "date": Made(
            lambda draw: draw.day(-12, 0) if draw.rng.random() < 0.3 else draw.day(-170, -13),
            "day",
            label="date",
            told="of {value}",
            extremes=("oldest", "latest"),
        ),
        "status": Made(_status, label="status"),
    },
    (3, 4, 2, 5),
    per="accounts",
)
DISPUTES = Table(
    "disputes",
    "dispute",
    "dispute_id",
    {
        "dispute_id": Code("D-#####"),
        "transaction_id": Ref("transactions"),
        "customer_id": Ref("customers", by=_parents),
        "reason": Choice(REASONS, label="reason"),
        "amount": Made(
            lambda draw: (draw.parent or {})["amount"],
            "money",
            "${value}",
            label="amount",
            told="over {value}",
            extremes=("smallest", "largest"),
            total="amount",
        ),
        "opened": Made(
            _opened, "day", label="opening date", told="opened on {value}", extremes=("earliest", "most recent")
        ),
        "credited": Flag(0.35),
        "status": Choice(("open", "open", "in review"), label="status"),
    },
    tuple(int(place == _DISPUTED) for place in range(7)),
    per="transactions",
)
ORDERS = Table(
    "standing_orders",
    "standing order",
    "order_id",
    {
        "order_id": Code("S-#####"),
        "account_id": Ref("accounts"),
        "customer_id": Ref("customers", by=_parents),
        "payee_id": Ref("payees", by=_mine("payees")),
        "amount": Money(
            20, 900, 10, label="amount", told="of {value}", extremes=("smallest", "largest"), total="amount"
        ),
        "frequency": Choice(FREQUENCIES, label="frequency"),
        "next": Made(
            lambda draw: draw.day(0, 1) if draw.rng.random() < 0.2 else draw.day(2, 40),
            "day",
            label="next payment date",
            told="due on {value}",
        ),
    },
    (1, 2, 0),
    per="accounts",
)
LOANS = Table(
    "loans",
    "loan",
    "loan_id",
    {
        "loan_id": Code("N-#####"),
        "customer_id": Ref("customers"),
        "account_id": Ref("accounts", by=_mine("accounts")),
        "purpose": Choice(("the car", "the kitchen", "the boat", "my studies", "the roof"), told="for {value}"),
        "rate": Choice(("fixed", "variable"), label="rate type"),
        "outstanding": Money(
            1500, 15000, 100, label="outstanding amount", extremes=("smallest", "largest"), total="outstanding amount"
        ),
        "instalment": Made(
            lambda draw: draw.record["outstanding"] // draw.rng.choice((12, 24, 36)),
            "money",
            "${value}",
            label="instalment",
            total="instalment",
        ),
        "due": Day(2, 30, label="due date"),
        "deferred": Number(0, 3, label="number of deferred instalments"),
    },
    (1, 2, 0, 2),
    per="customers",
)

# fmt: off
LOOKS = (
    Look("customer", "get_customer", "customers", {"customer_id": "customer_id"}),
    Look("customer_by_phone", "find_customer_by_phone", "customers", {"phone": "phone"}, shows=("customer_id",)),
    Look("account", "get_account", "accounts", {"account_id": "account_id"}),
    Look("accounts", "list_accounts", "accounts", {"customer_id": "customer_id"}, many=True,
        shows=("account_id", "kind", "nickname", "balance")),
    Look("payees", "list_payees", "payees", {"customer_id": "customer_id"}, many=True),
    Look("card", "get_card", "cards", {"card_id": "card_id"}),
    Look("cards", "list_cards", "cards", {"customer_id": "customer_id"}, many=True,
        shows=("card_id", "account_id", "kind", "ending")),
    Look("transaction", "get_transaction", "transactions", {"transaction_id": "transaction_id"}),
    Look("transactions", "list_transactions", "transactions", {"account_id": "account_id"}, many=True,
        shows=("transaction_id", "text", "amount", "date")),
    Look("disputes", "list_disputes", "disputes", {"customer_id": "customer_id"}, many=True),
    Look("orders", "list_standing_orders", "standing_orders", {"customer_id": "customer_id"}, many=True),
    Look("loans", "list_loans", "loans", {"customer_id": "customer_id"}, many=True),
)


def _same_customer(one: Any, other: Any) -> bool:
    return one is None or other["customer_id"] == one["customer_id"]


def _is_another(account: Any, other: Any) -> bool:
    return account is None or (_same_customer(account, other) and other["account_id"] != account["account_id"])


def _can_pay(loan: Any, account: Any) -> bool:
    able = account["status"] == "open" and account["balance"] >= 1000
    return loan is not None and able and _same_customer(loan, account)


def _replacement_fee(seen: Seen) -> int:
    return 10 if (seen.speaker or {})["tier"] == "standard" else 0


_SPEND: Final = Money(20, 1500, 10)

ACTS = (
    Act("transfer", "transfer_money", "accounts", {
            "account_id": Key(),
            "payee_id": Pick("payees", fits=_same_customer),
            "amount": Wish(_SPEND, carried=("loans.instalment", "standing_orders.amount")),
        }, (
            "Please send {amount} to {payee_id} from {it}.",
            "I want to pay {amount} to {payee_id}; take it from {it}.",
            "Transfer {amount} from {it} to {payee_id}.",
        ), ("{payee_id} should get {amount} out of {it}.", "Kindly remit {amount} to {payee_id}, debiting {it}."),
        "The transfer is on its way; the balance of {account_id} is now {balance}.",
        about=("transfer from", "transfer", "send", "pay"), past=("transferred", "sent", "paid"), gives="accounts",
        told=("{balance}",), plan="{balance} and overdraft {overdraft}, limit {limit}:", weight=1.5),
    Act("move", "move_money", "accounts", {
            "account_id": Key(),
            "to_account_id": Pick("accounts", fits=_is_another, topic="other account"),
            "amount": Wish(_SPEND, carried=("loans.instalment",)),
        }, (
            "Move {amount} from {it} to {to_account_id}.",
            "Please put {amount} from {it} into {to_account_id}.",
            "I want to shift {amount} out of {it} and into {to_account_id}.",
        ), ("Top up {to_account_id} with {amount} out of {it}.",),
        "{amount} is moved out of {account_id}.",
        about=("move money from", "move", "shift", "put"), past=("moved", "shifted"),
        plan="{balance} and overdraft {overdraft}:"),
    Act("order_new", "create_standing_order", "accounts", {
            "account_id": Key(),
            "payee_id": Pick("payees", fits=_same_customer),
            "amount": Wish(Money(20, 1000, 10)),
            "frequency": Wish(Choice(FREQUENCIES)),
            "first": Wish(Day(2, 45), topic="first payment", fact="From {value} on."),
        }, (
            "Set up a {frequency} standing order of {amount} from {it} to {payee_id}, starting on {first}.",
            "I would like to pay {payee_id} {amount} from {it} by {frequency} standing order, first on {first}.",
            "Please arrange a standing order: {amount} {frequency} from {it} to {payee_id}, beginning {first}.",
        ), ("From {first} on, let {payee_id} receive {amount} {frequency} out of {it}, automatically.",),
        "The standing order {order_id} is set up.",
        about=("set up a standing order from", "standing order", "regular"), past=("created", "set up", "arranged"),
        gives="standing_orders"),
    Act("order_cancel", "cancel_standing_order", "standing_orders", {"order_id": Key()},
        ("Please cancel {it}.", "I no longer want {it}: stop it.", "End {it}, please."),
        ("Make no more payments on {it}.",), "{order_id} is cancelled.", about=("cancel", "stop", "end"),
        past=("cancelled", "stopped", "ended"), plan="next payment {next}:"),
    Act("freeze", "freeze_card", "cards", {"card_id": Key()},
        ("Please freeze {it}.", "I cannot find {it} right now: freeze it for the time being.", "Lock {it} for now."),
        ("Nobody should be able to pay with {it} until I say so.",), "{card_id} is frozen.",
        about=("freeze", "lock"), past=("frozen", "locked"), gives="cards",
        when=lambda card: card["status"] == "active"),
    Act("unfreeze", "unfreeze_card", "cards", {"card_id": Key()},
        ("Please unfreeze {it}.", "I found {it} again: make it usable.", "Unlock {it} for me."),
        ("I would like to pay with {it} again; lift the freeze.",), "{card_id} is active again.",
        about=("unfreeze", "unlock", "activate"), past=("unfrozen", "unlocked", "activated"), gives="cards",
        when=lambda card: card["status"] == "frozen", plan="frozen by {frozen_by}:"),
    Act("replace", "replace_card", "cards", {
            "card_id": Key(),
            "reason": Wish(Choice(LOSSES), fact="It is {value}."),
            "fee": Reckoned(_replacement_fee, sees=("speaker",)),
        }, (
            "I need a replacement for {it}; it is {reason}.",
            "Please replace {it}: it is {reason}.",
            "{it} is {reason}, so send me a new one.",
        ), ("Block {it} for good and issue another one; it is {reason}.",),
        "A new card is ordered in place of {card_id}.",
        about=("replace", "new card"), past=("replaced", "ordered"), gives="cards",
        when=lambda card: card["status"] in ("active", "frozen")),
    Act("card_limit", "set_card_limit", "cards",
        {"card_id": Key(), "limit": Wish(Money(300, 2000, 100), differs="limit", topic="daily limit")}, (
            "Set the daily limit of {it} to {limit}.",
            "Please change what I can spend a day with {it} to {limit}.",
            "I want a daily limit of {limit} on {it}.",
        ), ("From now on I should be able to spend up to {limit} a day with {it}.",),
        "The daily limit of {card_id} is {limit}.", about=("change the limit of", "limit", "raise"),
        past=("changed", "set", "raised"), gives="cards"),
    Act("dispute", "open_dispute", "transactions",
        {"transaction_id": Key(), "reason": Wish(Choice(REASONS), fact="The reason: {value}.")}, (
            "I want to dispute {it}, reason: {reason}.",
            "Please open a dispute about {it}; the reason is '{reason}'.",
            "Something is wrong with {it} ({reason}): dispute it for me.",
        ), ("I contest {it} on the ground '{reason}'.",), "The dispute {dispute_id} is open.",
        about=("dispute", "contest"), past=("disputed", "opened"), gives="disputes",
        when=lambda paid: paid["kind"] == "purchase" and paid["status"] == "posted", plan="{kind} of {date}:"),
    Act("withdraw", "withdraw_dispute", "disputes", {"dispute_id": Key()},
        ("Please withdraw {it}.", "The matter is settled: drop {it}.", "I take back {it}."),
        ("The shop has paid me, so {it} can be closed.",), "{dispute_id} is withdrawn.",
        about=("withdraw", "drop", "close"), past=("withdrawn", "dropped", "closed"), gives="disputes",
        when=lambda dispute: dispute["opened"] < _day(0), plan="provisional credit: {credited}:"),
    Act("refund", "refund_fee", "transactions", {"transaction_id": Key()}, (
            "Please refund {it}: I do not think that I owe that fee.",
            "Could you waive the fee that is {it}?",
            "I did not expect a fee: pay me back {it}.",
        ), ("As a courtesy, let me have {it} back; it is a fee.",), "The fee {transaction_id} is refunded.",
        about=("refund", "waive", "fee"), past=("refunded", "waived"), gives="transactions",
        when=lambda paid: paid["kind"] == "fee" and paid["status"] == "posted", weight=1.5),
    Act("repay", "repay_loan", "loans",
        {"loan_id": Key(), "account_id": Pick("accounts", fits=_can_pay), "amount": Wish(Money(100, 900, 50))}, (
            "I want to repay {amount} of {it} early, from {account_id}.",
            "Put {amount} from {account_id} towards {it}, please.",
            "Please use {account_id} to pay {amount} off {it}.",
        ), ("Bring {it} down by {amount}; the money is to come from {account_id}.",),
        "The repayment is booked; {outstanding} of {loan_id} is outstanding.", about=("repay", "loan", "repayment"),
        past=("repaid", "booked"), gives="loans", told=("{outstanding}",),
        plan="{rate} rate, {outstanding} outstanding:"),
    Act("defer", "defer_instalment", "loans", {"loan_id": Key()}, (
            "Please put off the next instalment of {it}.",
            "I cannot pay the coming instalment of {it} in time: defer it.",
            "Give me a payment holiday on {it}.",
        ), ("Money is short: let the next instalment of {it} wait.",),
        "The instalment of {loan_id} is now due on {due}.",
        about=("defer", "put off", "payment holiday", "instalment"), past=("deferred", "put off", "postponed"),
        gives="loans", told=("{due}",), plan="deferred {deferred} times, due {due}:"),
)

RULES = (
    Rule("frozen", ("transfer", "move", "order_new"), lambda seen: seen.subject["status"] == "frozen",
        "By transfer, move or standing order no money leaves an account whose status is frozen.",
        "the account is frozen"),
    Rule("funds", ("transfer", "move"),
        lambda seen: seen.wishes["amount"] > seen.subject["balance"] + seen.subject["overdraft"],
        "What leaves an account by transfer or move is at most its balance and its overdraft together.",
        "{amount} is more than its balance of {balance} and its overdraft of {overdraft}"),
    Rule("limit", ("transfer", "order_new"), lambda seen: seen.wishes["amount"] > seen.subject["limit"],
        "A transfer or a payment by standing order is at most the account's transfer limit.",
        "{amount} is more than its transfer limit of {limit}", tempts={"amount": Money(600, 3000, 50)}),
    Rule("new_payee", ("transfer",),
        lambda seen: seen.wishes["amount"] > 300 and seen.picked["payee_id"]["added"] > _day(-7),
        "A payee who was entered less than seven days ago gets at most $300 in one transfer.",
        "the payee is new and gets at most $300 in one transfer", sees=("picked",)),
    Rule("near", ("order_cancel",), lambda seen: seen.subject["next"] <= _day(1),
        "A standing order whose next payment is today or tomorrow cannot be cancelled.",
        "its next payment is on {next}"),
    Rule("bank_freeze", ("unfreeze",), lambda seen: seen.subject["frozen_by"] == "bank",
        "A card that the bank froze cannot be unfrozen at the desk: the fraud team looks into it.",
        "the bank froze it"),
    Rule("tier", ("card_limit",), lambda seen: seen.wishes["limit"] > CAPS[(seen.speaker or {})["tier"]],
        "A card's daily limit is at most $2000 for standard, $4000 for plus and $10000 for private customers.",
        "{limit} a day is more than your tier allows", sees=("speaker",), tempts={"limit": Money(2500, 12000, 500)}),
    Rule("old", ("dispute",), lambda seen: seen.subject["date"] < _day(-120),
        "A transaction that is more than 120 days old cannot be disputed.",
        "it is of {date}, more than 120 days ago"),
    Rule("credited", ("withdraw",), lambda seen: seen.subject["credited"],
        "A dispute for which a provisional credit was paid cannot be withdrawn.",
        "a provisional credit was paid for it"),
    Rule("refunds", ("refund",), lambda seen: (seen.speaker or {})["refunds"] >= 2,
        "A customer gets at most two fee refunds a year.", "you have had your two fee refunds of this year",
        sees=("speaker",)),
    Rule("fixed", ("repay",),
        lambda seen: seen.subject["rate"] == "fixed" and 10 * seen.wishes["amount"] > seen.subject["outstanding"],
        "At most a tenth of what is outstanding of a fixed-rate loan is repaid early at a time.",
        "{amount} is more than a tenth of the {outstanding} outstanding at a fixed rate"),
    Rule("deferred", ("defer",), lambda seen: seen.subject["deferred"] >= 2,
        "A loan of which two instalments were deferred gets no further deferral.",
        "{deferred} of its instalments were deferred"),
)
# fmt: on

BANK = Declaration(
    name="bank",
    title="Bank service desk",
    role="You are the assistant of a bank's service desk. You serve one customer at a time with the tools you have.",
    who="customers",
    tables=(CUSTOMERS, ACCOUNTS, PAYEES, CARDS, TRANSACTIONS, DISPUTES, ORDERS, LOANS),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Payments": (
            "After a transfer to a payee, tell the customer the new balance of the account.",
            "After an early repayment, tell the customer what is outstanding.",
        ),
        "Cards": (
            "A replacement card costs standard customers $10, and plus and private customers nothing: look at the "
            "customer's tier before you order one.",
        ),
        "Loans": ("After a deferral, tell the customer the new due date.",),
    },
)
