"""Run a command: an error of a user ends here, in one line on stderr."""

from __future__ import annotations

import math
import signal
import sys
import time
from typing import cast

import click

from harness.cli import data, export, judge, machine, names, new, picture, predict, read, train  # noqa: F401  # they add commands
from harness.cli.group import bench
from harness.cli.output import INTERRUPTED, MOST
from harness.errors import BenchError, what_would_work
from harness.system.console import bear_everything, lost

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_IMPATIENCE_S = 5.0


def main() -> None:
    """Run the command; end with its exit code.

    0 fine; 1 a regression or a failed expectation; 2 the user's mistake; 3 some trial broke;
    4 no trial ended ok or diverged; 130 interrupted.
    """
    bear_everything()
    interrupt = _Interrupt()
    for number in _ENDING:
        place = getattr(signal, number, None)
        if place is not None and signal.getsignal(place) != signal.SIG_IGN:  # as `nohup` leaves it
            signal.signal(place, interrupt)
    try:
        code = bench.main(prog_name="bench", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message)
        code = 0
    except click.UsageError as error:
        code = _told(_about_form(error))
    except BenchError as error:
        code = _told(str(error))
    except (KeyboardInterrupt, click.Abort) as stop:
        run_name = str(stop.__cause__ or stop)
        resume = f"; bench resume {run_name} goes on" if run_name else ""
        code = _told(f"interrupted: finished trials are kept{resume}", INTERRUPTED)
    for number in _ENDING:  # the end of the interpreter would make one more of them fatal
        if hasattr(signal, number):
            signal.signal(getattr(signal, number), signal.SIG_IGN)
    if code != INTERRUPTED and (reason := lost()):
        code = _told(f"stdout could not be written: {reason}")
    sys.exit(code if isinstance(code, int) else 0)


class _Interrupt:
    """Ends the command at a signal; those that soon follow cannot end the cleaning up."""

    def __init__(self) -> None:
        self._last_s = -math.inf

    def __call__(self, *_: object) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= _IMPATIENCE_S:
            self._last_s = now_s
            raise KeyboardInterrupt


def _about_form(error: click.UsageError) -> str:
    """Say which command was asked, and which of its options is nearest."""
    owner, command = "bench", cast("click.Command", bench)
    if error.ctx is not None and error.ctx.parent is not None:
        owner, command = str(error.ctx.info_name), error.ctx.command
    if isinstance(error, click.NoSuchOption):
        known = [name for each in command.params for name in each.opts if name[:1] == "-"]
        hint = what_would_work(error.option_name, known)
        return f"{owner} has no option {error.option_name!r}{hint}"
    told = error.format_message()
    return told if error.ctx is None else f"{owner}: {told[:1].lower()}{told[1:]}"


def _told(message: str, code: int = 2) -> int:
    from harness.units import one_line

    print(f"bench: {one_line(message, MOST)}", file=sys.stderr)  # noqa: T201  # its voice
    return code
