"""What a folder of images holds: classes, parts, files, and what of it is not used."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlcompare.errors import DataError

_FILLING = "set|seg|data|images?|imgs?|folder|split|files|samples"
_PARTS = {
    part: re.compile(rf"(?:{_FILLING})?(?:{words})(?:{_FILLING})?")
    for part, words in {
        "train": r"train(?:ing)?|trn|trainval",
        "val": r"val(?:id(?:ation)?)?|dev",
        "test": r"test(?:ing)?|holdout",
        "one that is not known": r"eval(?:uation)?|fold|split|part",
    }.items()
}
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
CLUTTER = {
    "thumbs.db",
    "desktop.ini",
    "@eadir",
    "@recycle",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "network trash folder",
    "temporary items",
    "__macosx",
    "__pycache__",
    "mlruns",
    "mlartifacts",
}
"""What systems, and MLflow, leave beside images; in lower case."""
_RENAME = "Rename it to train, val or test if it is one of these, else move it elsewhere."


@dataclass(frozen=True)
class ImageFile:
    """One file of a data set: its path below the root, class, and part (`""` if the data is not divided)."""

    path: str
    label: int
    part: str


@dataclass(frozen=True)
class Listing:
    """The images of a folder.

    Attributes:
        classes: class names in Unicode's composed form (NFC), sorted; a label is an index into them.
        files: in the order of their paths.
        notes: what was not used, or decided for the user, a sentence each.
    """

    classes: tuple[str, ...]
    files: tuple[ImageFile, ...]
    notes: tuple[str, ...]


@dataclass
class _Folder:
    """A walk below a root, which notes what it passes over."""

    root: Path
    passed: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def shown(self, path: Path) -> str:
        return printable(str(path.relative_to(self.root)))

    def folders(self, top: Path) -> list[Path]:
        """The folders in a folder, but hidden ones and those of the system."""
        with os.scandir(top) as entries:  # which knows folders without asking the disk for each of the files
            shown = [Path(top, e.name) for e in entries if not e.name.startswith(".") and _may_be_folder(e)]
        return sorted(d for d in shown if d.is_dir() and not self._clutter(d))

    def files(self, top: Path) -> list[Path]:
        """The files in a folder and in all below it, links to folders followed, each folder once."""
        found: list[Path] = []
        seen: set[str] = set()
        for place, folders, names in os.walk(top, onerror=_unreadable, followlinks=True):
            if (real := os.path.realpath(place)) in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = [n for n in folders if not n.startswith(".") and not self._clutter(Path(place, n))]
            found += [Path(place, n) for n in names if not n.startswith(".") and n.lower() not in CLUTTER]
        return sorted(found)

    def _clutter(self, path: Path) -> bool:
        known = path.name.lower() in CLUTTER
        if known and path.is_dir():
            self.passed.add(self.shown(path))
        return known


def list_images(root: Path) -> Listing:
    """Classes and image files below `root`.

    The root holds a folder for each class, or such folders in folders for train, val and test by one of their usual
    names (`Training`, `test_set`, `dev`, `holdout`, ...).

    Raises:
        DataError: no class folders, one class only, an empty class, or folders that seem to be parts of the data and
            are not understood.
    """
    walk = _Folder(root)
    parts = _divided(walk) or {"": root}
    class_folders = {part: walk.folders(top) for part, top in parts.items()}
    classes = sorted({_class_of(d) for folders in class_folders.values() for d in folders})
    if len(classes) < 2:
        found = f'one class only, "{classes[0]}"' if classes else "no class folders"
        raise DataError(f"{root} has {found}", "Put the images of each class into a folder of its own.")
    if "" in parts:
        _require_no_parts_below(walk, class_folders[""])
    label_of = {name: i for i, name in enumerate(classes)}
    files = [
        ImageFile(str(path.relative_to(root)), label_of[_class_of(folder)], part)
        for part, folders in sorted(class_folders.items())
        for folder in folders
        for path in walk.files(folder)
    ]
    filled = {f.label for f in files}
    if empty := [name for name in classes if label_of[name] not in filled]:
        raise DataError(
            f"{'no images' if not files else 'empty class'} in {root}: {', '.join(empty)}",
            "Add images or remove the folder.",
        )
    walk.notes += _alike({part: [_class_of(d) for d in folders] for part, folders in class_folders.items()})
    if walk.passed:
        walk.notes.append(f"passed over {_some(walk.passed, 'folder')} that systems make for themselves")
    if loose := [walk.shown(p) for top in {root, *parts.values()} for p in _images_in(top)]:
        walk.notes.append(f"warning: {_some(loose, 'image file')}, beside the class folders, not used")
    return Listing(tuple(classes), tuple(files), tuple(walk.notes))


def printable(path: str) -> str:
    """A path that can be shown and stored: bytes that are no UTF-8 are written out."""
    return path.encode("utf-8", "backslashreplace").decode()


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() or entry.is_dir()


def _class_of(folder: Path) -> str:
    return unicodedata.normalize("NFC", printable(folder.name))


def _words(folder: Path) -> list[str]:
    """`seg_train`, `TrainSet1` and `hold-out` in words, in lower case."""
    name = re.sub(r"(?i)hold[-_ ]out", "holdout", folder.name)
    return [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]", name)]


def _named(folder: Path) -> tuple[str, bool]:
    """Which part of the data a folder's name may stand for, empty if none; and whether it is one of the usual names."""
    found, rest = "", []
    for word in _words(folder):
        part = next((part for part, names in _PARTS.items() if names.fullmatch(word)), "")
        if part and not found:
            found = part
        elif not re.fullmatch(_FILLING, word):
            rest.append(word)
    if not found or any(len(word) > 1 and not word.isdigit() for word in rest):
        return "", False
    return found, not rest and found in ("train", "val", "test")


def _part_of(folder: Path) -> str:
    part, usual = _named(folder)
    return part if usual else ""


def _may_be_a_part(folder: Path) -> bool:
    return bool(_named(folder)[0])


def _images_in(top: Path) -> Iterator[Path]:
    return (p for p in top.iterdir() if p.suffix.lower() in _SUFFIXES and p.name[0] != "." and p.is_file())


def _holds_images(folder: Path) -> bool:
    return next(_images_in(folder), None) is not None


def _holds_images_below(walk: _Folder, folder: Path) -> bool:
    """Whether images lie in a folder, or in the two levels of folders below it."""
    inside = walk.folders(folder)
    return any(_holds_images(d) for d in (folder, *inside, *(inner for d in inside for inner in walk.folders(d))))


def _divided(walk: _Folder) -> dict[str, Path]:
    """Folders of train, val and test by part, if there are such folders with class folders in them.

    Raises:
        DataError: what is there can be read in more than one way.
    """
    root = walk.root
    _require_links(root)
    every = walk.folders(root)
    inside = {d: walk.folders(d) for d in every}
    flat = [d for d in every if not inside[d] and _holds_images(d)]
    nested = [d for d in every if inside[d] and (_part_of(d) or _holds_images_below(walk, d))]
    named = [d for d in nested if _part_of(d)]
    if not named:
        _require_classes(walk, nested, [d for d in every if not inside[d]])
        return {}
    parts: dict[str, Path] = {}
    for folder in named:
        part = _part_of(folder)
        if part in parts:
            raise DataError(
                f'{root} has two folders for {part}: "{parts[part].name}" and "{folder.name}"', "Leave one of them."
            )
        parts[part] = folder
    others = [d for d in nested if d not in named]
    unlabelled = [d for d in flat if _may_be_a_part(d)]
    beside = [*others, *(d for d in flat if d not in unlabelled)]
    if odd := [d for d in others if _may_be_a_part(d)]:
        raise DataError(f'{root} has a folder "{odd[0].name}" beside "{named[0].name}"', _RENAME)
    if beside and len(parts) == 1:
        raise DataError(
            f'{root} has "{named[0].name}", which may be a part of the data, or a class as "{beside[0].name}" may be',
            f'Move "{beside[0].name}" elsewhere; or, if both are classes, put the images of "{named[0].name}" right '
            "into its folder.",
        )
    if "train" not in parts:
        raise DataError(
            f"{root} has {' and '.join(d.name for d in named)} folders but no train folder",
            "Add one, or name a folder of class folders.",
        )
    for part, folder in parts.items():
        _require_links(folder)
        if len(inside[folder]) == 1 and _part_of(inside[folder][0]) == part and walk.folders(inside[folder][0]):
            parts[part] = inside[folder][0]
            walk.notes.append(f"note: the classes of {part} are taken from {walk.shown(parts[part])}")
    for folder in unlabelled:
        walk.notes.append(f"warning: the images in {walk.shown(folder)} are in no class folder and are not used")
    if beside:
        walk.notes.append(f"warning: {_some(map(walk.shown, beside), 'folder')}, beside the parts, not used")
    return parts


def _require_links(top: Path) -> None:
    if lost := [str(d) for d in top.iterdir() if d.is_symlink() and not d.exists() and not d.name.startswith(".")]:
        raise DataError(f"{', '.join(sorted(lost))} leads nowhere", "Mount what the link leads to, or remove it.")


def _require_classes(walk: _Folder, nested: Sequence[Path], flat: Sequence[Path]) -> None:
    """Check that folders none of which is taken for a part are classes.

    Raises:
        DataError: several of them seem to be parts.
    """
    parts = [d for d in (*nested, *flat) if _may_be_a_part(d)]
    if len(parts) > 1 and any(d in nested for d in parts):
        shown = " and ".join(walk.shown(d) for d in parts[:2])
        raise DataError(f"{walk.root} has the folders {shown}, which seem to be parts of the data", _RENAME)
    if len(parts) > 1:
        raise DataError(
            f"{walk.root} has {' and '.join(map(walk.shown, parts[:2]))} with images, but no class folders in them",
            "Put the images of each class into a folder of its own.",
        )
    same: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for folder in nested:
        same[tuple(d.name for d in walk.folders(folder))].append(folder)
    for names, folders in same.items():
        if len(folders) > 1 and len(names) > 1:
            shown = " and ".join(walk.shown(d) for d in folders[:2])
            walk.notes.append(f"warning: {shown} hold folders of the same names, and are taken for a class each")


def _require_no_parts_below(walk: _Folder, class_folders: Iterable[Path]) -> None:
    """Check that the images are not divided below their classes, where it would go unheeded."""
    below: dict[str, Path] = {}
    for folder in class_folders:
        for inner in walk.folders(folder):
            if part := _part_of(inner):
                below.setdefault(part, inner)
    if len(below) > 1:
        shown = " and ".join(map(walk.shown, list(below.values())[:2]))
        raise DataError(
            f"{walk.root} is divided below its classes: {shown}",
            "Put train, val and test first and the classes below them.",
        )


def _alike(names: dict[str, list[str]]) -> list[str]:
    """What is to be said of class names, by part, that look the same.

    Raises:
        DataError: names of one class in two spellings, one in train and the other not.
    """
    spellings: dict[str, set[str]] = defaultdict(set)
    for name in {n for listed in names.values() for n in listed}:
        spellings[re.sub(r"(?<=[^\W\d])[\s_-]+(?=[^\W\d])", "", name.strip().casefold())].add(name)
    pairs = [sorted(same) for same in spellings.values() if len(same) > 1]
    for pair in pairs:
        missing = [n for n in pair if "train" in names and n not in names["train"]]
        if missing and len(missing) < len(pair):
            there, part = next(n for n in pair if n not in missing), next(p for p in names if missing[0] in names[p])
            raise DataError(
                f'the class "{there}" of train is "{missing[0]}" in {part}: they differ only in case, blanks, - or _',
                "Rename one of the folders.",
            )
    notes = []
    if twice := {name for listed in names.values() for name, count in Counter(listed).items() if count > 1}:
        notes.append(
            f"note: {' and '.join(sorted(twice))}: there are two such folders, whose names Unicode writes in two ways; "
            "they are one class"
        )
    if pairs:
        more = f", and {len(pairs) - 1} more pairs" if len(pairs) > 1 else ""
        notes.append(f'warning: the classes "{pairs[0][0]}" and "{pairs[0][1]}" differ only in case or blanks{more}')
    return notes


def _some(names: Iterable[str], noun: str) -> str:
    listed = sorted(names)
    return f"{len(listed)} {noun}{'s' if len(listed) > 1 else ''} ({listed[0]}{', ...' if len(listed) > 1 else ''})"


def _unreadable(e: OSError) -> None:
    raise DataError(f"the folder {e.filename} cannot be read: {e.strerror}", "Check its rights, or remove it.") from e
