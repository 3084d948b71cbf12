"""Relating and applying row by row, in plain Python: what the set-based stages have to equal.

Belongs here: the meaning of a delivery, written as one loop over its rows. Does not belong here: speed, SQL, anything taken from the
package but the model.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import ObjectType

Row = Mapping[str, Any]


@dataclass
class Version:
    """One state of a record and the row that made it."""

    stamp: datetime
    job: str
    line: int
    values: dict[str, Any]
    parent: int | None
    rows: tuple[tuple[str, int], ...] = ()
    """(job, line) of the rows that made it."""


@dataclass(frozen=True)
class Event:
    """A row that found its record: what it gave (the parent under the key None), and the moment of the change set that took it in."""

    record: int
    job: str
    line: int
    given: frozenset[str | None]
    stamp: datetime


@dataclass
class Record:
    """A stored record with all its versions."""

    type: str
    pin: int | None
    versions: list[Version]

    @property
    def values(self) -> dict[str, Any]:
        return self.versions[-1].values

    @property
    def parent(self) -> int | None:
        return self.versions[-1].parent


@dataclass
class Pin:
    """A place. It keeps the address of the row that made it."""

    external: str | None
    address: str | None


@dataclass
class Waiting:
    """A parked row."""

    type: str
    job: str
    line: int
    row: Row
    since: datetime
    expires: datetime


@dataclass(eq=False)
class Entity:
    """A record as the rows of one delivery see it. `id` is null as long as it is new."""

    id: int | None
    ext: str | None
    values: dict[str, Any]
    parent: int | None
    place: tuple[str | None, str | None] = (None, None)
    keys: set[tuple[int, Any]] = field(default_factory=set)
    acts: list[tuple["Incoming", str]] = field(default_factory=list)


@dataclass(frozen=True)
class Incoming:
    """A row on its way: `late_since` is the moment a late row speaks for."""

    job: str
    line: int
    row: Row
    late_since: datetime | None = None
    replayed: bool = False


class Oracle:
    """One account's store. Record and pin ids are given from one counter, records of a delivery first."""

    def __init__(self, types: Mapping[str, ObjectType], *, strict: bool = False) -> None:
        self.types, self.strict = types, strict
        self.records: dict[int, Record] = {}
        self.pins: dict[int, Pin] = {}
        self.waiting: list[Waiting] = []
        self.lineage: dict[tuple[str, str, int], int] = {}
        self.events: list[Event] = []
        self.brought: dict[str, tuple[str, int]] = {}
        """Delivery and number of every job."""
        self.runs: dict[tuple[str, str], datetime] = {}
        self.next_id = 1
        self.stamp: datetime | None = None

    def deliver(self, type_name: str, delivery: str, files: Sequence[Sequence[Row]], now: datetime) -> tuple[Counter[Any], set[Any]]:
        """Applies a delivery; returns ({(job, line, action): n}, {(job, line, code, column)}). Lines start at 2."""
        self.stamp = max(now, self.stamp + timedelta(microseconds=1)) if self.stamp else now
        self.brought |= {f"{delivery}{n}": (delivery, n) for n in range(len(files))}
        run = _Delivery(self, self.types[type_name], delivery, files, now)
        for incoming in run.incoming():
            run.take(incoming)
        run.finish()
        return Counter(run.outcomes), run.errors

    def stands(self, event: Event) -> bool:
        """Whether an event keeps late rows from the values that it gave."""
        return True

    def moment(self, delivery: str) -> datetime:
        """The moment that a delivery's rows speak for."""
        return min(stamp for (key, _), stamp in self.runs.items() if key == delivery)

    def of_type(self, type_name: str) -> dict[int, Record]:
        return {i: r for i, r in self.records.items() if r.type == type_name}


class _Delivery:
    def __init__(self, store: Oracle, kind: ObjectType, key: str, files: Sequence[Sequence[Row]], now: datetime) -> None:
        self.store, self.kind, self.key, self.files, self.now = store, kind, key, files, now
        self.before = deepcopy(store.of_type(kind.name))
        self.jobs = [f"{key}{n}" for n in range(len(files))]
        self.entities = {i: Entity(i, r.values[kind.external_id], dict(r.values), r.parent) for i, r in self.before.items()}
        self.new: list[Entity] = []
        self.outcomes: list[tuple[str, int, str]] = []
        self.errors: set[tuple[str, int, str, str | None]] = set()
        self.first_run = store.runs.get((key, kind.name))

    def incoming(self) -> list[Incoming]:
        """Released rows in the order of their jobs, then the delivery's own; in a replay those of later deliveries come last."""
        brought = {job for job, rows in zip(self.jobs, self.files, strict=True) if rows}
        free = [w for w in self.store.waiting if w.type == self.kind.name and w.job not in brought and self.parent(w.row) is not None]
        free.sort(key=lambda w: (self.time(w.job), w.line))
        released = [Incoming(w.job, w.line, w.row, w.since) for w in free]
        gone = {(w.job, w.line) for w in free}
        mine = [w for w in self.store.waiting if w.type == self.kind.name]
        for w in mine:
            if (w.job, w.line) in gone or (w.job in brought and self.first_run):
                self.store.waiting.remove(w)
            elif w.expires <= self.now and w.job not in brought:
                self.store.waiting.remove(w)
                self.outcomes.append((w.job, w.line, "expired"))
        rows = [
            Incoming(job, n + 2, row, self.first_run, self.first_run is not None)
            for job, lines in zip(self.jobs, self.files, strict=True)
            for n, row in enumerate(lines)
        ]
        if not self.first_run or not rows:
            return released + rows
        last = self.time(rows[-1].job)
        return [r for r in released if self.time(r.job) < last] + rows + [r for r in released if self.time(r.job) > last]

    def time(self, job: str) -> tuple[datetime, int]:
        """When a job's rows were sent: the moment of their delivery, and the job's place in it."""
        delivery, number = self.store.brought[job]
        return self.store.moment(delivery), number

    def parent(self, row: Row) -> int | None:
        """The parent that a row names, in the store."""
        spec = self.kind.parent
        named = row.get(spec.column) if spec else None
        if named is None or spec is None:
            return None
        known = self.store.of_type(spec.type)
        column = self.store.types[spec.type].external_id
        return next((i for i, r in known.items() if named in (("id", i), r.values[column])), None)

    def refuse(self, it: Incoming, code: str, column: str | None) -> None:
        self.errors.add((it.job, it.line, code, column))
        if (it.job, it.line, "refuse") not in self.outcomes:
            self.outcomes.append((it.job, it.line, "refuse"))

    def take(self, it: Incoming) -> None:
        """One row."""
        rid, ext = it.row.get("RecordID"), it.row.get(self.kind.external_id)
        by_rid = None
        if rid is not None:
            by_rid = next((i for i, r in self.before.items() if rid in (("id", i), r.values[self.kind.external_id])), None)
            if by_rid is None:
                return self.refuse(it, "unknown_record_id", "RecordID")
            stored = self.before[by_rid].values[self.kind.external_id]
            owner = next((i for i, r in self.before.items() if ext is not None and r.values[self.kind.external_id] == ext), None)
            if ext is not None and stored != ext and (stored is not None or owner is not None):
                return self.refuse(it, "id_conflict", "RecordID")
        if self.kind.parent and it.row.get(self.kind.parent.column) is not None and self.parent(it.row) is None:
            if self.store.strict:
                return self.refuse(it, "parent_not_found", self.kind.parent.column)
            since = it.late_since or self.store.stamp
            assert since
            self.store.waiting.append(Waiting(self.kind.name, it.job, it.line, it.row, since, self.now + self.kind.parent.park_for))
            self.outcomes.append((it.job, it.line, "park"))
            return None
        return self.match(it, by_rid, ext)

    def match(self, it: Incoming, by_rid: int | None, ext: str | None) -> None:
        everything = [*self.entities.values(), *self.new]
        named = next((e for e in everything if ext is not None and e.ext == ext), None)
        if by_rid is not None:
            entity: Entity | None = self.entities[by_rid]
            if named not in (None, entity) or (ext is not None and entity and entity.ext not in (None, ext)):
                return self.refuse(it, "id_conflict", "RecordID")
        else:
            entity = named or self.by_lineage(it, ext)
        keys = self.keys(it.row)
        if entity is None:
            for number, key in keys:
                fit = [e for e in everything if self.fits(e, number, key) and (ext is None or e.ext is None)]
                if len(fit) > 1:
                    return self.refuse(it, "ambiguous_match", " + ".join(self.kind.match[number]))
                if fit:
                    entity = fit[0]
                    break
        if entity is None:
            missing = [c.key for c in self.kind.columns if c.spec.required and it.row.get(c.key) is None]
            for key in missing:
                self.refuse(it, "required", key)
            if missing:
                return None
        return self.apply(it, entity, keys, ext)

    def by_lineage(self, it: Incoming, ext: str | None) -> Entity | None:
        known = self.store.lineage.get((self.kind.name, it.job, it.line)) if it.replayed else None
        found = self.entities.get(known) if known is not None else None
        return found if found and (ext is None or found.ext is None) else None

    def keys(self, row: Row) -> list[tuple[int, Any]]:
        found = []
        for number, rule in enumerate(self.kind.match):
            parts = [address(row) if name == "Address" else row.get(name) for name in rule]
            if all(p is not None for p in parts):
                found.append((number, tuple(normal(p) for p in parts)))
        return found

    def fits(self, entity: Entity, number: int, key: Any) -> bool:
        """As stored before the delivery, or as an earlier row gave it."""
        if (number, key) in entity.keys:
            return True
        if entity.id is None:
            return False
        record = self.before[entity.id]
        place = self.store.pins[record.pin].address if record.pin is not None else None
        parts = [place if name == "Address" else record.values[name] for name in self.kind.match[number]]
        return all(p is not None for p in parts) and tuple(normal(p) for p in parts) == key

    def apply(self, it: Incoming, entity: Entity | None, keys: list[tuple[int, Any]], ext: str | None) -> None:
        parent = self.parent(it.row)
        data = [c for c in self.kind.columns if c.role in ("field", "external_id", "owner", "stage", "loss_reason")]
        if entity is None:
            entity = Entity(None, ext, {c.key: it.row.get(c.key) for c in data}, parent, (it.row.get("ExternalPinId"), address(it.row)))
            self.new.append(entity)
            entity.acts.append((it, "create"))
        else:
            differs = False
            kept, parent_kept = self.protected(it, entity)
            for c in data:
                value = it.row.get(c.key)
                may = c.update == "always" or c.role == "external_id"
                if value is not None and may and c.key not in kept and value != entity.values[c.key]:
                    entity.values[c.key] = value
                    differs = True
                if value is not None and not may and value != entity.values[c.key]:
                    self.errors.add((it.job, 0, "not_updatable", c.key))
            if parent is not None and not parent_kept and parent != entity.parent:
                entity.parent, differs = parent, True
            entity.ext = entity.ext if entity.ext is not None else ext
            entity.acts.append((it, "update" if differs else "unchanged"))
        entity.keys.update(keys)

    def protected(self, it: Incoming, entity: Entity) -> tuple[set[str], bool]:
        """What later rows gave of the stored record of a late row: later deliveries, and what a row that had waited has behind it in its
        own."""
        kept: set[str | None] = set()
        if it.late_since is None or entity.id is None:
            return set(), False
        delivery, number = self.store.brought[it.job]
        for event in self.store.events:
            if event.record != entity.id or not self.store.stands(event):
                continue
            other, place = self.store.brought[event.job]
            if other == delivery:
                later = not it.replayed and (place, event.line) > (number, it.line)
            else:
                later = self.store.moment(other) > self.store.moment(delivery)
            kept |= event.given if later else frozenset()
        return {key for key in kept if key is not None}, None in kept

    def gives(self, it: Incoming) -> frozenset[str | None]:
        """What a row gives that an update may set."""
        keys: set[str | None] = {c.key for c in self.kind.columns if c.update == "always" or c.role == "external_id"}
        return frozenset({k for k in keys if it.row.get(str(k)) is not None} | ({None} if self.parent(it.row) is not None else set()))

    def finish(self) -> None:
        """Ids, versions and pins."""
        store, stamp = self.store, self.store.stamp
        assert stamp
        for entity in self.new:
            entity.id, store.next_id = store.next_id, store.next_id + 1
            self.write(entity, stamp, is_new=True)
        for entity in self.new:
            assert entity.id
            store.records[entity.id].pin = self.pin(*entity.place)
        for number in self.before:
            if self.entities[number].acts:
                self.write(self.entities[number], stamp, is_new=False)
        store.runs.setdefault((self.key, self.kind.name), stamp)

    def write(self, entity: Entity, stamp: datetime, *, is_new: bool) -> None:
        assert entity.id
        old = None if is_new else self.before[entity.id]
        same = old is not None and (old.values, old.parent) == (entity.values, entity.parent)
        for it, act in entity.acts:
            self.outcomes.append((it.job, it.line, "unchanged" if same else act))
            self.store.lineage[self.kind.name, it.job, it.line] = entity.id
            self.store.events.append(Event(entity.id, it.job, it.line, self.gives(it), stamp))
        if same:
            return
        teller = [it for it, act in entity.acts if act != "unchanged"][-1]
        rows = tuple((it.job, it.line) for it, act in entity.acts if act != "unchanged")
        version = Version(stamp, teller.job, teller.line, entity.values, entity.parent, rows)
        if is_new:
            self.store.records[entity.id] = Record(self.kind.name, None, [version])
        else:
            self.store.records[entity.id].versions.append(version)

    def pin(self, external: str | None, place: str | None) -> int | None:
        if not self.kind.pin or (external is None and place is None):
            return None
        fit = [i for i, p in self.store.pins.items() if (p.external == external if external is not None else p.address == place)]
        if fit:
            return min(fit)
        number, self.store.next_id = self.store.next_id, self.store.next_id + 1
        self.store.pins[number] = Pin(external, place)
        return number


def normal(value: Any) -> str:
    """A value as rules compare it; the generated phones are digits only."""
    return " ".join(str(value).lower().split())


def address(row: Row) -> str | None:
    """The address as comparable text: every part without case, commas, dots and extra blanks; else the coordinates."""
    parts = [c for c in ADDRESS_COLUMNS if c not in ("Lat", "Lng")]
    if any(row.get(p) is not None for p in parts):
        return "|".join(normal((row.get(p) or "").replace(".", " ").replace(",", " ")) for p in parts)
    if row.get("Lat") is not None and row.get("Lng") is not None:
        return f"@{row['Lat']},{row['Lng']}"
    return None
