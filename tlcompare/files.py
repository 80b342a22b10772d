"""Files on this machine: the cache folder, downloads, hashes, and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from tlcompare.errors import UserError

_ANSWER_S = 60.0


def cache_dir() -> Path:
    """Where stores and data sets are kept: TLCOMPARE_CACHE, else tlcompare under the user's cache folder."""
    chosen = os.environ.get("TLCOMPARE_CACHE")
    if chosen:
        return expanded(chosen).absolute()
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache").absolute() / "tlcompare"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def download(url: str, path: Path, sha256: str, error: type[UserError], hint: str) -> None:
    """Download to `path`, which appears only if the content's SHA-256 starts with `sha256`.

    Raises:
        error: with `hint`, if the address does not answer, sends something else, or leads from https to plain http.
    """
    import requests

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        as_it_is = {"Accept-Encoding": "identity"}
        with (
            os.fdopen(handle, "wb") as f,
            requests.get(url, stream=True, timeout=_ANSWER_S, headers=as_it_is) as response,
        ):
            response.raise_for_status()
            plain = [r.url for r in (*response.history, response) if not r.url.startswith("https:")]
            if url.startswith("https:") and plain:
                raise error(f"{url} leads to {plain[0]}, which is not encrypted", hint)
            for chunk in response.iter_content(1 << 20):
                f.write(chunk)
            f.flush()
            os.fsync(f.fileno())
        found = sha256_of(temporary)
        if not found.startswith(sha256):
            raise error(f"{url} sent another file than the published one, of SHA-256 {found[:16]}", hint)
        temporary.chmod(0o644)
        temporary.replace(path)
    except (OSError, ValueError) as e:
        if is_of_the_disk(e):
            raise
        raise error(f"cannot download {url}: {first_line(e)}", hint) from e
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A temporary sibling that becomes `final` when the block ends well, and vanishes when it does not.

    If another process makes `final` meanwhile, theirs stays.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name[:40]}-", dir=final.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync(file)
        temporary.chmod(0o755)
        try:
            temporary.rename(final)
        except OSError:
            if not final.is_dir():
                raise
        _sync(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Keep other processes that ask for the same `path` out until the block ends.

    Raises:
        filelock.Timeout: another process has it, and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock_of(path), timeout=-1 if wait else 0):
        yield


def lock_of(path: Path) -> Path:
    """The file by which `locked` keeps others out."""
    return path.with_name(f".{path.name}.lock")


def write_atomically(path: Path, *content: str | bytes) -> None:
    """Replace a file's content so that a reader, or a crash, sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as f:
            f.writelines(part.encode() if isinstance(part, str) else part for part in content)
            f.flush()
            os.fsync(f.fileno())
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sealed(value: Any) -> str:
    """A value as JSON behind its own SHA-256, so that `unsealed` notices damage."""
    body = json.dumps(value)
    return seal(body.encode()) + body


def unsealed(path: Path) -> Any:
    """The value in a file that `sealed` made; None if there is no such file or it was damaged."""
    body = unsealed_bytes(path)
    return None if body is None else json.loads(body)


def seal(body: bytes) -> str:
    """What to write before a file's content, so that `unsealed_bytes` notices damage."""
    return f"{hashlib.sha256(body).hexdigest()}\n"


def unsealed_bytes(path: Path) -> bytes | None:
    """The bytes behind their `seal` in a file; None if there is no such file or it was damaged."""
    try:
        with path.open("rb") as f:
            first, body = f.readline(), f.read()
    except OSError:
        return None
    return body if seal(body).encode() == first else None


def folder_size(path: Path) -> int:
    """Bytes in all files below `path`; 0 if there is none."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def is_of_the_disk(e: Exception) -> bool:
    """Whether the disk is full or broken, which is no fault of what was to be written."""
    return isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def is_of_the_machine(e: Exception) -> bool:
    """Whether this machine lacks room, memory or processes, whatever was to be done."""
    return is_of_the_disk(e) or (isinstance(e, OSError) and e.errno in (errno.ENOMEM, errno.EAGAIN, errno.EMFILE))


def expanded(path: str) -> Path:
    """The path with `~` written out.

    Raises:
        UserError: it names a user who has no home here.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as e:
        raise UserError(f'"{path}": {first_line(e)}', "Write the path out.") from e


def root_of(e: BaseException) -> BaseException:
    """The exception from which another one was raised: what a database said, and not what a library makes of it."""
    while e.__cause__ is not None:
        e = e.__cause__
    return e


def of_a_full_disk(e: BaseException, hint: str) -> tuple[str, str]:
    """What is wrong and what to do: if a database's file lies on a disk that is full or broken, about that."""
    said = first_line(root_of(e))
    if "is full" in said:
        return said, "Make room on the disk."
    return (said, "Check the disk.") if "disk I/O error" in said else (first_line(e), hint)


def first_line(e: BaseException) -> str:
    """The first line of an exception's text, or its type."""
    return (str(e).strip().splitlines() or [type(e).__name__])[0]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
