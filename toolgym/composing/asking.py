"""Functions and templates of a declaration, asked so that what is wrong with them is said of the part that has them."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from toolgym.composing.declaration import Declaration
from toolgym.errors import DeclarationError, did_you_mean

__all__ = ["MISTAKES", "asked", "guarded", "shown_by", "wrong"]

T = TypeVar("T")
MISTAKES = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What a function of a declaration fails with where it is wrong."""


def wrong(declaration: Declaration, problems: list[str]) -> DeclarationError:
    """The error of a declaration with problems."""
    if len(problems) == 1:
        return DeclarationError(f"The declaration of {declaration.name!r} is wrong. {problems[0]}")
    places = "".join(f"\n- {problem}" for problem in problems)
    return DeclarationError(f"The declaration of {declaration.name!r} is wrong in {len(problems)} places:{places}")


def asked(declaration: Declaration, part: str, table: str, decide: Callable[..., T], *given: Any) -> T:
    """What a function of the declaration says.

    Args:
        declaration: whose it is.
        part: what has it ("Rule 'late'").
        table: the table of the record that it is given; "" where there is none.
        decide: the function.
        given: what it is given.

    Raises:
        DeclarationError: it looks at what no tool showed, or fails; the message names the part.
    """
    try:
        return decide(*given)
    except MISTAKES as error:
        raise wrong(declaration, [_told(declaration, part, table, error)]) from error


def guarded(declaration: Declaration, part: str, table: str, script: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """The script; what it fails by is said of its part.

    Raises:
        DeclarationError: as `asked` does.
    """
    try:
        return (yield from script)
    except DeclarationError:
        raise
    except MISTAKES as error:
        raise wrong(declaration, [_told(declaration, part, table, error)]) from error


def shown_by(declaration: Declaration, table: str, name: str) -> str:
    """A sentence that tells which looks show a field of a table."""
    fields = declaration.table(table).fields
    if name not in fields:
        return did_you_mean(name, fields, f"field of {table}")
    looks = [look.kind for look in declaration.looks if look.gives == table and (not look.shows or name in look.shows)]
    if not looks:
        return f"No look shows the {name} of {table}: add one."
    return f"The {name} of {table} is declared to be shown by {', '.join(looks)}."


def _told(declaration: Declaration, part: str, table: str, error: Exception) -> str:
    if not isinstance(error, KeyError):
        hint = ""
        if "NoneType" in str(error):
            hint = ". What it looks at beside its record, it says in sees: 'speaker' or, of a rule, 'picked'"
        return f"{part} fails with {type(error).__name__}: {error}{hint}"
    name = str(error.args[0]) if error.args else ""
    who = declaration.who
    if table and (name in declaration.table(table).fields or name not in declaration.table(who).fields):
        hint = shown_by(declaration, table, name)
    elif name in declaration.table(who).fields:
        hint = f"{shown_by(declaration, who, name)} A part that looks at who speaks has sees=('speaker',)."
    else:
        hint = "It is about no record (on is empty): what it may read are wishes."
    return f"{part} reads {name!r}, which no tool showed. {hint}"
