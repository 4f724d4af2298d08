"""A measure is told by the number that a tool shows; its unit may be left out, or be another word for the same."""

import re
from itertools import islice

import pytest

from toolgym.env import ToolEnv
from toolgym.messages import ToolCall, Turn, render
from toolgym.saying.answers import Answer, Telling, telling
from toolgym.saying.values import Grounds
from toolgym.tasks import SaidCheck, Task

REQUEST = "What is the target temperature of room R-18?"
SHOWN = '{"room_id": "R-18", "temperature": 21, "target": 18, "floor": "first floor"}'
GROUNDS = Grounds(lambda: [REQUEST, SHOWN], lambda: [])


def say(text: str, fact: str, forbidden: tuple[str, ...] = ()) -> Telling:
    check = SaidCheck(facts=(fact,), forbidden=forbidden)
    return telling(text, Answer.of(check, REQUEST, (f"It is {fact}.",)), GROUNDS)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("The target temperature is 18.", "18 degrees"),
        ("It is 18, while the room has 21 now.", "18 degrees"),
        ("The thermostat of R-18 is set to 18 °C.", "18 degrees"),
        ("It is at 18℃ at the moment.", "18 degrees"),
        ("Target: **18**", "18 degrees"),
        ("The battery is at 18%.", "18 percent"),
        ("It takes 18 min.", "18 minutes"),
        ("You used 18 kilowatt-hours.", "18 kWh"),
        ("It is 18 metres away.", "18 m"),
        ("The price is 18 ct.", "18 cents"),
        ("The price is 18, the fee $18.", "18 cents"),
        ("It has 18 out of 100.", "18 of 100"),
        ("18/100", "18 of 100"),
        ("It is 1 day long.", "1 days"),
        ("It is -5.", "-5 degrees"),
    ],
)
def test_a_measure_is_told_without_its_unit_or_by_another_name_of_it(text: str, fact: str) -> None:
    assert say(text, fact) == "told"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("The home has 18 rooms.", "18 degrees"),
        ("It is room R-18.", "18 degrees"),
        ("It is 18 percent.", "18 degrees"),
        ("It is 18%.", "18 degrees"),
        ("It is -18.", "18 degrees"),
        ("It is 18.5.", "18 degrees"),
        ("It was at 18:30.", "18 degrees"),
        ("The price is $18.", "18 cents"),
        ("The price is 18 dollars.", "18 cents"),
        ("It is 18 or 21.", "18 degrees"),
        ("It is 18. It is 21.", "18 degrees"),
        ("It is not 18.", "18 degrees"),
        ("Is it 18?", "18 degrees"),
        ("It is number 18.", "18 Oak Lane"),
    ],
)
def test_another_measure_a_count_a_price_or_a_list_is_no_such_answer(text: str, fact: str) -> None:
    assert say(text, fact, ("21 degrees",)) != "told"


UNIT = re.compile(r"(\d+) (?:degrees|percent|kWh|Wh|W|minutes|cents|years|m|days|of 100)")


def _measures(task: Task) -> list[str]:
    """The measures that are to be told."""
    told = [fact for item in task.checklist if isinstance(item.check, SaidCheck) for fact in item.check.facts]
    return [fact for fact in told if UNIT.fullmatch(fact)]


def _played(env: ToolEnv, task: Task, measures: list[str], by: int) -> str:
    """The outcome of an episode whose answer has the numbers alone, changed by so much."""
    env.reset(options={"task": task})
    for action in task.gold[:-1]:
        env.step(render(Turn(calls=tuple(ToolCall(call.name, call.arguments) for call in action.calls))))
    answer = task.gold[-1].response or ""
    for measure in measures:
        answer = answer.replace(measure, str(int(measure.split()[0]) + by))
    *_, info = env.step(render(Turn(response=answer)))
    return info["outcome"]


@pytest.mark.parametrize("name", ["home", "hotel", "clinic"])
def test_who_says_the_number_that_a_tool_shows_has_answered(name: str) -> None:
    env = ToolEnv(name, size="small", prompt="short")
    for task, measures in islice(((task, _measures(task)) for task in env.tasks if _measures(task)), 4):
        assert _played(env, task, measures, 0) == "solved", task.request
        assert _played(env, task, measures, 7) != "solved", task.request
    env.close()
