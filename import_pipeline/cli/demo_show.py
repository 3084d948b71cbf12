"""What the demonstration shows at its end: trees, jobs, errors, records, lineage, an export.

Belongs here: choosing and printing. Does not belong here: the demonstration's order (demo.py), how a job looks (jobview.py).
"""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from import_pipeline.cli.jobview import jobs_table, receipt_of
from import_pipeline.cli.shared import plain
from import_pipeline.exporting.export import export_type
from import_pipeline.landing.tree import new_folder, root
from import_pipeline.ledger import jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.store.names import Tables, ident
from import_pipeline.store.session import open_store

if TYPE_CHECKING:
    from rich.console import Console

    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.model.account import Account
    from import_pipeline.model.object_type import ObjectType

NAME = "Name"
_LINES, _FAMILIES = 6, 6
"""Lines of an error file, and parents with children, that are shown."""


def show_all(out: "Console", pipeline: "Pipeline") -> None:
    """Everything, in the order in which a person would look."""
    with pipeline.ledger.read() as conn:
        rows = list(reversed(jobs.listing(conn, limit=1000)))
    # An account that takes its files over HTTP only has no samples here.
    accounts = [account for account in pipeline.accounts.values() if any(row.account == account.name for row in rows)]
    _headline(out, "The trees: New is empty, every file lies in Success or Failed with its receipt")
    for account in accounts:
        out.print(_tree(account, pipeline, new_folder(account, pipeline.settings).parent))
        if account.territories:
            out.print(_tree(account, pipeline, root(account, pipeline.settings) / "Territories"))
    _headline(out, "What came of each file")
    out.print(jobs_table(rows))
    worst = max(rows, key=lambda row: row.counts.refused)
    if worst.errors_file:
        _show_errors(out, worst, Path(worst.errors_file))
    for account in accounts:
        if any(t.parent for t in account.object_types):
            _show_families(out, pipeline, account)
            _show_export(out, pipeline, account)
        if account.territories:
            _show_territories(out, pipeline, account)


def _headline(out: "Console", text: str) -> None:
    out.print(f"\n▶ {text}", style="bold", soft_wrap=True)


def _tree(account: "Account", pipeline: "Pipeline", base: Path) -> Any:
    from rich.tree import Tree

    tree = Tree(plain(f"{account.name}/{base.relative_to(root(account, pipeline.settings))}"))
    for name in ("New", "Success", "Failed"):
        names = sorted(path.name for path in (base / name).iterdir())
        branch = tree.add(name if names else f"{name} (empty)")
        for file in names:
            branch.add(plain(file), style="dim" if ".receipt." in file else "")
    return tree


def _show_errors(out: "Console", row: JobRow, path: Path) -> None:
    _headline(out, f"Why rows of {row.name} were refused: {path.name}")
    with path.open(encoding="utf-8") as lines:
        for line in islice(lines, _LINES):
            out.print(plain(line.rstrip("\r\n")), style="dim", no_wrap=True, overflow="ellipsis", crop=True)
    out.print("  …")
    for group in receipt_of(row).get("errors", [])[:_LINES]:
        out.print(plain(f"• {group['sentence']}"), soft_wrap=True)


def _show_families(out: "Console", pipeline: "Pipeline", account: "Account") -> None:
    """Parents with their children, as the store holds them."""
    from rich.table import Table

    children_types = [t for t in account.object_types if t.parent]
    child = next((t for t in children_types if _known_by(t) == NAME), children_types[-1])
    assert child.parent is not None
    parent = account.object_type(child.parent.type)
    above, below = ident(_known_by(parent)), ident(_known_by(child))
    with open_store(pipeline.settings, account.name) as session:
        found = session.run(
            f"""
            SELECT p.{above}, string_agg(c.{below}, ', ' ORDER BY c._id) FROM {Tables(child).current} c
            JOIN {Tables(parent).current} p ON p._id = c._parent_id
            GROUP BY p._id, p.{above} ORDER BY count(*) DESC, p._id LIMIT {_FAMILIES}
            """
        )
        counts = {t.name: session.one(f"SELECT count(*) FROM {Tables(t).current}") for t in account.object_types}
    held = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    _headline(out, f"Records of {account.title}: {held}; some {parent.name} records with their {child.name} records")
    table = Table()
    table.add_column(parent.name, overflow="fold")
    table.add_column(child.name, overflow="fold")
    for name, children in found:
        table.add_row(plain(name), plain(children or ""))
    out.print(table)


def _known_by(object_type: "ObjectType") -> str:
    """The column that people know a record by."""
    return NAME if any(f.name == NAME for f in object_type.fields) else object_type.external_id


def _show_export(out: "Console", pipeline: "Pipeline", account: "Account") -> None:
    object_type = account.object_types[0]
    folder = pipeline.settings.home / "exports" / account.name
    with open_store(pipeline.settings, account.name) as session:
        result = export_type(session, account, object_type, None, folder, format="csv", now=pipeline.clock.now())
    _headline(out, f"An export of the current state: {result.rows:,} {object_type.name} records")
    out.print(plain(result.path), soft_wrap=True)


def _show_territories(out: "Console", pipeline: "Pipeline", account: "Account") -> None:
    """Each territory with the one it lies in and how many records lie in it, and where the map is."""
    from rich.table import Table

    from import_pipeline.exporting.territories import territory_rows

    territory = account.territory_type
    assert territory is not None
    pinned = next(t for t in account.object_types if t.pin)
    with open_store(pipeline.settings, account.name) as session:
        rows = territory_rows(session, territory)
        held = dict(
            session.run(
                f"""
                SELECT t."Title", count(*) FROM {Tables(pinned).current} r
                JOIN store._placed p ON p.pin = r._pin_id AND p._valid_to IS NULL
                JOIN {Tables(territory).current} t ON t._id = p.territory
                GROUP BY 1
                """
            )
        )
    _headline(out, f"Territories of {account.title}: {rows.height}, read from KML; each record belongs to the deepest that holds it")
    table = Table("level", "territory", "lies in", "km²", f"{pinned.name} records")
    for row in rows.iter_rows(named=True):
        table.add_row(
            str(row["Level"]), plain(row["Title"]), plain(row["Parent"] or "—"), f"{row['km2']:,.0f}", str(held.get(row["Title"], 0))
        )
    out.print(table)
    for page in sorted((root(account, pipeline.settings) / "Territories" / "Success").glob("*.map.html"))[-1:]:
        out.print(plain(f"the map: {page}"), soft_wrap=True)
