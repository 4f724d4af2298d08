"""An act says after which others it can be asked for on the same record."""

from dataclasses import replace

import pytest

from toolgym.composing.declaration import Declaration
from toolgym.composing.recipes import Kitchen


@pytest.mark.parametrize(
    ("follows", "series"),
    [
        (None, {("stop", "open"), ("open", "stop")}),
        (("open",), {("stop", "open"), ("open", "stop")}),
        (("stop",), {("stop", "open")}),
        ((), {("stop", "open")}),
    ],
)
def test_an_act_follows_those_that_it_names(
    shop: Declaration, follows: tuple[str, ...] | None, series: set[tuple[str, ...]]
) -> None:
    # Both acts are done with a job and answer with it; `open` may follow `stop` in any case.
    stop, reopen = shop.acts
    made = replace(shop, acts=(replace(stop, follows=follows), reopen))
    outlines = Kitchen(made, lambda recipe: True).outlines
    assert {outline.acts for outline in outlines if len(outline.acts) == 2} == series
