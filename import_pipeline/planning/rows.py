"""What an import's change set would do, row by row: changed records, waiting rows, refused ones, and at the end the created records.

Belongs here: reading a change set as applying would write it. Does not belong here: deciding what changes (relating/), the words of a
refusal (refused.py), the plan of an undo (undo_rows.py).
The values are those that applying/write.py would write: a blank never erases, and only what may be updated is.
"""

from import_pipeline.planning.created import created_rows, single_creates
from import_pipeline.planning.refused import refused_rows
from import_pipeline.planning.shape import (
    AT_THE_END,
    PlanOrder,
    append_rows,
    field_rows,
    label_key,
    parent_rows,
    row_sql,
    short_sql,
    view_part,
    waiting_note,
    write_rows,
)
from import_pipeline.relating.rows import make_wide
from import_pipeline.store.names import Tables, data_columns, given_columns, ident, literal, updatable
from import_pipeline.store.session import Session


def import_plan(session: Session, order: PlanOrder) -> int:
    """Writes the plan's rows of all jobs of the change set, those of earlier jobs whose rows wait no longer too; returns how many.

    The store is only read; its tables must exist (`prepare_store` or store/overlay.py), and planned records of this very type must not
    be laid over it yet. A change that several rows tell is told once, by the row that the change set names. In order: what changes or
    waits, by line; refused rows, by line; created records, by line (those that several rows make stand with the changes).
    """
    source = _Source(session, order)
    selects = []
    actions = dict(session.run("SELECT action, count(*) FILTER (folded) FROM plan_changes GROUP BY 1"))
    if actions.get("create"):
        selects.append(_created(source))
    if "update" in actions:
        selects += _updated(source)
    if "delete" in actions:
        selects.append(_deleted(source))
    selects += _waiting(source)
    single = single_creates(order)
    with refused_rows(session, order) as refused:
        written = write_rows(session, order, "import", [*selects, *refused])
    session.run("DROP TABLE IF EXISTS plan_updates")
    if single.height:
        append_rows(order.target, created_rows(order, single, session.one("SELECT tag FROM store._lock")))
    return written + single.height


class _Source:
    """The change set's parts as scratch views, and where the wide values of its changes are read."""

    def __init__(self, session: Session, order: PlanOrder) -> None:
        self.session, self.order, self.object_type = session, order, order.object_type
        given = make_wide(session, order.object_type, order.validated.parts() if order.validated else [])
        view_part(session, order.related, "changes")
        self.folded = view_part(session, order.related, "folded")
        self.given = given | self.folded
        self.types = given_columns(order.object_type)
        self.external_id = ident(order.object_type.external_id)
        self.label = label_key(order.object_type)

    def values(self, keys: list[str]) -> str:
        """`plan_changes c` joined with the values of these columns, `s`."""
        single = f"SELECT _seq, false AS folded{''.join(', ' + ident(k) for k in keys)} FROM wide"
        if not self.folded:
            return f"({single}) s JOIN plan_changes c ON c._seq = s._seq"
        columns = "".join(f", {self._or_null(k)}" for k in keys)
        both = f"{single} UNION ALL SELECT _seq, true AS folded{columns} FROM plan_folded"
        return f"({both}) s JOIN plan_changes c ON c._seq = s._seq AND c.folded = s.folded"

    def _or_null(self, key: str) -> str:
        return ident(key) if key in self.folded else f"CAST(NULL AS {self.types[key]}) AS {ident(key)}"

    def naming(self) -> list[str]:
        """The columns that name a record."""
        return [self.object_type.external_id, *([self.label] if self.label else [])]


def _created(source: _Source) -> str:
    """The records that several rows make, or a late one; see created.py for all others."""
    return row_sql(
        f"{source.values(source.naming())} WHERE c.action = 'create' AND c.folded",
        "create",
        place="c._seq, c.job, c._line",
        record="c.id",
        external_id=f"s.{source.external_id}",
        label=short_sql(f"s.{ident(source.label)}") if source.label else "NULL",
    )


def _deleted(source: _Source) -> str:
    """The records that go."""
    return row_sql(
        f"plan_changes c JOIN {Tables(source.object_type).current} t ON t._id = c.id WHERE c.action = 'delete'",
        "delete",
        place="c._seq, c.job, c._line",
        record="c.id",
        external_id=f"t.{source.external_id}",
        label=short_sql(f"t.{ident(source.label)}") if source.label else "NULL",
    )


def _updated(source: _Source) -> list[str]:
    """Table `plan_updates`: old and new values of the columns in which a value differs; and the SELECTs of the fields that differ.

    The columns are found first: of the many that a file gives few differ, and only those are copied.
    """
    order, external_id, label = source.order, source.object_type.external_id, source.label
    given = [c for c in data_columns(source.object_type) if updatable(c) and c.key in source.given]
    keys = [c.key for c in given]
    source.session.run(
        f"""
        CREATE OR REPLACE TEMP VIEW plan_given AS
        SELECT c._seq, c.job, c._line, c.id AS _id, c.parent_id AS _parent_id{"".join(f", s.{ident(k)}" for k in keys)}
        FROM {source.values(keys)} WHERE c.action = 'update'
        """
    )

    def merged(key: str) -> str:
        return f"coalesce(g.{ident(key)}, t.{ident(key)})" if key in keys else f"t.{ident(key)}"

    both = f"{Tables(source.object_type).current} t JOIN plan_given g ON g._id = t._id"
    differing = "".join(f", bool_or({merged(k)} IS DISTINCT FROM t.{ident(k)})" for k in keys)
    (found,) = source.session.run(f"SELECT true{differing} FROM {both}")
    columns = [column for column, differs in zip(given, found[1:], strict=True) if differs]
    pairs = "".join(f", t.{ident(c.key)} AS _o{i}, {merged(c.key)} AS _n{i}" for i, c in enumerate(columns))
    named = f"coalesce(t.{ident(label)}, {merged(label)})" if label else "CAST(NULL AS VARCHAR)"
    source.session.run(
        f"""
        CREATE OR REPLACE TEMP TABLE plan_updates AS
        SELECT g._seq, g.job, g._line, t._id, coalesce(t.{ident(external_id)}, {merged(external_id)}) AS _external_id,
            {short_sql(named)} AS _label, t._parent_id AS _op, coalesce(g._parent_id, t._parent_id) AS _np{pairs}
        FROM {both}
        """
    )
    return [*field_rows(source.object_type, "plan_updates", columns, order.timezone), *parent_rows(order, "plan_updates")]


def _waiting(source: _Source) -> list[str]:
    """Rows that would wait for their parent, and those of earlier deliveries that have waited too long."""
    session, order, spec = source.session, source.order, source.object_type.parent
    if spec is None:
        return []
    selects = []
    if view_part(session, order.related, "parked"):
        selects.append(
            row_sql(
                "plan_parked",
                "park",
                record="NULL",
                external_id=source.external_id,
                label=short_sql(ident(source.label)) if source.label else "NULL",
                column=literal(spec.column),
                new=ident(spec.column),
                note=waiting_note(order, "waits for", ident(spec.column)),
            )
        )
    if view_part(session, order.related, "expired"):
        selects.append(
            row_sql(
                f"(SELECT {AT_THE_END} AS _seq, * FROM plan_expired)",
                "refuse",
                record="NULL",
                external_id="NULL",
                label="NULL",
                rank="row_number() OVER (ORDER BY job, _pos)",
                column=literal(spec.column),
                old="ref",
                note=waiting_note(order, "waited too long for", "ref"),
            )
        )
    return selects
