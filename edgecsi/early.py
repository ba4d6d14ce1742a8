"""Imported first by the command line: Ctrl-C is one line even while the rest is being imported."""

from __future__ import annotations

import sys
from types import TracebackType

INTERRUPTED = "edgecsi: interrupted; finished stages are kept"


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print(INTERRUPTED, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if sys.excepthook is sys.__excepthook__:
    sys.excepthook = _hook
