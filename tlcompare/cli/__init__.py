"""The command line: parse, call one function, print. Heavy imports live inside the commands."""

from __future__ import annotations

import errno
import io
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from tlcompare import __version__
from tlcompare.cli.deciding import decide
from tlcompare.cli.evidence import compare, finalize, pick, probe, report
from tlcompare.cli.looking import layers, models, plan
from tlcompare.cli.sweeping import replicate, spaces, sweep
from tlcompare.cli.training import doctor, predict, sync, train
from tlcompare.errors import UserError, without_credentials
from tlcompare.escaping import harmless
from tlcompare.files import cache_dir
from tlcompare.machine.signals import terminable

_ROOM, _RIGHTS = "Make room on the disk, then run the same command again.", "Check the rights of the file or folder."
_SHOWN = 200
"""Characters of a file's name."""
_OF_THE_DISK = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EIO: "Check the disk, then run the same command again.",
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOTDIR: "There is a file where a folder is needed: check the path.",
    errno.ENAMETOOLONG: "Give a shorter one.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), then run the same command again.",
    errno.ENOMEM: "End what else needs memory here, then run the same command again.",
    errno.EAGAIN: "End some of the processes here, then run the same command again.",
    errno.ENOENT: "Check the path.",
    errno.EISDIR: "There is a folder where a file is needed: check the path.",
    errno.EEXIST: "Something else is there: check the path.",
    errno.ELOOP: "Links lead in a circle there: check the path.",
    errno.ENOLCK: "Files cannot be locked there: set TLCOMPARE_CACHE, or work, on a local disk.",
}


class _ShownError(click.ClickException):
    """A user's mistake: one line, in which nothing steers a terminal, and exit code 2."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(harmless(" ".join(message.split())))


@contextmanager
def _one_line() -> Iterator[None]:
    """Says what click finds wrong with a command line as other mistakes are said."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as e:
        where, text = e.ctx.command_path if e.ctx else "tlcompare", e.format_message()
        if isinstance(e, click.NoSuchOption):
            near = [name for name in e.possibilities or () if "_" not in name]
            text = click.NoSuchOption(e.option_name, possibilities=near).format_message()
        raise _ShownError(f"{text} See `{where} --help`.") from e


def _show_traceback(ctx: click.Context) -> None:
    if ctx.params.get("debug"):
        click.echo(harmless(without_credentials(traceback.format_exc())), err=True)


def _print_anything() -> None:
    """What the terminal's encoding does not have is written out, where it would end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


class _Group(click.Group):
    """Turns a user's mistake into one line; `--debug`, anywhere on the line, shows the traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--debug" in args:
            args = ["--debug", *(a for a in args if a != "--debug")]
        with _one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        _print_anything()
        try:
            with _one_line(), terminable():
                return super().invoke(ctx)
        except UserError as e:
            _show_traceback(ctx)
            raise _ShownError(str(e)) from e
        except OSError as e:
            if e.errno not in _OF_THE_DISK:
                raise
            _show_traceback(ctx)
            places = f"{cache_dir()}, {tempfile.gettempdir()} or the working folder"
            where = str(e.filename)[:_SHOWN] if e.filename else places
            raise _ShownError(f"{where}: {e.strerror}. {_OF_THE_DISK[e.errno]} What was finished stays.") from e
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. What was finished stays; the same command goes on from there.",
                err=True,
            )
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Which layers of a pretrained network should be unfrozen, and is it worth it?

    \b
    tlcompare models dinov2                                        what can be a backbone
    tlcompare layers mobilenet                                     what there is to unfreeze
    tlcompare plan --model mobilenet --unfreeze 50 --classes 5     what would train
    tlcompare train --model mobilenet --unfreeze 50 --data photos/ train it
    tlcompare decide --data photos/ --budget 1h                    all of what follows, from images to a verdict
    tlcompare sweep --data photos/ --trials 40                     let Optuna explore what to unfreeze
    tlcompare compare                                              the runs side by side
    tlcompare replicate --sweep default-1 --seeds 10               more seeds, to tell results from chance
    tlcompare pick --sweep default-1                               one strategy, by a stated rule
    tlcompare finalize --sweep default-1                           open the sealed test set, once
    tlcompare report --sweep default-1                             what it all shows, on one page
    mlflow ui                                                      everything about them
    """


for command in (
    train,
    decide,
    sweep,
    replicate,
    compare,
    pick,
    finalize,
    report,
    probe,
    layers,
    models,
    plan,
    spaces,
    predict,
    sync,
    doctor,
):
    main.add_command(command)
