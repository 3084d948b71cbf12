"""A format that was saved on the desk a second ago is a `formatName` of import.service (acceptance E-3)."""

from pathlib import Path

from import_pipeline.ledger import formats
from import_pipeline.model.format import Format
from import_pipeline_tests.scenarios.giving import giving_site

HEADER = "Mail,Who,Nothing\n"
SAVED = Format(
    name="board", object_type="Supporter", exact_header=True, columns={"Mail": "Email Address", "Who": "First Name", "Nothing": None}
)


def test_a_format_is_taken_while_the_service_runs_and_gone_when_it_is_taken_away(tmp_path: Path) -> None:
    """The header decides as for any other; what belongs to a single import of the desk has no name here."""
    with giving_site(tmp_path) as giving:
        ledger, now = giving.site.pipeline.ledger, giving.site.clock.now()
        assert giving.send(HEADER, formatName="board").startswith("Error: Import format parameter not found")
        with ledger.begin() as conn:
            formats.save(conn, "giving", SAVED, listed=True, by="ana", now=now)
            formats.save(conn, "giving", SAVED.model_copy(update={"name": "desk-0123456789ab-skip"}), listed=False, by="ana", now=now)
        row = giving.imported(HEADER + "a@x.org,Ann,x\n", formatName="board")
        assert row["results"] == "1 rows: 1 added, 0 updated, 0 unchanged, 0 refused"
        assert giving.supporters()["a@x.org"]["First Name"] == "Ann"
        assert giving.send("Mail,Who\nb@x.org,Bob\n", formatName="board").startswith("Error: The format you selected does not match")
        assert giving.send(HEADER, formatName="desk-0123456789ab-skip").startswith("Error: Import format parameter not found")
        with ledger.begin() as conn:
            assert formats.remove(conn, "giving", "board", now=now)
        assert giving.send(HEADER, formatName="board").startswith("Error: Import format parameter not found")
