"""SPOTIO files through the landing tree: acceptance S-1 to S-13, S-15, S-16 and what the spine adds (B-4 to B-12)."""

import csv
import io
import zipfile
from pathlib import Path

import pytest

from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT, LEAD
from import_pipeline_tests.scenarios.site import Site

NEW, SUCCESS, FAILED = (f"DataObjects/Import/{name}" for name in ("New", "Success", "Failed"))


def test_the_tree_of_every_account_is_made_at_start(site: Site) -> None:
    """Acceptance S-1."""
    for base in ("Leads/Import", "DataObjects/Import", "Territories"):
        for name in ("New", "Success", "Failed"):
            assert site.path(base, name).is_dir()
    assert all(site.path("Exports", cadence).is_dir() for cadence in ("Daily", "Weekly", "Monthly"))


def test_a_complete_file_is_imported_and_lies_in_success_only(site: Site) -> None:
    """Acceptance S-2."""
    job = site.deliver("Account_a.csv", "ExternalDataObjectId,Name\nA1,Acme\nA2,Beta\n")
    assert (job.state, job.counts.created) == ("applied", 2)
    assert site.listing(NEW) == [] and site.listing(FAILED) == []
    assert set(site.listing(SUCCESS)) == {"Account_a.csv", f"Account_a.{job.id}.receipt.json"}
    assert [r["Name"] for r in site.records("Account")] == ["Acme", "Beta"]


def test_an_unknown_object_type_goes_to_failed_and_names_the_known_and_the_nearest(site: Site) -> None:
    """Acceptance S-3."""
    job = site.deliver("Acount_a.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    assert job.state == "failed"
    assert "Account" in str(job.reason) and "Contact" in str(job.reason)
    assert "Acount_a.csv" in site.listing(FAILED)
    assert site.errors(job) == {(0, "", "unknown_object_type")}


def test_the_longest_type_name_wins_and_case_does_not_matter(tmp_path: Path, site: Site) -> None:
    """Acceptance S-3: type names may themselves hold an underscore."""
    plan = {"name": "Account_Plan", "fields": [{"name": "Name", "required": True}]}
    site.add_account("types", [ACCOUNT, plan])
    site.account = "types"
    assert site.deliver("ACCOUNT_PLAN_x.csv", "ExternalDataObjectId,Name\nP1,Plan\n").object_type == "Account_Plan"
    assert site.deliver("account_x.csv", "ExternalDataObjectId,Name\nA1,Acme\n").object_type == "Account"


def test_a_classic_file_is_a_lead_whatever_its_name(site: Site) -> None:
    """Acceptance S-4."""
    site.add_account("doors", [LEAD], mode="classic")
    site.account = "doors"
    job = site.deliver("Account_from_the_fair.csv", "ExternalLeadId,Name\nL1,Lee\n", folder="Leads/Import/New")
    assert (job.object_type, job.state) == ("Lead", "applied")
    assert "Account_from_the_fair.csv" in site.listing("Leads/Import/Success")


@pytest.mark.parametrize("header", ["ExternalDataObjectId", "External Account Id", "external dataobject id"])
def test_every_spelling_of_the_external_id_finds_the_record(site: Site, header: str) -> None:
    """Acceptance S-5."""
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    job = site.deliver("Account_2.csv", f"{header},Employees\nA1,7\n")
    assert job.counts.updated == 1


@pytest.mark.parametrize("header", ["ID", "RecordID", "SPOTIO DataObject Id"])
def test_the_exported_record_id_finds_the_record(site: Site, header: str) -> None:
    """Acceptance S-5."""
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    (tag,) = site.query("SELECT tag FROM store._lock")[0]
    assert site.deliver("Account_2.csv", f"{header},Employees\n{tag}{1:016x},7\n").counts.updated == 1


def test_the_external_id_beats_the_address(site: Site) -> None:
    """Acceptance S-5: external id says A, address says B: A."""
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name,House Number,Street\nA,Acme,1,Main St\nB,Beta,2,Oak St\n")
    site.deliver("Account_2.csv", "ExternalDataObjectId,House Number,Street,Employees\nA,2,Oak St,9\n")
    assert [(r["ExternalDataObjectId"], r["Employees"]) for r in site.records("Account")] == [("A", 9), ("B", None)]


def test_objects_with_the_same_external_pin_id_share_one_pin(site: Site) -> None:
    """Acceptance S-6: even with different address text."""
    site.deliver("Account_1.csv", "ExternalDataObjectId,External Pin Id,Name,Street\nA,P1,Acme,Main St\nB,P1,Beta,Elsewhere 9\n")
    pins = {r["_pin_id"] for r in site.records("Account")}
    assert len(pins) == 1 and None not in pins


def test_a_child_is_linked_by_record_id_or_external_id_of_its_parent(site: Site) -> None:
    """Acceptance S-7, B-4; parents and children in one delivery, the child's file first."""
    site.drop("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A1\nC2,Bob,A2\n")
    site.drop("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\nA2,Beta\n")
    site.work()
    parents = {r["_id"]: r["ExternalDataObjectId"] for r in site.records("Account")}
    assert [(r["Name"], parents[r["_parent_id"]]) for r in site.records("Contact")] == [("Ann", "A1"), ("Bob", "A2")]
    (tag,) = site.query("SELECT tag FROM store._lock")[0]
    site.deliver("Contact_2.csv", f"ExternalDataObjectId,Name,RelatedTo\nC3,Cy,{tag}{1:016x}\n")
    assert site.records("Contact")[-1]["_parent_id"] == 1


def test_an_orphan_waits_for_its_parent_and_its_receipt_follows(site: Site) -> None:
    """Acceptance B-4 (kind)."""
    first = site.deliver("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A9\nC2,Bob,\n")
    assert (first.counts.parked, first.counts.created) == (1, 1)
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA9,Acme\n")
    now = site.job("Contact_1.csv")
    assert (now.counts.parked, now.counts.created) == (0, 2)
    assert site.receipt(now)["counts"]["created"] == 2
    assert {r["Name"]: r["_parent_id"] is not None for r in site.records("Contact")} == {"Ann": True, "Bob": False}


def test_a_strict_account_refuses_the_orphan(site: Site) -> None:
    """Acceptance S-7 (strict)."""
    site.add_account("strict", [ACCOUNT, CONTACT], strict=True)
    site.account = "strict"
    job = site.deliver("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A9\n")
    assert (job.state, site.errors(job)) == ("failed", {(2, "RelatedTo", "parent_not_found")})


def test_an_update_changes_only_given_columns_blanks_never_erase_and_fixed_columns_are_told(site: Site) -> None:
    """Acceptance S-8."""
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees,Email,Last Visit Result\nA1,Acme,5,a@x.org,Home\n")
    text = "ExternalDataObjectId,Name,Employees,Email,Last Visit Result,Visit Count,Days Since Last Visit\nA1,Other,6,,Not home,4,2\n"
    job = site.deliver("Account_2.csv", text)
    (record,) = site.records("Account")
    assert (record["Name"], record["Employees"], record["Email"], record["Last Visit Result"]) == ("Acme", 6, "a@x.org", "Home")
    told = {(g["code"], g["column"]) for g in site.receipt(job)["errors"]}
    assert told == {("not_updatable", "Name"), ("not_updatable", "Last Visit Result")}
    assert job.counts.refused == 0


def test_stage_owner_choices_and_types_are_judged_row_by_row(site: Site) -> None:
    """Acceptance S-9, S-10, B-8: line, column, value, what was expected, the nearest allowed value."""
    text = (
        "ExternalDataObjectId,Name,Stage,Owner Email,Employees,Revenue,Customer Since,Interests,Loss Reason\n"
        "A1,Acme,Prospect,ann@sales.example,5,10.50,2021-02-03,Solar;Roof,Price\n"
        "A2,Beta,Prospct,ann@sales.example,5,,,,\n"
        "A3,Gamma,New,zoe@sales.example,many,,,,\n"
        "A4,Delta,New,,,1.234,2021-02-30,Sollar,Prise\n"
    )
    job = site.deliver("Account_1.csv", text)
    assert (job.counts.rows, job.counts.created, job.counts.refused) == (4, 1, 3)
    assert site.errors(job) == {
        (3, "Stage", "unknown_stage"),
        (4, "Owner Email", "unknown_owner"),
        (4, "Employees", "not_a_number"),
        (5, "Revenue", "too_many_decimals"),
        (5, "Customer Since", "not_a_date"),
        (5, "Interests", "unknown_choice"),
        (5, "Loss Reason", "unknown_loss_reason"),
    }
    assert any("Prospct" in g["sentence"] and "Prospect" in g["sentence"] for g in site.receipt(job)["errors"])


def test_the_header_styles_of_the_real_sender_are_understood(site: Site) -> None:
    """Acceptance S-11: empty system columns are ignored, not refused; blanks in an update are no changes."""
    header = (
        "ID,Address (house # & street name),House #,Street,City,ZIP,State,Country,Longitude,Latitude,Creation date,"
        "ACCOUNT OWNER EMAIL,Last Visit Result,Last Visit Date,Visit Count,Field Name,External Account Id,Field Employees,Stage"
    )
    job = site.deliver(
        "Account_customer_file.csv", f"{header}\n,12 Main St,,,Denver,80202,CO,US,-104.99,39.74,,ann@sales.example,,,,Acme,A1,12,New\n"
    )
    assert job.counts.created == 1 and job.errors_file is None
    (pin,) = site.query('SELECT "House Number", "Street", "Zip", "Lat", "Lng" FROM store._pins')
    assert pin == ("12", "Main St", "80202", 39.74, -104.99)
    assert site.receipt(job)["read"]["mapped"]["ACCOUNT OWNER EMAIL"] == "Owner Email"


@pytest.mark.parametrize(("rows", "packages"), [(10_000, 1), (10_001, 2)])
def test_packages_hold_ten_thousand_positions(site: Site, rows: int, packages: int) -> None:
    """Acceptance S-12."""
    text = "ExternalDataObjectId,Name\n" + "".join(f"A{i},Company {i}\n" for i in range(rows))
    job = site.deliver("Account_big.csv", text)
    assert (job.counts.created, job.packages_done, job.packages_total) == (rows, packages, packages)


def test_a_child_in_the_first_package_finds_a_parent_in_the_second(site: Site) -> None:
    """Acceptance S-12: the result does not depend on the split."""
    site.drop("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A10000\n")
    site.drop("Account_1.csv", "ExternalDataObjectId,Name\n" + "".join(f"A{i},Company {i}\n" for i in range(10_001)))
    site.work()
    assert site.query("SELECT count(*) FROM store.contact WHERE _parent_id IS NOT NULL") == [(1,)]


def _zip(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def test_a_zip_of_several_files_is_imported_member_by_member(site: Site) -> None:
    """Acceptance S-13, B-6: the archive is named in the lineage; other kinds are reported."""
    members = {
        "deep__Account_1.csv": "ExternalDataObjectId,Name\nA1,Acme\n",
        "Contact_1.csv": "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A1\n",
        "readme.pdf": "%PDF-1.4",
    }
    site.drop("everything.zip", _zip(**members))
    site.work()
    told = {row.name: (row.archive, row.state) for row in site.jobs()}
    assert told == {
        "Account_1.csv": ("everything.zip", "applied"),
        "Contact_1.csv": ("everything.zip", "applied"),
        "readme.pdf": ("everything.zip", "failed"),
    }
    assert "everything.zip" in site.listing(SUCCESS)
    assert site.records("Contact")[0]["_parent_id"] == site.records("Account")[0]["_id"]


@pytest.mark.parametrize("damage", ["truncated", "escaping"])
def test_a_dangerous_archive_is_refused_with_a_reason(site: Site, damage: str) -> None:
    """Acceptance S-13."""
    content = _zip(**{"Account_1.csv": "ExternalDataObjectId,Name\nA1,Acme\n" * 50})
    if damage == "truncated":
        content = content[: len(content) // 2]
    else:
        content = _zip(**{"..__..__Account_1.csv": "ExternalDataObjectId,Name\nA1,Acme\n"})
    site.drop("bad.zip", content)
    site.work()
    (job,) = site.jobs()
    assert (job.state, job.fault.code if job.fault else "") == ("failed", "archive")
    assert "bad.zip" in site.listing(FAILED) and site.records("Account") == []


def test_the_same_bytes_again_change_nothing_and_say_so(site: Site) -> None:
    """Acceptance B-5."""
    text = "ExternalDataObjectId,Name\nA1,Acme\n"
    first = site.deliver("Account_1.csv", text)
    before = site.query("SELECT * FROM store.account")
    again = site.deliver("Account_again.csv", text)
    assert again.state == "duplicate" and first.id in str(again.reason)
    assert site.query("SELECT * FROM store.account") == before
    assert "Account_again.csv" in site.listing(SUCCESS)


def test_the_same_name_with_new_bytes_is_a_new_import(site: Site) -> None:
    """Acceptance B-5: senders use one name every day."""
    one = site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,1\n")
    two = site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,2\n")
    assert (one.id != two.id, two.counts.updated) == (True, 1)
    assert len([n for n in site.listing(SUCCESS) if n.endswith(".csv")]) == 2


def test_every_row_of_a_dirty_file_is_a_record_or_comes_back_ready_to_send(site: Site) -> None:
    """Acceptance, decision 1 and B-1's file: same header, order, delimiter and encoding, reasons at the end."""
    text = 'ExternalDataObjectId;Name;Employees\r\nA1;Café;1\r\nA2;"Be;ta";x\r\nA3;Gamma\r\nA4;Delta;4\r\n'.encode("cp1252")
    job = site.deliver("Account_1.csv", text)
    assert (job.counts.rows, job.counts.created, job.counts.refused) == (4, 2, 2)
    assert "Account_1.csv" in site.listing(SUCCESS)
    assert job.failed_file and job.failed_file.startswith(str(site.path(FAILED)))
    lines = Path(job.failed_file).read_bytes().decode("cp1252").split("\r\n")
    assert lines[0] == "ExternalDataObjectId;Name;Employees;_import_job;_import_line;_import_errors"
    assert lines[1].startswith(f'A2;"Be;ta";x;{job.id};3;') and lines[2].startswith(f"A3;Gamma;{job.id};4;")
    mended = "\r\n".join([lines[0], lines[1].replace(";x;", ";2;")])
    again = site.deliver("Account_mended.csv", mended.encode("cp1252"))
    assert (again.counts.created, again.counts.refused) == (1, 0)


def test_a_template_is_accepted_and_gives_no_rows_and_no_error(site: Site) -> None:
    """Acceptance S-15."""
    from import_pipeline.reporting.templates import template

    found = site.pipeline.account("acme")
    for kind in ("csv", "xlsx", "jsonl"):
        name = f"Account_template.{kind}"
        job = site.deliver(name, template(found.object_type("Account"), kind))  # type: ignore[arg-type]
        assert (job.state, job.counts.rows, job.counts.refused, job.errors_file) == ("applied", 0, 0, None)


def test_a_broken_object_type_never_hides_the_others(site: Site) -> None:
    """Issue line 1: a broken type is a failed check while all others go on."""
    (site.accounts / "acme" / "object_types" / "broken.yaml").write_text("name: Broken\nfields:\n  - {name: X, type: Nubmer}\n")
    job = site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    assert job.state == "applied"
    with_faults = next(a for a in site.pipeline.loaded if a.account and a.account.name == "acme")
    assert any("Nubmer" in f.message and f.line == 3 for f in with_faults.faults)


def test_lineage_leads_from_a_record_to_its_line_and_from_a_line_to_its_record(site: Site) -> None:
    """Acceptance B-6."""
    site.drop("all.zip", _zip(**{"Account_1.csv": "ExternalDataObjectId,Name\nA1,Acme\nA2,Beta\n"}))
    site.work()
    (job,) = site.jobs()
    assert [(r["_job"], r["_line"]) for r in site.records("Account")] == [(job.id, 2), (job.id, 3)]
    assert site.query("SELECT job, line, record, action FROM store._lineage ORDER BY line") == [
        (job.id, 2, 1, "create"),
        (job.id, 3, 2, "create"),
    ]
    assert (job.archive, job.member, len(job.sha256)) == ("all.zip", "Account_1.csv", 64)


def test_the_halt_policy_keeps_the_whole_file_out(site: Site) -> None:
    """Acceptance B-13 as far as policies go: halt above a share of bad rows."""
    site.add_account("careful", [ACCOUNT], on_error={"halt_above": "20%"})
    site.account = "careful"
    bad = "ExternalDataObjectId,Name,Employees\n" + "A1,Acme,1\nA2,Beta,x\nA3,Gamma,y\n"
    job = site.deliver("Account_1.csv", bad)
    assert (job.state, job.counts.created) == ("failed", 0)
    assert "more than" in str(job.reason) and site.records("Account") == []
    fine = "ExternalDataObjectId,Name,Employees\n" + "".join(f"A{i},Acme {i},{i}\n" for i in range(9)) + "B1,Beta,x\n"
    assert site.deliver("Account_2.csv", fine).counts.created == 9


def test_errors_are_listed_one_per_line_for_spreadsheets(site: Site) -> None:
    """Acceptance, decision 1: NAME.JOB.errors.csv in Failed."""
    job = site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,=1+1\n")
    assert job.errors_file
    (row,) = csv.DictReader(io.StringIO(Path(job.errors_file).read_text(encoding="utf-8")))
    assert (row["line"], row["column"], row["code"], row["value"]) == ("2", "Employees", "not_a_number", "'=1+1")
