"""Run beside OpenTelemetry's packages (see test_otel.py): a real OTLP/HTTP receiver, real exports."""

import gzip
import json
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import getmembers

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, server_attributes
from opentelemetry.semconv.attributes import error_attributes

from toolgym.cli import main
from toolgym.errors import ConfigError
from toolgym.otel.sending import Sender, check_endpoint, wants_content
from toolgym.otel.spans import Played
from toolgym.trajectory import Trajectory, TrajectoryWriter, read_trajectories

EVAL = ("eval", "--agent", "oracle", "--episodes", "4", "--set", "size=small")
NAMES = {
    value
    for module in (gen_ai_attributes, server_attributes, error_attributes)
    for name, value in getmembers(module)
    if name.isupper() and isinstance(value, str)
}


class Collector:
    """Keeps what is posted to it; answers as the test tells it to."""

    def __init__(self):
        self.requests: list[tuple[str, dict[str, str], ExportTraceServiceRequest]] = []
        self.script: list[tuple[int, dict[str, str], bytes]] = []
        self.default: tuple[int, dict[str, str], bytes] = (200, {}, b"")
        self.go_on = threading.Event()
        self.go_on.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.go_on.wait(60)
                answer = outer.script.pop(0) if outer.script else outer.default
                if answer[0] == 200:
                    told = ExportTraceServiceRequest.FromString(body)
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    outer.requests.append((self.path, headers, told))
                self.send_response(answer[0])
                for name, value in {**answer[1], "Content-Length": str(len(answer[2]))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer[2])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for _, _, request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def traces(self) -> dict[bytes, list[Span]]:
        found: dict[bytes, list[Span]] = {}
        for span in self.spans:
            found.setdefault(span.trace_id, []).append(span)
        return found

    def close(self):
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def run(*words: str) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def said(capsys) -> str:
    """What stands on stderr, in one line."""
    return " ".join(capsys.readouterr().err.split())


def attributes(span) -> dict:
    def value(any_value):
        kind = any_value.WhichOneof("value")
        found = getattr(any_value, kind)
        return [each.string_value for each in found.values] if kind == "array_value" else found

    return {each.key: value(each.value) for each in span.attributes}


def test_an_evaluation_arrives(collector, tmp_path, capsys):
    file = tmp_path / "eval.jsonl"
    assert run(*EVAL, "--output", file, "--otel", collector.url) == 0
    assert f"4 episodes were sent to {collector.url}/v1/traces" in said(capsys)
    episodes = {each.meta["trace"]["id"]: each for each in read_trajectories(file)}
    traces = collector.traces()
    assert {id.hex() for id in traces} == set(episodes)
    for id, spans in traces.items():
        check_trace(episodes[id.hex()], spans)
    assert {path for path, _, _ in collector.requests} == {"/v1/traces"}
    resource = collector.requests[0][2].resource_spans[0].resource
    assert attributes(resource)["service.name"] == "toolgym"


def check_trace(episode: Trajectory, spans: list[Span]) -> None:
    (root,) = [span for span in spans if not span.parent_span_id]
    children = sorted((span for span in spans if span is not root), key=lambda span: span.start_time_unix_nano)
    assert {span.parent_span_id for span in children} == {root.span_id}
    assert len({span.span_id for span in spans}) == len(spans)
    now_ns = time.time_ns()
    before = root.start_time_unix_nano
    for span in children:  # one after another, within the root
        assert before <= span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano <= now_ns
        before = span.end_time_unix_nano
    operations = ["invoke_agent"]
    for step in episode.steps:
        operations += ["chat", *("execute_tool" for _ in step.turn.calls)]
    assert [attributes(span)["gen_ai.operation.name"] for span in (root, *children)] == operations
    tools = [span for span in children if attributes(span)["gen_ai.operation.name"] == "execute_tool"]
    for span, (call, result) in zip(tools, episode.calls, strict=True):
        told = attributes(span)
        assert span.name == f"execute_tool {call.name}"
        assert json.loads(told["gen_ai.tool.call.arguments"]) == call.arguments
        assert told["gen_ai.tool.name"] == call.name
        assert (span.status.code == Status.STATUS_CODE_ERROR) == result.is_error
        assert told.get("error.type") == (result.outcome if result.is_error else None)
    told = attributes(root)
    assert told["toolgym.outcome"] == episode.outcome == "solved"
    assert told["toolgym.task"] == episode.task_id
    assert told["toolgym.checklist.met"] == told["toolgym.checklist.items"] > 0
    assert told["gen_ai.agent.name"] == "oracle"
    assert told["toolgym.reward"] == pytest.approx(sum(step.reward for step in episode.steps))
    labels = {attributes(event)["gen_ai.evaluation.name"]: attributes(event) for event in root.events}
    assert labels["toolgym.outcome"]["gen_ai.evaluation.score.label"] == "solved"
    assert len(labels) == 2 + told["toolgym.checklist.items"]
    (last,) = json.loads(attributes(children[-1])["gen_ai.output.messages"])
    assert last["parts"][-1]["content"] == episode.steps[-1].turn.response
    for thing in (*spans, *root.events):
        for name in attributes(thing):
            assert name in NAMES or name.startswith("toolgym.")


def test_kinds_and_names_are_the_conventions(collector, tmp_path):
    run(*EVAL, "--otel", collector.url)
    values = gen_ai_attributes.GenAiOperationNameValues
    known = {values.INVOKE_AGENT.value, values.CHAT.value, values.EXECUTE_TOOL.value}
    found = Counter(attributes(span)["gen_ai.operation.name"] for span in collector.spans)
    assert set(found) == known
    for span in collector.spans:
        told = attributes(span)
        kind = told["gen_ai.operation.name"]
        about = {"invoke_agent": "gen_ai.agent.name", "chat": "gen_ai.request.model"}.get(kind, "gen_ai.tool.name")
        assert span.name == f"{kind} {told[about]}"
        assert span.kind == Span.SPAN_KIND_INTERNAL  # the oracle is in this process


def test_a_file_gives_the_same_traces(collector, tmp_path, capsys):
    """What was not sent can be sent later, and what was sent twice is the same spans."""
    file = tmp_path / "eval.jsonl"
    run(*EVAL, "--output", file, "--otel", collector.url)
    live = {span.span_id: span for span in collector.spans}
    collector.requests.clear()
    assert run("trace", file, "--otel", collector.url) == 0
    assert "4 episodes were sent" in capsys.readouterr().out
    again = {span.span_id: span for span in collector.spans}
    assert set(again) == set(live)
    for id, span in again.items():
        if span.parent_span_id:
            assert span.SerializeToString() == live[id].SerializeToString()
        else:  # a file has no checklist
            told, before = attributes(span), attributes(live[id])
            assert told == {name: value for name, value in before.items() if "checklist" not in name}


def test_a_file_without_traces(collector, tmp_path):
    file = tmp_path / "eval.jsonl"
    run(*EVAL, "--k", "2", "--temperature", "0", "--output", file)  # each task twice, alike
    for _ in range(2):
        assert run("trace", file, "--otel", collector.url) == 0
    twice = Counter(span.span_id for span in collector.spans)
    assert set(twice.values()) == {2}
    assert len(collector.traces()) == 8
    for spans in collector.traces().values():
        (root, _) = [span for span in spans if not span.parent_span_id]
        assert attributes(root)["toolgym.timed"] is False
        assert all(root.start_time_unix_nano <= span.start_time_unix_nano <= root.end_time_unix_nano for span in spans)


def test_content_can_be_switched_off(collector, monkeypatch):
    assert run(*EVAL, "--otel", collector.url, "--no-otel-content") == 0
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "NO_CONTENT")
    assert run(*EVAL, "--otel", collector.url) == 0
    names = {name for span in collector.spans for name in attributes(span)}
    assert len(collector.traces()) == 8
    assert not {name for name in names if "messages" in name or "instructions" in name}
    assert not names & {"gen_ai.tool.call.arguments", "gen_ai.tool.call.result"}
    assert wants_content(True)
    assert not wants_content(None)


def test_opentelemetrys_variables_hold(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{collector.url}/api/public/otel")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    assert run(*EVAL, "--otel") == 0
    path, headers, request = collector.requests[0]
    assert path == "/api/public/otel/v1/traces"
    assert headers["authorization"] == "Basic abc"
    assert attributes(request.resource_spans[0].resource)["service.name"] == "mine"


def test_endpoints(monkeypatch):
    assert check_endpoint(None) == "http://localhost:4318/v1/traces"
    assert check_endpoint("http://h:1") == check_endpoint("http://h:1/") == "http://h:1/v1/traces"
    assert check_endpoint("https://h/otel/v1/traces/") == "https://h/otel/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h:2/as-it-is")
    assert check_endpoint(None) == "http://h:2/as-it-is"
    for wrong in ("h:4318", "ftp://h", "http://", "http://h:0", "http://h:99999", "http://[::"):
        with pytest.raises(ConfigError, match="is no endpoint"):
            check_endpoint(wrong)


# Collectors that do not do what they should -------------------------------------------------------------------------


def check_nothing_lost(file, capsys, *words: str) -> None:
    """All episodes are in the file, and a line says that they were not sent and how they can be."""
    assert [each.outcome for each in read_trajectories(file)] == ["solved"] * 4
    line = said(capsys)
    assert "4 of 4 episodes were not sent to" in line
    assert f"All of them are in the file; to send them: toolgym trace {file}" in line
    for word in words:
        assert word in line


def test_a_dead_collector(tmp_path, capsys):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        file = tmp_path / "eval.jsonl"
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert run(*EVAL, "--output", file, "--otel", url) == 0
        check_nothing_lost(file, capsys, "Connection refused")
        assert run("trace", file, "--otel", url) == 1
        assert "1 of 1 episodes were not sent" in said(capsys)
        assert run(*EVAL, "--otel", url) == 0
        assert "They were not written to a file either" in said(capsys)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, {}, b"who are you?"), "status 401 Unauthorized: who are you?"),
        ((404, {}, b""), "status 404 Not Found"),
        ((302, {"Location": "/login"}, b""), "status 302 Found"),
        ((503, {"Retry-After": "60"}, b"busy"), "status 503 Service Unavailable: busy"),
        (
            (
                200,
                {"Content-Type": "application/x-protobuf"},
                ExportTraceServiceResponse(
                    partial_success={"rejected_spans": 3, "error_message": "too old"}
                ).SerializeToString(),
            ),
            "3 spans were rejected: too old",
        ),
    ],
)
def test_a_collector_that_refuses(answer, why, collector, tmp_path, capsys):
    collector.default = answer
    file = tmp_path / "eval.jsonl"
    assert run(*EVAL, "--output", file, "--otel", collector.url) == 0
    check_nothing_lost(file, capsys, why)


def test_a_collector_that_is_busy_for_a_moment(collector, capsys):
    collector.script = [(503, {"Retry-After": "0"}, b"busy")]
    assert run(*EVAL, "--otel", collector.url) == 0
    assert "4 episodes were sent" in said(capsys)
    assert len(collector.traces()) == 4


def test_a_slow_collector_is_not_waited_for(collector):
    """Episodes are taken while the first is under way, and none of it is waited for beyond the limit."""
    collector.go_on.clear()
    sender = Sender(f"{collector.url}/v1/traces")
    for number in range(1_003):
        sender.send(Trajectory("e", f"{number}", outcome="solved"), Played(id=f"{number + 1:031x}1"))
    # One may be in its hands, a thousand wait; the last ones are let go.
    assert sender._unsent in (2, 3)
    done = sender.close(0.2)
    assert (done.sent, done.unsent) == (0, 1_003)
    assert "too slowly" in done.reason
    assert sender.close() == done  # closing twice is harmless


def test_what_the_thread_cannot_make_is_not_sent(collector):
    sender = Sender(f"{collector.url}/v1/traces")
    sender.send("no episode", Played(id="1" * 32))  # type: ignore[arg-type]
    sender.send(Trajectory("e", "t", outcome="solved"), Played(id="2" * 32))
    done = sender.close()
    assert (done.sent, done.unsent) == (1, 1)
    assert "AttributeError" in done.reason


def test_an_interrupt_does_not_wait(collector):
    collector.go_on.clear()
    sender = Sender(f"{collector.url}/v1/traces")

    def interrupted():
        with sender:
            sender.send(Trajectory("e", "t", outcome="solved"), Played(id="1" * 32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sender.close().unsent == 1


def test_large_episodes_go_in_parts(collector, tmp_path):
    from toolgym.messages import ToolCall, Turn
    from toolgym.trajectory import Step, ToolResult

    step = Step(Turn(calls=(ToolCall("look", {}),)), (ToolResult("\x00‮<script>" + "x" * 40_000),))
    with TrajectoryWriter(tmp_path / "results.jsonl") as writer:  # as a benchmark's folder has them
        writer.write(Trajectory("e", "t", steps=[step] * 40, outcome="unsolved"))
    assert run("trace", tmp_path, "--otel", collector.url) == 0
    assert len(collector.requests) > 2
    assert max(request.ByteSize() for _, _, request in collector.requests) < 4 * 2**20
    assert len(collector.spans) == len({span.span_id for span in collector.spans}) == 81
    assert len(collector.traces()) == 1


def test_a_corpus_is_sent(collector, tmp_path):
    from toolgym.envs.planarena.corpus.building import BuildOptions, build

    build(BuildOptions(tmp_path / "corpus", ["library"], trajectories=4, alternatives=0, format="jsonl"))
    assert run("trace", tmp_path / "corpus", "--otel", collector.url) == 0
    roots = [attributes(span) for span in collector.spans if not span.parent_span_id]
    assert len(roots) == len(collector.traces()) == 4
    assert {told["toolgym.env"] for told in roots} == {"ToolGym/Library-v0"}
    assert "solved" in {told["toolgym.outcome"] for told in roots}


def test_paths_without_episodes(tmp_path, capsys):
    assert run("trace", tmp_path, "--otel", "http://127.0.0.1:9") == 2
    assert "has neither episodes.jsonl nor results.jsonl" in said(capsys)
    with TrajectoryWriter(tmp_path / "episodes.jsonl") as writer:
        writer.write(Trajectory("e", "t", outcome="solved", meta={"trace": {"id": "no"}}))
    assert run("trace", tmp_path, "--otel", "http://127.0.0.1:9") == 2
    assert "episode 0: its meta's trace is none that ToolGym wrote" in said(capsys)
    assert run("trace", tmp_path, "--otel", "localhost:4318") == 2
    assert "'localhost:4318' is no endpoint: one is http://localhost:4318, say" in said(capsys)
