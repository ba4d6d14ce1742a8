"""What can go wrong for a user: one line each, with the values and what to do.

The command line prints the line and exits with `exit_code`; `--debug` adds the traceback.
"""

from __future__ import annotations


class EdgeCsiError(Exception):
    """Base of every error that is the user's to mend."""

    exit_code = 1


class DataError(EdgeCsiError):
    """Channel data that can't be used: missing, truncated, of the wrong shape, NaN, zero power."""


class RadioMismatch(DataError):
    """Two things that were made for different radio settings."""


class ModelError(EdgeCsiError):
    """A network, backbone or checkpoint that can't be had or does not fit the data."""


class UnavailableError(EdgeCsiError):
    """A library, device or target that this machine doesn't have."""


class BuildError(EdgeCsiError):
    """A graph that can't be lowered or an engine that its builder refused."""


class BundleError(EdgeCsiError):
    """A bundle that is damaged, tampered with, or of another version."""


class DeadlineMissed(EdgeCsiError):
    """A call that did not end within the time that its caller gave it."""


class GoalMissed(EdgeCsiError):
    """Built, but an NMSE goal or a required budget was missed."""

    exit_code = 3
