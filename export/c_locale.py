"""Numbers with a decimal point, whatever locale the process is in.

Libraries that write numbers with C's printf write 1e-05 as "9,9999997e-06" in a process that called
`setlocale(LC_ALL, "")` under a German locale, as Qt, GTK and R do, and read such numbers as 9 elsewhere.
"""

from __future__ import annotations

import ctypes
import locale
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def c_numbers() -> Iterator[None]:
    """C's numbers in this thread; others keep theirs, which `locale.setlocale` would change too."""
    library = ctypes.CDLL(None)
    for function in (library.uselocale, library.duplocale, library.freelocale):
        function.restype, function.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    library.newlocale.restype = ctypes.c_void_p
    library.newlocale.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    before = library.uselocale(None)
    numbers = library.newlocale(1 << locale.LC_NUMERIC, b"C", library.duplocale(before))
    library.uselocale(numbers)
    try:
        yield
    finally:
        library.uselocale(before)
        library.freelocale(numbers)
