"""API-Bank's tools on a small world of our own: what they answer, on a server and on the wire."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from toolgym.mcp.connect import connect
from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.api_bank import READS, TOOLS, build_server
from toolgym.mcp_servers.api_bank.calculator import value_of
from toolgym.mcp_servers.api_bank.calling import run
from toolgym.messages import ToolCall
from toolgym.sampling import sample_arguments

COPY = Path(__file__).parent / "made_up"
TIMES = {"start_time": "", "end_time": "", "location": "", "attendees": []}


@pytest.fixture
def session():
    return build_server(data=COPY).session()


def said(session, name, /, **arguments):
    result = session.call(ToolCall(name, arguments))
    return f"error: {result.text}" if result.is_error else result.text


def test_what_was_written_is_read(session):
    assert said(session, "AddAlarm", token="t-ann", time="2023-05-02 06:00:00") == "success"
    assert "2023-05-02" in said(session, "QueryAlarm", token="t-ann", time="2023-05-02 06:00:00")
    assert said(session, "ModifyAlarm", token="t-ann", from_time="2023-05-02 06:00:00", to_time="2023-05-03 06:00:00")
    assert said(session, "QueryAlarm", token="t-ann", time="2023-05-02 06:00:00").startswith("error: You have no alarm")
    assert said(session, "DeleteAlarm", token="t-bo", time="2023-05-03 06:00:00").startswith("error:")
    assert said(session, "DeleteAlarm", token="t-ann", time="2023-05-03 06:00:00") == "success"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("QueryStock", {"stock_code": "ROSE", "date": "soon"}),
        ("AddAlarm", {"token": "t-ann", "time": "soon"}),
        ("QueryHistoryToday", {"date": ""}),
        ("Calculator", {"formula": "(1+"}),
    ],
)
def test_what_a_tool_raises_is_its_answer(session, name, given):
    answer = run(name, TOOLS[name], session.world.fork(), given).exception  # as the official tool manager has it
    assert answer
    assert said(session, name, **given) == f"error: {answer}"


def test_a_forgotten_password_takes_two_calls(session):
    second = {"status": "Verification Code", "verification_code": 970420, "new_password": "moss"}
    assert said(session, "ForgotPassword", **second).startswith("error: You need to call")
    first = {"status": "Forgot Password", "username": "ann", "email": "ann@garden.org"}
    assert said(session, "ForgotPassword", **first) == "970420"
    assert said(session, "ForgotPassword", **second) == "success"
    assert "t-ann" in said(session, "GetUserToken", username="ann", password="moss")


def test_ids_follow_from_what_they_are_about(session):
    given = {"patient_name": "Bo", "date": "2023-05-03", "doctor_name": "Dr. Fern"}
    number = said(session, "AppointmentRegistration", **given)
    assert number == said(build_server(data=COPY).session(), "AppointmentRegistration", **given)
    assert len(number) == 8
    assert said(session, "AppointmentRegistration", **given).startswith("error: This appointment has already")
    assert said(session, "CancelRegistration", appointment_id=number) == "success"


def test_the_search_ranks_what_says_it_most(session):
    # By BM25: each of these words is in one page only.
    assert said(session, "SearchEngine", keyword="Ferns").index("Ferns") < 30
    assert "Sheds" in said(session, "SearchEngine", keyword="build").split("}")[0]


@pytest.mark.parametrize(
    ("keywords", "tool"),
    [("stock price", "QueryStock"), ("delete an alarm", "DeleteAlarm"), ("translate a text", "Translate")],
)
def test_the_tool_searcher_finds_by_words(session, keywords, tool):
    assert f'"name":"{tool}"' in said(session, "ToolSearcher", keywords=keywords)


@pytest.mark.parametrize(
    ("formula", "value"),
    [("3+4*2", 11.0), ("(3+4)*2", 14.0), ("8/4/2", 1.0), ("2023-13-45", 1965.0), ("10 - (2 + 3) * 2", 0.0)],
)
def test_the_calculator(formula, value):
    assert value_of(formula) == value


@pytest.mark.parametrize(
    "formula", ["", "5", "1+", "-5+3", "((1+2)*3)", "(0*2()3)", "1//2", "2**3", "a+b", ")1+2(", "1/0", "1+2" * 900]
)
def test_what_is_no_formula_is_refused_and_never_hangs(formula):
    with pytest.raises((ToolError, ValueError, ZeroDivisionError)):
        value_of(formula)


def test_reading_tools_change_nothing(session):
    rng = np.random.default_rng(0)
    for spec in session.tools:
        for _ in range(5):
            before = session.diff()
            result = session.call(ToolCall(spec.name, sample_arguments(spec.input_schema, rng)))
            if spec.name in READS or result.is_error:
                assert session.diff() == before, spec.name


def test_the_wire_says_the_same():
    server = build_server(data=COPY)
    calls = [
        ToolCall("GetUserToken", {"username": "ann", "password": "rose"}),
        ToolCall("QueryMeeting", {**TIMES, "token": "t-ann", "meeting_topic": "Roses"}),
        ToolCall("AddScene", {"name": "Noon", "devices": [{"name": "Lamp ", "description": "off"}]}),
        ToolCall("QueryScene", {"name": "noon"}),
        ToolCall("QueryStock", {"stock_code": "ROSE", "date": "never"}),
    ]
    here = server.session()
    with connect(server.fastmcp) as handle:
        there = handle.session()
        assert [tool.name for tool in there.tools] == [tool.name for tool in here.tools] == list(TOOLS)
        for call in calls:
            assert there.call(call) == here.call(call)
        assert there.diff() == here.diff()


def test_the_server_runs_by_itself():
    """Over stdio it answers as in process."""
    command = [sys.executable, "-m", "toolgym.mcp_servers.api_bank", "--data", str(COPY)]
    call = ToolCall("QueryStock", {"stock_code": "rose", "date": "2023-05-01"})
    with connect(command) as handle:
        assert handle.session().call(call) == build_server(data=COPY).session().call(call)


def test_the_command_says_what_is_missing(tmp_path):
    command = [sys.executable, "-m", "toolgym.mcp_servers.api_bank", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no databases of API-Bank" in done.stderr
