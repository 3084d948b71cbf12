"""What the types before this one would change, laid over the store that a plan sees: parents that are planned, not stored.

Belongs here: making planned records and pins visible to `relate_delivery`, and keeping planned ids apart. Does not belong here: the
overlay itself (store/overlay.py), computing a change set.

A child finds its parent by record id or external id, so these are all that a planned record shows (a territory its shape too); its other
columns are null, and stored records keep theirs.
"""

from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import TERRITORY
from import_pipeline.relating.after import ChangeSetFiles, given_sql
from import_pipeline.relating.territories import KEYS
from import_pipeline.store.names import Tables, ident, idents, literal
from import_pipeline.store.session import Session
from import_pipeline.store.staging import StageFolder


def lay_planned(session: Session, object_type: ObjectType, validated: StageFolder, related: StageFolder) -> None:
    """Lays the change set in `related`, made from `validated`, over the plan's store (see store/overlay.py). Parents come first."""
    changes = _listed(related, "changes")
    if not changes:
        return
    session.run(f"CREATE OR REPLACE TEMP VIEW planned_changes AS SELECT * FROM read_parquet({changes})")
    _lay_records(session, object_type, validated, related)
    pins = _listed(related, "pins")
    if pins:
        below = "_pins_below_" + object_type.slug
        _rename(session, "_pins", below)
        made = f"SELECT * EXCLUDE (_seq), CAST(NULL AS TIMESTAMPTZ) AS _created_at FROM read_parquet({pins})"
        session.run(f"CREATE VIEW store._pins AS SELECT * FROM store.{ident(below)} UNION ALL BY NAME {made}")
    highest = f"UNION ALL SELECT max(_id) FROM read_parquet({pins})" if pins else ""
    session.run(
        f"""
        UPDATE store._lock SET next_id = greatest(next_id, (
            SELECT 1 + coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM planned_changes WHERE action = 'create' {highest})
        ))
        """
    )


def _lay_records(session: Session, object_type: ObjectType, validated: StageFolder, related: StageFolder) -> None:
    """The view of the type's table, with planned records and with the external ids that planned updates give."""
    slug, keys = object_type.slug, _shown(object_type)
    given = given_sql(object_type, ChangeSetFiles.of(related, validated), keys)
    some = " OR ".join(f"g.{ident(k)} IS NOT NULL" for k in keys)
    session.run(
        f"""
        CREATE OR REPLACE TABLE store.{ident("_planned_" + slug)} AS
        SELECT c.id AS _id, c.action, {idents(keys, "g.")}
        FROM planned_changes c LEFT JOIN ({given}) g ON g._seq = c._seq AND g.folded = c.folded
        WHERE c.action = 'create' OR {some}
        """
    )
    _rename(session, slug, "_stored_" + slug)
    planned, stored = f"store.{ident('_planned_' + slug)}", f"store.{ident('_stored_' + slug)}"
    merged = ", ".join(f"coalesce(p.{ident(k)}, t.{ident(k)}) AS {ident(k)}" for k in keys)
    session.run(
        f"""
        CREATE VIEW {Tables(object_type).current} AS
        SELECT t.* REPLACE ({merged})
        FROM {stored} t LEFT JOIN {planned} p ON p._id = t._id AND p.action = 'update'
        UNION ALL BY NAME
        SELECT _id, {idents(keys)} FROM {planned} WHERE action = 'create'
        """
    )


def _shown(object_type: ObjectType) -> list[str]:
    """The data columns of a planned record that the types after it look at: of a territory also what decides which pins lie in it."""
    return list(KEYS) if object_type.name == TERRITORY else [object_type.external_id]


def _listed(stage: StageFolder, name: str) -> str:
    parts = stage.parts(name)
    return f"[{', '.join(literal(str(part)) for part in parts)}]" if parts else ""


def _rename(session: Session, name: str, other: str) -> None:
    views = session.one("SELECT count(*) FROM duckdb_views() WHERE database_name = 'store' AND view_name = ?", [name])
    session.run(f"ALTER {'VIEW' if views else 'TABLE'} store.{ident(name)} RENAME TO {ident(other)}")
