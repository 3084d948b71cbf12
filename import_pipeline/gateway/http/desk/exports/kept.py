"""The files that daily, weekly and monthly exports have written, by their windows; which are not there yet, and when the next is due.

Belongs here: looking into the account's export folders. Does not belong here: writing these files (exporting/, orchestration/exports.py).

A name from an address is never made into a path: it is looked up in the folder's listing. What the folder holds is believed as far as
its manifests tell it, and only for plain files that lie beside them.
"""

import json
import os
import re
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from import_pipeline.exporting.files import MANIFEST, file_name
from import_pipeline.exporting.windows import TICK, Window, last_closed, window_of
from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.desk.sending import opened
from import_pipeline.landing.tree import root
from import_pipeline.model.account import Account, Cadence
from import_pipeline.settings import Settings

CADENCES: tuple[Cadence, ...] = ("daily", "weekly", "monthly")
_LABEL = re.compile(r"_(\d{4}-\d{2}-\d{2}|\d{4}-W\d{2}|\d{4}-\d{2})\.[a-z]+(\.zip)?$")
_MOST = 4_000
"""Windows that are looked back for what is missing: ten years of days."""
_LARGEST = 1 << 20
"""Bytes that a manifest has at most."""


@dataclass(frozen=True)
class KeptFile:
    """One file that may be downloaded."""

    name: str
    size: int
    rows: int | None


@dataclass(frozen=True)
class Export:
    """One type's export of a window: its files, or the reason why there are none."""

    object_type: str
    rows: int | None = None
    made_at: datetime | None = None
    files: tuple[KeptFile, ...] = ()
    due: datetime | None = None
    """When it is due, of one that is not there."""
    late: bool = False
    """Whether that is over."""
    ever: bool = True
    """Whether there is a file of another window: an account that is new has none at all."""


@dataclass(frozen=True)
class WindowOf:
    """A window with its exports. `first` and `last` are the days it holds, in the account's calendar."""

    label: str
    first: str
    last: str
    exports: list[Export] = field(default_factory=list)


@dataclass(frozen=True)
class Cadenced:
    """Everything of one cadence. `pages` tells how many pages of windows there are."""

    cadence: Cadence
    types: tuple[str, ...]
    next_label: str
    next_due: datetime
    windows: list[WindowOf]
    page: int
    pages: int


def kept(settings: Settings, account: Account, cadence: Cadence, now: datetime, page: int = 1, per_page: int = 15) -> Cadenced:
    """The windows of one page, newest first: those with files, and all that have ended since the first file of a type, which may lack
    one; of a type without any file it is the last window that has ended."""
    folder = _folder(settings, account, cadence)
    names = _names(folder)
    manifests: dict[str, list[str]] = {}
    since: dict[str, datetime] = {}
    found: dict[str, Window] = {}
    for name in names:
        told = _LABEL.search(name.removesuffix(MANIFEST)) if name.endswith(MANIFEST) else None
        window = found.get(told[1]) or _window(cadence, told[1], account) if told else None
        if told and window:
            manifests.setdefault(told[1], []).append(name)
            found[told[1]] = window
            since[name[: told.start()]] = min(window.start, since.get(name[: told.start()], window.start))
    types = tuple(name for name in account.exports.types(cadence) if name in account.types_by_name)
    closed = last_closed(cadence, now, account.timezone)
    first = {name: since.get(_prefix(name), closed.start) for name in types}
    ever = frozenset(name for name in types if _prefix(name) in since)
    window = closed
    while types and window.start >= min(first.values()) and len(found) < _MOST:
        found.setdefault(window.label, window)
        window = last_closed(cadence, window.start, account.timezone)
    ordered = sorted(found.values(), key=lambda window: window.start, reverse=True)
    pages = max(1, -(-len(ordered) // per_page))
    page = min(max(1, page), pages)
    shown = ordered[(page - 1) * per_page : page * per_page]
    windows = [_exports(folder, names, manifests.get(window.label, []), window, first, ever, account, now) for window in shown]
    coming = closed if due(closed, account) > now else _following(closed, account)
    return Cadenced(cadence, types, coming.label, due(coming, account), windows, page, pages)


def open_kept(settings: Settings, account: Account, cadence: str, name: str) -> BinaryIO:
    """A file of the listing, opened. Raises FileNotFoundError for every other name."""
    if cadence not in CADENCES or name.endswith(MANIFEST):
        raise FileNotFoundError(name)
    folder = _folder(settings, account, cadence)
    listed = next((each for each in _names(folder) if each == name), None)
    if listed is None or not _LABEL.search(listed):
        raise FileNotFoundError(name)
    return opened(folder / listed)


def due(window: Window, account: Account) -> datetime:
    """When the schedule makes the exports of a window: the day it ends, at the account's time of day."""
    zone = ZoneInfo(account.timezone)
    hour, minute = (int(part) for part in account.exports.at.split(":"))
    return datetime.combine(window.end.astimezone(zone).date(), time(hour, minute), zone)


def _folder(settings: Settings, account: Account, cadence: str) -> Path:
    return root(account, settings) / "Exports" / cadence.capitalize()


def _names(folder: Path) -> frozenset[str]:
    """Regular files that are no secret; nothing where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(e.name for e in entries if not e.name.startswith(".") and e.is_file(follow_symlinks=False))
    except FileNotFoundError:
        return frozenset()


def _prefix(type_name: str) -> str:
    """What names of files of this type begin with, up to the label."""
    return file_name(type_name, "", "").removesuffix("_.")


def _window(cadence: Cadence, label: str, account: Account) -> Window | None:
    try:
        return window_of(cadence, label, account.timezone)
    except (PermanentFailure, ValueError, OverflowError):
        return None


def _following(window: Window, account: Account) -> Window:
    first = window.end.astimezone(ZoneInfo(account.timezone)).date()
    return window_of(window.cadence, first.isoformat(), account.timezone)


def _exports(
    folder: Path,
    names: frozenset[str],
    manifests: list[str],
    window: Window,
    since: dict[str, datetime],
    ever: frozenset[str],
    account: Account,
    now: datetime,
) -> WindowOf:
    made = [export for name in sorted(manifests) if (export := _export(folder, names, name)) is not None]
    there = {export.object_type for export in made}
    expected = due(window, account)
    missing = [name for name, first in since.items() if name not in there and first <= window.start]
    made += [Export(name, due=expected, late=expected < now, ever=name in ever) for name in missing]
    rank = {name: n for n, name in enumerate(since)}
    made.sort(key=lambda export: (rank.get(export.object_type, len(rank)), export.object_type))
    zone = ZoneInfo(account.timezone)
    days = [each.astimezone(zone).date().isoformat() for each in (window.start, window.end - TICK)]
    return WindowOf(window.label, days[0], days[1], made)


def _export(folder: Path, names: frozenset[str], manifest: str) -> Export | None:
    """What a manifest tells; None when it tells nothing that is there."""
    told = _read(folder / manifest)
    listed: list[dict[str, Any]] = told["files"] if isinstance(told.get("files"), list) else [told]
    files = []
    for each in listed:
        name = each.get("file") if isinstance(each, dict) else None
        if isinstance(name, str) and name in names and _LABEL.search(name) and not (folder / name).is_symlink():
            files.append(KeptFile(name, (folder / name).stat().st_size, _number(each.get("rows"))))
    kind = told.get("type")
    if not files or not isinstance(kind, str):
        return None
    return Export(kind, _number(told.get("rows")), _moment(told.get("made_at")), tuple(files))


def _read(path: Path) -> dict[str, Any]:
    try:
        with opened(path) as file:
            found = json.loads(file.read(_LARGEST))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.utcoffset() is not None else None
