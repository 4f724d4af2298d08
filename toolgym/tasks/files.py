"""Tasks as their author writes them: a YAML, JSON or JSON Lines file, rows of a data set, or plain dicts.

    # tasks.yaml
    policy: Lend each book once.
    tasks:
      - id: lend-dune
        request: I am ann. Please lend me the book 'dune'.
        calls:
          - lend: {book: dune, member: ann}
        response: It is yours.

`toolgym tasks schema` prints the JSON Schema of it. What the gold chain does is found out by executing it (see
`toolgym.tasks.freezing`) and can be kept in the file, under `frozen`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, Literal, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from toolgym import _json, _strict_json
from toolgym._files import WriteLock, write_whole
from toolgym.errors import ConfigError, TaskError, did_you_mean
from toolgym.hub_files import fetched, on_hub
from toolgym.tasks import Assertion, ChecklistItem, GoldAction, GoldCall, SaidCheck, Task, UserScript
from toolgym.tasks._located import Located, dump_yaml, lines_of, read_json, read_json_lines, read_yaml
from toolgym.tasks._stored import StoredTasks
from toolgym.world import Diff

__all__ = ["AuthoredTask", "Frozen", "TaskFile", "TaskSource", "read_tasks", "tasks_schema", "write_frozen"]

TaskSource = str | Path | Sequence[Task | Mapping[str, Any]] | Callable[[], Iterable[Task | Mapping[str, Any]]]
"""A file's path, a list of tasks or dicts, a `datasets.Dataset`, or a function that gives tasks or dicts."""


_FROZEN_NOTE = "# Written by `toolgym tasks check`: what the gold chains did.\n"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(_Model):
    """One call: `{tool: {argument: value}}` for short."""

    name: str = Field(min_length=1, description="The tool's name.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Its arguments.")
    writes: bool | None = Field(default=None, description="Whether it changes the state; found out where not given.")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and len(value) == 1 and "name" not in value:
            ((name, arguments),) = value.items()
            return {"name": name, "arguments": arguments if arguments is not None else {}}
        return value

    @field_validator("arguments", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        # A data set's columns have one type for all rows, so arguments are often kept as a JSON string there.
        if isinstance(value, str):
            try:
                return _strict_json.loads(value)
            except _strict_json.JsonError as error:
                raise ValueError(f"arguments given as a string must be JSON: {error}") from error
        return value


class Action(_Model):
    """One turn of the gold trajectory."""

    plan: str | None = None
    calls: tuple[Call, ...] = ()
    response: str | None = None


class Frozen(_Model):
    """What executing the gold chain gave."""

    diff: Diff | None = Field(default_factory=dict, description="The state's difference; null: no state is seen.")
    results: tuple[str, ...] = Field(default=(), description="Each call's result, as text.")
    writes: tuple[bool, ...] = Field(default=(), description="Whether each call may have changed the state.")
    state: tuple[str, ...] | None = Field(
        default=None, description="Where the state was seen, and what of it did not count; empty: nowhere."
    )

    @model_serializer(mode="wrap")
    def _without_unknown(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if name != "state" or value is not None}


class AuthoredTask(_Model):
    """A task as written by hand. Only `request` is needed, and `calls` (or `gold`, or `forbidden`)."""

    id: str = Field(default="", description="Unique in the file; by default the task's number in it.")
    request: str = Field(min_length=1, description="What the user wants, in their words.")
    calls: tuple[Call, ...] = Field(default=(), description="The gold chain, a call a turn.")
    response: str | None = Field(default=None, description="What the agent says at the end.")
    gold: tuple[Action, ...] = Field(default=(), description="The gold chain turn by turn, in place of calls.")
    said: tuple[str, ...] = Field(default=(), description="Facts that the final response must contain.")
    forbidden: bool = Field(default=False, description="The policy forbids it: right is to refuse and change nothing.")
    kind: tuple[str, ...] = Field(default=(), description="Labels; by default the names of the gold chain's tools.")
    split: Literal["train", "validation", "test", "test_unseen", "custom"] = Field(
        default="custom", description="`custom` is in every split."
    )
    world: Any = Field(default=None, description="The world it happens in, for servers that have several.")
    user: UserScript = Field(default=UserScript(), description="What a scripted user opens with and knows.")
    assertions: tuple[Assertion, ...] = Field(default=(), description="Facts about the final state.")
    unordered: tuple[str, ...] = Field(default=(), description="Paths of lists whose order does not matter.")
    free: tuple[str, ...] = Field(default=(), description="Tables of which only the assertions must hold.")
    checklist: tuple[ChecklistItem, ...] = Field(default=(), description="Criteria beside the final state.")
    frozen: Frozen | None = Field(default=None, description="Written by `toolgym tasks check`.")

    @field_validator("said", "kind", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_chain(self) -> "AuthoredTask":
        if self.gold and (self.calls or self.response is not None):
            raise ValueError("give either 'calls' and 'response', or 'gold'")
        if not (self.gold or self.calls or self.forbidden or self.assertions or self.said or self.checklist):
            raise ValueError("nothing tells success: give 'calls' (or 'gold'), 'said', 'assertions' or 'forbidden'")
        return self

    def actions(self) -> tuple[Action, ...]:
        """The gold chain turn by turn, which ends in a response."""
        actions = self.gold or tuple(Action(calls=(call,)) for call in self.calls)
        if actions and actions[-1].response is not None:
            return actions
        default = "I cannot do that." if self.forbidden else "Done."
        said = " ".join(self.said) or default
        return (*actions, Action(response=self.response if self.response is not None else said))

    def task(self, number: int, domain: str) -> Task:
        """The task; its final state is the frozen one, or is still to be found out (`meta["frozen"]`)."""
        gold, writes = [], list(self.frozen.writes if self.frozen is not None else ())
        for action in self.actions():
            calls = []
            for call in action.calls:
                wrote = writes.pop(0) if writes else False
                calls.append(
                    GoldCall(
                        name=call.name,
                        arguments=call.arguments,
                        writes=wrote if call.writes is None else call.writes,
                    )
                )
            gold.append(GoldAction(plan=action.plan, calls=tuple(calls), response=action.response))
        names = tuple(dict.fromkeys(call.name for action in gold for call in action.calls))
        said = ChecklistItem(
            id="said", question="Did the agent say what was asked for?", check=SaidCheck(facts=self.said), required=True
        )
        frozen = self.frozen
        return Task(
            id=self.id or str(number),
            domain=domain,
            kind=self.kind or names or ("none",),
            composition=";".join(self.kind or names),
            depth=max(1, len(names)),
            split=self.split,
            request=self.request,
            user=self.user,
            forbidden=self.forbidden,
            gold=tuple(gold),
            gold_diff=(frozen.diff if frozen is not None else None) or {},
            unordered=self.unordered,
            free=self.free,
            assertions=self.assertions,
            checklist=(*self.checklist, *((said,) if self.said else ())),
            meta={"world": self.world, "frozen": None if frozen is None else frozen.model_dump(mode="json")},
        )


class TaskFile(_Model):
    """A tasks file. A list of tasks alone will do as well."""

    policy: str = Field(default="", description="The policy document that the agent must follow.")
    tasks: tuple[AuthoredTask, ...] = Field(description="The tasks.")
    frozen: dict[str, Frozen] = Field(
        default_factory=dict, description="Task id -> what its gold chain did. Written by `toolgym tasks check`."
    )


def tasks_schema() -> dict[str, Any]:
    """The JSON Schema of a tasks file."""
    schema = TaskFile.model_json_schema()
    call = schema["$defs"]["Call"]
    short = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "object"}}
    fields = schema["$defs"]["AuthoredTask"]["properties"]
    for name in ("said", "kind"):
        fields[name] = {"description": fields[name].pop("description"), "anyOf": [fields[name], {"type": "string"}]}
    schema["$defs"]["Call"] = {"description": call.pop("description"), "anyOf": [call, short, {"type": "string"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def read_tasks(source: TaskSource, domain: str = "custom") -> tuple[Sequence[Task], str]:
    """The tasks of a source, and the policy where it holds one.

    Those of a JSON Lines file, which may be large, are made when they are asked for; each was checked once.

    Raises:
        TaskError: they are not as the schema says; the message names file and line.
        ConfigError: no such file, or something that is no source of tasks.
    """
    policy, entries, name = "", (), "tasks"
    if isinstance(source, str | Path):
        name = str(source)
        source = fetched(source) if on_hub(source) else source
        if Path(source).suffix == ".jsonl":
            return _stored(Path(source), domain), policy
        policy, entries = _parsed(_read_file(Path(source)), name)
    else:
        rows = source() if callable(source) else source
        if isinstance(rows, Mapping) or not hasattr(rows, "__iter__"):
            raise ConfigError(f"Tasks are a file, a list, a data set or a function that gives tasks; got {rows!r:.100}")
        # A data set fills up its columns with nulls, where a row has no such field.
        filled = hasattr(rows, "column_names")
        located = (Located(_without_nulls(row) if filled else row) for row in rows)
        entries = (_entry(row, name, (number,)) for number, row in enumerate(located))
    tasks = [
        entry if isinstance(entry, Task) else entry.task(number, domain) for number, entry in enumerate(entries, 1)
    ]
    _check_ids([task.id for task in tasks], name)
    return tasks, policy


def _stored(path: Path, domain: str) -> StoredTasks:
    """The tasks of a JSON Lines file, a line at a time: such files grow large."""
    out = StoredTasks(partial(_task_of_line, str(path), domain))
    try:
        with path.open("rb") as file:
            for number, line in _strict_json.numbered(file):
                if line.strip():
                    out.add(line, number)
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error}.") from error
    _check_ids(out.ids(), str(path))
    return out


def _task_of_line(name: str, domain: str, line: bytes, number: int, place: int) -> Task:
    try:
        value = _strict_json.loads(line)
    except _strict_json.JsonError as error:
        raise TaskError(f"{name}, line {number}: {error}") from error
    entry = _entry(Located(value, {(): number}), name, (place - 1,))
    return entry if isinstance(entry, Task) else entry.task(place, domain)


def write_frozen(source: Path, output: Path, frozen: Mapping[str, Frozen]) -> None:
    """Copies a tasks file with what its gold chains did. The output is whole at any moment.

    A YAML file keeps its text, comments and all: what was frozen stands at its end. In JSON and JSON Lines it stands in
    each task.

    Raises:
        ConfigError: a YAML file has no place for it, or JSON Lines none for the policy, or the output's name is that of
            no tasks file.
        LockedError: somebody else writes the output.
        OSError: the output cannot be written; it is as it was.
    """
    if output.suffix not in _READERS:
        raise ConfigError(f"A tasks file ends in {', '.join(_READERS)}; it was {str(output)!r}.")
    kept = {id: entry.model_dump(mode="json") for id, entry in frozen.items()}
    with WriteLock(output):
        write_whole(output, _with_frozen(source, output, kept))


def _with_frozen(source: Path, output: Path, kept: Mapping[str, Any]) -> Iterator[str]:
    """The output's text, in parts."""

    earlier: Mapping[str, Any] = {}

    def added(number: int, entry: Any) -> Any:
        id = entry.get("id") or str(number)
        if _is_whole(entry):
            meta = entry.get("meta") or {}
            return {**entry, "meta": {**meta, "frozen": kept.get(id, meta.get("frozen"))}}
        return {**entry, "frozen": kept.get(id, earlier.get(id, entry.get("frozen")))}

    if source.suffix == output.suffix == ".jsonl":
        for number, line in enumerate(_each_line(source), 1):
            yield _strict_json.dumps(added(number, line.value)).decode() + "\n"
        return
    value = (located := _read_file(source)).value
    if output.suffix in (".yaml", ".yml") and source.suffix in (".yaml", ".yml"):
        yield _yaml_with_frozen(source, located, kept)
        return
    if isinstance(value, dict):
        # In each task alone: what stands for the whole file would go before it.
        earlier = value.get("frozen") or {}
        value = {name: each for name, each in value.items() if name != "frozen"}
    entries = [added(*each) for each in enumerate(value if isinstance(value, list) else value["tasks"], 1)]
    if output.suffix == ".jsonl":
        if isinstance(value, dict) and value.get("policy"):
            raise ConfigError(f"{source} has a policy, for which JSON Lines have no place: give a .json or .yaml file")
        yield from (_strict_json.dumps(entry).decode() + "\n" for entry in entries)
    else:
        whole = entries if isinstance(value, list) else {**value, "tasks": entries}
        yield _dumped(whole, output)


def _yaml_with_frozen(source: Path, located: Located, kept: Mapping[str, Any]) -> str:
    if not isinstance(located.value, dict):
        raise ConfigError(f"{source} is a list; begin it with 'tasks:' to keep what was frozen in it.")
    lines = lines_of(source.read_bytes().decode())
    if "frozen" in located.value:
        start = located.line(("frozen",)) - 1
        after = [line for path, line in located.lines.items() if path and path[0] != "frozen" and line - 1 > start]
        if after:
            raise ConfigError(f"{source}: 'frozen' must be the last key of the file.")
        lines = lines[:start]
        if lines and lines[-1].rstrip() == _FROZEN_NOTE.rstrip():
            lines.pop()
    text = "".join(lines).rstrip("\r\n") + "\n\n" + _FROZEN_NOTE
    text += dump_yaml({"frozen": dict(kept)}, sort_keys=True)
    with suppress(TaskError):
        read = read_yaml(text).value
        if {**located.value, "frozen": read["frozen"]} == read:
            return text
    raise ConfigError(
        f"{source} is written so that nothing can stand at its end: begin its keys at the beginning of a line, without "
        "braces around them, or freeze into another file (--output FILE.json)"
    )


def _dumped(value: Any, output: Path) -> str:
    if output.suffix in (".yaml", ".yml"):
        return dump_yaml(value)
    return _strict_json.dumps(value, indent=True).decode() + "\n"


def _parsed(located: Located, name: str) -> tuple[str, Sequence[Task | AuthoredTask]]:
    """The policy and the entries of a file that is one document.

    Raises:
        TaskError: it is not as the schema says.
    """
    value = located.value
    if isinstance(value, list):
        return "", [_entry(Located(each, located.lines), name, (index,)) for index, each in enumerate(value)]
    try:
        file = TaskFile.model_validate(value)
    except ValidationError as error:
        raise _task_error(error, located, name, ()) from error
    known = {task.id or str(number) for number, task in enumerate(file.tasks, 1)}
    for id in file.frozen:
        if id not in known:
            line = located.line(("frozen", id))
            raise TaskError(f"{name}, line {line}: frozen: {did_you_mean(id, known, 'task')}")
    return file.policy, [
        task.model_copy(update={"frozen": file.frozen.get(task.id or str(number), task.frozen)})
        for number, task in enumerate(file.tasks, 1)
    ]


def _entry(located: Located, name: str, place: tuple[int]) -> Task | AuthoredTask:
    value = located.value
    if isinstance(value, Task):
        return value
    kind = Task if _is_whole(value) else AuthoredTask
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise _task_error(error, located, name, place) from error


def _is_whole(value: Any) -> bool:
    """Whether an entry is a `Task` as it stands, which keeps what was frozen in its `meta`."""
    return isinstance(value, Mapping) and {"domain", "gold"} <= value.keys()


_WANTED = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type", "iterable_type"), "a list"),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type"), "an object of names and values"
    ),
    "string_type": "a text (in quotes, where it looks like something else)",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "none_required": "null",
}
"""What pydantic finds wrong -> what a tasks file should have there, in the words of such files."""


def _shown(value: Any) -> str:
    """A value of a file in a message."""
    kinds = {dict: "an object", list: "a list", bool: "", NoneType: ""}
    kind = kinds.get(type(value), "a text" if isinstance(value, str) else "")
    shown = _json.dumps(value).decode() if isinstance(value, str | int | float | list | dict | None) else repr(value)
    return f"{kind} {shown:.60}".strip()


def _task_error(error: ValidationError, located: Located, name: str, prefix: tuple[str | int, ...]) -> TaskError:
    """What is wrong, a line a problem, each with its place."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False)[:10]:
        path = (*prefix, *problem["loc"])
        where = ".".join(str(part) for part in path)
        message = problem["msg"].removeprefix("Value error, ")
        if (wanted := _WANTED.get(problem["type"])) is not None:
            message = f"expected {wanted}, got {_shown(problem['input'])}"
        if problem["type"] == "extra_forbidden":
            known = _fields_at({"Task": Task, "TaskFile": TaskFile}.get(error.title, AuthoredTask), problem["loc"][:-1])
            message = f"Unknown field {path[-1]!r}." if known is None else did_you_mean(str(path[-1]), known, "field")
        lines.append(f"{name}, line {located.line(path)}: {where}: {message}")
    return TaskError("\n".join(lines))


def _fields_at(model: type[BaseModel], place: Sequence[str | int]) -> Iterable[str] | None:
    """The fields of the model that stands at a place in another one; None where several may."""
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = set() if field is None else set(_models_in(field.annotation))
        if len(inner) != 1:
            return None
        model = inner.pop()
    return model.model_fields


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


_READERS = {".yaml": read_yaml, ".yml": read_yaml, ".json": read_json, ".jsonl": None}


def _read_file(path: Path) -> Located:
    if path.suffix not in _READERS:
        raise ConfigError(f"A tasks file ends in {', '.join(_READERS)}; it was {str(path)!r}.")
    reader = _READERS[path.suffix]
    if reader is None:
        lines = list(_each_line(path))
        return Located([line.value for line in lines])
    try:
        text = path.read_bytes().decode()  # with its line ends, which a quoted text may hold
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}.") from error
    try:
        return reader(text)
    except TaskError as error:
        raise TaskError(f"{path}, {error}") from error


def _each_line(path: Path) -> Iterator[Located]:
    """The lines of a JSON Lines file."""
    try:
        with path.open("rb") as file:
            yield from read_json_lines(file)
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error}.") from error
    except TaskError as error:
        raise TaskError(f"{path}, {error}") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in cast(Mapping[str, Any], value).items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _check_ids(ids: list[str], name: str) -> None:
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            raise TaskError(f"{name}: two tasks have the id {id!r}; ids must differ")
        seen.add(id)
