"""The change set of an undo: what takes a job back, or brings it back, without writing to the store (acceptance B-3).

Belongs here: the steps, the folder's parts. Does not belong here: the order (undo_work.py), which records are looked at and what
counts (undo_events.py), what becomes of them (undo_verdicts.py), the values they go back to (undo_values.py, undo_images.py), waiting
rows (undo_rows.py), writing (applying/).

The parts of the `related` folder of an undo:
  outcomes  one row per record looked at: as relate_delivery's, `_line` null, `_pos` the record's place in the undo, `action` in
            create (it comes back), update, delete, unchanged (looked at and kept as it is)
  changes   as relate_delivery's, one per record that changes
  images    `_seq`, `_id`, `_parent_id`, `_pin_id`, `_created_at`, `_version` and every data column: the whole new version of each
            create and update
  kept      `record`, `column` (null: the record as a whole), `job` (who edited since, or holds its external id), `reason`
  reparked  rows that wait again (see undo_rows.py); unparked: rows that wait no longer
  jobs, errors, expired  as every related folder has them; tree, moves  as territories.py has them
"""

from typing import Any

import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.relating import undo_events, undo_images, undo_parts, undo_rows, undo_values, undo_verdicts
from import_pipeline.relating.after import ChangeSetFiles
from import_pipeline.relating.parts import EXPIRED
from import_pipeline.relating.stage import hang, is_frozen, stamp_of
from import_pipeline.relating.undo_work import UndoOrder, UndoWork
from import_pipeline.store.names import literal
from import_pipeline.store.session import Session
from import_pipeline.store.staging import ERRORS, StageFolder, StageWriter

__all__ = ["UndoOrder", "relate_undo"]


def relate_undo(session: Session, order: UndoOrder, out: StageFolder) -> dict[str, Any]:
    """Computes the change set, writes it to `out` and returns its report: as relate_delivery's, with `undo`, the job undone,
    `undo_job` and `undo_delivery` (the delivery of the job undone).

    The store is only read; its tables must exist. A change set that is booked in the store is returned as it is. Raises
    PermanentFailure when history that the undo needs is past its retention.
    """
    if is_frozen(session, order, out):
        return out.load_report()
    if order.above is not None and order.above.load_report().get("undo") != order.undone:
        raise PermanentFailure(f"{order.above.path} holds another change set than the undo of {order.undone}; relate the parents first")
    work = UndoWork.of(session, order)
    undo_rows.find_parents(work)
    undo_rows.find_rows(work)
    undo_events.find_touched(work)
    undo_verdicts.judge(work)
    undo_values.weigh(work)
    undo_images.place(work)
    with out.writing() as writer:
        undo_parts.write_images(work, writer)
        undo_parts.write_changes(work, writer)
        undo_rows.write_rows(work, writer)
        report = {
            "change_set": order.change_set,
            "delivery": order.delivery,
            "type": order.object_type.slug,
            "replay": False,
            "stamp": stamp_of(session, order.now).isoformat(),
            "jobs": {order.job.id: _counts(work, writer)},
            "undo": order.undone,
            "undo_job": order.job.id,
            "undo_delivery": order.undone_delivery,
        }
        _write_empty(order, writer)
        if order.territories:
            hang(session, order.object_type, order.territories, ChangeSetFiles(writer.folder), writer)
        writer.report(report)
    return report


def _counts(work: UndoWork, writer: StageWriter) -> dict[str, int]:
    outcomes = literal(str(writer.folder / "outcomes-00000.parquet"))
    return dict(work.session.run(f"SELECT action, count(*) FROM read_parquet({outcomes}) GROUP BY 1 ORDER BY 1"))


def _write_empty(order: UndoOrder, writer: StageWriter) -> None:
    numbers = [(order.job.number, order.job.id)]
    writer.part("jobs", pl.DataFrame(numbers, schema={"number": pl.Int32, "id": pl.String}, orient="row"))
    writer.part("errors", pl.DataFrame(schema={**ERRORS, "job": pl.String()}))
    writer.part("expired", pl.DataFrame(schema=EXPIRED))
