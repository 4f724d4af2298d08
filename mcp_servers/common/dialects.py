"""Dialects: one body of tools, and the named ways in which they may behave differently."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseDialect:
    """What may differ in every domain. A domain with more differences has a subclass; the defaults are `standard`'s."""

    checks_arguments: bool = True
    """Arguments must have the advertised types, and lists and counts must make sense."""
