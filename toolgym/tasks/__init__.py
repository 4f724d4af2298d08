"""What a task is (`Task`), the files that hold tasks, and how they are frozen, linted and recorded."""

from toolgym.tasks.task import (
    Assertion,
    CallCheck,
    Check,
    ChecklistItem,
    GoldAction,
    GoldCall,
    JudgedCheck,
    NoWriteCheck,
    SaidCheck,
    StateCheck,
    Task,
    UserScript,
)

__all__ = [
    "Assertion",
    "CallCheck",
    "Check",
    "ChecklistItem",
    "GoldAction",
    "GoldCall",
    "JudgedCheck",
    "NoWriteCheck",
    "SaidCheck",
    "StateCheck",
    "Task",
    "UserScript",
]
