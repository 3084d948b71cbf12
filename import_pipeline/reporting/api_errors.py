"""Row errors as the Advocate interface tells them: recordNumber, message, apiErrorCode, statusCode (acceptance A-8).

Belongs here: which of our codes is which of theirs. Does not belong here: our own list of errors (answers.py), answering requests
(gateway/http/).
"""

from collections.abc import Mapping

import polars as pl

from import_pipeline.reporting.messages import row_sentence
from import_pipeline.reporting.record_numbers import RECORD
from import_pipeline.store.staging import LINE

COLUMNS = ("recordNumber", "message", "apiErrorCode", "statusCode")
NO_ID = "This request requires a valid non-empty id"
"""The one message that the documents print."""
_STATUS = {
    "no_such_record": ("NOT_FOUND", 404),
    "parent_not_found": ("NOT_FOUND", 404),
    "parent_expired": ("NOT_FOUND", 404),
    "unknown_record_id": ("NOT_FOUND", 404),
    "do_not_track": ("FORBIDDEN", 403),
    "deleted_since": ("CONFLICT", 409),
    "nothing_available": ("INSUFFICIENT_FUNDS", 409),
    "not_enough": ("INSUFFICIENT_FUNDS", 409),
    "id_conflict": ("CONFLICT", 409),
    "ambiguous_match": ("CONFLICT", 409),
    "machine": ("INTERNAL_ERROR", 500),
}
"""Every other code is a BAD_REQUEST, 400."""
_IDS = ("id", "userId", "accountId")


def api_errors(errors: pl.DataFrame, records: pl.DataFrame, labels: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The errors of one job (columns of staging.ERRORS; warnings are left out) as the interface tells them, by record number.

    `records` has the record of each line (record_numbers.py), `labels` the header cells that the sender wrote.
    """
    code = pl.col("code")
    no_id = (code == "required") & pl.col("column").is_in(_IDS)
    named = {key: name for key, (name, _) in _STATUS.items()}
    status = {key: number for key, (_, number) in _STATUS.items()}
    return (
        errors.filter(pl.col("severity") == "error")
        .join(records, on=LINE, how="left", maintain_order="left")
        .select(
            pl.col(RECORD).alias("recordNumber"),
            pl.when(no_id).then(pl.lit(NO_ID)).otherwise(row_sentence(labels)).alias("message"),
            code.replace_strict(named, default="BAD_REQUEST", return_dtype=pl.String).alias("apiErrorCode"),
            code.replace_strict(status, default=400, return_dtype=pl.Int64).alias("statusCode"),
        )
        .sort("recordNumber", maintain_order=True, nulls_last=True)
    )
