"""Multi-turn verdicts: calls as text on isolated tools, on a benchmark that is made up and on the recorded one."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import recorded_bfcl
from toolgym import data
from toolgym.envs.bfcl import check_multi_turn, multi_turn, replay
from toolgym.envs.bfcl.cases import read_cases
from toolgym.envs.bfcl.multi_turn import tools_process
from toolgym.errors import CallTimeoutError, ConfigError, TaskError

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDED = Path(os.environ.get("TOOLGYM_SHARED", CHECKOUT.parent / "shared")) / "data" / "bfcl"
external = [
    pytest.mark.external,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded data is not there"),
    pytest.mark.skipif(not data.is_there("bfcl"), reason="toolgym data get bfcl"),
]
EXCEPTIONS: dict[str, list[str]] = {}
"""Reason -> the rows that may differ from the recordings. There are none."""

FILES = {
    "id": "multi_turn_base_9",
    "involved_classes": ["GorillaFileSystem", "MathAPI"],
    "initial_config": {"GorillaFileSystem": {"root": {"old.txt": "old"}}},
    "ground_truth": [["mkdir('a')", "cd(folder='a')"], [], ["mean([1, 3])"]],
}
EMPTY, STATE, SHOWN = (
    f"multi_turn:{name}"
    for name in ("empty_turn_model_response", "instance_state_mismatch", "execution_response_mismatch")
)
RIGHT = [[["mkdir(name='a')"], ["cd('a')"]], [], [["mean(numbers=[1,3])"]]]


@pytest.fixture(name="check")
def on_the_made_up_benchmark(made_up_bfcl):
    """`check(turns, case, strict)` -> the error type, or None where the verdict is that it is right."""

    def run(turns, case=FILES, strict=True):
        verdict = check_multi_turn(case, turns, strict=strict, data=made_up_bfcl)
        assert verdict.valid is (verdict.error_type is None)
        return verdict.error_type

    return run


@pytest.fixture(name="show")
def what_calls_show(made_up_bfcl):
    """`show(*calls)` -> what each shows, one after another on fresh tools."""
    return lambda *calls, case=FILES: replay(case, [[calls]], data=made_up_bfcl)[0][0][0]


class TestVerdicts:
    @pytest.mark.parametrize(
        ("turns", "error"),
        [
            (RIGHT, None),
            ([[["mkdir('a')", "cd('a')"]], [], [["mean([1, 3])"]]], None),
            # More than is asked for may be shown, in any order, in this turn or before.
            ([[["ls()", "mean([1, 3])", "mkdir('a')", "cd('a')"]], [], [["ls()"]]], None),
            ([[["mkdir('a')"]], [], [["mean([1, 3])"]]], SHOWN),  # the folder one is in is private
            ([[["mkdir('b')"]], [], [["mean([1, 3])"]]], STATE),
            ([[["mkdir('a')", "cd('a')"]], [["echo('x', 'y')"]], [["mean([1, 3])"]]], STATE),  # told a turn later
            ([[["mkdir('a')", "cd('a')"]], [["ls()"]], [["mean([1, 3])"]]], None),
            ([[["mkdir('a')", "cd('a')"]], [], []], EMPTY),
            ([[["mkdir('a')", "cd('a')"]], [], [[]]], EMPTY),
            ([[["mkdir('a')", "cd('a')"]], [], [[], [""]]], EMPTY),
            ([[["mkdir('a')", "cd('a')"]], [], [["mean([1, 4])"]]], SHOWN),
            ([[["mkdir('a')", "cd('a')", "no call at all", "nothing(x=1)"]], [], [["mean([1, 3])"]]], None),
            (RIGHT[:2], "multi_turn:force_terminated"),
            ([*RIGHT, []], "multi_turn:force_terminated"),
            ("words", "multi_turn:inference_error"),
            ([["mkdir('a')"], 5, None], EMPTY),  # no lists of steps
            ([[[5, None]], [], [["mean([1, 3])"]]], STATE),  # no texts
        ],
    )
    def test_each_fault_has_its_official_name(self, check, turns, error):
        assert check(turns) == error

    def test_every_verdict_has_tools_of_its_own(self, check):
        assert [check(RIGHT), check([[["ls()"]], [], [["ls()"]]]), check(RIGHT)] == [None, STATE, None]

    def test_what_is_shown_counts_as_often_as_it_is_wanted(self, check):
        case = {**FILES, "ground_truth": [["ls()", "ls()"]]}
        assert check([[["ls()"]]], case) == SHOWN
        assert check([[["ls()"], ["ls()"]]], case) is None

    def test_a_text_that_names_a_tool_stays_as_it_is_unless_the_official_verdict_is_asked_for(self, check):
        # The official evaluator writes an instance's name before "cd(" in the text, another one for each side.
        case = {**FILES, "ground_truth": [["echo(content='use cd(x) here', file_name='n')"]]}
        assert check([[case["ground_truth"][0]]], case) is None
        assert check([[case["ground_truth"][0]]], case, strict=False) == STATE

    def test_a_folder_within_itself_is_compared_all_the_same(self, check):
        case = {**FILES, "ground_truth": [["mkdir('a')", "swallow('a')"]]}
        assert check([[["mkdir('a')", "swallow('a')"]]], case) is None
        assert check([[["mkdir('a')", "mkdir('b')", "swallow('a')"]]], case) == STATE

    @pytest.mark.parametrize("missing", ["id", "involved_classes", "initial_config", "ground_truth"])
    def test_a_row_that_is_none(self, check, missing):
        with pytest.raises(TaskError, match=missing):
            check(RIGHT, {name: value for name, value in FILES.items() if name != missing})

    def test_an_unknown_class(self, check):
        with pytest.raises(ConfigError, match="no tool class 'Nothing'"):
            check(RIGHT, {**FILES, "involved_classes": ["Nothing"]})


class TestCalls:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("ls()", '{"contents": ["old.txt"]}'),
            (" ls ( ) ", '{"contents": ["old.txt"]}'),
            ("echo(content='hi')", '{"terminal": "hi"}'),
            ("echo('a' + 'b')", '{"terminal": "ab"}'),
            ("echo(content=ls()['contents'][0])", '{"terminal": "old.txt"}'),
            ("echo(content=f'{1 + 1} files')", '{"terminal": "2 files"}'),
            ("mean(numbers=[len(ls()), -3])", '{"result": -1.0}'),
            ("mean(**{'numbers': [2]})", '{"result": 2.0}'),
            ("mean(*[[2]])", '{"result": 2.0}'),
            ("mean([5])", '{"result": 5.0}'),
            ("power(2, 3)", '{"result": 8}'),
            ("logarithm(8, 2, 10)", "{'result': Wide(8)}"),
            ("echo('x', 'y')", "None"),
            ("mkdir('old.txt')", '{"error": "old.txt exists"}'),
            ("mean([])", "Error during execution: division by zero"),
            ("nothing(x=1)", "Error during execution: name 'nothing' is not defined"),
            ("Shop.ls()", "Error during execution: name 'Shop' is not defined"),
            ("ls(x=1)", "Error during execution: GorillaFileSystem.ls() got an unexpected keyword argument 'x'"),
            ("this is no call", "Error during execution: invalid syntax (<string>, line 1)"),
            ("exit()", "Error during execution: Function call exit is not allowed."),
            ("os.remove('x')", "Error during execution: Function call remove is not allowed."),
        ],
    )
    def test_what_a_call_shows(self, show, text, shown):
        assert show(text) == [shown]

    @pytest.mark.parametrize(
        "text",
        [
            "__import__('os').getpid()",
            "open('/etc/passwd').read()",
            "(lambda: 1)()",
            "[x for x in (1, 2)]",
            "echo(content=[].__class__)",
            "echo(content=print)",
            "eval('1')",
            "(exit)()",
            "ls.__self__",
            "_load_scenario({})",
            "echo(content='%s' % 5)",
            "power(10, 10**9)",
            "power(2, 10**7)",
            "logarithm(2, 3, 10**9)",
            "echo('a' * 10**9)",
            "echo(content=2**10**9)",
            "echo(" + "[" * 5000 + "]" * 5000 + ")",
            "echo('" + "x" * 1_100_000 + "')",
            "echo('\0')",
        ],
    )
    def test_nothing_else_is_evaluated_and_nothing_goes_on_for_ever(self, show, text):
        assert show(text)[0].startswith("Error during execution: ")

    def test_what_a_failing_call_has_done_stays_done(self, made_up_bfcl):
        shown, state = replay(FILES, [[["remember('x')", "remember('y')"]]], data=made_up_bfcl)
        assert shown[0][0] == [f"Error during execution: cannot keep {word}" for word in "xy"]
        assert state["GorillaFileSystem"]["words"] == ["x", "y"]

    def test_a_set_is_shown_alike_in_every_process(self, show):
        case = {"id": "multi_turn_base_1", "involved_classes": ["TicketAPI"], "initial_config": {}, "ground_truth": []}
        # Python's order of {"open", "new", "old"} under PYTHONHASHSEED=0, which the process is started with.
        assert len(set(show("tags()", "tags()", case=case))) == 1


class TestTheProcess:
    def test_it_is_one_and_the_benchmarks_code_is_in_no_other(self, made_up_bfcl, check):
        check(RIGHT)
        assert tools_process(made_up_bfcl) is tools_process(str(made_up_bfcl))
        assert not [name for name in sys.modules if name.startswith("bfcl_eval")]

    def test_one_that_died_is_replaced_and_one_that_hangs_is_ended(self, made_up_bfcl, check, show, monkeypatch):
        assert check(RIGHT) is None
        tools_process(made_up_bfcl)._worker._process.kill()
        assert check(RIGHT) is None
        monkeypatch.setattr(multi_turn, "_TIMEOUT_S", 1.0)
        with pytest.raises(CallTimeoutError):
            show("nap()")
        monkeypatch.undo()
        assert check(RIGHT) is None

    def test_one_that_cannot_start_says_why(self, tmp_path):
        with pytest.raises(ConfigError, match="toolgym data get bfcl"):
            check_multi_turn(FILES, RIGHT, data=tmp_path)

    def test_a_package_that_a_tool_needs_is_named(self, made_up_bfcl, tmp_path):
        copied = tmp_path / "copy"
        shutil.copytree(made_up_bfcl, copied)
        tools = copied / "bfcl_eval" / "eval_checker" / "multi_turn_eval" / "func_source_code" / "math_api.py"
        tools.write_text("import nothing_that_is_installed\n")
        with pytest.raises(ConfigError, match="pip install nothing_that_is_installed"):
            check_multi_turn(FILES, RIGHT, data=copied)

    def test_data_that_is_not_there_says_how_to_get_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TOOLGYM_DATA", str(tmp_path))
        with pytest.raises(ConfigError, match="toolgym data get bfcl"):
            check_multi_turn(FILES, RIGHT)
        with pytest.raises(ConfigError, match="toolgym data get bfcl"):
            check_multi_turn(FILES, RIGHT, data=tmp_path / "nowhere")


class TestAgainstTheRecordings:
    pytestmark = external

    @pytest.mark.parametrize("strict", [True, False])
    def test_verdicts(self, strict):
        agreement = recorded_bfcl.compare_conversations(RECORDED, strict)
        excepted = [row for rows in EXCEPTIONS.values() for row in rows]
        assert [item for item in agreement.differences if item.row not in excepted] == []
        assert sum(agreement.total.values()) >= 1240

    def test_observations(self):
        assert recorded_bfcl.compare_observations(RECORDED) == []

    def test_final_states(self):
        for case in recorded_bfcl._rows(RECORDED / "mt_gold.jsonl.xz"):
            _, state = replay(case, [[turn] for turn in case["calls"]])
            assert _recorded_form(state) == case["final_state"], case["id"]

    @pytest.mark.parametrize("category", ["multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param"])
    def test_every_gold_conversation_is_right(self, category):
        cases = read_cases(data.data_folder("bfcl"), category)
        wrong = [
            case["id"]
            for case in cases
            if not check_multi_turn(case, [[turn] * bool(turn) for turn in case["ground_truth"]]).valid
        ]
        assert (len(cases), wrong) == (200, [])


def _recorded_form(value):
    """Folders and files as the recording has them."""
    if isinstance(value, list):
        return [_recorded_form(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"name", "contents"}:
        return {"__dir__": value["name"], "contents": _recorded_form(value["contents"])}
    if value.keys() == {"name", "content"}:
        return {"__file__": value["name"], "content": value["content"]}
    # Of a set the recording has the texts.
    return {key: [*map(str, item)] if key == "generated_ids" else _recorded_form(item) for key, item in value.items()}
