"""Traces over the wire, with OpenTelemetry's real packages."""

import sys
from pathlib import Path

import pytest

from tests.adapters.peers import run_inside


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_beside_the_real_packages(tmp_path):
    packages = ["opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-semantic-conventions"]
    run_inside(tmp_path / "venv", packages, Path(__file__).with_name("inside_otel.py"))


@pytest.mark.parametrize("command", [("eval", "--episodes", "1", "--otel"), ("trace", "episodes.jsonl")])
def test_without_the_packages_it_says_what_to_install(command, toolgym, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    monkeypatch.delitem(sys.modules, "toolgym.otel.sending", raising=False)
    done = toolgym(*command)
    assert done.code == 2
    assert "pip install 'toolgym[otel]'" in done.err


def test_content_is_of_traces(toolgym):
    done = toolgym("eval", "--episodes", "1", "--no-otel-content")
    assert done.code == 2
    assert "--otel-content is of --otel, which was not given" in done.err
