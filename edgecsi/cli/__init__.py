"""The command line: one file per verb, loaded only when that verb is called.

Commands hold no logic: they read options, call the room that does the work, and print. Errors of the
user's come out as one line; `edgecsi --debug VERB ...` shows the traceback.
"""

from __future__ import annotations

from edgecsi.early import INTERRUPTED  # isort: skip  # before the slow imports

import errno
import importlib
import io
import re
import signal
import sys
import threading
from importlib import metadata

import click

from edgecsi.errors import EdgeCsiError
from edgecsi.logs import LEVELS, setup
from edgecsi.printable import one_line
from edgecsi.stopping import Stopped, listen

# verb -> (module in this package, attribute). Importing a verb's module stays light: heavy libraries
# are imported inside the command, so that `--help` and the edge verbs work without torch.
VERBS = {
    "data": "data",
    "train": "train",
    "distill": "distill",
    "calib": "calib",
    "build": "build",
    "compress": "compress",
    "verify": "verify",
    "latency-report": "latency_report",
    "budgets": "budgets",
    "inspect": "inspect",
    "targets": "targets",
}


class LazyGroup(click.Group):
    """A group whose commands are imported by name when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of the flow."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a verb and return its `command`."""
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f"edgecsi.cli.{VERBS[cmd_name]}").command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edgecsi")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE",
    help="Python file or module that registers networks, tasks, engines or stages of your own; repeatable.",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    help="What is said on stderr.",
)
@click.pass_context
def cli(ctx: click.Context, debug: bool, plugins: tuple[str, ...], log_level: str) -> None:
    """Compress LLM-backed channel predictors into engines that keep a radio's timing budget."""
    from edgecsi.registry import add_plugins

    setup(log_level)
    ctx.obj = {"debug": debug}
    if plugins:
        add_plugins(plugins)


def main() -> None:
    """Entry point, and the one place where exceptions end: a line, never more, and an exit code."""
    debug = "--debug" in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows ? for what it hasn't
    undo = listen()
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.message = one_line(error.message)
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        _hear_no_more()
        click.echo(INTERRUPTED, err=True)
        cause = error.__cause__ or error
        sys.exit(128 + cause.number if isinstance(cause, Stopped) else 130)
    except Exception as error:
        if debug:
            raise
        click.echo(f"edgecsi: error: {_one_line(error)}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
    finally:
        undo()


def _hear_no_more() -> None:
    """A second Ctrl-C while this process ends adds nothing."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _one_line(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed; {_extra_hint(error.name or '')}"
    line = one_line(str(error)) or type(error).__name__
    if isinstance(error, MemoryError):
        return "not enough memory for this"
    if not isinstance(error, EdgeCsiError | OSError):
        return (
            f"not foreseen: {type(error).__name__}: {line}; "
            "please report it with what `edgecsi --debug VERB ...` shows"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        return f"{line}; the output folder's disk can't lock files: choose a folder on another one"
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return f"{line}; make room and run it again: what is finished is kept" if full else line


def _extra_hint(module: str) -> str:
    """The extra of this package that brings a module, as its metadata say."""
    for requirement in metadata.requires("edgecsi") or ():
        name, _, marker = requirement.partition(";")
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", marker)
        if extra and name.startswith(module.partition(".")[0]):
            return f"pip install 'edgecsi[{extra[1]}]'"
    return f"pip install {module}"
