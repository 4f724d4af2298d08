"""The library: members, books, loans, holds and fines."""

from toolgym.composing.declaration import Act, Declaration, Key, Look, Own, Pick, Rule, Speaker, Wish
from toolgym.composing.fields import Choice, Code, Day, Money, Name, Number, Pattern, Ref, Words
from toolgym.composing.tables import Table
from toolgym.mcp_servers.library import BRANCHES, TOOLS

__all__ = ["LIBRARY"]

GENRES = ("crime", "travel", "history", "poetry", "cooking", "science")

MEMBERS = Table(
    "members",
    "membership",
    "member_id",
    {
        "first": Name(longest=6),
        "last": Name(longest=6),
        "member_id": Code("{first}_{last}_##"),
        "email": Pattern("{first}.{last}##@example.com", label="e-mail", told="with e-mail {value}"),
        "level": Choice(("basic", "basic", "plus", "senior"), label="membership level"),
        "until": Day(-40, 300, label="end date"),
        "branch": Choice(BRANCHES, label="home branch"),
    },
    {"small": 12, "standard": 300, "large": 2000},
)
BOOKS = Table(
    "books",
    "book",
    "book_id",
    {
        "book_id": Code("B-#####"),
        "title": Words(
            (
                ("Silent", "Golden", "Last", "Broken", "Distant", "Red", "Hidden", "Little"),
                ("River", "Garden", "Winter", "Harbour", "Letter", "Mountain", "House", "Orchard"),
            ),
            label="title",
            told="'{value}'",
        ),
        "author": Name(2, 7, label="author", told="by {value}"),
        "genre": Choice(GENRES, label="genre", told="about {value}"),
        "year": Number(1950, 2025, label="year", extremes=("oldest", "newest")),
        "pages": Number(
            80, 900, 10, label="number of pages", extremes=("shortest", "longest"), total="number of pages"
        ),
        "copies": Number(0, 5, label="number of free copies"),
    },
    {"small": 24, "standard": 400, "large": 2000},
)
LOANS = Table(
    "loans",
    "loan",
    "loan_id",
    {
        "loan_id": Code("L-#####"),
        "member_id": Ref("members"),
        "book_id": Ref("books"),
        "due": Day(-10, 20, label="due date", told="due on {value}", extremes=("earliest due", "latest due")),
        "renewals": Number(0, 3, label="number of renewals"),
        "status": Choice(("open", "open", "open", "returned"), label="status"),
    },
    (2, 3, 1, 4),
    per="members",
)
HOLDS = Table(
    "holds",
    "hold",
    "hold_id",
    {
        "hold_id": Code("H-#####"),
        "member_id": Ref("members"),
        "book_id": Ref("books"),
        "branch": Choice(BRANCHES, label="branch", told="at {value}"),
        "queue": Number(1, 9, label="place in the queue", extremes=("foremost", "hindmost")),
    },
    (1, 2, 0, 3),
    per="members",
)
FINES = Table(
    "fines",
    "fine",
    "fine_id",
    {
        "fine_id": Code("F-#####"),
        "member_id": Ref("members"),
        "amount": Money(2, 60, label="amount", told="of {value}", extremes=("smallest", "largest"), total="amount"),
        "reason": Choice(("late return", "damage", "lost card"), label="reason", told="for {value}"),
        "status": Choice(("open", "open", "paid"), label="status"),
    },
    (1, 2, 3),
    per="members",
)

LOOKS = (
    Look("member", "get_member", "members", {"member_id": "member_id"}),
    Look("member_by_email", "find_member_by_email", "members", {"email": "email"}, shows=("member_id",)),
    Look("book", "get_book", "books", {"book_id": "book_id"}),
    Look("books", "search_books", "books", {"genre": "genre"}, many=True),
    Look("loan", "get_loan", "loans", {"loan_id": "loan_id"}),
    Look("loans", "list_loans", "loans", {"member_id": "member_id"}, many=True),
    Look("hold", "get_hold", "holds", {"hold_id": "hold_id"}),
    Look("holds", "list_holds", "holds", {"member_id": "member_id"}, many=True),
    Look("fines", "list_fines", "fines", {"member_id": "member_id"}, many=True),
)

ACTS = (
    Act(
        "renew",
        "renew_loan",
        "loans",
        {"loan_id": Key()},
        ("Please renew {it}.", "I want to keep {it} longer.", "Extend {it}, please."),
        ("Could I have more time for {it}?",),
        "{loan_id} is renewed and due on {due}.",
        about=("renew", "extend", "longer", "due"),
        past=("renewed", "extended"),
        gives="loans",
        when=lambda loan: loan["status"] == "open",
        plan="{renewals} renewals, due {due}:",
    ),
    Act(
        "lost",
        "report_lost",
        "loans",
        {"loan_id": Key()},
        ("I have lost the book of {it}.", "Please mark {it} as lost.", "The book of {it} is gone: report it lost."),
        ("There is no trace of what I borrowed with {it}; note it as lost.",),
        "{loan_id} is marked as lost.",
        about=("report", "lost", "mark"),
        past=("marked", "reported"),
        gives="loans",
        when=lambda loan: loan["status"] == "open",
    ),
    Act(
        "return",
        "return_book",
        "loans",
        {"loan_id": Key()},
        ("I am bringing {it} back.", "Please take {it} back.", "I return {it}."),
        ("Here is what I borrowed: check in {it}.",),
        "{loan_id} is returned.",
        about=("return", "take back", "bring"),
        past=("returned", "taken back"),
        gives="loans",
        when=lambda loan: loan["status"] == "open",
    ),
    Act(
        "hold_place",
        "place_hold",
        "",
        {"member_id": Speaker(), "book_id": Pick("books"), "branch": Wish(Choice(BRANCHES), fact="At {value}.")},
        ("Reserve {book_id} for me at {branch}.", "I want a hold on {book_id}, pick-up at {branch}."),
        ("Put me in the queue for {book_id}; I come to {branch}.",),
        "{hold_id} is placed.",
        about=("reserve", "hold", "queue"),
        past=("placed", "reserved"),
        gives="holds",
    ),
    Act(
        "hold_move",
        "move_hold",
        "holds",
        {"hold_id": Key(), "branch": Wish(Choice(BRANCHES), differs="branch", fact="To {value}.")},
        ("Move {it} to {branch}.", "I want to pick up {it} at {branch} instead."),
        ("Let {branch} be the branch for {it}.",),
        "{hold_id} is moved to {branch}.",
        about=("move", "branch", "pick"),
        past=("moved", "changed"),
        gives="holds",
    ),
    Act(
        "hold_cancel",
        "cancel_hold",
        "holds",
        {"hold_id": Key()},
        ("Cancel {it}.", "I no longer need {it}.", "Please drop {it}."),
        ("You can take {it} off the list.",),
        "{hold_id} is cancelled.",
        about=("cancel", "drop"),
        past=("cancelled", "dropped"),
    ),
    Act(
        "pay",
        "pay_fine",
        "fines",
        {"fine_id": Key(), "amount": Own("amount")},
        ("I want to pay {it}.", "Please settle {it}.", "Let me pay {it}."),
        ("Take my money for {it}.",),
        "{fine_id} of {amount} is paid.",
        about=("pay", "settle", "fine"),
        past=("paid", "settled"),
        gives="fines",
        when=lambda fine: fine["status"] == "open",
    ),
    Act(
        "extend",
        "extend_membership",
        "members",
        {"member_id": Key(), "months": Wish(Number(2, 12), fact="{value} months.")},
        ("Extend my membership by {months} months.", "I want {months} more months of membership."),
        ("Let my membership run {months} months longer.",),
        "The membership runs until {until}.",
        about=("extend", "membership", "month"),
        past=("extended", "prolonged"),
        gives="members",
        plan="until {until}:",
    ),
)

RULES = (
    Rule(
        "renewed_out",
        ("renew",),
        lambda seen: seen.subject["renewals"] >= 3,
        "A loan that was renewed three times cannot be renewed again.",
        "it was renewed {renewals} times",
    ),
    Rule(
        "overdue",
        ("renew",),
        lambda seen: seen.subject["due"] < seen.today,
        "A loan whose due date is past cannot be renewed.",
        "it was due on {due}",
    ),
    Rule(
        "overdue_lost",
        ("lost",),
        lambda seen: seen.subject["due"] < seen.today,
        "A book can be reported lost only until its due date.",
        "it was due on {due}",
    ),
    Rule(
        "foremost",
        ("hold_move",),
        lambda seen: seen.subject["queue"] == 1,
        "The branch of a hold at place 1 in the queue cannot be changed: the book is on its way.",
        "it is at place 1 in the queue",
    ),
    Rule(
        "expired",
        ("hold_place",),
        lambda seen: (seen.speaker or {})["until"] < seen.today,
        "Members whose membership has ended cannot place holds.",
        "your membership has ended",
        sees=("speaker",),
    ),
    Rule(
        "too_long",
        ("extend",),
        lambda seen: seen.wishes["months"] > 12,
        "A membership is extended by at most twelve months at a time.",
        "{months} months are more than twelve",
        tempts={"months": Number(13, 36)},
    ),
)

LIBRARY = Declaration(
    name="library",
    title="City library",
    role="You are the assistant of a city library. You serve one member at a time with the tools you are given.",
    who="members",
    tables=(MEMBERS, BOOKS, LOANS, HOLDS, FINES),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={"Loans": ("A renewal adds fourteen days.",), "Fines": ("A fine is paid in full.",)},
)
