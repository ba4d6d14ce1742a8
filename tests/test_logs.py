import contextlib
import io
import logging
import subprocess
import sys

import pytest

from edgecsi import logs
from edgecsi.progress import say


@pytest.fixture(autouse=True)
def as_before():
    """The logger is the process's: what a test does to it is undone."""
    handlers, level = list(logs.LOGGER.handlers), logs.LOGGER.level
    yield
    logs.LOGGER.handlers, logs.LOGGER.level = handlers, level


def said(what):
    """What a function writes to standard error."""
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        what()
    return stderr.getvalue()


def test_a_line_is_plain_text_on_stderr_once_however_often_it_was_set_up():
    logs.setup()
    logs.setup("info")
    assert said(lambda: say("data: 100 % done")) == "data: 100 % done\n"


def test_stderr_is_looked_up_when_a_line_is_said():
    said(logs.setup)
    assert said(lambda: say("later")) == "later\n"


def test_a_higher_level_is_quieter():
    logs.setup("warning")
    assert said(lambda: say("a line")) == ""
    assert said(lambda: logging.getLogger("edgecsi.stages").warning("mind")) == "mind\n"


def test_a_library_says_nothing_until_logging_is_set_up():
    program = "from edgecsi.progress import say; say('heard by nobody')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
