"""Prediction tasks, one file each: what goes in, what comes out, and how good it was."""

from edgecsi.tasks.task import TASKS, Grouping, Task, Tensor

__all__ = ["TASKS", "Grouping", "Task", "Tensor"]
