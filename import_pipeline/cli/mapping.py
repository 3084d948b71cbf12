"""`map`: the territories of an account on one page to look at.

Belongs here: this command. Does not belong here: what the map shows (exporting/territory_map.py), drawing (reporting/maps.py).
"""

from pathlib import Path
from typing import Annotated

import typer

from import_pipeline.cli.shared import AccountOption, AsOfOption, JsonOption, chosen_account, console, opened, plain, print_json

PageOption = Annotated[Path | None, typer.Option("--out", "-o", dir_okay=False, metavar="FILE", help="The page.")]


def territory_map(account: AccountOption = None, as_of: AsOfOption = None, out: PageOption = None, json: JsonOption = False) -> None:
    """Writes a map of the territories, now or at a past moment: levels, overlaps, gaps, how many records lie in each.

    The page needs nothing else and asks nobody for anything. Without --out it is written below IMPORT_PIPELINE_HOME/exports.
    """
    from import_pipeline.exporting.export import moment_label
    from import_pipeline.exporting.moments import moment_of
    from import_pipeline.exporting.states import check_state
    from import_pipeline.exporting.territory_map import write_territory_map
    from import_pipeline.store.session import open_store

    with opened() as pipeline:
        chosen = chosen_account(pipeline, account)
        with open_store(pipeline.settings, chosen.name) as session:
            now = pipeline.clock.now()
            at = moment_of(as_of, session, chosen, pipeline.ledger, now) if as_of is not None else None
            if chosen.territory_type:
                check_state(session, chosen, chosen.territory_type, at, now)
            name = f"Territories_{moment_label(at or now.replace(microsecond=0))}.html"
            path = (out or pipeline.settings.home / "exports" / chosen.name / name).resolve()
            found = write_territory_map(session, chosen, path, at)
    if json:
        print_json({"account": chosen.name, "as_of": at, "territories": found, "path": path})
    else:
        console().print(plain(f"{found:,} territories: {path}"), soft_wrap=True)
