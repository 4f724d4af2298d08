"""API-Bank's verdicts on calls of ours: one kind of mistake after another, and what no text can do."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.envs.api_bank import Verdict, check
from toolgym.envs.api_bank.reading import read_call
from toolgym.errors import TaskError

RIGHT = Verdict(True)


def gold(name, output, exception=None, /, **given):
    result = {"api_name": name, "input": given, "output": output, "exception": exception}
    return {"role": "API", "api_name": name, "param_dict": given, "result": result}


TOKEN = gold("GetUserToken", {"token": "t1"}, username="ann", password="pw")
NOTE = gold("AddReminder", "success", token="t1", content="water the roses today", time="2023-05-01 10:00:00")
STOCK = gold("QueryStock", 12.5, stock_code="ROSE", date="2023-05-01")
SCENE = gold("QueryScene", [{"name": "lamp", "description": "in the hall"}], name="Evening")
MEETING = gold(
    "QueryMeeting",
    {"username": "ann", "meeting_topic": "Roses", "start_time": "2023-05-01 10:00:00", "attendees": ["Bo"]},
    token="t1",
    meeting_topic="Roses",
    start_time="2023-05-01 10:00:00",
    end_time="2023-05-01 11:00:00",
    location="Garden",
    attendees="['Bo']",
)


def wrong(error):
    return Verdict(False, error)


@pytest.mark.parametrize(
    ("text", "right", "verdict"),
    [
        ("[GetUserToken(username='ann', password='pw')]", TOKEN, RIGHT),
        ("API-Request: [GetUserToken(password=\"pw\", username = 'ann')] done", TOKEN, RIGHT),
        ("[GetUserToken(username=ann, password=pw)]", TOKEN, RIGHT),
        ("I would call GetUserToken", TOKEN, wrong("NO_API_CALL")),
        ("[GetUserToken(username='ann', password='pw')", TOKEN, wrong("NO_API_CALL")),
        ("[GetUserToken(\nusername='ann', password='pw')]", TOKEN, wrong("NO_API_CALL")),
        ("[getusertoken(username='ann', password='pw')]", TOKEN, wrong("API_NAME_MISMATCH")),
        ("[GetUserToken(user='ann', password='pw')]", TOKEN, wrong("INVALID_INPUT_PARAMETER")),
        ("[GetUserToken(user='ann')]", TOKEN, wrong("INVALID_INPUT_PARAMETER")),
        ("[GetUserToken(username='ann')]", TOKEN, wrong("MISS_INPUT_ARGUMENT")),
        ("[GetUserToken(username='bob', password='pw')]", TOKEN, wrong("HAS_EXCEPTION")),
        ("[GetUserToken(username='ann', password='other')]", TOKEN, wrong("HAS_EXCEPTION")),
        # Three of the four words of either text are in both: 3/5 is more than half. Then one of four and four: 1/7.
        ("[AddReminder(token='t1', content='WATER the roses soon', time='2023-05-01 10:00:00')]", NOTE, RIGHT),
        (
            "[AddReminder(token='t1', content='cut the red ones', time='2023-05-01 10:00:00')]",
            NOTE,
            wrong("INPUT_MISMATCH"),
        ),
        (
            "[AddReminder(token='t1', content='water the roses today', time='2023-05-02 10:00:00')]",
            NOTE,
            wrong("INPUT_MISMATCH"),
        ),
        (
            "[AddReminder(token='t1', content='water the roses today', time='1 May')]",
            NOTE,
            wrong("HAS_EXCEPTION"),
        ),
        (
            "[AddReminder(token='t2', content='water the roses today', time='2023-05-01 10:00:00')]",
            NOTE,
            wrong("HAS_EXCEPTION"),
        ),
        ("[QueryStock(stock_code=' rose ', date='2023-5-1')]", STOCK, RIGHT),
        ("[QueryStock(stock_code='ROSE', date='2023-05-02')]", STOCK, wrong("HAS_EXCEPTION")),
        ("[QueryScene(name='EVENING')]", SCENE, RIGHT),
        (
            "[PlayMusic(music_name='tulips')]",
            gold("PlayMusic", "music://roses", music_name="Roses"),
            wrong("OUTPUT_MISMATCH"),
        ),
        (
            "[OpenBankAccount(account='a', password='b', name='C')]",
            gold("OpenBankAccount", "success", account="a", password="b", name="c"),
            wrong("INPUT_MISMATCH"),
        ),
        ("[GetToday()]", gold("GetToday", "2023-03-31"), RIGHT),
        # A list in quotes is cut at its first quote, so no call that names attendees can be right.
        (
            "[QueryMeeting(token='t1', meeting_topic='Roses', start_time='2023-05-01 10:00:00', end_time='2023-05-01 "
            "11:00:00', location='Garden', attendees='['Bo']')]",
            MEETING,
            wrong("INPUT_MISMATCH"),
        ),
        ("[Calculator(formula='(1 + 2) * 3')]", gold("Calculator", 9.0, formula="(1+2)*3"), RIGHT),
        ("[Calculator(formula='1/0')]", gold("Calculator", 9.0, formula="(1+2)*3"), wrong("HAS_EXCEPTION")),
    ],
)
def test_a_call_is_judged_by_its_tool(text, right, verdict):
    assert check(text, right) == verdict


def test_an_id_that_is_drawn_is_not_compared():
    registration = gold(
        "AppointmentRegistration", "11111111", patient_name="Ann", date="2023-05-01", doctor_name="Dr. Rose"
    )
    text = "[AppointmentRegistration(patient_name=' Ann ', date='2023-5-01', doctor_name='Dr. Rose')]"
    assert check(text, registration) == RIGHT


def test_deleting_a_meeting_is_never_right_as_in_the_official_evaluator():
    given = {**MEETING["param_dict"], "attendees": "Bo"}
    text = f"[DeleteMeeting({', '.join(f'{name}={value!r}' for name, value in given.items())})]"
    assert check(text, gold("DeleteMeeting", "success", **given)) == wrong("KEY_ERROR")


def test_where_the_official_evaluator_raises_the_call_is_judged_as_it_is_meant():
    devices = [{"name": "lamp", "description": "in the hall"}]
    scene = gold("AddScene", "success", name="evening", devices=devices)
    right, other = f"[AddScene(name='Evening', devices='{devices}')]", "[AddScene(name='Evening', devices=['lamp'])]"
    assert check(right, scene) == RIGHT
    assert check(right, scene, strict=False) == Verdict(False)
    assert check(other, scene) == wrong("HAS_EXCEPTION")


def test_of_a_gold_that_is_none_the_error_says_what_one_is():
    with pytest.raises(TaskError, match="api_name"):
        check("[GetToday()]", {"name": "GetToday"})
    with pytest.raises(TaskError, match="no tool 'Fly'"):
        check("[Fly()]", gold("Fly", "success"))


@given(st.text(alphabet="[]()='\", abJ\n", max_size=60))
def test_any_text_has_a_verdict(text):
    assert check(text, TOKEN).valid is False or "GetUserToken" in text
    assert check(f"[QueryStock({text})]", STOCK).valid in (True, False)
    assert check(f"[Calculator(formula='{text}')]", gold("Calculator", 9.0, formula="1+2")).valid is False


def test_the_reader_looks_at_a_line_once():
    seen = []
    text = "[a(" * 5_000

    def count(frame, event, arg):
        seen.append(event)

    sys.setprofile(count)
    try:
        assert read_call(text) is None
    finally:
        sys.setprofile(None)
    assert sum(event == "c_call" for event in seen) < 4 * 5_000
