"""The user of a public task: a language model that follows the task's scenario."""

from toolgym.tasks import Task
from toolgym.users import User, make_user
from toolgym.users.llm import LLMUser, LLMUserOptions

__all__ = ["OPENING", "ScenarioUser", "scenario_user"]

OPENING = "Hello, I need your help."
"""What a user opens with; what it wants, it says when it is asked."""
_END = "[END]"
_INSTRUCTIONS = """\
You are a customer in a conversation with a service agent, and your scenario is below. It is all that you are and know.

<scenario>
{scenario}
</scenario>

How to talk:
- Write what this customer would say next: one message, short, in your own words, without quoting the scenario.
- Tell things step by step, as they are asked for or become needed, not all at once.
- What the scenario does not say you do not know; say so, and make nothing up.
- Keep to what the scenario makes you want, accept and refuse, even if the agent suggests something else.{tools}
- Once everything that you want is done, or the agent has passed you on to somebody else or is clearly not going to do
  it, write {end} and nothing more. Before that never write it.
"""
_TOOLS = """
- Your tools are your own hands and eyes. Use one when the agent asks you to do or look at something that it does, one
  after the other, and tell what you saw. Never tell of something that no tool showed you."""


class ScenarioUser(LLMUser):
    """A user by the scenario of a public task, which is the task's request."""

    def start(self, task: Task) -> str:
        """Opens the conversation; it needs no network."""
        tools = "" if self.tools is None else _TOOLS
        text = _INSTRUCTIONS.format(scenario=task.request, tools=tools, end=_END)
        self._messages = [{"role": "system", "content": text}, {"role": "assistant", "content": OPENING}]
        return OPENING

    def fork(self) -> "ScenarioUser":
        twin = ScenarioUser.__new__(ScenarioUser)
        twin.options, twin._chat, twin._messages = self.options, self._chat, self._messages
        return twin


def scenario_user(spec: str | User | LLMUserOptions) -> str | User:
    """A user spec of `EnvOptions`, whose language models follow scenarios.

    Raises:
        ConfigError: no such user, or a model is needed and none was named.
    """
    if isinstance(spec, User) or (isinstance(spec, str) and spec.partition(":")[0] != "llm"):
        return spec
    made = make_user(spec)
    return ScenarioUser(made.options) if isinstance(made, LLMUser) else made
