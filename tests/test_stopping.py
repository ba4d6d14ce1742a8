"""A signal that Python would drop stops the command all the same."""

import os
import signal
import time
import weakref

import pytest

from edgecsi.stopping import Stopped, listen


class Thing:
    pass


def test_a_signal_during_a_weak_references_callback_is_not_lost(capsys):
    undo = listen()
    sent = []

    def callback(_):
        if not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGTERM)
            sum(range(1000))  # bytecodes at which the handler runs

    try:
        thing = Thing()
        reference = weakref.ref(thing, callback)
        del thing
        with pytest.raises(Stopped):
            time.sleep(10)
    finally:
        undo()
    assert reference() is None
    assert "Traceback" not in capsys.readouterr().err
