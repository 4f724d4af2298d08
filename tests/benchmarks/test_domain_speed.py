"""`python -m benchmarks.env_speed --all`: a row a domain, in numbers that can be compared with the aims."""

import io

import pytest
from rich.console import Console

from benchmarks.domain_speed import AIMS_US, Row, measure_domain, print_all


@pytest.mark.slow
def test_a_domain_has_a_row_of_all_figures():
    row = measure_domain("library", "small", 40)
    figures = (row.step, row.fork, row.reset, row.task, row.kind, row.task_anywhere)
    assert all(0 < median <= p90 for median, p90 in figures)
    assert row.kind[0] < row.task[0]


def test_what_is_above_its_aim_is_marked():
    fast, slow = (Row(name, *[(times * 9.0, times * 10.0)] * 6) for name, times in (("airline", 1), ("library", 1000)))
    console = Console(file=io.StringIO(), width=120)
    print_all([fast, slow], console)
    lines = {line.split("│")[1].strip(): line for line in console.file.getvalue().splitlines() if "│" in line}
    assert lines["airline"].count("*") == 0
    assert lines["library"].count("*") == 6
    assert "1000.00" in lines["library"]
    assert AIMS_US == {"step": 30.0, "fork": 10.0, "reset": 40.0, "task": 2_000.0}
