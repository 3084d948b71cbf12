"""Undos record by record and field by field, in plain Python: what the set-based undo has to equal (acceptance B-3).

Belongs here: the meaning of an undo, written as loops. Does not belong here: speed, SQL, the meaning of an import (oracle.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.relating.oracle import Event, Oracle, Pin, Record, Row, Version, Waiting, _Delivery

NEVER = datetime.max


@dataclass
class Released:
    """A parked row that was taken in."""

    row: Waiting
    change_set: str
    delivery: str
    stamp: datetime
    record: int | None
    parent: int | None
    undone_by: str | None = None
    marked: datetime | None = None


@dataclass
class Told:
    """What an undo did in one type: the action per record looked at, and what it kept: (record, column, job, reason)."""

    actions: dict[int, str] = field(default_factory=dict)
    kept: set[tuple[int, str | None, str | None, str]] = field(default_factory=set)


class UndoOracle(Oracle):
    """An account's store with undos. Dead records keep their versions; `dead` tells when each died and by which job."""

    def __init__(self, types: Mapping[str, ObjectType]) -> None:
        super().__init__(types)
        self.dead: dict[int, tuple[datetime, str]] = {}
        self.ended: dict[int, Pin] = {}
        self.released: list[Released] = []
        self.aside: list[Waiting] = []
        self.jobs: dict[str, tuple[str, str]] = {}
        self.undos: dict[str, tuple[str, datetime]] = {}
        """Undo: (the job it took back, its moment)."""

    def of_type(self, type_name: str) -> dict[int, Record]:
        return {i: r for i, r in super().of_type(type_name).items() if i not in self.dead}

    def deliver(self, type_name: str, delivery: str, files: Sequence[Sequence[Row]], now: datetime) -> Any:
        jobs = {f"{delivery}{n}": rows for n, rows in enumerate(files)}
        self.jobs = dict.fromkeys(jobs, (type_name, delivery)) | self.jobs
        again = (delivery, type_name) in self.runs
        if again:
            brought = [job for job, rows in jobs.items() if rows]
            self.released = [r for r in self.released if r.row.job not in brought]
        kind, waited = self.types[type_name], [w for w in self.waiting if w.type == type_name]
        parents = {id(w): _Delivery(self, kind, delivery, files, now).parent(w.row) for w in waited}
        known = {(type_name, w.job, w.line): self.lineage.pop((type_name, w.job, w.line), None) for w in waited}
        told = super().deliver(type_name, delivery, files, now)
        assert self.stamp
        # A replay speaks for the delivery's first change set, of whatever type.
        self.runs[delivery, type_name] = min(stamp for (key, _), stamp in self.runs.items() if key == delivery)
        for w in waited:
            place = (type_name, w.job, w.line)
            if not any(w is other for other in self.waiting) and w.job not in jobs and parents[id(w)] is not None:
                pass_number = f"{delivery}:{kind.slug}"
                self.released.append(Released(w, pass_number, delivery, self.stamp, self.lineage.get(place), parents[id(w)]))
            if place not in self.lineage and known[place] is not None:
                self.lineage[place] = known[place] or 0
        return told

    def stands(self, event: Event) -> bool:
        waits = {(r.row.job, r.row.line, r.stamp) for r in self.released if r.undone_by}
        return event.job not in self.cancelled() and (event.job, event.line, event.stamp) not in waits

    def counting(
        self, record: int, version: Version, cancelled: set[str], lifted: Sequence[Released] = (), pulled: Sequence[Released] = ()
    ) -> list[str]:
        """The jobs of the rows that made a version and still count; it counts as long as one of them does."""
        waiting = [r for r in self.released if r.undone_by and not any(r is other for other in lifted)] + list(pulled)
        back = {(r.row.job, r.row.line) for r in waiting if (r.record, r.stamp) == (record, version.stamp)}
        return [job for job, line in version.rows if job not in cancelled and (job, line) not in back]

    def root(self, undone: str) -> str:
        """The import that an undo of this job leads down to."""
        while undone in self.undos:
            undone = self.undos[undone][0]
        return undone

    def undone(self, job: str, pairs: Sequence[tuple[str, str]] | None = None) -> bool:
        """Whether an undo of the job is in force: one that is not undone itself."""
        known = [(undo, target) for undo, (target, _) in self.undos.items()] if pairs is None else pairs
        return any(target == job and not self.undone(undo, known) for undo, target in known)

    def cancelled(self, extra: tuple[str, str] | None = None) -> set[str]:
        """Jobs that do not count: all undos, and the imports that are undone."""
        pairs = [(undo, undone) for undo, (undone, _) in self.undos.items()] + ([extra] if extra else [])
        return {undo for undo, _ in pairs} | {job for job in self.jobs if self.undone(job, pairs)}

    def undo(self, undo: str, undone: str, now: datetime) -> dict[str, Told]:
        """Undoes a job in its type and the types below."""
        top = self.jobs[undone][0]
        done: dict[str, _Step] = {}
        for kind in self.types.values():
            above = done.get(kind.parent.type) if kind.parent else None
            if kind.name == top or above:
                step = _Step(self, kind, undo, undone, above)
                self.stamp = max(now, self.stamp + timedelta(microseconds=1)) if self.stamp else now
                step.run()
                done[kind.name] = step
        self.jobs[undo] = (top, undo[:-1])
        first = min(step.stamp for step in done.values())
        self.undos[undo] = (undone, first)
        return {name: step.told for name, step in done.items()}


class _Step:
    """An undo in one type."""

    def __init__(self, store: UndoOracle, kind: ObjectType, undo: str, undone: str, above: "_Step | None") -> None:
        self.store, self.kind, self.undo, self.undone, self.above = store, kind, undo, undone, above
        self.root = store.root(undone)
        self.cancelled = store.cancelled((undo, undone))
        self.off = self.root in self.cancelled
        self.family = {u for u in store.undos if store.root(u) == self.root}
        self.own = {*self.family, self.root} if self.off else self.family
        self.told = Told()
        self.gone: set[int] = set()
        self.back: set[int] = set()
        self.renamed: set[tuple[int, Any]] = set()
        """(record, the external id that it no longer has)."""
        self.stamp = datetime.min

    def lives(self, parent: int) -> bool:
        """Whether a parent lives once its own type is done."""
        return parent in self.store.records and parent not in self.store.dead

    def named_by(self, row: Row) -> Any:
        """The parent that a row names: ("id", record), or an external id."""
        return row.get(self.kind.parent.column) if self.kind.parent else None

    def finds(self, r: Released) -> bool:
        """Whether a row would find the parent again that it had found."""
        if r.parent is None or not self.lives(r.parent):
            return False
        record = self.store.records[r.parent]
        return self.named_by(r.row.row) in (("id", r.parent), record.values[self.store.types[record.type].external_id])

    def run(self) -> None:
        store = self.store
        assert store.stamp
        self.stamp = store.stamp
        mine = [r for r in store.released if r.row.type == self.kind.name]
        lost = self.above.gone if self.above else set()
        renamed = self.above.renamed if self.above else set()
        delivery = store.jobs[self.root][1]
        self.pulled = [
            r
            for r in mine
            if (r.parent in lost or (r.parent, self.named_by(r.row.row)) in renamed) and r.delivery == delivery and not r.undone_by
        ]
        waiting = [(w.type, w.job, w.line) for w in (*store.waiting, *store.aside)]
        self.lifted = [
            r
            for r in mine
            if not self.off and r.undone_by in self.family and (r.row.type, r.row.job, r.row.line) in waiting and self.finds(r)
        ]
        verdicts = {i: self.judge(i, lost) for i, r in sorted(store.records.items()) if r.type == self.kind.name}
        verdicts = {i: v for i, v in verdicts.items() if v}
        self.gone = {i for i, v in verdicts.items() if v == "delete"}
        images = {i: self.image(i, v) for i, v in verdicts.items() if v in ("create", "update", "keep", "stay")}
        self.settle_external_ids(images, verdicts)
        self.settle_parents(images, verdicts)
        for number, verdict in verdicts.items():
            self.write(number, str(verdict), images.get(number))
        self.move_rows()
        self.settle_pins()

    def counting(self, number: int, version: Version) -> list[str]:
        return self.store.counting(number, version, self.cancelled, self.lifted, self.pulled)

    def counts(self, number: int, version: Version) -> bool:
        return bool(self.counting(number, version))

    def voice(self, number: int, version: Version) -> str:
        """The job that stands for a version: one whose row counts, else the one that told it."""
        return max(self.counting(number, version), default=version.job)

    def is_own(self, number: int, version: Version) -> bool:
        pulled = {(r.row.job, r.row.line) for r in self.pulled if (r.record, r.stamp) == (number, version.stamp)}
        return any(job in self.own or (job, line) in pulled for job, line in version.rows)

    def judge(self, number: int, lost: set[int]) -> str | None:
        """What becomes of a record; None when it is not looked at."""
        record, death = self.store.records[number], self.store.dead.get(number)
        own = any(self.is_own(number, v) for v in record.versions)
        orphan = not death and record.parent in lost
        if not (own or orphan or (death and death[1] in self.family) or any(r.record == number for r in self.pulled)):
            return None
        alive = any(self.counts(number, v) for v in record.versions)
        if death:
            return "create" if death[1] in self.family and alive and not self.off else "gone"
        if not alive:
            return "delete"
        maker = record.versions[0]
        if self.is_own(number, maker):
            editor = [self.voice(number, v) for v in record.versions if self.counts(number, v)][-1]
            self.told.kept.add((number, None, editor, "edited_since"))
            return "keep"
        return "update" if own else "stay"

    def image(self, number: int, verdict: str) -> dict[str | None, Any]:
        """The record's values after the undo; its parent under the key None."""
        record = self.store.records[number]
        states = [{None: v.parent, **v.values} for v in record.versions]
        own = [self.is_own(number, v) for v in record.versions]
        if verdict in ("keep", "stay"):
            return states[-1]
        first = own.index(True) if any(own) else len(own)
        if self.is_calm(number, first, own):
            if verdict == "create" and first == len(own):
                return states[-1]
            shared = any(mine and self.counts(number, v) for mine, v in zip(own, record.versions, strict=True))
            if verdict == "update" and first and all(own[first:]) and not shared:
                return states[first - 1]
        return self.weigh(number, verdict, states, own)

    def is_calm(self, number: int, first: int, own: list[bool]) -> bool:
        """Whether what counted before the first own event is what counted then."""
        record = self.store.records[number]
        since = record.versions[first].stamp if first < len(own) else self.store.dead[number][0]
        switched: dict[str, datetime] = {}
        for undone, stamp in self.store.undos.values():
            switched[self.store.root(undone)] = stamp
        switched.pop(self.root, None)
        moments = [switched[v.job] for v, mine in zip(record.versions, own, strict=True) if not mine and v.job in switched]
        for r in self.store.released:
            exempt = any(r is other for other in (*self.pulled, *self.lifted))
            if r.record == number and r.marked and not exempt:
                if r.undone_by in self.family:
                    return False
                moments.append(r.marked)
        return all(moment <= since for moment in moments)

    def weigh(self, number: int, verdict: str, states: list[Any], own: list[bool]) -> dict[str | None, Any]:
        record, image = self.store.records[number], dict(states[-1])
        maker = record.versions[0]
        rules = [
            n == 0 or self.counts(number, v) or (not self.counts(number, maker) and v.job == maker.job)
            for n, v in enumerate(record.versions)
        ]
        for column in image:
            changed = [n for n in range(len(states)) if n == 0 or states[n][column] != states[n - 1][column]]
            ruling, mine = [n for n in changed if rules[n]], [n for n in changed if own[n]]
            if verdict == "create" or mine:
                image[column] = states[ruling[-1]][column]
            shared = bool(mine) and self.counts(number, record.versions[mine[-1]])
            if verdict == "update" and mine and (ruling[-1] > mine[-1] or shared):
                self.told.kept.add((number, self.named(column), self.voice(number, record.versions[ruling[-1]]), "edited_since"))
        return image

    def named(self, column: str | None) -> str:
        assert column or self.kind.parent
        return column if column is not None else self.kind.parent.column  # type: ignore[union-attr]

    def settle_external_ids(self, images: dict[int, Any], verdicts: dict[int, Any]) -> None:
        """An external id that another living record has by now is not given back."""
        key, now = self.kind.external_id, self.store.of_type(self.kind.name)
        claimed: set[str] = set()
        for number in sorted(images):
            ext = images[number][key]
            if ext is None or (number in now and now[number].values[key] == ext):
                continue
            holders = [r.versions[-1].job for i, r in now.items() if i != number and i not in self.gone and r.values[key] == ext]
            if not holders and ext not in claimed:
                claimed.add(ext)
                continue
            claimed.add(ext)
            whole = verdicts[number] == "create"
            self.told.kept.add((number, None if whole else key, max(holders, default=None), "taken"))
            if whole:
                verdicts[number] = "gone"
                del images[number]
            else:
                images[number][key] = now[number].values[key]

    def settle_parents(self, images: dict[int, Any], verdicts: dict[int, Any]) -> None:
        for number, image in images.items():
            parent = image[None]
            if parent is not None and not self.lives(parent):
                hangs = number not in self.store.dead and self.store.records[number].parent == parent
                self.told.kept.add((number, self.named(None), None, "lost_parent" if hangs else "parent_gone"))
                image[None] = None

    def write(self, number: int, verdict: str, image: dict[str | None, Any] | None) -> None:
        record = self.store.records[number]
        if verdict == "delete":
            self.store.dead[number] = (self.stamp, self.undo)
            self.told.actions[number] = "delete"
            return
        now: Any = {None: record.parent, **record.values}
        if image is None or (verdict != "create" and image == now):
            self.told.actions[number] = "unchanged"
            return
        if verdict == "create":
            del self.store.dead[number]
            self.back.add(number)
        self.told.actions[number] = "create" if verdict == "create" else "update"
        values = {k: v for k, v in image.items() if k is not None}
        if values[self.kind.external_id] != record.values[self.kind.external_id]:
            self.renamed.add((number, record.values[self.kind.external_id]))
        line: Any = None
        record.versions.append(Version(self.stamp, self.undo, line, values, image[None], ((self.undo, line),)))

    def move_rows(self) -> None:
        store = self.store
        lifted = [r for r in self.lifted if r.record is None or (r.record in store.records and r.record not in store.dead)]
        for r in lifted:
            r.undone_by, r.marked = None, self.stamp
            place = (r.row.type, r.row.job, r.row.line)
            store.waiting = [w for w in store.waiting if (w.type, w.job, w.line) != place]
            store.aside = [w for w in store.aside if (w.type, w.job, w.line) != place]
        source, target = (store.waiting, store.aside) if self.off else (store.aside, store.waiting)
        moved = [w for w in source if w.type == self.kind.name and w.job == self.root]
        source[:] = [w for w in source if not any(w is m for m in moved)]
        target += moved
        for r in self.pulled:
            r.undone_by, r.marked = self.undo, self.stamp
            (store.aside if r.row.job in self.cancelled else store.waiting).append(r.row)

    def settle_pins(self) -> None:
        """A pin lives as long as a living record hangs on it."""
        store = self.store
        used = {r.pin for i, r in store.records.items() if i not in store.dead}
        everything = store.pins | store.ended
        store.pins = {i: p for i, p in everything.items() if i in used}
        store.ended = {i: p for i, p in everything.items() if i not in used}
