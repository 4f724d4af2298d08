"""The HR desk's MCP server: employees, teams, leave, trainings, expenses, benefit plans and payslips."""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import day_of, shown
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_record, new_id, records_by
from toolgym.world import World

__all__ = ["CATEGORIES", "KINDS", "LEVELS", "TOOLS", "TOPICS", "last_day"]

KINDS = ("vacation", "study", "overtime")
"""The kinds of leave; overtime is taken off."""
CATEGORIES = ("meals", "lodging", "travel", "supplies", "mileage")
LEVELS = ("basic", "plus", "premium")
TOPICS = ("safety", "leadership", "languages", "software", "finance")

EmployeeId = Annotated[str, Field(description="The employee's id, such as 'E-48213'.")]
TeamId = Annotated[str, Field(description="The team's id, such as 'T-482'.")]
PlanId = Annotated[str, Field(description="The benefit plan's id, such as 'PL-4821'.")]
TrainingId = Annotated[str, Field(description="The training's id, such as 'TR-4821'.")]
EnrolmentId = Annotated[str, Field(description="The enrolment's id, such as 'EN-48213'.")]
LeaveId = Annotated[str, Field(description="The leave request's id, such as 'LV-48213'.")]
ClaimId = Annotated[str, Field(description="The expense claim's id, such as 'EX-48213'.")]
Start = Annotated[str, Field(description="The first day, a working day: YYYY-MM-DD.")]
Spent = Annotated[str, Field(description="The day on which it was spent: YYYY-MM-DD.")]
Dollars = Annotated[int, Field(ge=1, le=100_000, description="Whole dollars.")]


def last_day(start: str, days: int) -> str:
    """The last of `days` working days (Monday to Friday) from a working day on, ISO form."""
    first = date.fromisoformat(start)
    weeks, rest = divmod(first.weekday() + days - 1, 5)
    return (first + timedelta(days=7 * weeks + rest - first.weekday())).isoformat()


def _working_day(text: str) -> None:
    if day_of(text).weekday() >= 5:
        raise ToolError(f"{shown(text)} is no working day")


def _free(world: World, employee_id: str, start: str, days: int, but: str = "") -> str:
    """The last day of a leave that overlaps no other leave of the employee (`but` this one)."""
    _working_day(start)
    end = last_day(start, days)
    for key in find_record(world, "employees", employee_id, "employee")["leaves"]:
        leave = world.get("leaves", key)
        counts = key != but and leave["status"] in ("requested", "approved", "taken")
        if counts and start <= leave["end"] and leave["start"] <= end:
            raise ToolError("the employee has another leave in that time")
    return end


def _open_leave(world: World, leave_id: str) -> dict[str, Any]:
    leave = find_record(world, "leaves", leave_id, "leave request")
    if leave["status"] not in ("requested", "approved"):
        raise ToolError(f"leave request {leave_id} is {leave['status']}")
    return world.edit("leaves", leave_id)


def _balance(world: World, employee_id: str, kind: str) -> dict[str, Any]:
    for balance in records_by(world, "balances", "employee_id", employee_id):
        if balance["kind"] == kind:
            return world.edit("balances", balance["balance_id"])
    raise ToolError(f"the employee has no leave balance for {shown(kind)}")


def get_employee(world: World, employee_id: EmployeeId) -> dict[str, Any]:
    """Shows an employee: name, team, contract, bank account, address, benefit plan and leave request ids."""
    return find_record(world, "employees", employee_id, "employee")


def find_employee_by_email(world: World, email: Annotated[str, Field(description="The employee's e-mail.")]) -> str:
    """Finds the id of the employee with an e-mail address."""
    for employee in records_by(world, "employees", "email", email):
        return employee["employee_id"]
    raise ToolError("no employee has that e-mail")


def get_team(world: World, team_id: TeamId) -> dict[str, Any]:
    """Shows a team: name, head, site and what is left of its training budget."""
    return find_record(world, "teams", team_id, "team")


def get_plan(world: World, plan_id: PlanId) -> dict[str, Any]:
    """Shows a benefit plan: level, provider, monthly cost, deductible and waiting time."""
    return find_record(world, "plans", plan_id, "benefit plan")


def list_plans(
    world: World, level: Annotated[str, Field(description="The level: basic, plus or premium.")]
) -> list[dict[str, Any]]:
    """Lists the benefit plans of a level."""
    return records_by(world, "plans", "level", level)


def get_training(world: World, training_id: TrainingId) -> dict[str, Any]:
    """Shows a training: title, topic, first day, cost, form and free places."""
    return find_record(world, "trainings", training_id, "training")


def search_trainings(
    world: World,
    topic: Annotated[str, Field(description="The topic: safety, leadership, languages, software or finance.")],
) -> list[dict[str, Any]]:
    """Lists the trainings about a topic, with title, first day and cost."""
    names = ("training_id", "title", "topic", "starts", "cost")
    return [{name: record[name] for name in names} for record in records_by(world, "trainings", "topic", topic)]


def list_enrolments(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists an employee's enrolments in trainings."""
    find_record(world, "employees", employee_id, "employee")
    return records_by(world, "enrolments", "employee_id", employee_id)


def list_balances(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists an employee's leave balances: for each kind of leave the days entitled to, taken, booked and left."""
    find_record(world, "employees", employee_id, "employee")
    return records_by(world, "balances", "employee_id", employee_id)


def get_leave(world: World, leave_id: LeaveId) -> dict[str, Any]:
    """Shows a leave request: kind, first and last day, working days and status."""
    return find_record(world, "leaves", leave_id, "leave request")


def get_claim(world: World, claim_id: ClaimId) -> dict[str, Any]:
    """Shows an expense claim: category, amount, day and status."""
    return find_record(world, "claims", claim_id, "expense claim")


def list_claims(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists an employee's expense claims."""
    find_record(world, "employees", employee_id, "employee")
    return records_by(world, "claims", "employee_id", employee_id)


def list_payslips(world: World, employee_id: EmployeeId) -> list[dict[str, Any]]:
    """Lists an employee's payslips: month, gross pay, tax, insurance and net pay."""
    find_record(world, "employees", employee_id, "employee")
    return records_by(world, "payslips", "employee_id", employee_id)


def request_leave(
    world: World,
    employee_id: EmployeeId,
    kind: Annotated[str, Field(description="The kind of leave: vacation, study or overtime.")],
    start: Start,
    days: Annotated[int, Field(ge=1, le=60, description="Working days.")],
) -> dict[str, Any]:
    """Requests leave of some working days; they are booked against the employee's balance of that kind."""
    end = _free(world, employee_id, start, days)
    balance = _balance(world, employee_id, kind)
    balance["booked"] += days
    balance["left"] -= days
    key = new_id(world, "leaves", "LV-", employee_id, kind, start, days)
    leave = {"leave_id": key, "employee_id": employee_id, "kind": kind, "start": start, "days": days, "end": end}
    world.put("leaves", key, {**leave, "status": "requested"})
    employee = world.edit("employees", employee_id)
    employee["leaves"] = sorted([*employee["leaves"], key])
    return world.get("leaves", key)


def move_leave(world: World, leave_id: LeaveId, start: Start) -> dict[str, Any]:
    """Moves a leave to another first day; its working days stay, and it has to be approved again."""
    leave = _open_leave(world, leave_id)
    if leave["start"] == start:
        raise ToolError(f"leave request {leave_id} starts on {start} already")
    leave["end"] = _free(world, leave["employee_id"], start, leave["days"], but=leave_id)
    leave["start"], leave["status"] = start, "requested"
    return leave


def withdraw_leave(world: World, leave_id: LeaveId) -> dict[str, Any]:
    """Withdraws a leave request and gives its days back to the balance."""
    leave = _open_leave(world, leave_id)
    balance = _balance(world, leave["employee_id"], leave["kind"])
    balance["booked"] -= leave["days"]
    balance["left"] += leave["days"]
    leave["status"] = "withdrawn"
    return leave


def enrol_in_training(
    world: World, employee_id: EmployeeId, training_id: TrainingId, team_id: TeamId
) -> dict[str, Any]:
    """Enrols an employee: books a free place at the expense of a team, or puts the employee on the waiting list."""
    find_record(world, "employees", employee_id, "employee")
    training = find_record(world, "trainings", training_id, "training")
    find_record(world, "teams", team_id, "team")
    if training["starts"] <= world.meta["today"]:
        raise ToolError(f"training {training_id} has begun")
    for other in records_by(world, "enrolments", "employee_id", employee_id):
        if other["training_id"] == training_id and other["status"] in ("booked", "waiting"):
            raise ToolError(f"the employee is enrolled in training {training_id} already")
    booked = training["places"] > 0
    if booked:
        world.edit("trainings", training_id)["places"] -= 1
        world.edit("teams", team_id)["budget"] -= training["cost"]
    key = new_id(world, "enrolments", "EN-", employee_id, training_id, team_id)
    enrolment = {
        "enrolment_id": key,
        "employee_id": employee_id,
        "training_id": training_id,
        "team_id": team_id,
        **{name: training[name] for name in ("title", "starts", "cost")},
        "status": "booked" if booked else "waiting",
    }
    world.put("enrolments", key, enrolment)
    return world.get("enrolments", key)


def cancel_enrolment(world: World, enrolment_id: EnrolmentId) -> dict[str, Any]:
    """Cancels an enrolment; a booked place is free again and its cost goes back to the team's budget."""
    enrolment = find_record(world, "enrolments", enrolment_id, "enrolment")
    if enrolment["status"] not in ("booked", "waiting"):
        raise ToolError(f"enrolment {enrolment_id} is {enrolment['status']}")
    if enrolment["status"] == "booked":
        world.edit("trainings", enrolment["training_id"])["places"] += 1
        world.edit("teams", enrolment["team_id"])["budget"] += enrolment["cost"]
    enrolment = world.edit("enrolments", enrolment_id)
    enrolment["status"] = "cancelled"
    return enrolment


def _file(
    world: World, employee_id: str, category: str, amount: int, spent: str, receipt: bool, km: int
) -> dict[str, Any]:
    find_record(world, "employees", employee_id, "employee")
    if day_of(spent).isoformat() > world.meta["today"]:
        raise ToolError(f"{spent} is still to come")
    key = new_id(world, "claims", "EX-", employee_id, category, amount, spent, km)
    claim = {"claim_id": key, "employee_id": employee_id, "category": category, "amount": amount, "spent": spent}
    world.put("claims", key, {**claim, "receipt": receipt, "km": km, "status": "submitted"})
    return world.get("claims", key)


def file_claim(
    world: World,
    employee_id: EmployeeId,
    category: Annotated[str, Field(description="What it was for: meals, lodging, travel or supplies.")],
    amount: Dollars,
    spent: Spent,
    receipt: Annotated[bool, Field(description="Whether the employee has a receipt.")],
) -> dict[str, Any]:
    """Files an expense claim."""
    if category not in CATEGORIES[:-1]:
        raise ToolError(f"no category {shown(category)} of expenses; mileage is filed by its kilometres")
    return _file(world, employee_id, category, amount, spent, receipt, 0)


def file_mileage(
    world: World,
    employee_id: EmployeeId,
    km: Annotated[int, Field(ge=1, le=5_000, description="Kilometres driven.")],
    amount: Dollars,
    spent: Spent,
) -> dict[str, Any]:
    """Files an expense claim for a drive with the employee's own car; the amount follows from the policy's rate."""
    return _file(world, employee_id, "mileage", amount, spent, False, km)


def withdraw_claim(world: World, claim_id: ClaimId) -> dict[str, Any]:
    """Withdraws an expense claim that is not paid yet."""
    claim = find_record(world, "claims", claim_id, "expense claim")
    if claim["status"] not in ("submitted", "approved"):
        raise ToolError(f"expense claim {claim_id} is {claim['status']}")
    claim = world.edit("claims", claim_id)
    claim["status"] = "withdrawn"
    return claim


def change_bank_account(
    world: World,
    employee_id: EmployeeId,
    account: Annotated[str, Field(pattern=r"^\d{10}$", description="The new account number: ten digits.")],
) -> dict[str, Any]:
    """Changes the bank account that an employee's salary is paid into."""
    employee = find_record(world, "employees", employee_id, "employee")
    if employee["account"] == account:
        raise ToolError("that is the bank account already")
    employee = world.edit("employees", employee_id)
    employee["account"], employee["account_since"] = account, world.meta["today"]
    return employee


def change_address(
    world: World,
    employee_id: EmployeeId,
    address: Annotated[str, Field(min_length=5, max_length=200, description="The new home address.")],
) -> dict[str, Any]:
    """Changes an employee's home address."""
    employee = find_record(world, "employees", employee_id, "employee")
    if employee["address"] == address:
        raise ToolError("that is the address already")
    employee = world.edit("employees", employee_id)
    employee["address"] = address
    return employee


def choose_plan(world: World, employee_id: EmployeeId, plan_id: PlanId) -> dict[str, Any]:
    """Puts an employee on another benefit plan, from today."""
    employee = find_record(world, "employees", employee_id, "employee")
    find_record(world, "plans", plan_id, "benefit plan")
    if employee["plan_id"] == plan_id:
        raise ToolError(f"{plan_id} is the employee's benefit plan already")
    employee = world.edit("employees", employee_id)
    employee["plan_id"], employee["plan_since"] = plan_id, world.meta["today"]
    return employee


READS = (
    get_employee, find_employee_by_email, get_team, get_plan, list_plans, get_training, search_trainings,
    list_enrolments, list_balances, get_leave, get_claim, list_claims, list_payslips,
)  # fmt: skip
WRITES = (
    request_leave, move_leave, withdraw_leave, enrol_in_training, cancel_enrolment, file_claim, file_mileage,
    withdraw_claim, change_bank_account, change_address, choose_plan,
)  # fmt: skip

TOOLS = DomainTools(
    name="people",
    owner="HR desk",
    instructions=(
        "Tools of an HR desk. They check that a change is consistent, not that the company's policy allows it: whoever "
        "calls them answers for that."
    ),
    reads=READS,
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.people:PEOPLE"),
)

if __name__ == "__main__":
    command(TOOLS)()
