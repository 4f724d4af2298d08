"""The application: commands, global options, and how errors are shown."""

import atexit
import gc
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markup import escape

from toolgym.cli.bench import app as bench
from toolgym.cli.check import check
from toolgym.cli.command import Command
from toolgym.cli.common import progress_console
from toolgym.cli.data import app as data
from toolgym.cli.demo import demo
from toolgym.cli.describe import describe
from toolgym.cli.docker import docker
from toolgym.cli.evaluate import evaluate
from toolgym.cli.explore import explore
from toolgym.cli.inspect import inspect
from toolgym.cli.list_envs import list_envs
from toolgym.cli.memory import app as memory
from toolgym.cli.new import app as new
from toolgym.cli.planarena import app as planarena
from toolgym.cli.play import play
from toolgym.cli.plot import plot
from toolgym.cli.push import push
from toolgym.cli.record import record
from toolgym.cli.score import score
from toolgym.cli.serve import serve
from toolgym.cli.show import show
from toolgym.cli.tasks import app as tasks
from toolgym.cli.trace import trace
from toolgym.cli.train import train
from toolgym.cli.view import view
from toolgym.errors import ConfigError, ToolGymError
from toolgym.hub_files import SCHEME, fetched, on_hub

__all__ = ["app", "main"]

_EXTRAS = {
    "torch": "train",
    "transformers": "train",
    "trl": "train",
    "accelerate": "train",
    "datasets": "train",
    "tensorboard": "train",
    "matplotlib": "train",
    "pyarrow": "train",
    "peft": "train",
    "safetensors": "train",
    "tokenizers": "train",
    "docker": "docker",
    "gguf": "gguf",
    "google": "otel",
    "opentelemetry": "otel",
    "requests": "otel",
    "ray": "ray",
    "sentence_transformers": "semantic",
}
"""Package -> the extra of ours that brings it."""
_WRITTEN = ("--output", "-o", "--export", "--publish")
"""Options that name what is written."""

app = typer.Typer(
    name="toolgym",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("list", cls=Command)(list_envs)
app.command("describe", cls=Command)(describe)
app.command("demo", cls=Command)(demo)
app.command("play", cls=Command)(play)
app.command("eval", cls=Command)(evaluate)
app.command(
    "train",
    cls=Command,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)(train)
app.command("explore", cls=Command)(explore)
app.command("plot", cls=Command)(plot)
app.command("serve", cls=Command)(serve)
app.command("show", cls=Command)(show)
app.command("view", cls=Command)(view)
app.command("push", cls=Command)(push)
app.command("trace", cls=Command)(trace)
app.add_typer(docker, name="docker")
app.command("score", cls=Command)(score)
app.command("inspect", cls=Command)(inspect)
app.command("check", cls=Command)(check)
app.command("record", cls=Command)(record)
app.add_typer(new, name="new")
app.add_typer(planarena, name="planarena")
app.add_typer(tasks, name="tasks")
app.add_typer(memory, name="memory")
app.add_typer(data, name="data")
app.add_typer(bench, name="bench")


def _print_version(asked: bool) -> None:
    if asked:
        print(version("toolgym"))
        raise typer.Exit


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Environments for tool use over MCP, and the agents that learn in them.

    \b
    Examples:
      toolgym demo --quick
      toolgym play
      toolgym eval --agent builtin:imperfect --episodes 50
      toolgym COMMAND --help
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line. Exits with 0, with 2 for what the caller can mend, with 130 when interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        _collect_less()
        _print_anything()
    shown, warnings.formatwarning = warnings.formatwarning, _warning
    try:
        app(list(_brought(given)), prog_name="toolgym")
    except ToolGymError as error:
        _fail(given, str(error))
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        _fail(given, f"This needs {error.name}, which is not installed: pip install 'toolgym[{extra}]'")
    except BrokenPipeError:
        # The reader (`head`, say) has gone. Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:  # a file that cannot be read or written, a full disk, a port that is taken
        what = f"{error.filename}: " if error.filename is not None else ""
        _fail(given, f"{what}{error.strerror or error}")
    finally:
        warnings.formatwarning = shown


def _collect_less() -> None:
    """Looks for garbage less often in a process that is ours, and not at its end.

    Importing torch alone makes a million objects that stay: to look through them took a fifth of a short command.
    """
    gc.set_threshold(20_000, 20, 20)
    atexit.register(gc.freeze)


def _print_anything() -> None:
    """Lets stdout and stderr spell out the characters that their encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where there is none, or one that something else put there
            stream.reconfigure(errors="backslashreplace")


def _brought(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments, those that name a place on the hub (`hf://...`) with what is there, fetched.

    Raises:
        ConfigError: it cannot be fetched, or it is where something is to be written.
    """
    if not any(SCHEME in argument for argument in arguments) or arguments[0] == "push":
        yield from arguments
        return
    for before, argument in zip(("", *arguments), arguments, strict=False):
        name, equals, value = argument.partition("=") if not on_hub(argument) else ("", "", argument)
        if not on_hub(value):
            yield argument
        elif before in _WRITTEN or name in _WRITTEN:
            raise ConfigError(f"{value} cannot be written to: write to a folder here, then push it (toolgym push)")
        else:
            yield f"{name}{equals}{fetched(value)}"


def _warning(message: Warning | str, *_: Any, **__: Any) -> str:
    """A warning in a line, without the place in ToolGym's code where it came up."""
    return f"Warning: {message}\n"


def _fail(given: Sequence[str], message: str) -> None:
    if "--debug" in given:
        raise
    progress_console.print(f"[bold red]Error:[/] [red]{escape(message)}[/]", soft_wrap=True)
    raise SystemExit(2)
