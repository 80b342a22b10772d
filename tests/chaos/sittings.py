"""Commands run in forked processes that can be killed, and what must be true of a sweep afterwards."""

import contextlib
import importlib
import os
import signal
import time

import pytest
from click.testing import CliRunner

from tlcompare.cli import main

SMALL = ["--image-size", 32, "--batch-size", 8, "--threads", 1, "--augment", "flip", "--precision", "fp32"]
MODEL = ["--model", "timm:test_resnet", "--weights", "none"]


def slow(*values):
    """One of the parameters of a test that runs with the slow ones."""
    return pytest.param(*values, marks=pytest.mark.slow)


def run(*arguments):
    """The command line in this process."""
    return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="tlcompare")


def begin(*arguments, before=lambda: None):
    """The command line in a forked process, after `before` was called there; gives its id."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open("output.txt", "a") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    code = 99
    try:
        before()
        result = run(*arguments)
        os.write(1, (result.output + repr(result.exception or "")).encode())
        code = result.exit_code
    finally:
        os._exit(code)


def end(child, limit=600.0):
    """Wait for a process; gives its exit code, a signal as a negative number, and how many seconds it took."""
    start = time.monotonic()
    while time.monotonic() - start < limit:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), time.monotonic() - start
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"hung for {limit} s")


def kill_after(seconds, child, number=signal.SIGKILL):
    """Send a signal after some time, if the process is still there; gives what `end` gives from then on."""
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)
    return end(child)


def found(place, name):
    """The owner, the last name and the value of `module:attribute` or `module:attribute[key]`."""
    *path, last = name.split(".")
    owner = importlib.import_module(place)
    for part in path:
        owner = getattr(owner, part)
    return owner, last, owner[last] if isinstance(owner, dict) else getattr(owner, last)


def patched(place, name, change):
    """Replace `module:attribute` or `module:attribute[key]` by what `change` makes of it, in this process."""
    owner, last, value = found(place, name)
    if isinstance(owner, dict):
        owner[last] = change(value)
    else:
        setattr(owner, last, change(value))


def dies(place, name, when, call=1):
    """Let this process be killed before or after the given call of a function."""
    seen = [0]

    def change(function):
        def deadly(*arguments, **named):
            seen[0] += 1
            if seen[0] == call and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **named)
            if seen[0] == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return deadly

    patched(place, name, change)
