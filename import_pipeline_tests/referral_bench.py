"""The account `referrals` from the stage `validated` on, for tests of relating and applying.

Belongs here: making validated rows by hand and running the real stages on them. Does not belong here: assertions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from import_pipeline.applying.stage import ApplyOrder, apply_delivery
from import_pipeline.catalog import load_account
from import_pipeline.model.account import Account
from import_pipeline.model.job import Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.stage import RelateOrder, relate_delivery
from import_pipeline.relating.undo import UndoOrder, relate_undo
from import_pipeline.settings import PACKAGE, Settings
from import_pipeline.store.names import sql_type
from import_pipeline.store.schema import prepare_store
from import_pipeline.store.session import Session, open_store
from import_pipeline.store.staging import LINEAGE, DeliveryStaging

FRACTIONS = {"USD": 2, "POINT": 0, "KWD": 3}


@cache
def shipped() -> Account:
    """The account `referrals`."""
    account = load_account(PACKAGE / "defs" / "referrals").account
    assert account is not None
    return account


class Bench:
    """A store with one user, and the stages from `validated` on."""

    def __init__(self, folder: Path, session: Session) -> None:
        self.account, self.session = shipped(), session
        self.staging = DeliveryStaging(folder / "staging", "referrals", "d")
        prepare_store(session, "referrals", self.account.object_types)

    @staticmethod
    def job(number: int, name: str, format_name: str | None = None, undo_of: str | None = None) -> Job:
        """The only job of the delivery `number`."""
        return Job(
            id=f"job{number:05d}", number=0, account="referrals", object_type=name, format=format_name, file_id="f", name="f.csv",
            path=Path("f.csv"), sha256="", size=0, kind="undo" if undo_of else "csv", undo_of=undo_of,
        )  # fmt: skip

    def undo(self, name: str, undone: int, *, number: int) -> None:
        """Takes the job of the delivery `undone` back, or brings it back when that is an undo."""
        object_type = self.account.object_type(name)
        staging = DeliveryStaging(self.staging.path.parent, "referrals", f"d{number}")
        related, nothing = staging.stage(object_type.slug, "related"), staging.stage(object_type.slug, "validated")
        order = UndoOrder(
            delivery=f"d{number}",
            object_type=object_type,
            parent=None,
            job=self.job(number, name, undo_of=f"job{undone:05d}"),
            undone=f"job{undone:05d}",
            undone_delivery=f"d{undone}",
            cancelled=frozenset(),
            above=None,
            now=moment(number),
        )
        relate_undo(self.session, order, related)
        apply_delivery(self.session, ApplyOrder(object_type, nothing, related, moment(number), None))

    def run(self, name: str, rows: list[dict[str, object]], *, format_name: str, number: int) -> dict[str, dict[str, int]]:
        """One delivery of one file; the counts by job."""
        object_type, form = self.account.object_type(name), self.account.format(format_name)
        staging = DeliveryStaging(self.staging.path.parent, "referrals", f"d{number}")
        validated, related = staging.stage(object_type.slug, "validated"), staging.stage(object_type.slug, "related")
        with validated.writing() as writer:
            writer.part("rows", frame(form.row_type(object_type), rows))
            writer.report({})
        job, now = self.job(number, name, format_name), moment(number)
        order = RelateOrder(
            delivery=f"d{number}",
            object_type=object_type,
            parent=self.account.object_type(object_type.parent.type) if object_type.parent else None,
            jobs=[job],
            now=now,
            operation=form.operation,
            rows=form.row_type(object_type),
            rewards=self.account.object_type(form.consumes) if form.consumes else None,
            fractions=FRACTIONS,
        )
        report = relate_delivery(self.session, order, validated, related)
        apply_delivery(self.session, ApplyOrder(object_type, validated, related, now, now))
        return dict(report["jobs"])


def moment(number: int) -> datetime:
    """When the delivery of this number comes."""
    return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number)


def frame(object_type: ObjectType, rows: list[dict[str, object]]) -> pl.DataFrame:
    """Validated rows; columns that no row gives are left out."""
    kinds = {"BOOLEAN": pl.Boolean, "VARCHAR": pl.String, "DECIMAL(18,0)": pl.Decimal(18, 0), "DECIMAL(18,6)": pl.Decimal(18, 6)}
    keys = [c.key for c in object_type.columns if any(c.key in row for row in rows)]
    schema = {key: kinds[sql_type(object_type.column(key).spec)] for key in keys}
    values = pl.DataFrame({key: pl.Series([row.get(key) for row in rows], dtype=schema[key], strict=False) for key in keys})
    places = [pl.Series(name, [0 if name == "_job" else i for i in range(len(rows))], dtype=kind) for name, kind in LINEAGE.items()]
    return pl.DataFrame(places).hstack(values)


@contextmanager
def bench() -> Iterator[Bench]:
    """A store that lives as long as the block, with the user `a/u`."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        # A reader of a store that does not exist yet sees an empty one in memory, which it may write.
        with open_store(Settings.from_environment({"IMPORT_PIPELINE_HOME": folder}), "referrals") as session:
            made = Bench(home, session)
            made.run("User", [{"userKey": "a/u", "accountId": "a", "id": "u"}], format_name="users", number=0)
            yield made
