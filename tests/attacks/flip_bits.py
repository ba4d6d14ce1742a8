"""Flip bits of a dataset, a line of stdin each, and read it: `flip_bits.py GOOD SCRATCH`, JSON lines out.

Runs in a process of its own, since a file that got past edgecsi's check could hang or end it.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from edgecsi.channel import Dataset
from edgecsi.errors import DataError


def read(path):
    """All that the file says."""
    with Dataset.open(path) as dataset:
        return (
            dataset.history(slice(None)),
            dataset.future(slice(None)),
            dataset.speed_kmh,
            dataset.drop,
            dataset.radio,
            dataset.origin,
            dataset.task.name,
        )


good_path, scratch = Path(sys.argv[1]), Path(sys.argv[2])
content, good = good_path.read_bytes(), read(good_path)
for line in sys.stdin:
    bit = int(line)
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    scratch.write_bytes(damaged)
    began, words = time.monotonic(), ""
    try:
        found = read(scratch)
        outcome = "same"
        try:
            np.testing.assert_equal(found, good)
        except AssertionError:
            outcome = "other"
    except DataError as error:
        outcome, words = "refused", str(error)
    except Exception as error:
        outcome, words = "raw", repr(error)
    print(json.dumps([bit, outcome, time.monotonic() - began, words]), flush=True)
