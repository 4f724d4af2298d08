"""What a task is (`Task`), the files that hold tasks, and how they are frozen, linted and recorded."""

from toolgym.tasks.task import (
    Assertion,
    CallCheck,
    Check,
    ChecklistItem,
    DoneCheck,
    GoldAction,
    GoldCall,
    JudgedCheck,
    NoWriteCheck,
    RefusedCheck,
    SaidCheck,
    StateCheck,
    Task,
    UserAction,
    UserCall,
    UserScript,
)

__all__ = [
    "Assertion",
    "CallCheck",
    "Check",
    "ChecklistItem",
    "DoneCheck",
    "GoldAction",
    "GoldCall",
    "JudgedCheck",
    "NoWriteCheck",
    "RefusedCheck",
    "SaidCheck",
    "StateCheck",
    "Task",
    "UserAction",
    "UserCall",
    "UserScript",
]
