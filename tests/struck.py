"""Signals that come while a database is being used."""

import contextlib
import os
import sqlite3
import threading
from pathlib import Path

from sqlalchemy import Engine, event


@contextlib.contextmanager
def struck(database, number, at):
    """This process gets a signal right after its main thread's `at`th statement to the file `database`."""
    seen = []

    def strike(connection, cursor, statement, *_):
        theirs = Path(connection.engine.url.database).absolute() == database
        if theirs and threading.current_thread() is threading.main_thread():
            seen.append(statement)
            if len(seen) == at:
                os.kill(os.getpid(), number)

    event.listen(Engine, "after_cursor_execute", strike)
    try:
        yield seen
    finally:
        event.remove(Engine, "after_cursor_execute", strike)


def free(database):
    """Whether nothing holds the file."""
    with contextlib.closing(sqlite3.connect(database, timeout=0)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return False
        return True
