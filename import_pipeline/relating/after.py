"""Records as they will be once a change set is applied, before it is.

Belongs here: the SELECT that lays a change set over what is stored. Does not belong here: computing change sets, applying them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.rows import columns_of, seq_sql
from import_pipeline.store.names import Tables, ident, idents, literal, sql_type
from import_pipeline.store.staging import StageFolder


@dataclass(frozen=True)
class ChangeSetFiles:
    """A change set as files: the folder of the related stage (also while it is written) and the rows that it was made from, which an
    undo does not have."""

    related: Path
    rows: Sequence[Path] = ()

    @classmethod
    def of(cls, related: StageFolder, validated: StageFolder | None) -> "ChangeSetFiles":
        """Those of two complete stages."""
        return cls(related.path, validated.parts() if validated else ())

    def parts(self, name: str) -> list[Path]:
        """The part files of `name`, in order."""
        return sorted(self.related.glob(f"{name}-*.parquet"))


def after_sql(object_type: ObjectType, change_set: ChangeSetFiles, keys: Sequence[str]) -> str:
    """SELECT of `_id` and the data columns `keys` of every record of the type as the change set will leave it."""
    current, changes = Tables(object_type).current, change_set.parts("changes")
    if not changes:
        return f"SELECT _id, {idents(list(keys))} FROM {current}"
    listed = f"SELECT * FROM {_read(changes)}"
    values, images = given_sql(object_type, change_set, keys), change_set.parts("images")
    if images:
        values = f"SELECT _seq, false AS folded, {idents(list(keys))} FROM {_read(images)}"
    merged = ", ".join(f"{f'v.{ident(k)}' if images else f'coalesce(v.{ident(k)}, t.{ident(k)})'} AS {ident(k)}" for k in keys)
    return f"""
        SELECT t._id, {idents(list(keys), "t.")}
        FROM {current} t
        WHERE t._id NOT IN (SELECT id FROM ({listed}))
        UNION ALL
        SELECT c.id, {merged}
        FROM ({listed}) c
        LEFT JOIN ({values}) v ON v._seq = c._seq AND v.folded = c.folded
        LEFT JOIN {current} t ON t._id = c.id
        WHERE c.action IN ('create', 'update')
        """


def given_sql(object_type: ObjectType, change_set: ChangeSetFiles, keys: Sequence[str]) -> str:
    """SELECT of `_seq`, `folded` and `keys` of the values that an import's change set gives; a column that no row gives is null."""
    sources = [
        _given(object_type, change_set.rows, keys, seq_sql("_job"), "false"),
        _given(object_type, change_set.parts("folded"), keys, "_seq", "true"),
    ]
    nothing = ", ".join(_null(object_type, key) for key in keys)
    return " UNION ALL ".join(s for s in sources if s) or f"SELECT CAST(NULL AS BIGINT) AS _seq, false AS folded, {nothing}"


def _given(object_type: ObjectType, parts: Sequence[Path], keys: Sequence[str], seq: str, folded: str) -> str:
    if not parts:
        return ""
    present, alike = columns_of(parts)
    values = ", ".join(ident(key) if key in present else _null(object_type, key) for key in keys)
    return f"SELECT {seq} AS _seq, {folded} AS folded, {values} FROM {_read(parts, alike=alike)}"


def _null(object_type: ObjectType, key: str) -> str:
    return f"CAST(NULL AS {sql_type(object_type.column(key).spec)}) AS {ident(key)}"


def _read(parts: Sequence[Path], *, alike: bool = True) -> str:
    listed = ", ".join(literal(str(part)) for part in parts)
    return f"read_parquet([{listed}], union_by_name = {str(not alike).lower()})"
