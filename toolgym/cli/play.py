"""`toolgym play`: a person acts in the terminal.

`Player` holds the episode and understands commands; `play` is the loop around it that reads and prints.
"""

import shlex
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape

from toolgym.cli.common import EnvId, Seed, Settings, Split, out
from toolgym.cli.list_envs import tool_table
from toolgym.env import ToolEnv
from toolgym.errors import did_you_mean
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import bring_env, open_env
from toolgym.options import parse_settings, parse_value
from toolgym.rendering import print_trajectory

__all__ = ["Player", "play", "to_action"]

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

    def __init__(self, env: ToolEnv, console: Console, *, show_gold: bool = False):
        self.env = env
        self.console = console
        self.show_gold = show_gold
        self.over = False
        """Whether the person has left."""
        self._past: list[ToolEnv] = []
        self._kept: dict[str, ToolEnv] = {}

    def reset(self, *, seed: int | None = None, task: str | None = None) -> None:
        """Starts an episode and shows its request."""
        self._forget()
        self.env.reset(seed=seed, options={"task": task} if task else None)
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
        self._remember()
        self.env.step(to_action(line, (tool.name for tool in self.env.tools)))
        print_trajectory(self.env.trajectory, latest=True)
        if self.env.trajectory.done:
            total = sum(step.reward for step in self.env.trajectory.steps)
            self.console.print(f"[bold]{self.env.trajectory.outcome}[/], reward {total:.3f}. :undo, :reset or :quit.")

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
                self.console.print("  tool_name key=value …   a call; a value is JSON or plain text")
                self.console.print("  <tool_call>…, <response>…   a whole message, as an agent writes it")
                self.console.print("  anything else           a response to the user", highlight=False)
            case ":tools":
                self._say_tools(rest)
            case ":policy":
                self.console.print(Markdown(self.env.domain.policy()))
            case ":task":
                self._say_task()
            case ":history":
                print_trajectory(self.env.trajectory)
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

    def _say_tools(self, name: str) -> None:
        tools = {tool.name: tool for tool in self.env.tools}
        if not name:
            described = [{"name": t.name, "writes": t.writes, "description": t.description} for t in tools.values()]
            self.console.print(tool_table(described))
        elif name in tools:
            self.console.print(f"[bold]{name}[/]: {escape(tools[name].description)}")
            self.console.print_json(data=tools[name].input_schema)
        else:
            self.console.print(escape(did_you_mean(name, tools, "tool")))

    def _say_gold(self) -> None:
        for action in self.env.task.gold:
            turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
            self.console.print(escape(render(turn)), highlight=False)

    def _keep(self, name: str) -> None:
        if self.env.session.fork_kind == "none":
            self.console.print("The tools of this environment cannot be forked.")
            return
        self._kept[name] = self.env.fork()
        self.console.print(f"Kept as {name!r}.")

    def _back(self, name: str) -> None:
        if name not in self._kept:
            self.console.print(escape(did_you_mean(name, self._kept, "kept moment")))
            return
        self._past.append(self.env)
        self.env = self._kept[name].fork()
        self.console.print(f"Back at {name!r}, after {len(self.env.trajectory.steps)} actions.")

    def _undo(self) -> None:
        if not self._past:
            self.console.print("There is nothing to take back.")
            return
        self.env.close()
        self.env = self._past.pop()
        self.console.print(f"Taken back; {len(self.env.trajectory.steps)} actions are left.")


def to_action(line: str, tools: Iterable[str]) -> str:
    """What an agent would have written: `get_user user_id=ann_1` becomes a call, free text a response.

    A line that starts with `<` or `{` is a whole message and stays as it is. `key` alone means `key=true`.
    """
    if line.startswith(("<", "{")):
        return line
    name, _, rest = line.partition(" ")
    if name not in set(tools):
        return render(Turn(response=line))
    arguments: dict[str, Any] = {}
    for part in _words(rest):
        key, equals, value = part.partition("=")
        arguments[key] = parse_value(value) if equals else True
    return render(Turn(calls=(ToolCall(name, arguments),)))


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
    env: EnvId = "ToolGym/Airline-v0",
    split: Split = "train",
    task: Annotated[str | None, typer.Option(help="A task's id (default: a random one).")] = None,
    seed: Seed = 0,
    settings: Settings = None,
    gold: Annotated[bool, typer.Option("--gold", help="Let :gold show the solution.")] = False,
) -> None:
    """Lets you act in an environment. Type :help for what you can type.

    \b
    Examples:
      toolgym play
      toolgym play --set size=small --set user=scripted --gold
      echo "get_user_details user_id=ann_1" | toolgym play --seed 3
    """
    bring_env(env)
    player = Player(open_env(env, split=split, **parse_settings(settings)), out, show_gold=gold)
    try:
        player.reset(seed=seed, task=task)
        out.print("Type :help for what you can type, :quit to leave.", style="dim")
        while not player.over:
            try:
                line = out.input("[bold green]> [/]")
            except EOFError:
                break
            player.enter(line)
    finally:
        player.close()
