"""Signatures that are read directly say and check just what FastMCP and pydantic would."""

import inspect
from typing import Annotated, Any, Literal

import pytest
from fastmcp.tools.function_tool import FunctionTool
from fastmcp.utilities.types import get_cached_typeadapter
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from toolgym.errors import ConfigError
from toolgym.mcp.plain import plain_signature
from toolgym.mcp.server import ToolServer
from toolgym.mcp.tool import _without_world
from toolgym.messages import ToolCall
from toolgym.registration import make_domain, own_domains
from toolgym.world import Base, World

TYPES: list[Any] = [
    str,
    int,
    float,
    bool,
    str | None,
    int | None,
    Literal["north", "south"],
    Annotated[str, Field(description="The berth's id, such as 'B-1'.")],
    Annotated[int, Field(ge=1, le=9, description="How many.")],
    Annotated[int, Field(ge=-3)],
    Annotated[Literal["a", "b", "c"], Field(description="Which: a, b or c.")],
    Annotated[bool | None, Field(description="Whether.")],
]
DEFAULTS = [inspect.Parameter.empty, inspect.Parameter.empty, None, 3, "north", True, 0.5]
RESULTS: list[Any] = [str, int, float, bool, dict[str, Any], list[str], list[dict[str, Any]]]
VALUES = [None, True, 0, 5, 12, -4, 2.5, "", "5", "north", "a", [], {}, "x" * 30, float("inf")]
SIGNATURES = st.tuples(
    st.lists(st.tuples(st.sampled_from(TYPES), st.sampled_from(DEFAULTS)), max_size=4), st.sampled_from(RESULTS)
)


def function(parameters: list[tuple[Any, Any]], result: Any) -> Any:
    """A world tool with such parameters; those with defaults come last."""
    ordered = sorted(parameters, key=lambda one: one[1] is not inspect.Parameter.empty)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    made = [inspect.Parameter("world", kind, annotation=World)]
    for place, (one, default) in enumerate(ordered):
        made.append(inspect.Parameter(f"p{place}", kind, annotation=one, default=default))

    def tool(world: World, *args: Any, **kwargs: Any) -> Any: ...

    tool.__doc__ = "Does something."
    tool.__annotations__ = {one.name: one.annotation for one in made} | {"return": result}
    tool.__signature__ = inspect.Signature(made, return_annotation=result)  # pyright: ignore
    return tool


def judged(validate: Any, arguments: dict[str, Any]) -> Any:
    try:
        return validate(arguments)
    except ValidationError as error:
        return error.errors(include_url=False, include_context=False)


@given(SIGNATURES, st.data())
def test_a_plain_signature_is_the_one_that_fastmcp_tells(
    signature: tuple[list[tuple[Any, Any]], Any], data: st.DataObject
) -> None:
    public = _without_world(function(*signature))
    plain, full = plain_signature(public, "tool"), FunctionTool.from_function(public, name="tool")
    assert plain is not None
    assert repr(plain.parameters) == repr(full.parameters)  # the order of the keys too
    assert repr(plain.output) == repr(full.output_schema)
    validate = get_cached_typeadapter(public).validator.validate_python
    names = [*plain.parameters["properties"], "more"]
    for _ in range(4):
        arguments = data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(VALUES)))
        assert repr(judged(plain.validator(), arguments)) == repr(judged(validate, arguments))


@pytest.mark.parametrize("name", own_domains())
def test_tools_of_the_domains_have_the_schemas_that_fastmcp_tells(name: str) -> None:
    server = make_domain(name, size="small").session().server  # pyright: ignore[reportAttributeAccessIssue]
    plain = 0
    for bound in (*server._tools.values(), *server._user_tools.values()):
        public = _without_world(bound.fn)
        full = FunctionTool.from_function(public, name=bound.name)
        assert (bound.parameters, bound.output) == (full.parameters, full.output_schema)
        assert bound.description == full.description
        plain += plain_signature(public, bound.name) is not None
    assert plain >= 5


def two_lines(world: World, one: str) -> str:
    """Does something.

    Args:
        one: what with.
    """
    return one


def a_list(world: World, many: list[str]) -> str:
    """Does something."""
    return ""


def a_pattern(world: World, one: Annotated[str, Field(pattern="a+")]) -> str:
    """Does something."""
    return one


def a_note(world: World, one: Annotated[str, "what with"]) -> str:
    """Does something."""
    return one


def no_type(world: World, one) -> str:  # type: ignore[no-untyped-def]
    """Does something."""
    return one


def no_result(world: World, one: str):  # type: ignore[no-untyped-def]
    """Does something."""


@pytest.mark.parametrize("fn", [two_lines, a_list, a_pattern, a_note, no_type, no_result])
def test_what_is_not_plain_is_left_to_fastmcp(fn: Any) -> None:
    public = _without_world(fn)
    assert plain_signature(public, fn.__name__) is None
    server = ToolServer("notes", base=Base({}))
    server.tool(writes=False)(fn)
    full = FunctionTool.from_function(public, name=fn.__name__)
    assert server.tool_specs[0].input_schema["properties"] == full.parameters["properties"]


def star(world: World, *args: str) -> str:
    """Does something."""
    return ""


def no_schema(world: World, one: Any, two: object) -> str:
    """Does something."""
    return ""


async def later(world: World) -> str:
    """Does something."""
    return ""


def test_errors_of_registration_are_raised_at_registration() -> None:
    server = ToolServer("notes", base=Base({}))
    with pytest.raises(ValueError, match=r"\*args"):
        server.tool(writes=False)(star)
    with pytest.raises(ConfigError, match="is async"):
        server.tool(writes=False)(later)
    with pytest.raises(ConfigError, match="must take the world"):
        server.tool(writes=False)(lambda one: one)
    server.tool(writes=False)(two_lines)
    with pytest.raises(ConfigError, match="has a tool named 'two_lines' already"):
        server.tool(writes=False)(two_lines)
    assert server._fastmcp is None


def test_the_protocol_side_is_made_when_it_is_asked_for_and_has_later_tools_too() -> None:
    import asyncio

    server = ToolServer("notes", base=Base({}))
    server.tool(writes=False)(two_lines)
    assert server.session().call(ToolCall("two_lines", {"one": "a"})).text == "a"
    assert server._fastmcp is None
    made = server.fastmcp
    server.tool(writes=False)(a_list)
    assert server.fastmcp is made
    names = {tool.name for tool in asyncio.run(made.list_tools())}
    assert names == {"two_lines", "a_list"}
