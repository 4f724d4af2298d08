"""`toolgym trace`: recorded episodes as OpenTelemetry traces; and what `--otel` shares with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from toolgym.cli.common import OUTPUT, JsonFlag, episodes_of, is_corpus, out, panel, print_json, progress_console
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgym.otel.sending import Delivered, Sender
    from toolgym.trajectory import Trajectory

__all__ = ["OtelContent", "say_delivered", "trace"]

_output = panel(OUTPUT)
_EPISODES = ("episodes.jsonl", "results.jsonl")
"""Of a training run, of a benchmark."""

OtelContent = Annotated[
    bool | None,
    _output(
        "--otel-content/--no-otel-content",
        help="Whether traces hold what was asked, planned, said, called and answered (default: yes, unless "
        "OpenTelemetry's variable for it says no).",
        show_default=False,
    ),
]


def trace(
    path: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Episodes (.jsonl), or the folder of a run, a benchmark or a corpus."),
    ],
    otel: Annotated[
        str,
        _output(
            "--otel",
            metavar="[URL]",
            help="The OTLP/HTTP endpoint (default: as OpenTelemetry's variables say, or port 4318 of this machine).",
            show_default=False,
        ),
    ] = "",
    otel_content: OtelContent = None,
    json: JsonFlag = False,
) -> None:
    """Sends recorded episodes as OpenTelemetry traces, to Langfuse, Weave, Phoenix or any OTLP/HTTP collector.

    An episode is the same trace however often it is sent, and the one that `eval --otel` sent of it. Episodes that were
    not played with --otel have no times; theirs keep the order only. Exits with 1 as soon as one cannot be sent.

    \b
    Examples:
      toolgym trace runs/eval.jsonl
      toolgym trace runs/grpo --otel http://localhost:6006
      toolgym trace runs/eval.jsonl --no-otel-content
    """
    from toolgym.otel.sending import Sender, check_endpoint, wants_content
    from toolgym.otel.spans import Played

    files = [_file(each) for each in path]
    with Sender(check_endpoint(otel or None), content=wants_content(otel_content)) as sender:
        for file, number, trajectory in _episodes(files):
            try:
                played = Played.recorded(trajectory, f"{file.name} {number}", int(file.stat().st_mtime_ns))
            except ValueError as error:
                raise ConfigError(f"{file}, episode {number}: its meta's trace is none that ToolGym wrote") from error
            sender.send(trajectory, played)
            if not sender.wait():
                break
        done = sender.close()
    if json:
        print_json({"endpoint": shown_endpoint(sender), "sent": done.sent, "reason": done.reason or None})
    elif not done.unsent:
        out.print(f"{done.sent} episodes were sent to {escape(shown_endpoint(sender))}", soft_wrap=True)
    if done.unsent:
        say_unsent(sender, done, "", "No more was tried")
        raise typer.Exit(1)


def _file(path: Path) -> Path:
    """Where the episodes of a path are.

    Raises:
        ConfigError: nowhere.
    """
    if not path.is_dir() or is_corpus(path):
        return path
    found = [path / name for name in _EPISODES if (path / name).is_file()]
    if not found:
        raise ConfigError(
            f"{path} has neither {' nor '.join(_EPISODES)}: give a file of episodes, or a run's (--record)"
        )
    return found[0]


def _episodes(files: list[Path]) -> "Iterator[tuple[Path, int, Trajectory]]":
    for file in files:
        for number, trajectory in episodes_of(file):
            yield file, number, trajectory


def shown_endpoint(sender: "Sender") -> str:
    """Its address, without a name and password."""
    before, mark, rest = sender.endpoint.partition("//")
    host, slash, path = rest.partition("/")
    return f"{before}{mark}{host.rpartition('@')[2]}{slash}{path}"


def say_delivered(sender: "Sender", again: str) -> None:
    """Waits for what is under way, and says what was sent, and what was not; `again` is the command that sends it."""
    done = sender.close()
    if done.unsent:
        say_unsent(sender, done, again, "They were not written to a file either (--output)")
        return
    progress_console.print(
        f"{done.sent} episodes were sent to {shown_endpoint(sender)}", highlight=False, soft_wrap=True, markup=False
    )


def say_unsent(sender: "Sender", done: "Delivered", again: str, otherwise: str) -> None:
    """Says what was not sent."""
    count = f"{done.unsent} of {done.sent + done.unsent} episodes were not sent to {shown_endpoint(sender)}"
    rest = f"All of them are in the file; to send them: {again}" if again else otherwise
    message = f"[yellow]{escape(count)}: {escape(done.reason)}.[/] {escape(rest)}"
    progress_console.print(message, highlight=False, soft_wrap=True)
