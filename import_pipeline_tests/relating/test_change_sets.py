"""What a delivery's rows do to the store: matching, parents, pins, folding, update rules (acceptance S-5 to S-8, B-4)."""

from pathlib import Path

import pytest

from import_pipeline_tests.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def row(ext: str | None = None, **more: object) -> dict[str, object]:
    return {"ExternalDataObjectId": ext, **{k.replace("_", " "): v for k, v in more.items()}}


def test_new_external_ids_create_records_and_the_same_rows_again_change_nothing(lab: Lab) -> None:
    """An unchanged row makes no version: history tells what happened, not what was sent (acceptance, decision 2)."""
    rows = [row("A1", Name="Acme", Email="a@x.org", Score=1.5), row("A2", Name="Beta")]
    first = lab.deliver("Account", rows)
    before = lab.query("SELECT * FROM store.account ORDER BY _id")
    again = lab.deliver("Account", rows)
    assert first["jobs"] == {"d1_0": {"create": 2}}
    assert again["jobs"] == {"d2_0": {"unchanged": 2}}
    assert lab.query("SELECT * FROM store.account ORDER BY _id") == before
    assert lab.query("SELECT count(*) FROM store._history_account") == [(0,)]


def test_an_update_changes_only_what_it_gives_and_keeps_the_old_version(lab: Lab) -> None:
    """Only the columns given; the old version tells by whom it was ended (acceptance S-8, B-6)."""
    lab.deliver("Account", [row("A1", Name="Acme", Email="a@x.org", Score=1.5, Stage="New")])
    report = lab.deliver("Account", [row("A1", Score=2.0)])
    assert report["jobs"]["d2_0"] == {"update": 1}
    (record,) = lab.records("Account")
    assert (record["Name"], record["Email"], record["Score"], record["Stage"], record["_version"]) == ("Acme", "a@x.org", 2.0, "New", 2)
    assert (record["_job"], record["_line"]) == ("d2_0", 2)
    assert lab.query('SELECT "Score", _version, _job, _ended_by, _valid_to FROM store._history_account') == [
        (1.5, 1, "d1_0", "d2_0", record["_valid_from"])
    ]


def test_a_column_that_an_update_may_not_touch_is_ignored_with_a_warning_that_names_it(lab: Lab) -> None:
    """Silence would let people believe that the value was taken (acceptance S-8)."""
    lab.deliver("Account", [row("A1", Name="Acme", Last_Visit_Result="Home")])
    report = lab.deliver("Account", [row("A1", Name="Other", Last_Visit_Result="Away", Score=1.0), row("A1", Name="Third")])
    assert lab.errors(report) == {(2, "not_updatable", "Name"), (2, "not_updatable", "Last Visit Result")}
    (record,) = lab.records("Account")
    assert (record["Name"], record["Last Visit Result"], record["Score"]) == ("Acme", "Home", 1.0)


def test_the_external_id_beats_a_matching_rule(lab: Lab) -> None:
    """External id says A, address says B: A (acceptance S-5)."""
    lab.deliver(
        "Account", [row("A", Name="Acme", House_Number="1", Street="Main St"), row("B", Name="Beta", House_Number="2", Street="Oak St")]
    )
    report = lab.deliver("Account", [row("A", House_Number="2", Street="Oak St", Score=7.0)])
    assert report["jobs"]["d2_0"] == {"update": 1}
    assert [(r["ExternalDataObjectId"], r["Score"]) for r in lab.records("Account")] == [("A", 7.0), ("B", None)]


def test_the_record_id_finds_its_record_and_an_unknown_one_is_refused(lab: Lab) -> None:
    """A record id is never made by a sender: one that is unknown is a mistake, not a new record."""
    lab.deliver("Account", [row("A", Name="Acme")])
    (tag,) = lab.query("SELECT tag FROM store._lock")[0]
    known, unknown = f"{tag}{1:016x}", f"{tag}{99:016x}"
    report = lab.deliver(
        "Account", [{"RecordID": known, "Score": 3.0}, {"RecordID": unknown, "Score": 4.0}, {"RecordID": "A", "Stage": "New"}]
    )
    assert report["jobs"]["d2_0"] == {"update": 2, "refuse": 1}
    assert lab.errors(report) == {(3, "unknown_record_id", "RecordID")}
    assert [(r["Score"], r["Stage"]) for r in lab.records("Account")] == [(3.0, "New")]


def test_record_id_and_external_id_of_two_records_are_refused(lab: Lab) -> None:
    """Whichever of the two were taken, the other record would be changed by mistake."""
    lab.deliver("Account", [row("A", Name="Acme"), row("B", Name="Beta")])
    (tag,) = lab.query("SELECT tag FROM store._lock")[0]
    report = lab.deliver("Account", [{"RecordID": f"{tag}{1:016x}", "ExternalDataObjectId": "B", "Score": 1.0}])
    assert lab.errors(report) == {(2, "id_conflict", "RecordID")}


def test_rules_are_tried_in_order_and_compare_without_case_blanks_and_phone_punctuation(lab: Lab) -> None:
    """People type names and phone numbers in many ways."""
    lab.deliver(
        "Account", [row(None, Name="Acme Inc", Email="Info@Acme.org", Phone="555 123-4567"), row(None, Name="Beta", Phone="1 2 3 4 5")]
    )
    report = lab.deliver(
        "Account",
        [
            row(None, Email="info@acme.ORG", Score=1.0),
            row(None, Name="acme  inc", Phone="(555) 1234567", Score=2.0),
            row(None, Name="beta", Phone="12345", Score=3.0),
        ],
    )
    assert report["jobs"]["d2_0"] == {"update": 3}
    assert [(r["Name"], r["Score"]) for r in lab.records("Account")] == [("Acme Inc", 2.0), ("Beta", 3.0)]


def test_a_row_that_fits_several_records_is_refused_and_names_them(lab: Lab) -> None:
    """A guess could change the wrong record; the names let people decide."""
    lab.deliver("Account", [row("A", Name="Acme", Email="x@x.org"), row("B", Name="Beta", Email="x@x.org")])
    report = lab.deliver("Account", [row(None, Name="New one", Email="x@x.org")])
    assert lab.errors(report) == {(2, "ambiguous_match", "Email")}
    assert report["jobs"]["d2_0"] == {"refuse": 1}


def test_an_external_id_of_its_own_adopts_by_rule_only_a_record_without_one(lab: Lab) -> None:
    """Two external ids are two records, however alike they are."""
    lab.deliver("Account", [row("A", Name="Acme", Email="x@x.org"), row(None, Name="Free", Email="f@x.org")])
    report = lab.deliver("Account", [row("N1", Name="New", Email="x@x.org"), row("N2", Name="Free", Email="f@x.org", Score=5.0)])
    assert report["jobs"]["d2_0"] == {"create": 1, "update": 1}
    assert len(lab.records("Account")) == 3


def test_rows_of_one_delivery_that_name_the_same_record_fold_as_row_by_row(lab: Lab) -> None:
    """One delivery makes one version of a record, with the result of taking the rows one after the other."""
    report = lab.deliver(
        "Account",
        [
            row("A", Name="Acme", Score=1.0),
            row("A", Name="Ignored", Score=2.0, Email="a@x.org"),
            row("A", Score=None, Stage="New"),
            row("A", Score=2.0),
        ],
        [row("A", Email="b@x.org")],
    )
    assert report["jobs"] == {"d1_0": {"create": 1, "update": 2, "unchanged": 1}, "d1_1": {"update": 1}}
    (record,) = lab.records("Account")
    assert (record["Name"], record["Score"], record["Email"], record["Stage"]) == ("Acme", 2.0, "b@x.org", "New")
    assert (record["_version"], record["_job"], record["_line"]) == (1, "d1_1", 2)


def test_a_row_that_would_create_without_a_required_value_is_refused_and_the_next_gets_its_turn(lab: Lab) -> None:
    """An update may leave a required column out, so only here is it known that it is missing."""
    report = lab.deliver("Account", [row("A", Score=1.0), row("A", Name="Acme"), row("B", Score=2.0)])
    assert lab.errors(report) == {(2, "required", "Name"), (4, "required", "Name")}
    assert report["jobs"]["d1_0"] == {"create": 1, "refuse": 2}
    assert [(r["Name"], r["Score"]) for r in lab.records("Account")] == [("Acme", None)]


def test_two_records_with_the_same_external_pin_id_share_a_pin_even_with_other_address_text(lab: Lab) -> None:
    """Acceptance S-6."""
    lab.deliver(
        "Account", [row("A", Name="A", ExternalPinId="P1", Street="Main St"), row("B", Name="B", ExternalPinId="P1", Street="Elsewhere")]
    )
    lab.deliver(
        "Account",
        [
            row("C", Name="C", ExternalPinId="P1"),
            row("D", Name="D", Street="Main  St."),
            row("E", Name="E", Street="Oak St"),
            row("F", Name="F"),
        ],
    )
    pins = {r["Name"]: r["_pin_id"] for r in lab.records("Account")}
    assert pins["A"] == pins["B"] == pins["C"] == pins["D"]
    assert pins["E"] not in (None, pins["A"]) and pins["F"] is None
    assert lab.query('SELECT external_pin_id, "Street" FROM store._pins ORDER BY _id') == [("P1", "Main St"), (None, "Oak St")]


def test_a_child_finds_its_parent_by_record_id_or_external_id(lab: Lab) -> None:
    """Senders know one or the other (acceptance B-4)."""
    lab.deliver("Account", [row("A", Name="Acme"), row("B", Name="Beta")])
    (tag,) = lab.query("SELECT tag FROM store._lock")[0]
    lab.deliver("Contact", [row("C1", Name="Ann", RelatedTo="A"), row("C2", Name="Bob", RelatedTo=f"{tag}{2:016x}")])
    assert [(r["Name"], r["_parent_id"]) for r in lab.records("Contact")] == [("Ann", 1), ("Bob", 2)]


def test_an_orphan_waits_and_is_linked_when_its_parent_comes(lab: Lab) -> None:
    """Files arrive in any order (acceptance S-7, B-4); the record tells the file that it came with."""
    first = lab.deliver("Contact", [row("C1", Name="Ann", RelatedTo="A9"), row("C2", Name="Bob")])
    assert first["jobs"] == {"d1_0": {"park": 1, "create": 1}}
    lab.deliver("Account", [row("A9", Name="Acme")])
    later = lab.deliver("Contact")
    assert later["jobs"] == {"d1_0": {"create": 1}}
    assert [(r["Name"], r["_job"], r["_line"]) for r in lab.records("Contact")] == [("Bob", "d1_0", 3), ("Ann", "d1_0", 2)]
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(0,)]
    assert lab.query("SELECT line, action, record FROM store._lineage WHERE type = 'contact' ORDER BY line, action") == [
        (2, "create", 3),
        (2, "park", None),
        (3, "create", 1),
    ]


def test_an_orphan_that_waited_never_overwrites_what_came_since(lab: Lab) -> None:
    """It is older than what came in the meantime."""
    lab.deliver("Contact", [row("C1", Name="Ann", Title="Old", RelatedTo="A9")])
    lab.deliver("Contact", [row("C1", Name="Ann", Title="New")])
    lab.deliver("Account", [row("A9", Name="Acme")])
    lab.deliver("Contact")
    (record,) = lab.records("Contact")
    assert (record["Title"], record["_parent_id"] is not None) == ("New", True)


def test_an_orphan_that_waited_too_long_is_refused(lab: Lab) -> None:
    """Nobody looks after a row that waits for ever."""
    lab.deliver("Contact", [row("C1", Name="Ann", RelatedTo="A9")])
    lab.now += lab.types["Contact"].parent.park_for  # type: ignore[union-attr]
    report = lab.deliver("Contact", [row("C2", Name="Bob")])
    assert report["jobs"] == {"d1_0": {"expired": 1}, "d3_0": {"create": 1}} or report["jobs"] == {
        "d1_0": {"expired": 1},
        "d2_0": {"create": 1},
    }
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(0,)]


def test_a_strict_account_refuses_a_row_whose_parent_is_missing(tmp_path: Path) -> None:
    """As the system's own document says (acceptance S-7, strict)."""
    lab = Lab(tmp_path, strict=True)
    report = lab.deliver("Contact", [row("C1", Name="Ann", RelatedTo="A9")])
    assert lab.errors(report) == {(2, "parent_not_found", "RelatedTo")}
    assert lab.records("Contact") == []
