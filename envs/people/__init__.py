"""The HR desk: employees and their teams, leave, trainings, expenses, benefit plans and payslips."""

from toolgym.envs.people.declared import PEOPLE

__all__ = ["PEOPLE"]
