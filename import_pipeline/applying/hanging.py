"""What hangs where, written: the parents of territories, and the territories of pins.

Belongs here: the statements that end present rows and begin new ones. Does not belong here: working out what hangs where
(relating/territories.py), transactions (stage.py).
"""

from datetime import datetime

from import_pipeline.store.session import Session


def book_places(session: Session, change_set: str, stamp: datetime) -> None:
    """The territories of the change set's new pins, with the pins themselves."""
    session.run(
        "INSERT INTO store._placed SELECT pin, territory, $change_set, $stamp, NULL FROM set_placed ORDER BY pin",
        {"change_set": change_set, "stamp": stamp},
    )


def hang(session: Session, change_set: str, stamp: datetime, made: frozenset[str]) -> None:
    """With the last commit of a change set of territories: what hangs elsewhere from now on. Called twice it would write twice; the
    commit that it belongs to also finishes the change set."""
    values = {"change_set": change_set, "stamp": stamp}
    if "tree" in made:
        ended = "territory IN (SELECT territory FROM set_tree)"
        session.run(f"UPDATE store._tree SET _valid_to = $stamp WHERE _valid_to IS NULL AND {ended}", {"stamp": stamp})
        session.run(
            """
            INSERT INTO store._tree
            SELECT territory, parent, share, $change_set, $stamp, NULL FROM set_tree WHERE NOT gone ORDER BY territory
            """,
            values,
        )
    if "moves" in made:
        session.run(
            "UPDATE store._placed SET _valid_to = $stamp WHERE _valid_to IS NULL AND pin IN (SELECT pin FROM set_moves)", {"stamp": stamp}
        )
        session.run("INSERT INTO store._placed SELECT pin, after, $change_set, $stamp, NULL FROM set_moves ORDER BY pin", values)
