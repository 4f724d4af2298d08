"""Sends episodes to an OTLP/HTTP endpoint, beside what goes on: nobody waits for it, and it never fails anybody.

OpenTelemetry's own variables hold: OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT, _COMPRESSION and _CERTIFICATE (and
the same with _TRACES), OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER.
"""

import hashlib
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import requests
from google.protobuf.message import DecodeError  # pyright: ignore[reportMissingModuleSource]
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # pyright: ignore[reportMissingImports]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse  # pyright: ignore[reportMissingImports]
from opentelemetry.sdk.resources import Resource  # pyright: ignore[reportMissingImports]
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider  # pyright: ignore[reportMissingImports]
from opentelemetry.sdk.trace.export import SpanExportResult  # pyright: ignore[reportMissingImports]
from opentelemetry.sdk.trace.id_generator import IdGenerator  # pyright: ignore[reportMissingImports]
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context  # pyright: ignore[reportMissingImports]

from toolgym.errors import ConfigError
from toolgym.otel.spans import Played, Span, spans_of
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["Delivered", "Sender", "check_endpoint", "wants_content"]

_PATH = "/v1/traces"
_DEFAULT = "http://localhost:4318"
_MOST_WAITING = 1_000
"""Episodes; further ones are not sent."""
_MOST_BYTES = 2 * 2**20
"""Of a request, unless a single span is larger: what collectors take by default is 4 MB and more."""
_DRAIN_S, _FAILING_S = 10.0, 1.0
"""How long the end waits for what is not sent yet; the second where the latest request failed."""
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


def check_endpoint(given: str | None) -> str:
    """The address that traces are posted to: the one given, or the environment's, or a collector's on this machine.

    `/v1/traces` is added where the address does not end so; OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is taken as it is.

    Raises:
        ConfigError: it is none.
    """
    whole = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if given is None and whole:
        return _checked(whole)
    base = given or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or _DEFAULT
    parts = urlsplit(_checked(base))
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(_PATH) else path + _PATH))


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{address!r:.200} is no endpoint: one is http://localhost:4318, say, or https://host/path")
    return address


def wants_content(given: bool | None) -> bool:
    """Whether traces hold what was said: as given, or as OpenTelemetry's variable for it says, or yes."""
    said = os.environ.get(_CONTENT, "").strip().lower()
    return said not in ("false", "0", "no_content", "event_only") if given is None else given


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the episodes."""

    sent: int
    unsent: int
    reason: str = ""
    """Why, of one of those that were not sent."""


class _Waiting(NamedTuple):
    trajectory: Trajectory
    played: Played
    task: Task | None


class Sender:
    """Sends episodes in the order in which they come, in a thread of its own. A context manager.

    Args:
        endpoint: as `check_endpoint` gives it.
        content: whether with what was asked, planned, said, called and answered.
    """

    def __init__(self, endpoint: str, *, content: bool = True):
        self.endpoint, self.content = endpoint, content
        self._spans = _Spans()
        self._http = _Http()
        self._log = logging.getLogger(_LOGGER)
        self._logged = self._log.disabled
        self._log.disabled = True  # what it would say is said once, at the end
        self._exporter = OTLPSpanExporter(endpoint=endpoint, session=self._http)
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._sent = self._unsent = 0
        self._reason = ""
        self._delivered: Delivered | None = None
        self._closing = self._over = False
        self._busy = False
        """Whether the thread has an episode in its hands."""
        self._thread = threading.Thread(target=self._run, name="toolgym-otel", daemon=True)
        self._thread.start()

    def send(self, trajectory: Trajectory, played: Played, task: Task | None = None) -> None:
        """Takes an episode that is over; it and its task are not changed any more. Returns at once."""
        with self._changed:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(_Waiting(trajectory, played, task))
                self._changed.notify_all()
            else:
                self._unsent += 1
                self._reason = self._reason or f"{_MOST_WAITING} were waiting already: it takes them too slowly"

    def wait(self) -> bool:
        """Waits until all that was taken is sent; False as soon as something cannot be."""
        with self._changed:
            self._changed.wait_for(lambda: self._unsent or not (self._waiting or self._busy))
            return not self._unsent

    def close(self, limit_s: float = _DRAIN_S) -> Delivered:
        """Sends what waits, for so long at most (for a second where requests fail); says what became of all.

        Closing twice is harmless.
        """
        if self._delivered is not None:
            return self._delivered
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(min(limit_s, _FAILING_S) if self._http.failure else limit_s)
        with self._changed:
            self._over = True
        if self._thread.is_alive():
            self._reason = self._reason or self._http.failure or f"it takes longer than {limit_s:g} s"
        with suppress(Exception):
            self._exporter.shutdown()  # it does not try again
        self._thread.join(0.2)
        self._log.disabled = self._logged
        with self._changed:
            left = len(self._waiting) + self._busy
            self._delivered = Delivered(self._sent, self._unsent + left, self._reason)
        return self._delivered

    def __enter__(self) -> "Sender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(0.0 if kind is not None else _DRAIN_S)

    # In the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._over or not self._waiting:
                    return
                episode, self._busy = self._waiting.popleft(), True
            why = self._deliver(episode)
            with self._changed:
                if self._over:  # it is counted as not sent
                    return
                self._busy = False
                self._sent += not why
                self._unsent += bool(why)
                self._reason = why or self._reason
                self._changed.notify_all()

    def _deliver(self, episode: _Waiting) -> str:
        """Sends an episode; why it could not be, or nothing."""
        try:
            made = spans_of(episode.trajectory, episode.played, content=self.content, task=episode.task)
            for spans in _requests(self._spans.of(made, episode.played.id)):
                done = self._exporter.export(spans) is SpanExportResult.SUCCESS
                if not done or self._http.failure:
                    return self._http.failure or "it could not be written as OTLP"
        except Exception as error:  # whatever it is, the evaluation goes on
            return f"{type(error).__name__}: {error}"[:300]
        return ""


def _requests(spans: Sequence[ReadableSpan]) -> Iterator[list[ReadableSpan]]:
    """The spans in parts of a size that collectors take."""
    part: list[ReadableSpan] = []
    size = 0
    for span in spans:
        own = sum(len(value) for value in (span.attributes or {}).values() if isinstance(value, str))
        if part and size + own > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(span)
        size += own
    if part:
        yield part


class _Spans(SpanProcessor):
    """Makes spans of ours spans of the SDK's, with ids that depend on the trace's and the span's number alone."""

    def __init__(self) -> None:
        own = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "toolgym"}
        self._ids = _Ids()
        provider = TracerProvider(resource=Resource.create(own), id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(self)
        self._tracer = provider.get_tracer("toolgym", version("toolgym"))
        self._ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keeps it."""
        self._ended.append(span)

    def of(self, spans: Sequence[Span], trace: str) -> list[ReadableSpan]:
        """The spans of one episode."""
        self._ids.begin(trace)
        self._ended = []
        begun: list[Any] = []
        for span in spans:
            parent = None if span.parent is None else set_span_in_context(begun[span.parent])
            made = self._tracer.start_span(
                span.name,
                context=parent,
                kind=SpanKind.CLIENT if span.kind == "client" else SpanKind.INTERNAL,
                attributes=span.attributes,
                start_time=span.start_ns,
            )
            for name, when, attributes in span.events:
                made.add_event(name, attributes, timestamp=when)
            if span.error is not None:
                made.set_status(Status(StatusCode.ERROR, span.error))
            begun.append(made)
        for span, made in zip(spans, begun, strict=True):
            made.end(span.end_ns)
        return self._ended


class _Ids(IdGenerator):
    """The ids of one trace after another."""

    def begin(self, trace: str) -> None:
        self._trace, self._next = trace, 0

    def generate_trace_id(self) -> int:
        return int(self._trace, 16)

    def generate_span_id(self) -> int:
        self._next += 1
        digest = hashlib.sha256(f"{self._trace} {self._next}".encode()).digest()
        return int.from_bytes(digest[:8]) or 1


class _Http(requests.Session):
    """Remembers why a request failed; the exporter only says that it did."""

    failure = ""

    def request(self, *args: Any, **named: Any) -> requests.Response:
        try:
            response = super().request(*args, **named)
        except requests.RequestException as error:
            self.failure = _said(error)
            raise
        self.failure = _refused(response)
        return response


def _refused(response: requests.Response) -> str:
    """Why an answer is none to be content with; empty for one that is."""
    if response.status_code >= 300:  # the exporter takes a redirection, to a login say, for a success
        return f"status {response.status_code} {response.reason}: {response.text[:200]}".rstrip(": ")
    if response.headers.get("Content-Type", "").startswith("application/x-protobuf"):
        with suppress(DecodeError):
            partial = ExportTraceServiceResponse.FromString(response.content).partial_success
            if partial.rejected_spans:
                return f"{partial.rejected_spans} spans were rejected: {partial.error_message[:200]}"
    return ""


def _said(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer in time ({type(error).__name__})"
    found = re.search(r"\[Errno -?\d+\] ([^'\")>]+)", str(error))
    return found.group(1) if found else f"{type(error).__name__}: {error}"[:300]
