"""Scripts in processes of their own, that may hang or die, and what became of them."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
LIMIT_S = 60  # for a process on a busy machine; a hang is for ever

START = """
import sys, os, threading, time, numpy as np
sys.path[:0] = sys.argv[1:3]
import edgecsi, tiny_bundle
path = sys.argv[3]
x = tiny_bundle.channels(2)
"""


def run(script, *arguments, limit_s=LIMIT_S):
    """Run START and a script, with `path` its first argument; TimeoutExpired where it hangs."""
    command = [sys.executable, "-c", START + script, str(ROOT), str(TESTS), *map(str, arguments)]
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=limit_s, env=environment)
