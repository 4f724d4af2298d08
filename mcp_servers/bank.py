"""The bank's MCP server: accounts, cards, payments, disputes and loans on a copy-on-write world."""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_choice, day_ahead
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_id, find_record, new_id, records_by
from toolgym.world import World

__all__ = ["FREQUENCIES", "LOSSES", "REASONS", "TOOLS"]

CustomerId = Annotated[str, Field(description="The customer's id, such as 'ana_reyes_21'.")]
AccountId = Annotated[str, Field(description="The account's id, such as 'A-482137'.")]
PayeeId = Annotated[str, Field(description="The payee's id, such as 'P-48213'.")]
CardId = Annotated[str, Field(description="The card's id, such as 'K-48213'.")]
TransactionId = Annotated[str, Field(description="The transaction's id, such as 'T-482137'.")]
DisputeId = Annotated[str, Field(description="The dispute's id, such as 'D-48213'.")]
OrderId = Annotated[str, Field(description="The standing order's id, such as 'S-48213'.")]
LoanId = Annotated[str, Field(description="The loan's id, such as 'N-48213'.")]
Dollars = Annotated[int, Field(ge=1, description="Whole dollars.")]

FREQUENCIES = ("weekly", "monthly", "quarterly")
REASONS = ("not authorised", "charged twice", "goods not received", "wrong amount")
LOSSES = ("lost", "stolen", "damaged")
_SUMMARIES = {
    "accounts": ("account_id", "kind", "nickname", "balance"),
    "cards": ("card_id", "account_id", "kind", "ending"),
    "transactions": ("transaction_id", "text", "amount", "date"),
}


def _of(world: World, table: str, name: str, value: str) -> list[dict[str, Any]]:
    """The records of a table with the value; of tables that are read one by one, a summary of each."""
    records, shows = records_by(world, table, name, value), _SUMMARIES.get(table)
    return records if shows is None else [{field: record[field] for field in shows} for record in records]


def _add(world: World, table: str, prefix: str, digits: int, record: dict[str, Any]) -> dict[str, Any]:
    """Puts a new record into a table, under an id of its own in the field that it names first."""
    name, *others = record
    key = record[name] = new_id(world, table, prefix, *(record[other] for other in others), digits=digits)
    world.put(table, key, record)
    return record


def _state(record: dict[str, Any], what: str, key: str, *states: str) -> None:
    if record["status"] not in states:
        raise ToolError(f"{what} {record[key]} is {record['status']}")


def _book(world: World, account_id: str, amount: int, text: str) -> None:
    """Changes an account's balance by an amount and writes the transaction down."""
    account = world.edit("accounts", account_id)
    account["balance"] += amount
    record = {"transaction_id": "", "account_id": account_id, "customer_id": account["customer_id"]}
    record |= {"kind": "transfer", "text": text, "amount": abs(amount), "date": world.meta["today"]}
    _add(world, "transactions", "T-", 6, record | {"status": "pending"})


def get_customer(world: World, customer_id: CustomerId) -> dict[str, Any]:
    """Shows a customer: name, phone number, tier, joining date and the fee refunds of this year."""
    return find_record(world, "customers", customer_id, "customer")


def find_customer_by_phone(
    world: World, phone: Annotated[str, Field(description="The customer's phone number.")]
) -> str:
    """Finds the id of the customer with a phone number."""
    return find_id(world, "customers", "phone", phone, "customer", "phone number")


def list_accounts(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's accounts: id, kind, nickname and balance of each."""
    find_record(world, "customers", customer_id, "customer")
    return _of(world, "accounts", "customer_id", customer_id)


def get_account(world: World, account_id: AccountId) -> dict[str, Any]:
    """Shows an account: kind, balance, overdraft, transfer limit and status."""
    return find_record(world, "accounts", account_id, "account")


def list_transactions(world: World, account_id: AccountId) -> list[dict[str, Any]]:
    """Lists an account's transactions: id, text, amount and date of each."""
    find_record(world, "accounts", account_id, "account")
    return _of(world, "transactions", "account_id", account_id)


def get_transaction(world: World, transaction_id: TransactionId) -> dict[str, Any]:
    """Shows a transaction: account, kind, text, amount, date and status."""
    return find_record(world, "transactions", transaction_id, "transaction")


def list_cards(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's cards: id, account, kind and last four digits of each."""
    find_record(world, "customers", customer_id, "customer")
    return _of(world, "cards", "customer_id", customer_id)


def get_card(world: World, card_id: CardId) -> dict[str, Any]:
    """Shows a card: account, daily limit, expiry date, status and who froze it."""
    return find_record(world, "cards", card_id, "card")


def list_payees(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's payees with all their details."""
    find_record(world, "customers", customer_id, "customer")
    return _of(world, "payees", "customer_id", customer_id)


def list_standing_orders(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's standing orders with all their details."""
    find_record(world, "customers", customer_id, "customer")
    return _of(world, "standing_orders", "customer_id", customer_id)


def list_loans(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's loans with all their details."""
    find_record(world, "customers", customer_id, "customer")
    return _of(world, "loans", "customer_id", customer_id)


def list_disputes(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's disputes with all their details."""
    find_record(world, "customers", customer_id, "customer")
    return _of(world, "disputes", "customer_id", customer_id)


def transfer_money(world: World, account_id: AccountId, payee_id: PayeeId, amount: Dollars) -> dict[str, Any]:
    """Sends money from an account to a payee of the same customer; to a payee abroad it costs a fee of $5."""
    account = find_record(world, "accounts", account_id, "account")
    payee = find_record(world, "payees", payee_id, "payee")
    if payee["customer_id"] != account["customer_id"]:
        raise ToolError(f"payee {payee_id} is not a payee of the account's customer")
    _book(world, account_id, -amount - (5 if payee["region"] == "abroad" else 0), f"Transfer to {payee['name']}")
    return world.edit("accounts", account_id)


def move_money(
    world: World,
    account_id: AccountId,
    to_account_id: Annotated[str, Field(description="The id of the account that receives the money.")],
    amount: Dollars,
) -> dict[str, Any]:
    """Moves money to another account of the same customer, and shows the new balances of both by account id."""
    account = find_record(world, "accounts", account_id, "account")
    other = find_record(world, "accounts", to_account_id, "account")
    if account_id == to_account_id or other["customer_id"] != account["customer_id"]:
        raise ToolError(f"account {to_account_id} is not another account of the same customer")
    _book(world, account_id, -amount, "Transfer between accounts")
    _book(world, to_account_id, amount, "Transfer between accounts")
    return {key: world.get("accounts", key)["balance"] for key in (account_id, to_account_id)}


def freeze_card(world: World, card_id: CardId) -> dict[str, Any]:
    """Freezes an active card for the customer."""
    _state(find_record(world, "cards", card_id, "card"), "card", "card_id", "active")
    card = world.edit("cards", card_id)
    card |= {"status": "frozen", "frozen_by": "customer"}
    return card


def unfreeze_card(world: World, card_id: CardId) -> dict[str, Any]:
    """Makes a frozen card active again."""
    _state(find_record(world, "cards", card_id, "card"), "card", "card_id", "frozen")
    card = world.edit("cards", card_id)
    card |= {"status": "active", "frozen_by": "nobody"}
    return card


def replace_card(
    world: World,
    card_id: CardId,
    reason: Annotated[str, Field(description="lost, stolen or damaged.")],
    fee: Annotated[int, Field(ge=0, le=10, description="Whole dollars, charged to the card's account.")],
) -> dict[str, Any]:
    """Blocks a card for good and orders a new one for the same account, with the same daily limit."""
    _state(find_record(world, "cards", card_id, "card"), "card", "card_id", "active", "frozen")
    check_choice(reason, LOSSES, "reason")
    old = world.edit("cards", card_id)
    old |= {"status": f"blocked: {reason}", "frozen_by": "nobody"}
    if fee:
        _book(world, old["account_id"], -fee, "Replacement card")
    ending = f"{(int(old['ending']) + 1357) % 10_000:04d}"
    expires = (date.fromisoformat(world.meta["today"]) + timedelta(days=4 * 365)).isoformat()
    return _add(world, "cards", "K-", 5, old | {"ending": ending, "expires": expires, "status": "ordered"})


def set_card_limit(world: World, card_id: CardId, limit: Dollars) -> dict[str, Any]:
    """Sets what can be spent with a card in a day."""
    _state(find_record(world, "cards", card_id, "card"), "card", "card_id", "active", "frozen", "ordered")
    card = world.edit("cards", card_id)
    card["limit"] = limit
    return card


def create_standing_order(
    world: World,
    account_id: AccountId,
    payee_id: PayeeId,
    amount: Dollars,
    frequency: Annotated[str, Field(description="weekly, monthly or quarterly.")],
    first: Annotated[str, Field(description="The first payment's date, YYYY-MM-DD.")],
) -> dict[str, Any]:
    """Sets up regular payments from an account to a payee of the same customer."""
    account = find_record(world, "accounts", account_id, "account")
    payee = find_record(world, "payees", payee_id, "payee")
    if payee["customer_id"] != account["customer_id"]:
        raise ToolError(f"payee {payee_id} is not a payee of the account's customer")
    check_choice(frequency, FREQUENCIES, "frequency")
    day_ahead(world, first)
    order = {"order_id": "", "account_id": account_id, "customer_id": account["customer_id"], "payee_id": payee_id}
    return _add(world, "standing_orders", "S-", 5, order | {"amount": amount, "frequency": frequency, "next": first})


def cancel_standing_order(world: World, order_id: OrderId) -> str:
    """Ends a standing order."""
    find_record(world, "standing_orders", order_id, "standing order")
    world.delete("standing_orders", order_id)
    return "cancelled"


def open_dispute(
    world: World,
    transaction_id: TransactionId,
    reason: Annotated[str, Field(description=f"One of: {', '.join(REASONS)}.")],
) -> dict[str, Any]:
    """Opens a dispute about a purchase, and shows it."""
    paid = find_record(world, "transactions", transaction_id, "transaction")
    _state(paid, "transaction", "transaction_id", "posted")
    if paid["kind"] != "purchase":
        raise ToolError(f"transaction {transaction_id} is a {paid['kind']}, not a purchase")
    check_choice(reason, REASONS, "reason")
    world.edit("transactions", transaction_id)["status"] = "disputed"
    made = {"dispute_id": "", "transaction_id": transaction_id, "customer_id": paid["customer_id"], "reason": reason}
    made |= {"amount": paid["amount"], "opened": world.meta["today"], "credited": False, "status": "open"}
    return _add(world, "disputes", "D-", 5, made)


def withdraw_dispute(world: World, dispute_id: DisputeId) -> dict[str, Any]:
    """Ends an open dispute at the customer's wish; its transaction stands."""
    _state(find_record(world, "disputes", dispute_id, "dispute"), "dispute", "dispute_id", "open", "in review")
    dispute = world.edit("disputes", dispute_id)
    dispute["status"] = "withdrawn"
    world.edit("transactions", dispute["transaction_id"])["status"] = "posted"
    return dispute


def refund_fee(world: World, transaction_id: TransactionId) -> dict[str, Any]:
    """Pays a fee back to its account, and counts it among the customer's refunds of the year."""
    fee = find_record(world, "transactions", transaction_id, "transaction")
    _state(fee, "transaction", "transaction_id", "posted")
    if fee["kind"] != "fee":
        raise ToolError(f"transaction {transaction_id} is a {fee['kind']}, not a fee")
    fee = world.edit("transactions", transaction_id)
    fee["status"] = "refunded"
    world.edit("accounts", fee["account_id"])["balance"] += fee["amount"]
    world.edit("customers", fee["customer_id"])["refunds"] += 1
    return fee


def repay_loan(world: World, loan_id: LoanId, account_id: AccountId, amount: Dollars) -> dict[str, Any]:
    """Repays a part of a loan, beside its instalments, from an account of the same customer."""
    loan = find_record(world, "loans", loan_id, "loan")
    account = find_record(world, "accounts", account_id, "account")
    if account["customer_id"] != loan["customer_id"]:
        raise ToolError(f"account {account_id} is not an account of the loan's customer")
    if amount > loan["outstanding"]:
        raise ToolError(f"only ${loan['outstanding']} of the loan is outstanding")
    _book(world, account_id, -amount, "Loan repayment")
    loan = world.edit("loans", loan_id)
    loan["outstanding"] -= amount
    return loan


def defer_instalment(world: World, loan_id: LoanId) -> dict[str, Any]:
    """Puts a loan's next instalment off by thirty days."""
    find_record(world, "loans", loan_id, "loan")
    loan = world.edit("loans", loan_id)
    loan["due"] = (date.fromisoformat(loan["due"]) + timedelta(days=30)).isoformat()
    loan["deferred"] += 1
    return loan


READS = (
    get_customer, find_customer_by_phone, list_accounts, get_account, list_transactions, get_transaction, list_cards,
    get_card, list_payees, list_standing_orders, list_loans, list_disputes,
)  # fmt: skip
WRITES = (
    transfer_money, move_money, freeze_card, unfreeze_card, replace_card, set_card_limit, create_standing_order,
    cancel_standing_order, open_dispute, withdraw_dispute, refund_fee, repay_loan, defer_instalment,
)  # fmt: skip

TOOLS = DomainTools(
    name="bank",
    owner="bank",
    instructions=(
        "Tools of a bank's service desk. They check that a change is consistent, not that the bank's policy allows it: "
        "whoever calls them answers for that."
    ),
    reads=READS,
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.bank:BANK"),
)

if __name__ == "__main__":
    command(TOOLS)()
