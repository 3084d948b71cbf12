"""The process that makes one file for the desk and ends: `python -m import_pipeline.gateway.http.desk.exports.worker`.

Belongs here: reading the store for an order. Does not belong here: what an export is (exporting/), who may ask (pages.py).

It is a process of its own so that other pages stay quick, and what a large export takes of memory is given back when it ends.

An order comes pickled on standard input from the service that started the process; the answer goes out as one JSON object.
"""

import json
import logging
import os
import pickle
import sys
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from import_pipeline.exporting.moments import moment_of
from import_pipeline.exporting.states import check_state
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.desk.exports.orders import Answer, Order
from import_pipeline.ledger import Ledger
from import_pipeline.model.account import ExportFormat
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.session import Session, open_store

_PATIENCE = 3.0
"""Seconds to wait for a run that writes to the store."""
_POLITE = 5
"""How far the process stands back behind the service."""
_FORMATS: dict[str, ExportFormat] = {"csv": "csv", "jsonl": "jsonl", "parquet": "parquet", "xlsx": "csv"}


class Wrong(Exception):
    """A field of the order cannot be served."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        super().__init__(text)


def answer(order: Order) -> Answer:
    """Makes what is ordered. Errors that a person can mend, and those that pass, are answers."""
    ledger = Ledger(order.settings.ledger_url)
    try:
        with open_store(order.settings, order.account.name, patience=_PATIENCE) as session:
            made = _Maker(order, session, ledger).make()
        # The store is closed: a run that wants to write does not wait for a workbook.
        path = made.path
        for step in made.steps:
            path = step(path)
        return Answer(path.name, made.facts)
    except Wrong as wrong:
        return Answer(wrong={wrong.name: wrong.text})
    except PermanentFailure as failure:
        return Answer(wrong={"form": str(failure)})
    except TransientFailure as failure:
        logging.getLogger(__name__).warning("%s", failure)
        return Answer(busy=str(failure))
    finally:
        ledger.close()


@dataclass(frozen=True)
class _Made:
    """A file, what is told of it, and what is still to be done with it when the store is closed."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Callable[[Path], Path], ...] = ()


class _Maker:
    def __init__(self, order: Order, session: Session, ledger: Ledger) -> None:
        self.order, self.session, self.ledger = order, session, ledger

    def make(self) -> _Made:
        """What the order is of."""
        makers = {"export": self.export, "difference": self.difference, "map": self.map, "map_page": self.map_page}
        return makers[self.order.kind]()

    def export(self) -> _Made:
        """One type's records; territories come as a ZIP of maps."""
        from import_pipeline.exporting.export import export_type

        order, wanted = self.order, self.order.account.object_type(self.order.object_type)
        at = self._past("at", wanted)
        result = export_type(self.session, order.account, wanted, None, order.folder, at=at, format=_FORMATS[order.form], now=order.now)
        result.manifest.unlink()
        numbers = {c.key for c in wanted.columns if c.spec.type in ("Number", "Currency")}
        steps = (_maps,) if wanted is order.account.territory_type else self._steps(wanted.name, numbers)
        return _Made(result.path, {"rows": result.rows}, steps)

    def difference(self) -> _Made:
        """What differs between two moments."""
        from import_pipeline.exporting.difference import diff_name, diff_type

        order, wanted = self.order, self.order.account.object_type(self.order.object_type)
        start, end = (self._moment(name, wanted) for name in ("at", "until"))
        if start > end:
            raise Wrong("until", "this is the earlier moment: exchange the two")
        path = order.folder / diff_name(wanted, start, end, _FORMATS[order.form])
        made = diff_type(self.session, order.account, wanted, start, end, path, format=_FORMATS[order.form], now=order.now)
        made.manifest.unlink()
        counts = {name: getattr(made, name) for name in ("created", "changed", "fields", "deleted", "lines")}
        return _Made(path, counts, self._steps("Difference", {"line"}))

    def map(self) -> _Made:
        """What the map's page shows, as JSON."""
        from import_pipeline.exporting.territory_map import map_frames, placed_records
        from import_pipeline.gateway.http.desk.exports.drawing import drawn

        at = self._past("at", self._territory)
        frames, records = map_frames(self.session, self.order.account, at), placed_records(self.session, self.order.account, at)

        def draw(path: Path) -> Path:
            path.write_text(json.dumps(drawn(frames, records)), encoding="utf-8")
            return path

        return _Made(self.order.folder / "map.json", {"at": at.isoformat() if at else None}, (draw,))

    def map_page(self) -> _Made:
        """The map as one page to keep."""
        from import_pipeline.exporting.export import moment_label
        from import_pipeline.exporting.territory_map import write_territory_map

        at = self._past("at", self._territory)
        path = self.order.folder / f"Territories_{moment_label(at or self.order.now.replace(microsecond=0))}.html"
        write_territory_map(self.session, self.order.account, path, at)
        return _Made(path)

    def _steps(self, name: str, numbers: Collection[str]) -> tuple[Callable[[Path], Path], ...]:
        """To a workbook, into a ZIP: what the order wants of them."""
        book = (partial(_workbook, name=name, numbers=numbers),) if self.order.form == "xlsx" else ()
        return (*book, *((_packed,) if self.order.packed else ()))

    @property
    def _territory(self) -> ObjectType:
        found = self.order.account.territory_type
        if found is None:
            raise PermanentFailure("this account has no territories")
        return found

    def _past(self, name: str, wanted: ObjectType) -> datetime | None:
        """The moment of a field, None for the present."""
        if self.order.at == "now":
            check_state(self.session, self.order.account, wanted, None, self.order.now)
            return None
        return self._moment(name, wanted)

    def _moment(self, name: str, wanted: ObjectType) -> datetime:
        order = self.order
        with _about(name):
            found = moment_of(getattr(order, name), self.session, order.account, self.ledger, order.now)
            check_state(self.session, order.account, wanted, found, order.now)
        return found


@contextmanager
def _about(name: str) -> Iterator[None]:
    """What is refused in here is said beside the field `name`."""
    try:
        yield
    except PermanentFailure as failure:
        raise Wrong(name, str(failure)) from failure


def _workbook(path: Path, name: str, numbers: Collection[str]) -> Path:
    from import_pipeline.exporting.workbook import write_workbook

    target = path.with_suffix(".xlsx")
    write_workbook(path, target, name, numbers)
    return target


def _maps(path: Path) -> Path:
    """All files of an export of territories in one archive."""
    target = path.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(one for one in path.parent.iterdir() if one.suffix in (".kml", ".geojson")):
            archive.write(each, each.name)
    return target


def _packed(path: Path) -> Path:
    from import_pipeline.exporting.files import pack

    target = path.with_name(f"{path.name}.zip")
    pack(path, path.name, target)
    return target


def main() -> None:
    """Reads the order, makes it, tells."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.nice(_POLITE)
    order = pickle.load(sys.stdin.buffer)
    sys.stdout.write(json.dumps(asdict(answer(order))))


if __name__ == "__main__":
    main()
