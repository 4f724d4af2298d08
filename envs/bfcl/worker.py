"""The process that answers questions about BFCL's cases: `python -m toolgym.envs.bfcl.worker FOLDER`.

The benchmark's code runs here (and in the server of its tools), in no other process. A line of standard input is a
question in JSON, a line of standard output its answer: `{"answer": …}`, or `{"error": text, "config": …}`, which says
whether it is the set-up that is wrong. It ends with its input.
"""

import json
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolgym.envs.bfcl.conventions import Conventions
from toolgym.envs.bfcl.replaying import check_turns, replayed
from toolgym.envs.bfcl.tool_classes import import_from
from toolgym.errors import ConfigError, ToolGymError

__all__ = ["answered"]


def answered(words: Conventions, request: Mapping[str, Any]) -> Any:
    """The answer to a question: `verdict`, `replay` or `told`, about a case.

    Raises:
        ToolGymError: the case is none.
    """
    case = request["case"]
    if request["ask"] == "verdict":
        return check_turns(case, request["turns"], request["strict"])
    if request["ask"] == "replay":
        return replayed(case, request["turns"])
    return words.told(case, request["prompting"])


def main() -> None:
    """Answers until its input ends."""
    warnings.simplefilter("ignore")  # of what looks odd in a model's call
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed is no answer
    folder = Path(sys.argv[1])
    words: Conventions | None = None
    for line in sys.stdin.buffer:
        try:
            if words is None:
                import_from(folder)
                words = Conventions(folder)
            reply = {"answer": answered(words, json.loads(line))}
        except (ToolGymError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            text = str(error) if isinstance(error, ToolGymError) else f"{type(error).__name__}: {error}"
            reply = {"error": text, "config": isinstance(error, ConfigError)}
        answers.write(json.dumps(reply).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
