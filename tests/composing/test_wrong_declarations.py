"""What is wrong with a declaration is said when its domain is built, by the part that is wrong and with what to do."""

import random
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.declaration import Act, Declaration, Key, Look, Own, Pick, Reckoned, Rule, Speaker, Wish
from toolgym.composing.fields import (
    Choice,
    Clock,
    Code,
    Day,
    Field,
    Flag,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
    Refs,
    Words,
)
from toolgym.composing.tables import Table
from toolgym.errors import ConfigError, DeclarationError
from toolgym.mcp.server import ToolServer
from toolgym.world import World

PEOPLE, MACHINES, JOBS = 0, 1, 2


def table(shop: Declaration, place: int, **changes: Any) -> Declaration:
    tables = list(shop.tables)
    tables[place] = replace(tables[place], **changes)
    return replace(shop, tables=tuple(tables))


def field(shop: Declaration, place: int, name: str, made: Field) -> Declaration:
    return table(shop, place, fields={**shop.tables[place].fields, name: made})


def look(shop: Declaration, place: int = 1, **changes: Any) -> Declaration:
    looks = list(shop.looks)
    looks[place] = replace(looks[place], **changes)
    return replace(shop, looks=tuple(looks))


def act(shop: Declaration, **changes: Any) -> Declaration:
    return replace(shop, acts=(replace(shop.acts[0], **changes), *shop.acts[1:]))


def takes(shop: Declaration, **more: Any) -> Declaration:
    """The act with a further parameter, which its words name."""
    return act(
        shop,
        takes={"job_id": Key(), **more},
        words=tuple(f"{verb} {{it}}{''.join(f' {{{name}}}' for name in more)}." for verb in ("Stop", "End")),
        unseen=("Kindly stop {it}" + "".join(f" {{{name}}}" for name in more) + ".",),
    )


def rule(shop: Declaration, **changes: Any) -> Declaration:
    return replace(shop, rules=(replace(shop.rules[0], **changes),))


Change = Callable[[Declaration], Declaration]
BY_ITSELF: dict[str, tuple[Change, str]] = {
    # Names
    "a name that is no word": (lambda s: replace(s, name="My Shop"), "'My Shop', the name of the domain, is no word"),
    "a kind that is no word": (lambda s: look(s, kind="Get-job"), "'Get-job'.* is no word"),
    "two looks of one kind": (lambda s: look(s, 0, kind="job"), "2 looks and acts are of the kind 'job'"),
    "a look and an act of one kind": (lambda s: look(s, 0, kind="stop"), "2 looks and acts are of the kind 'stop'"),
    "two rules of one name": (lambda s: replace(s, rules=(*s.rules, *s.rules)), "2 rules are called 'dear'"),
    "two tables of one name": (lambda s: table(s, MACHINES, name="people"), "2 tables are called 'people'"),
    # Tables
    "who": (lambda s: replace(s, who="peple"), "who: Unknown table 'peple'. Did you mean 'people'"),
    "a key": (lambda s: table(s, JOBS, key="jobid"), "Table 'jobs': key: .*Did you mean 'job_id'"),
    "a parent": (lambda s: table(s, JOBS, per="persons"), "Table 'jobs': per: Unknown table 'persons'"),
    "a parent that comes later": (
        lambda s: table(s, PEOPLE, per="jobs", rows=(1,)), "per: .*'jobs', which has to be declared before it"
    ),
    "a size without a number": (
        lambda s: table(s, MACHINES, rows={"small": 3}), "Table 'machines': rows has no number for standard, large"
    ),
    "rows by parent without one": (lambda s: table(s, MACHINES, rows=(1, 2)), "Table 'machines': .*it has none"),
    "no rows": (lambda s: table(s, JOBS, rows=()), "Table 'jobs': rows is empty"),
    "a Ref": (lambda s: field(s, JOBS, "machine_id", Ref("machine")), "'machine_id': .*Did you mean 'machines'"),
    "a Ref to a later table": (
        lambda s: field(s, PEOPLE, "best", Ref("jobs")), "'best': .*'jobs', which has to be declared before 'people'"
    ),
    "a Refs": (lambda s: field(s, PEOPLE, "jobs", Refs("job")), "'jobs': Unknown table 'job'. Did you mean 'jobs'"),
    "a Refs to an earlier table": (
        lambda s: field(s, JOBS, "people", Refs("people")), "'people', which has to be declared after 'jobs'"
    ),
    "a Refs to nothing": (
        lambda s: field(s, PEOPLE, "machines", Refs("machines")), "no field of 'machines' is a Ref..people"
    ),
    "a pattern": (
        lambda s: field(s, JOBS, "note", Pattern("{state}-{pice}")), "'note': its pattern: nothing fills {pice}"
    ),
    "a pattern of a later field": (
        lambda s: table(s, PEOPLE, fields={"person_id": Code("{name}##"), "name": Name(), "jobs": Refs("jobs")}),
        "'person_id': its pattern: nothing fills {name} .the fields that are made before it",
    ),
    "braces": (lambda s: field(s, JOBS, "note", Pattern("{state")), "'note': its pattern: .*in '{state'"),
    "what tells a record": (
        lambda s: field(s, JOBS, "cost", Money(1, 9, told="for {price}")), "'cost': told: nothing fills {price}"
    ),
    "what tells a record and does not say it": (
        lambda s: field(s, JOBS, "cost", Money(1, 9, told="the dear one")), "'cost': told=.* put {value} into it"
    ),
    "one extreme": (
        lambda s: field(s, JOBS, "cost", Money(1, 9, extremes=("cheapest",))),  # type: ignore[arg-type]
        "'cost': extremes are two words",
    ),
    "no choice": (lambda s: field(s, JOBS, "state", Choice(())), "'state': there is nothing to choose from"),
    "numbers of nowhere": (
        lambda s: field(s, JOBS, "cost", Money(500, 1)), "'cost': there is no number from 500 to 1 in steps of 1"
    ),
    "days of nowhere": (lambda s: field(s, JOBS, "due", Day(9, 1)), "'due': there is no day from 9 to 1"),
    "hours of nowhere": (lambda s: field(s, JOBS, "at", Clock(18, 8)), "'at': there is no time of day from 18 to 8"),
    "words of nothing": (lambda s: field(s, JOBS, "what", Words(((), ("a",)))), "'what': there is nothing to choose"),
    "no probability": (lambda s: field(s, JOBS, "hot", Flag(40)), "'hot': a probability is from 0 to 1, not 40"),
    "nobody who speaks": (
        lambda s: table(s, PEOPLE, rows={"small": 0, "standard": 9, "large": 9}),
        "Table 'people': rows: small: a world has one who speaks at least, not 0",
    ),
    "fewer records than none": (lambda s: table(s, JOBS, rows=(2, -1)), "rows: a number of records is 0 or more"),
    "a key that two may have": (
        lambda s: field(s, JOBS, "job_id", Pattern("J##")), "'job_id': two records, .* may draw one Pattern.*a Code"
    ),
    # 50 machines need 12 * 50 = 600 ids.
    "ids that run out": (
        lambda s: field(s, MACHINES, "machine_id", Code("M##")),
        "'machine_id': the pattern 'M##' has 100 ids, and a world of 50 records needs 600, .*: add a #",
    ),
    # 100 people with 2, 3, 1, 2, ... jobs have 200.
    "ids of children that run out": (
        lambda s: field(s, JOBS, "job_id", Code("J###")), "has 1,000 ids, and a world of 200 records needs 2,400"
    ),
    "ids of few words": (
        lambda s: table(
            s, MACHINES, key="tag",
            fields={"colour": Choice(("red", "blue")), "tag": Code("{colour}-?"), "machine_id": Code("M####")},
        ),
        "'{colour}-.' has 48 ids",
    ),
    # Looks
    "what a look gives": (lambda s: look(s, gives="job"), "Look 'job': gives: .*Did you mean 'jobs'"),
    "what a look is asked by": (
        lambda s: look(s, by={"job_id": "jobid"}), "Look 'job': by, 'job_id': Unknown field of jobs 'jobid'"
    ),
    "what a look shows": (lambda s: look(s, shows=("job_id", "price")), "Look 'job': shows: Unknown field .*'price'"),
    "an input that nothing gives": (
        lambda s: replace(s, looks=(*s.looks, Look("in_room", "get_machine", "machines", {"room": "room"}, many=True))),
        "Look 'in_room': nothing gives 'room': no customer tells the room of machines .*told",
    ),
    "who is not found": (
        lambda s: replace(s, looks=s.looks[1:]), "who: no look or act takes the person_id of those who speak"
    ),
    # Acts
    "what an act is on": (lambda s: act(s, on="jobb"), "Act 'stop': on: .*Did you mean 'jobs'"),
    "what an act gives": (lambda s: act(s, gives="jobb"), "Act 'stop': gives: .*Did you mean 'jobs'"),
    "a key without a record": (
        lambda s: act(s, on="", gives=""), "Act 'stop': takes, 'job_id': Key is of the record .* `on` names no table"
    ),
    "a field of the record": (
        lambda s: takes(s, cost=Own("price")), "Act 'stop': takes, 'cost': Unknown field of jobs 'price'"
    ),
    "what must differ": (
        lambda s: takes(s, cost=Wish(Number(1, 9), differs="price")), "'cost': differs: Unknown field .*'price'"
    ),
    "what is carried from no field": (
        lambda s: takes(s, cost=Wish(Number(1, 9), carried=("jobs",))), "'cost': carried: 'jobs' is no 'table.field'"
    ),
    "what is carried from no table": (
        lambda s: takes(s, cost=Wish(Number(1, 9), carried=("jbs.cost",))), "carried: .*Did you mean 'jobs'"
    ),
    "what is carried from an unknown field": (
        lambda s: takes(s, cost=Wish(Number(1, 9), carried=("jobs.price",))), "carried: Unknown field of jobs 'price'"
    ),
    "what is picked": (lambda s: takes(s, machine_id=Pick("machine")), "'machine_id': .*Did you mean 'machines'"),
    "a field of what is picked": (
        lambda s: takes(s, machine_id=Pick("machines", field="id")), "'machine_id': Unknown field of machines 'id'"
    ),
    "what reckoning sees": (
        lambda s: takes(s, cost=Reckoned(lambda seen: 1, sees=("speeker",))), "'cost': sees: .*Did you mean 'speaker'"
    ),
    "no way to its record": (
        lambda s: replace(s, looks=(s.looks[0], s.looks[2])),
        "Act 'stop': on: no look leads to a whole record of 'jobs': add one that reads it",
    ),
    "no way to what is picked": (
        lambda s: replace(takes(s, machine_id=Pick("machines")), looks=s.looks[:2]),
        "Act 'stop': takes, 'machine_id': no look leads to a whole record of 'machines'",
    ),
    "a refusal without words": (lambda s: act(s, about=()), "Act 'stop': a refusal is told by its words"),
    # Rules
    "the acts of a rule": (lambda s: rule(s, acts=("stp",)), "Rule 'dear': acts: .*Did you mean 'stop'"),
    "a rule for nothing": (lambda s: rule(s, acts=()), "Rule 'dear': it forbids nothing"),
    "what a rule sees": (lambda s: rule(s, sees=("speker",)), "Rule 'dear': sees: .*Did you mean 'speaker'"),
    "a rule on a speaker whom nothing reads": (
        lambda s: replace(
            rule(s, sees=("speaker",)),
            looks=(replace(s.looks[0], shows=("person_id",)), *s.looks[1:]),
        ),
        "Rule 'dear': it sees the speaker, and no look reads a whole record of 'people' by 'person_id'",
    ),
    "a rule on what nobody picks": (
        lambda s: rule(s, sees=("picked",)), "Rule 'dear': it sees what is picked, and nothing is by 'stop'"
    ),
    "what tempts": (lambda s: rule(s, tempts={"days": Number(1, 2)}), "Rule 'dear': tempts: Unknown wish .*'days'"),
    "a rule without words": (lambda s: rule(s, text=" "), "Rule 'dear': .* give text and why"),
    # Words
    "one way to ask": (lambda s: act(s, words=("Stop {it}.",)), "Act 'stop': words: one way to ask for it is too few"),
    "no unseen words": (lambda s: act(s, unseen=()), "Act 'stop': unseen: test_unseen has words of its own"),
    "words that are seen": (
        lambda s: act(s, unseen=("Stop {it}.",), words=("Stop {it}.", "End {it}.")),
        "Act 'stop': unseen: 'Stop {it}.' is in words too",
    ),
    "words of something else": (
        lambda s: act(s, words=("Stop {it} on {day}.", "End {it}.")), "words: .*nothing fills {day}"
    ),
    "unseen words of something else": (lambda s: act(s, unseen=("Leave {that}.",)), "unseen: .*nothing fills {that}"),
    "words that do not say which": (
        lambda s: act(s, words=("Stop {it}.", "Stop my job.")),
        "words: 'Stop my job.' does not say what only the customer knows: put {it} into it",
    ),
    "words that do not say what is wanted": (
        lambda s: replace(takes(s, day=Wish(Number(1, 9))), acts=(
            replace(takes(s, day=Wish(Number(1, 9))).acts[0], unseen=("Leave {it}.",)), *s.acts[1:]
        )),
        "unseen: 'Leave {it}.' does not say .* put {day} into it",
    ),
    "a plan": (lambda s: act(s, plan="{price}:"), "Act 'stop': plan: nothing fills {price}"),
    "an answer": (
        lambda s: takes(s, day=Wish(Number(1, 9), fact="On {day}.")), "'day': fact: nothing fills {day}"
    ),
    "a reason": (lambda s: rule(s, why="it costs {price}"), "Rule 'dear': why: nothing fills {price}"),
    # One text where several are wanted
    "one text for words": (lambda s: act(s, words="Stop {it}."), "words takes several texts, .*write .'Stop {it}.',."),
    "one text that refuses": (lambda s: act(s, about="stop"), "Act 'stop': about takes several texts"),
    "one text that is told": (lambda s: act(s, told="{state}"), "Act 'stop': told takes several texts"),
    "one act that it follows": (lambda s: act(s, follows="open"), "Act 'stop': follows takes several texts"),
    "one act of a rule": (lambda s: rule(s, acts="stop"), "Rule 'dear': acts takes several texts"),
    "one text of a look": (lambda s: look(s, told="I am {person_id}."), "Look 'job': told takes several texts"),
    "one note": (lambda s: replace(s, notes={"Jobs": "Stop no job."}), "notes: 'Jobs': it takes several texts"),
    "one word that asks": (lambda s: replace(s, asked={"cost": "price"}), "asked: 'cost': it takes several texts"),
    "one choice": (lambda s: field(s, JOBS, "state", Choice("open")), "'state': values takes several texts"),  # type: ignore[arg-type]
    "one list of words": (lambda s: field(s, JOBS, "what", Words(("red", "blue"))), "'what': part 1 of parts takes"),
    # Values
    "a wish for nothing": (
        lambda s: takes(s, days=Wish(Number(9, 1))), "Act 'stop': takes, 'days': there is no number from 9 to 1"
    ),
    "a temptation to nothing": (
        lambda s: replace(takes(s, days=Wish(Number(1, 9))), rules=rule(s, tempts={"days": Number(30, 10)}).rules),
        "Rule 'dear': tempts, 'days': there is no number from 30 to 10",
    ),
    "less often than never": (lambda s: act(s, weight=-1), "Act 'stop': weight is how often it occurs, .*not -1"),
    "worlds without tasks": (
        lambda s: replace(s, tasks_per_world={"small": 0, "standard": 5, "large": 5}),
        "tasks_per_world: small: a world has one task at least, not 0",
    ),
    "an echo of a later task": (lambda s: replace(s, echoes={3: 7}), "echoes: task 3 is made otherwise"),
    "a fact of the kit": (lambda s: replace(s, meta={"split": "test"}), "meta: 'split' is a fact that each world has"),
    "another today": (lambda s: replace(s, meta={"today": "2020-01-01"}), "meta: today is 2026-06-15 .*2020-01-01"),
    # A request that names what is to be found
    "an id that is to be found": (
        lambda s: field(s, JOBS, "machine_id", Ref("machines", told="at machine {value}")),
        "Table 'jobs', field 'machine_id': it is told, so a request names the machines id that is to be found",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BY_ITSELF)
def test_what_is_wrong_by_itself_is_said_when_the_domain_is_built(kind: str, shop: Declaration) -> None:
    change, message = BY_ITSELF[kind]
    with pytest.raises(DeclarationError, match=message) as raised:
        DeclaredDomain(change(shop), size="small")
    assert "declaration of" in str(raised.value)
    assert isinstance(raised.value, ConfigError)


def test_all_that_is_wrong_is_said_at_once(shop: Declaration) -> None:
    wrong = rule(act(shop, words=("Stop {it}.",), plan="{price}"), why="{price}")
    with pytest.raises(DeclarationError, match=r"wrong in 3 places:\n.*words: .*\n.*plan.*\n.*Rule 'dear'"):
        DeclaredDomain(wrong, size="small")


def test_an_act_of_no_weight_is_never_asked_for_first(shop: Declaration) -> None:
    for weight, first in ((1, {"open", "stop"}), (0, {"open"})):
        tasks = DeclaredDomain(act(shop, weight=weight), size="small").tasks("train")
        made = [part for index in range(80) for part in tasks[index].composition.split("||")]
        assert {found[0] for part in made if (found := re.findall("open|stop", part))} == first


# Beside its server ---------------------------------------------------------------------------------------------------


def serving(shop: Declaration, **tools: Callable[..., Any]) -> Declaration:
    """The shop whose server has these tools in place of its own; those whose names begin with a verb write."""

    def new_server(size: Any, dialect: str) -> ToolServer:
        server = ToolServer("shop", lambda key: worlds_of(made, size, dialect)(key), default_world_key=0)
        plain = {"get_person": get_person, "get_job": get_job, "get_machine": get_machine}
        writes = {"stop_job": stop_job, "open_job": open_job}
        for name, function in {**plain, **writes, **tools}.items():
            function.__name__ = name
            server.tool(writes=not name.startswith("get"))(function)
        return server

    made = replace(shop, new_server=new_server)
    return made


def get_person(world: World, person_id: str) -> dict[str, Any]:
    """Shows a person."""
    return world.get("people", person_id)


def get_job(world: World, job_id: str) -> dict[str, Any]:
    """Shows a job."""
    return world.get("jobs", job_id)


def get_machine(world: World, machine_id: str) -> dict[str, Any]:
    """Shows a machine."""
    return world.get("machines", machine_id)


def stop_job(world: World, job_id: str) -> dict[str, Any]:
    """Stops a job."""
    job = world.edit("jobs", job_id)
    job["state"] = "stopped"
    return job


def open_job(world: World, job_id: str) -> dict[str, Any]:
    """Opens a job."""
    job = world.edit("jobs", job_id)
    job["state"] = "open"
    return job


def without_cost(world: World, job_id: str) -> dict[str, Any]:
    """Shows a job."""
    return {name: value for name, value in world.get("jobs", job_id).items() if name != "cost"}


def chance(world: World, job_id: str) -> dict[str, Any]:
    """Shows a job."""
    return {**world.get("jobs", job_id), "luck": random.random()}


def clock(world: World, job_id: str) -> dict[str, Any]:
    """Stops a job."""
    job = world.edit("jobs", job_id)
    job["state"] = str(time.perf_counter_ns())
    return {**job, "state": "stopped"}


def refusing(world: World, job_id: str) -> dict[str, Any]:
    """Shows no job."""
    raise KeyError(job_id)


def text(world: World, job_id: str) -> str:
    """Answers with a text."""
    return f"{job_id} it is"


def two(world: World, job_id: str, day: str) -> dict[str, Any]:
    """Stops a job on a day."""
    return stop_job(world, job_id)


BESIDE: dict[str, tuple[Change, str]] = {
    "a look's tool": (lambda s: look(s, tool="get_jobs"), "Look 'job': tool: .*Did you mean 'get_job'"),
    "an act's tool": (lambda s: act(s, tool="stop_jobs"), "Act 'stop': tool: .*Did you mean 'stop_job'"),
    "a look's parameter": (
        lambda s: look(s, by={"id": "job_id"}), "Look 'job': 'get_job' takes no 'id'.*\n.*'get_job' needs 'job_id'"
    ),
    "a look's fixed parameter": (lambda s: look(s, fixed={"all": True}), "Look 'job': 'get_job' takes no 'all'"),
    "an act's parameter": (lambda s: takes(s, day=Wish(Number(1, 9))), "Act 'stop': 'stop_job' takes no 'day'"),
    "a parameter that is not given": (
        lambda s: serving(s, stop_job=two), "Act 'stop': 'stop_job' needs 'day': say what it is filled with"
    ),
    "a parameter that is not always given": (
        lambda s: serving(takes(s, day=Wish(Choice(("today", None)), optional=True)), stop_job=two),
        "Act 'stop': 'stop_job' needs 'day', which is optional here",
    ),
    "a look that writes": (lambda s: look(s, tool="open_job"), "Look 'job': 'open_job' writes, and a look only shows"),
    "an act that reads": (lambda s: act(s, tool="get_job"), "Act 'stop': 'get_job' only reads"),
    "a field that is not shown": (
        lambda s: serving(s, get_job=without_cost),
        "Look 'job': what 'get_job' shows has no 'cost': let the tool show it, or name what it shows in shows",
    ),
    "a look that shows nothing": (lambda s: serving(s, get_job=refusing), "Look 'job': 'get_job' refuses"),
    "a look that shows no record": (lambda s: serving(s, get_job=text), "'job': what 'get_job' shows is no record"),
    "an act that gives nothing": (
        lambda s: serving(s, stop_job=text), "Act 'stop': what 'stop_job' answers with is no whole record of 'jobs'"
    ),
    "an act that gives a part": (lambda s: serving(s, stop_job=without_cost), "Act 'stop': .*it lacks cost"),
    "a look by chance": (
        lambda s: serving(s, get_job=chance), "Tool 'get_job' .look 'job'. is not deterministic: the same call answers"
    ),
    "an act by the clock": (
        lambda s: serving(s, stop_job=clock), "Tool 'stop_job' .act 'stop'. is not deterministic: .* in two ways"
    ),
    "an answer that nothing fills": (lambda s: act(s, done="It costs {price}."), "It costs {price}.*'price'"),
    "a rule on an unknown field": (
        lambda s: rule(s, broken=lambda seen: seen.subject["price"] > 3),
        "Rule 'dear' reads 'price', which no tool showed. Unknown field of jobs 'price'",
    ),
    "a rule on the speaker that does not say so": (
        lambda s: rule(s, broken=lambda seen: seen.speaker["name"] == "Ana"), "Rule 'dear' .*NoneType.*sees: 'speaker'"
    ),
    "a rule on a field of the speaker": (
        lambda s: rule(s, broken=lambda seen: seen.subject["name"] == "Ana"),
        "Rule 'dear' reads 'name', .* to be shown by person. A part that looks at who speaks has sees=..speaker",
    ),
    "a rule on what is picked that does not say so": (
        lambda s: rule(s, broken=lambda seen: seen.picked["machine_id"]["room"] > 2),
        "Rule 'dear' reads 'machine_id', which no tool showed",
    ),
    "a rule that fails": (
        lambda s: rule(s, broken=lambda seen: seen.subject["cost"] / 0 > 1), "Rule 'dear' fails with ZeroDivisionError"
    ),
    "when": (
        lambda s: act(s, when=lambda job: job["status"] == "open"), "Act 'stop': when reads 'status', which no tool"
    ),
    "what fits": (
        lambda s: serving(
            takes(s, day=Pick("machines", fits=lambda job, machine: machine["floor"] > 1)), stop_job=two
        ),
        "Act 'stop', takes 'day': fits reads 'floor', which no tool showed",
    ),
    "what is reckoned": (
        lambda s: serving(
            act(s, takes={"job_id": Key(), "day": Reckoned(lambda seen: seen.subject["day"])}), stop_job=two
        ),
        "Act 'stop', takes 'day': Reckoned reads 'day', which no tool showed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BESIDE)
def test_what_is_wrong_beside_its_server_is_said_when_the_domain_is_built(kind: str, shop: Declaration) -> None:
    change, message = BESIDE[kind]
    with pytest.raises(DeclarationError, match=message):
        DeclaredDomain(change(shop), size="small")


def test_what_the_speakers_rule_reads_is_shown_where_it_says_so(shop: Declaration) -> None:
    speaking = rule(shop, broken=lambda seen: seen.speaker["name"] < "B", sees=("speaker",), why="your name is short")
    task = DeclaredDomain(speaking, size="small").tasks("train")[0]
    assert task.request
    wrong = replace(speaking, rules=(replace(speaking.rules[0], broken=lambda seen: seen.speaker["surname"] < "B"),))
    with pytest.raises(DeclarationError, match="Rule 'dear' reads 'surname', which no tool showed"):
        DeclaredDomain(wrong, size="small")


def test_an_act_without_a_record_reads_none(shop: Declaration) -> None:
    def add_job(world: World, person_id: str) -> str:
        """Adds a job."""
        world.put("jobs", "J1", {"job_id": "J1", "person_id": person_id})
        return "added"

    add = Act(
        "add", "add_job", "", {"person_id": Speaker()}, ("Add a job.", "I need a job."), ("A job, please.",), "Added.",
        about=("add",), past=("added",),
    )  # fmt: skip
    unread = Rule("late", ("add",), lambda seen: seen.subject["cost"] > 3, "No.", "it is late")
    more = replace(shop, acts=(*shop.acts, add), rules=(*shop.rules, unread))
    with pytest.raises(DeclarationError, match=r"Rule 'late' reads 'cost', .* It is about no record"):
        DeclaredDomain(serving(more, add_job=add_job), size="small")


def test_a_right_declaration_is_tried_once_a_process(shop: Declaration, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolgym.composing import composer

    tried = []
    monkeypatch.setattr(composer, "try_out", lambda *given: tried.append(given))
    made = replace(shop, title="Another")
    for size in ("small", "standard"):
        DeclaredDomain(made, size=size)
    assert len(tried) == 1


def test_tables_of_the_shop_are_right(shop: Declaration) -> None:
    assert isinstance(shop.tables[JOBS], Table)
    assert DeclaredDomain(shop, size="large").tasks("test_unseen")[0].request
