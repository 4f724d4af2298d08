"""What a program that trains imports, and the tasks it chooses: `programs.py` forks from a process that has both."""

import gc
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there

import gymnasium
from trl.trainer import grpo_trainer  # noqa: F401

import toolgym  # noqa: F401 (registers the environments)
from toolgym.agents import dupo, grpo, steptool, toolupt  # noqa: F401
from toolgym.agents.evaluation import evaluation  # noqa: F401
from toolgym.agents.training import overlap, player, running  # noqa: F401

gymnasium.make("ToolGym/Airline-v0", size="small", depth=(1, 2)).close()  # goes through all tasks of the split

gc.collect()
gc.freeze()  # what all have in common is not gone through by each
