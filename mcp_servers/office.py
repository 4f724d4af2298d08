"""The office's MCP server: mail, calendar, contacts, files and customers on one copy-on-write world."""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_clock, day_ahead, shown
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_record, new_id, records_by
from toolgym.world import World

__all__ = ["FILE_FOLDERS", "MAIL_FOLDERS", "STAGES", "TOOLS", "amount_of", "end_of", "expected_of"]

MAIL_FOLDERS: Final = ("inbox", "follow-up", "archive", "reading")
"""Where a mail can be moved to; `sent` and `trash` are the mail program's own."""
FILE_FOLDERS: Final = ("drafts", "sales", "projects", "records")
STAGES: Final = {"lead": 10, "qualified": 30, "offer": 60, "won": 100}
"""Stage of a deal -> its chance of success in percent."""

EmployeeId = Annotated[str, Field(description="The employee's id, such as 'ana_reyes_21'.")]
MailId = Annotated[str, Field(description="The mail's id, such as 'M-48213'.")]
EventId = Annotated[str, Field(description="The event's id, such as 'E-48213'.")]
FileId = Annotated[str, Field(description="The file's id, such as 'F-48213'.")]
CustomerId = Annotated[str, Field(description="The customer's id, such as 'C-48213'.")]
DealId = Annotated[str, Field(description="The deal's id, such as 'D-48213'.")]
Email = Annotated[str, Field(description="The contact's e-mail address.")]
Day = Annotated[str, Field(description="The day, YYYY-MM-DD.")]
MailFolder = Annotated[str, Field(description="The folder: inbox, follow-up, archive or reading.")]
FileFolder = Annotated[str, Field(description="The folder: drafts, sales, projects or records.")]
Subject = Annotated[str, Field(description="The subject.")]
Title = Annotated[str, Field(description="The title.")]
Phone = Annotated[str, Field(description="The phone number, such as '555-014-2233'.")]
Note = Annotated[str, Field(description="The note, in its exact words.")]
Minutes = Annotated[int, Field(ge=15, le=480, description="How many minutes it takes.")]
Product = Annotated[str, Field(description="What is sold.")]
Close = Annotated[str, Field(description="The day when it should be closed, YYYY-MM-DD.")]
Dollars = Annotated[int, Field(ge=1, description="The list price in dollars.")]
Percent = Annotated[int, Field(ge=0, le=90, description="Of the list price.")]
Stage = Annotated[str, Field(description="The stage after the deal's own: qualified, offer or won.")]
Start = Annotated[str, Field(description="When it starts, HH:MM.")]


def amount_of(list_price: int, discount: int) -> int:
    """What a deal brings: its list price less the discount in percent, in whole dollars."""
    return list_price * (100 - discount) // 100


def expected_of(amount: int, stage: str) -> int:
    """A deal's amount weighed with the chance of its stage, in whole dollars."""
    return amount * STAGES[stage] // 100


def end_of(start: str, minutes: int) -> str:
    """When an event ends that starts at `start` (HH:MM) and takes some minutes."""
    total = int(start[:2]) * 60 + int(start[3:]) + minutes
    return f"{total // 60:02d}:{total % 60:02d}"


def _employees(world: World, table: str, employee_id: str) -> list[dict[str, Any]]:
    find_record(world, "employees", employee_id, "employee")
    return records_by(world, table, "employee_id", employee_id)


def _customers(world: World, table: str, customer_id: str) -> list[dict[str, Any]]:
    find_record(world, "customers", customer_id, "customer")
    return records_by(world, table, "customer_id", customer_id)


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise ToolError(f"the {name} is empty")


def _add(world: World, table: str, key: str, letter: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record with a new id, stored."""
    made = {key: new_id(world, table, f"{letter}-", *record.values()), **record}
    world.put(table, made[key], made)
    return made


def _check_time(world: World, day: str, start: str, minutes: int) -> None:
    day_ahead(world, day)
    check_clock(start)
    if end_of(start, minutes) > "24:00":
        raise ToolError(f"{minutes} minutes from {start} reach into the next day")


def get_employee(world: World, employee_id: EmployeeId) -> dict[str, Any]:
    """Shows an employee: name, department, office, extension and approval limit."""
    return find_record(world, "employees", employee_id, "employee")


def list_customers(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists the customers that an employee looks after."""
    return _employees(world, "customers", employee_id)


def get_customer(world: World, customer_id: CustomerId) -> dict[str, Any]:
    """Shows a customer: company, industry, yearly revenue, status, last contact and notes."""
    return find_record(world, "customers", customer_id, "customer")


def list_contacts(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists the contacts at a customer: the people there."""
    return _customers(world, "contacts", customer_id)


def get_contact(world: World, email: Email) -> dict[str, Any]:
    """Shows a contact: name, customer, department, phone and whether mail is welcome."""
    return find_record(world, "contacts", email, "contact")


def list_deals(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's deals."""
    return _customers(world, "deals", customer_id)


def get_deal(world: World, deal_id: DealId) -> dict[str, Any]:
    """Shows a deal: product, price, discount, amount, stage, expected value and close date."""
    return find_record(world, "deals", deal_id, "deal")


def list_mails(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists the headers of an employee's mails."""
    names = ("mail_id", "email", "subject", "received", "folder")
    return [{name: mail[name] for name in names} for mail in _employees(world, "mails", employee_id)]


def get_mail(world: World, mail_id: MailId) -> dict[str, Any]:
    """Shows a mail: the contact who wrote or got it, subject, day, folder, kind, security class and attached file."""
    return find_record(world, "mails", mail_id, "mail")


def list_events(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists the events in an employee's calendar."""
    return _employees(world, "events", employee_id)


def get_event(world: World, event_id: EventId) -> dict[str, Any]:
    """Shows an event: title, day, start, length, end and the contact who takes part."""
    return find_record(world, "events", event_id, "event")


def list_files(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists the names, folders and sizes of an employee's files."""
    names = ("file_id", "name", "folder", "size")
    return [{name: file[name] for name in names} for file in _employees(world, "files", employee_id)]


def get_file(world: World, file_id: FileId) -> dict[str, Any]:
    """Shows a file: name, customer, folder, size, class, legal hold and with whom it is shared."""
    return find_record(world, "files", file_id, "file")


def send_mail(world: World, employee_id: EmployeeId, email: Email, subject: Subject) -> dict[str, Any]:
    """Sends a mail of an employee to a contact."""
    find_record(world, "employees", employee_id, "employee")
    find_record(world, "contacts", email, "contact")
    _check_text("subject", subject)
    return _send(world, employee_id, email, subject, "letter", "normal", None)


def _send(
    world: World, employee_id: str, email: str, subject: str, kind: str, security: str, file_id: str | None
) -> dict[str, Any]:
    record = {
        "employee_id": employee_id, "email": email, "subject": subject, "received": world.meta["today"],
        "folder": "sent", "kind": kind, "security": security, "file_id": file_id, "forwarded_to": [],
    }  # fmt: skip
    return _add(world, "mails", "mail_id", "M", record)


def forward_mail(world: World, mail_id: MailId, email: Email) -> dict[str, Any]:
    """Forwards a mail, with the file attached to it, to a contact, and marks it as forwarded."""
    find_record(world, "mails", mail_id, "mail")
    find_record(world, "contacts", email, "contact")
    mail = world.edit("mails", mail_id)
    mail["forwarded_to"].append(email)
    subject = f"Fwd: {mail['subject']}"
    _send(world, mail["employee_id"], email, subject, mail["kind"], mail["security"], mail["file_id"])
    return mail


def move_mail(world: World, mail_id: MailId, folder: MailFolder) -> dict[str, Any]:
    """Moves a mail to another folder."""
    mail = find_record(world, "mails", mail_id, "mail")
    if folder not in MAIL_FOLDERS:
        raise ToolError(f"no folder {shown(folder)}: give one of {', '.join(MAIL_FOLDERS)}")
    if mail["folder"] == folder:
        raise ToolError(f"mail {mail_id} is in {folder} already")
    mail = world.edit("mails", mail_id)
    mail["folder"] = folder
    return mail


def delete_mail(world: World, mail_id: MailId) -> dict[str, Any]:
    """Puts a mail into the trash."""
    mail = find_record(world, "mails", mail_id, "mail")
    if mail["folder"] == "trash":
        raise ToolError(f"mail {mail_id} is in the trash already")
    mail = world.edit("mails", mail_id)
    mail["folder"] = "trash"
    return mail


def create_event(
    world: World, employee_id: EmployeeId, email: Email, title: Title, day: Day, start: Start, minutes: Minutes
) -> dict[str, Any]:
    """Puts an event with a contact into an employee's calendar and invites the contact."""
    find_record(world, "employees", employee_id, "employee")
    find_record(world, "contacts", email, "contact")
    _check_text("title", title)
    _check_time(world, day, start, minutes)
    record = {
        "employee_id": employee_id, "email": email, "title": title, "day": day,
        "start": start, "minutes": minutes, "end": end_of(start, minutes),
    }  # fmt: skip
    return _add(world, "events", "event_id", "E", record)


def move_event(world: World, event_id: EventId, day: Day, start: Start) -> dict[str, Any]:
    """Moves an event to another time; it takes as long as before."""
    event = find_record(world, "events", event_id, "event")
    _check_time(world, day, start, event["minutes"])
    if (event["day"], event["start"]) == (day, start):
        raise ToolError(f"event {event_id} is at that time already")
    event = world.edit("events", event_id)
    event |= {"day": day, "start": start, "end": end_of(start, event["minutes"])}
    return event


def cancel_event(world: World, event_id: EventId) -> str:
    """Takes an event off the calendar and tells the contact."""
    find_record(world, "events", event_id, "event")
    world.delete("events", event_id)
    return "cancelled"


def share_file(world: World, file_id: FileId, email: Email) -> dict[str, Any]:
    """Lets a contact read a file."""
    file = find_record(world, "files", file_id, "file")
    find_record(world, "contacts", email, "contact")
    if email in file["shared_with"]:
        raise ToolError(f"file {file_id} is shared with that contact already")
    file = world.edit("files", file_id)
    file["shared_with"].append(email)
    return file


def move_file(world: World, file_id: FileId, folder: FileFolder) -> dict[str, Any]:
    """Moves a file to another folder."""
    file = find_record(world, "files", file_id, "file")
    if folder not in FILE_FOLDERS:
        raise ToolError(f"no folder {shown(folder)}: give one of {', '.join(FILE_FOLDERS)}")
    if file["folder"] == folder:
        raise ToolError(f"file {file_id} is in {folder} already")
    file = world.edit("files", file_id)
    file["folder"] = folder
    return file


def update_phone(world: World, email: Email, phone: Phone) -> dict[str, Any]:
    """Changes a contact's phone number."""
    contact = find_record(world, "contacts", email, "contact")
    if not re.fullmatch(r"\d{3}-\d{3}-\d{4}", phone):
        raise ToolError(f"a phone number is written 555-014-2233, not {shown(phone)}")
    if contact["phone"] == phone:
        raise ToolError("that is the contact's number already")
    contact = world.edit("contacts", email)
    contact["phone"] = phone
    return contact


def add_note(world: World, customer_id: CustomerId, note: Note) -> dict[str, Any]:
    """Adds a note of today to a customer; today is the last contact then."""
    find_record(world, "customers", customer_id, "customer")
    _check_text("note", note)
    customer = world.edit("customers", customer_id)
    customer["notes"].append(note)
    customer["last_contact"] = world.meta["today"]
    return customer


def create_deal(
    world: World, customer_id: CustomerId, email: Email, product: Product, list_price: Dollars, close: Close
) -> dict[str, Any]:
    """Logs a new deal with a customer, as a lead without discount; the contact is one of the customer's."""
    find_record(world, "customers", customer_id, "customer")
    contact = find_record(world, "contacts", email, "contact")
    if contact["customer_id"] != customer_id:
        raise ToolError("the contact is at another customer")
    _check_text("product", product)
    day_ahead(world, close)
    record = {
        "customer_id": customer_id, "email": email, "product": product, "list_price": list_price, "discount": 0,
        "amount": list_price, "stage": "lead", "expected": expected_of(list_price, "lead"), "close": close,
    }  # fmt: skip
    return _add(world, "deals", "deal_id", "D", record)


def advance_deal(world: World, deal_id: DealId, stage: Stage) -> dict[str, Any]:
    """Puts a deal into the next stage; its expected value follows."""
    deal = find_record(world, "deals", deal_id, "deal")
    order = list(STAGES)
    if stage not in order:
        raise ToolError(f"no stage {shown(stage)}: the stages are {', '.join(order)}")
    if order.index(stage) != order.index(deal["stage"]) + 1:
        raise ToolError(f"deal {deal_id} is in the stage {deal['stage']}: {stage} is not the next one")
    deal = world.edit("deals", deal_id)
    deal |= {"stage": stage, "expected": expected_of(deal["amount"], stage)}
    return deal


def set_discount(world: World, deal_id: DealId, percent: Percent) -> dict[str, Any]:
    """Sets the discount of a deal that is not won yet; its amount and expected value follow."""
    deal = find_record(world, "deals", deal_id, "deal")
    if deal["stage"] == "won":
        raise ToolError(f"deal {deal_id} is won")
    if deal["discount"] == percent:
        raise ToolError(f"deal {deal_id} has that discount already")
    deal = world.edit("deals", deal_id)
    amount = amount_of(deal["list_price"], percent)
    deal |= {"discount": percent, "amount": amount, "expected": expected_of(amount, deal["stage"])}
    return deal


TOOLS = DomainTools(
    name="office",
    owner="office",
    instructions=(
        "Tools of an office: mail, calendar, contacts, files and customers. They check that a change is consistent, "
        "not that the office's policy allows it: whoever calls them answers for that."
    ),
    reads=(
        get_employee, list_customers, get_customer, list_contacts, get_contact, list_deals, get_deal, list_mails,
        get_mail, list_events, get_event, list_files, get_file,
    ),
    writes=(
        send_mail, forward_mail, move_mail, delete_mail, create_event, move_event, cancel_event, share_file, move_file,
        update_phone, add_note, create_deal, advance_deal, set_discount,
    ),
    build_base=declared_worlds("toolgym.envs.office:OFFICE"),
)  # fmt: skip

if __name__ == "__main__":
    command(TOOLS)()
