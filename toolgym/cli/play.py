"""`toolgym play`: a person acts in the terminal.

`Player` holds the episode and understands commands; `play` is the loop around it that reads and prints.
"""

import shlex
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console
from rich.markup import escape

from toolgym.cli.common import (
    DEFAULT_ENV,
    EPISODES,
    EnvArgument,
    EnvId,
    Seed,
    Settings,
    Split,
    either,
    out,
    panel,
    parse_settings,
)
from toolgym.cli.explained import base_of, print_reasons
from toolgym.cli.list_envs import tool_table
from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["Player", "near_miss", "play", "to_action"]

_episodes, _shown = panel(EPISODES), panel("What is shown")

COMMANDS = {
    ":help": "what you can type",
    ":tools": "the tools; :tools NAME shows one with its parameters",
    ":policy": "the policy you must follow",
    ":task": "the request again",
    ":history": "the episode so far",
    ":diff": "what the episode changed in the world",
    ":fork": "keep this moment under a name: :fork NAME",
    ":back": "return to a kept moment: :back NAME",
    ":undo": "take back the last action",
    ":gold": "the gold chain (with --gold)",
    ":reset": "a new episode; :reset ID starts that task",
    ":quit": "leave",
}


class Player:
    """An episode, the moments it can return to, and the commands that act on them."""

    def __init__(self, env: "ToolEnv", console: Console, *, show_gold: bool = False):
        self.env = env
        self.console = console
        self.show_gold = show_gold
        self.over = False
        """Whether the person has left."""
        self._asked = ""
        """The line that was asked about."""
        self._past: list[ToolEnv] = []
        self._kept: dict[str, ToolEnv] = {}

    def reset(self, *, seed: int | None = None, task: Any = None) -> None:
        """Starts an episode and shows its request."""
        self._forget()
        self.env.reset(seed=seed, options={"task": task} if task not in (None, "") else None)
        self._say_task()

    def enter(self, line: str) -> None:
        """Does what a line says: a command, a call in short form, or a whole message."""
        line = line.strip()
        if not line:
            return
        if line.startswith(":"):
            name, _, rest = line.partition(" ")
            self._command(name, rest.strip())
            return
        if self.env.trajectory.done:
            self.console.print("The episode is over: :undo, :reset or :quit.")
            return
        from toolgym.rendering import print_trajectory

        tools = {tool.name: tool.input_schema for tool in self.env.tools}
        if (near := near_miss(line, tools)) and line != self._asked:
            self._asked = line  # the same line once more is meant as it stands
            name = line.partition(" ")[0]
            self.console.print(
                f"There is no tool {escape(repr(name))}. Did you mean {near}? Type the line once more to send it as a "
                "response.",
                highlight=False,
            )
            return
        self._asked = ""
        try:
            action = to_action(line, tools)
        except ConfigError as error:
            self.console.print(f"[red]{escape(str(error))}[/]")
            return
        self._remember()
        self.env.step(action)
        print_trajectory(self.env.trajectory, latest=True, console=self.console)
        if self.env.trajectory.done:
            total = sum(step.reward for step in self.env.trajectory.steps)
            self.console.print(f"[bold]{self.env.trajectory.outcome}[/], reward {total:.3f}. :undo, :reset or :quit.")
            self._say_why()

    def close(self) -> None:
        """Closes the episode and every moment kept."""
        self._forget()
        self.env.close()

    def _remember(self) -> None:
        """Keeps this moment for :undo, where the tools can be forked."""
        if self.env.session.fork_kind != "none":
            self._past.append(self.env.fork())

    def _forget(self) -> None:
        for env in (*self._past, *self._kept.values()):
            env.close()
        self._past.clear()
        self._kept.clear()

    def _command(self, name: str, rest: str) -> None:
        match name:
            case ":help":
                for command, what in COMMANDS.items():
                    self.console.print(f"  [bold]{command:<9}[/] {what}", highlight=False)
                self.console.print(
                    "  tool_name key=value …   a call; a value is JSON or plain text, or {…} has all arguments"
                )
                self.console.print("  <tool_call>…, <response>…   a whole message, as an agent writes it")
                self.console.print("  anything else           a response to the user", highlight=False)
            case ":tools":
                self._say_tools(rest)
            case ":policy":
                from rich.markdown import Markdown

                self.console.print(Markdown(self.env.policy))
            case ":task":
                self._say_task()
            case ":history":
                from toolgym.rendering import print_trajectory

                print_trajectory(self.env.trajectory, policy=":policy and :tools show them", console=self.console)
                self._say_why()
            case ":diff":
                self.console.print_json(data=self.env.session.diff() or {})
            case ":fork":
                self._keep(rest or "here")
            case ":back":
                self._back(rest or "here")
            case ":undo":
                self._undo()
            case ":gold" if self.show_gold:
                self._say_gold()
            case ":gold":
                self.console.print("The gold chain is shown only with `toolgym play --gold`.")
            case ":reset":
                self.reset(task=rest or None)
            case ":quit" | ":q":
                self.over = True
            case _:
                self.console.print(escape(did_you_mean(name, COMMANDS, "command")))

    def _say_task(self) -> None:
        task = self.env.task
        # A user who answers gives the details when asked; with nobody to ask, the request says all.
        opening = task.user.opening if self.env.options.user != "none" else ""
        opening = opening or task.request
        self.console.print(f"[bold blue]user[/] {escape(opening)}", highlight=False, soft_wrap=True)

    def _say_why(self) -> None:
        """At the end of an episode that is not solved: what it would have taken."""
        from toolgym.rewards.explaining import why_unsolved

        trajectory = self.env.trajectory
        if trajectory.outcome not in (None, "solved"):
            print_reasons(why_unsolved(trajectory, self.env.task, base_of(self.env)), self.console)

    def _say_tools(self, name: str) -> None:
        tools = {tool.name: tool for tool in self.env.tools}
        if not name:
            described = [{"name": t.name, "writes": t.writes, "description": t.description} for t in tools.values()]
            self.console.print(tool_table(described))
        elif name in tools:
            self.console.print(f"[bold]{escape(name)}[/]: {escape(tools[name].description)}")
            self.console.print_json(data=tools[name].input_schema)
        else:
            self.console.print(escape(did_you_mean(name, tools, "tool")))

    def _say_gold(self) -> None:
        from toolgym.messages import Turn, render

        for action in self.env.task.gold:
            turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
            self.console.print(escape(render(turn)), highlight=False)

    def _keep(self, name: str) -> None:
        if self.env.session.fork_kind == "none":
            self.console.print("The tools of this environment cannot be forked.")
            return
        before, self._kept[name] = self._kept.get(name), self.env.fork()
        if before is not None:
            before.close()
        self.console.print(escape(f"Kept as {name!r}."))

    def _back(self, name: str) -> None:
        if name not in self._kept:
            self.console.print(escape(did_you_mean(name, self._kept, "kept moment")))
            return
        self._past.append(self.env)
        self.env = self._kept[name].fork()
        self.console.print(escape(f"Back at {name!r}, after {len(self.env.trajectory.steps)} actions."))

    def _undo(self) -> None:
        if not self._past:
            self.console.print("There is nothing to take back.")
            return
        self.env.close()
        self.env = self._past.pop()
        self.console.print(f"Taken back; {len(self.env.trajectory.steps)} actions are left.")


def to_action(line: str, tools: "Mapping[str, Any] | Iterable[str]") -> str:
    """What an agent would have written: `get_user user_id=ann_1` becomes a call, free text a response.

    A line that starts with `<` or `{` is a whole message and stays as it is. `key` alone means `key=true`; all
    arguments may stand as one JSON object: `get_user {"user_id": "ann_1"}`. Where `tools` maps names to input schemas,
    a value that is no text is written as text for a parameter that takes only text.

    Raises:
        ConfigError: an argument object that is no JSON.
    """
    from toolgym.messages import ToolCall, Turn, render

    if line.startswith(("<", "{")):
        return line
    name, _, rest = line.partition(" ")
    schemas: dict[str, Any] = dict(tools) if isinstance(tools, Mapping) else dict.fromkeys(tools)
    if name not in schemas:
        return render(Turn(response=line))
    return render(Turn(calls=(ToolCall(name, _arguments(rest.strip(), schemas[name] or {})),)))


def _arguments(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    from toolgym import _json
    from toolgym.options import parse_value

    if text.startswith("{"):
        try:
            found = _json.loads(text)
        except ValueError as error:
            raise ConfigError(f"The arguments are no JSON object: {error}. Nothing was sent.") from error
        return found
    out: dict[str, Any] = {}
    for part in _words(text):
        key, equals, value = part.partition("=")
        read = parse_value(value) if equals else True
        if equals and not isinstance(read, str) and _text_only((schema.get("properties") or {}).get(key)):
            read = value  # as it was typed: 007 and 1e3 are texts here
        out[key] = read
    return out


def _text_only(parameter: Any) -> bool:
    """Whether a parameter takes text, and neither a number nor anything else that JSON has, but null."""
    if not isinstance(parameter, dict):
        return False
    branches = parameter.get("anyOf") or parameter.get("oneOf")
    if isinstance(branches, list):
        kinds = [branch for branch in branches if not (isinstance(branch, dict) and branch.get("type") == "null")]
        return bool(kinds) and all(map(_text_only, kinds))
    kind = parameter.get("type")
    return kind == "string" or (isinstance(kind, list) and {*kind} <= {"string", "null"} and "string" in kind)


def near_miss(line: str, tools: Iterable[str]) -> str:
    """The tool that a line was probably to call although its first word is no tool's name; "" where there is none."""
    name, _, rest = line.partition(" ")
    names = list(tools)
    if name in names or line.startswith(("<", "{")):
        return ""
    # A sentence is a response: only what looks like a call is asked about.
    called = not rest or rest.lstrip().startswith("{") or all("=" in word for word in _words(rest))
    if not (called or "_" in name):
        return ""
    near = get_close_matches(name.casefold().replace("-", "_"), names, n=1, cutoff=0.6)
    return near[0] if near else ""


def _words(text: str) -> list[str]:
    """Splits at spaces outside of quotes, brackets and braces, so that JSON values stay whole."""
    words: list[str] = []
    word, depth, quote = "", 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "\"'" and (depth or not word or word.endswith("=")):
            quote = char
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        if char == " " and not quote and depth <= 0:
            words.append(word)
            word = ""
        else:
            word += char
    return [_unquote(word) for word in [*words, word] if word]


def _unquote(word: str) -> str:
    """`note='two words'` -> `note=two words`; a value in double quotes is JSON and keeps them."""
    key, equals, value = word.partition("=")
    if value.startswith("'") and value.endswith("'") and len(value) > 1:
        value = shlex.split(value)[0] if len(value) > 2 else ""
    return key + equals + value


def play(
    named: EnvArgument = None,
    env: EnvId = None,
    split: Split = "train",
    task: Annotated[str | None, _episodes(metavar="ID", help="A task's id or index (default: a random one).")] = None,
    seed: Seed = 0,
    settings: Settings = None,
    gold: Annotated[bool, _shown("--gold", help="Let :gold show the solution.")] = False,
) -> None:
    """Lets you act in an environment. Type :help for what you can type.

    \b
    Examples:
      toolgym play
      toolgym play --set size=small --set user=scripted --gold
      echo "get_user_details user_id=ann_1" | toolgym play --seed 3
    """
    from toolgym.opening import bring_env, open_env
    from toolgym.options import parse_value

    chosen = parse_settings(settings, split=split)
    env = either(named, env, "env") or DEFAULT_ENV
    bring_env(env)
    player = Player(open_env(env, **chosen), out, show_gold=gold)
    try:
        player.reset(seed=seed, task=None if task is None else parse_value(task))
        out.print("Type :help for what you can type, :quit to leave.", style="dim")
        edited = _line_editing(player)
        while not player.over:
            try:
                # A prompt that readline knows of stays when the line is drawn anew.
                line = input("> ") if edited else out.input("[bold green]> [/]")
            except EOFError:
                break
            try:
                player.enter(line)
            except Exception as error:  # whatever it is, the person goes on from here
                out.print(f"[red]{type(error).__name__}: {escape(str(error))}[/]", soft_wrap=True)
                out.print(":undo, :reset or :quit.")
    finally:
        player.close()


def _line_editing(player: Player) -> bool:
    """Arrow keys, a history and completion of commands and tools by Tab: whether this terminal and Python have them."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        import readline
    except ImportError:
        return False
    words = [*COMMANDS, *(tool.name for tool in player.env.tools)]

    def complete(text: str, state: int) -> str | None:
        fitting = [word for word in words if word.startswith(text)]
        return fitting[state] if state < len(fitting) else None

    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    return True
