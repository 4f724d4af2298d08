"""The library's MCP server: a catalogue, loans, holds and fines on a copy-on-write world."""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_id, find_record, new_id, records_by
from toolgym.world import World

__all__ = ["BRANCHES", "TOOLS"]

MemberId = Annotated[str, Field(description="The member's id, such as 'ana_reyes_21'.")]
BookId = Annotated[str, Field(description="The book's id, such as 'B-48213'.")]
LoanId = Annotated[str, Field(description="The loan's id, such as 'L-48213'.")]
HoldId = Annotated[str, Field(description="The hold's id, such as 'H-48213'.")]
FineId = Annotated[str, Field(description="The fine's id, such as 'F-48213'.")]
Branch = Annotated[str, Field(description="The branch where it is picked up: central, north, harbour or park.")]

BRANCHES = ("central", "north", "harbour", "park")


def get_member(world: World, member_id: MemberId) -> dict[str, Any]:
    """Shows a member: name, e-mail, membership and its end, and home branch."""
    return find_record(world, "members", member_id, "member")


def find_member_by_email(world: World, email: Annotated[str, Field(description="The member's e-mail.")]) -> str:
    """Finds the id of the member with an e-mail address."""
    return find_id(world, "members", "email", email, "member", "e-mail")


def get_book(world: World, book_id: BookId) -> dict[str, Any]:
    """Shows a book: title, author, genre, year, pages and free copies."""
    return find_record(world, "books", book_id, "book")


def search_books(world: World, genre: Annotated[str, Field(description="The genre.")]) -> list[dict[str, Any]]:
    """Lists the books of a genre."""
    return records_by(world, "books", "genre", genre)


def get_loan(world: World, loan_id: LoanId) -> dict[str, Any]:
    """Shows a loan: book, due date, renewals and status."""
    return find_record(world, "loans", loan_id, "loan")


def list_loans(world: World, member_id: MemberId) -> list[dict[str, Any]]:
    """Lists a member's loans."""
    find_record(world, "members", member_id, "member")
    return records_by(world, "loans", "member_id", member_id)


def get_hold(world: World, hold_id: HoldId) -> dict[str, Any]:
    """Shows a hold: book, branch and place in the queue."""
    return find_record(world, "holds", hold_id, "hold")


def list_holds(world: World, member_id: MemberId) -> list[dict[str, Any]]:
    """Lists a member's holds."""
    find_record(world, "members", member_id, "member")
    return records_by(world, "holds", "member_id", member_id)


def list_fines(world: World, member_id: MemberId) -> list[dict[str, Any]]:
    """Lists a member's fines."""
    find_record(world, "members", member_id, "member")
    return records_by(world, "fines", "member_id", member_id)


def renew_loan(world: World, loan_id: LoanId) -> dict[str, Any]:
    """Extends a loan by fourteen days."""
    find_record(world, "loans", loan_id, "loan")
    loan = world.edit("loans", loan_id)
    if loan["status"] != "open":
        raise ToolError(f"loan {loan_id} is {loan['status']}")
    loan["due"] = (date.fromisoformat(loan["due"]) + timedelta(days=14)).isoformat()
    loan["renewals"] += 1
    return loan


def report_lost(world: World, loan_id: LoanId) -> dict[str, Any]:
    """Marks the book of a loan as lost."""
    find_record(world, "loans", loan_id, "loan")
    loan = world.edit("loans", loan_id)
    if loan["status"] != "open":
        raise ToolError(f"loan {loan_id} is {loan['status']}")
    loan["status"] = "lost"
    return loan


def return_book(world: World, loan_id: LoanId) -> dict[str, Any]:
    """Takes a book back, ends its loan and frees the copy."""
    find_record(world, "loans", loan_id, "loan")
    loan = world.edit("loans", loan_id)
    if loan["status"] != "open":
        raise ToolError(f"loan {loan_id} is {loan['status']}")
    loan["status"] = "returned"
    world.edit("books", loan["book_id"])["copies"] += 1
    return loan


def place_hold(world: World, member_id: MemberId, book_id: BookId, branch: Branch) -> dict[str, Any]:
    """Places a hold on a book, for pick-up at a branch."""
    find_record(world, "members", member_id, "member")
    find_record(world, "books", book_id, "book")
    if branch not in BRANCHES:
        raise ToolError(f"no branch {branch[:40]!r}")
    queue = len(records_by(world, "holds", "book_id", book_id))
    hold_id = new_id(world, "holds", "H-", member_id, book_id, branch)
    hold = {"hold_id": hold_id, "member_id": member_id, "book_id": book_id, "branch": branch, "queue": queue + 1}
    world.put("holds", hold["hold_id"], hold)
    return hold


def move_hold(world: World, hold_id: HoldId, branch: Branch) -> dict[str, Any]:
    """Changes the branch where a hold is picked up."""
    find_record(world, "holds", hold_id, "hold")
    if branch not in BRANCHES:
        raise ToolError(f"no branch {branch[:40]!r}")
    hold = world.edit("holds", hold_id)
    hold["branch"] = branch
    return hold


def cancel_hold(world: World, hold_id: HoldId) -> str:
    """Cancels a hold."""
    find_record(world, "holds", hold_id, "hold")
    world.delete("holds", hold_id)
    return "cancelled"


def pay_fine(
    world: World, fine_id: FineId, amount: Annotated[int, Field(ge=1, description="Dollars.")]
) -> dict[str, Any]:
    """Pays a fine in full."""
    find_record(world, "fines", fine_id, "fine")
    fine = world.edit("fines", fine_id)
    if fine["status"] == "paid":
        raise ToolError(f"fine {fine_id} is paid")
    if amount != fine["amount"]:
        raise ToolError(f"the fine is ${fine['amount']}")
    fine["status"] = "paid"
    return fine


def extend_membership(
    world: World, member_id: MemberId, months: Annotated[int, Field(ge=1, le=60, description="Months.")]
) -> dict[str, Any]:
    """Extends a membership by some months of thirty days."""
    find_record(world, "members", member_id, "member")
    member = world.edit("members", member_id)
    member["until"] = (date.fromisoformat(member["until"]) + timedelta(days=30 * months)).isoformat()
    return member


READS = (
    get_member, find_member_by_email, get_book, search_books, get_loan, list_loans, get_hold, list_holds, list_fines,
)  # fmt: skip
WRITES = (renew_loan, report_lost, return_book, place_hold, move_hold, cancel_hold, pay_fine, extend_membership)


TOOLS = DomainTools(
    name="library",
    owner="library",
    instructions=(
        "Tools of a city library. They check that a change is consistent, not that the library's policy allows it: "
        "whoever calls them answers for that."
    ),
    reads=READS,
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.library:LIBRARY"),
)

if __name__ == "__main__":
    command(TOOLS)()
