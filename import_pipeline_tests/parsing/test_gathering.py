"""Open-ended columns and ids made of several columns: one spelling, whatever the file's kind (acceptance A-5)."""

import csv
import io
import json
from pathlib import Path

import polars as pl
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.job import FileKind, Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing.gathering import compose, gather, object_text
from import_pipeline.parsing.stage import parse_delivery
from import_pipeline.store.staging import StageFolder

TYPE = ObjectType.model_validate(
    {
        "name": "Thing",
        "external_id": "key",
        "compose": {"key": ["a", "b"]},
        "case_sensitive": True,
        "fields": [
            {"name": "a", "required": True},
            {"name": "b", "required": True},
            {"name": "event.fields", "type": "Map"},
            {"name": "own", "type": "Map", "keys": "[a-zA-Z0-9_]{1,64}"},
        ],
        "synonyms": {"Own": "own"},
    }
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zs", "Zl", "Zp")), max_size=6)
entries = st.dictionaries(st.sampled_from(("x", "Y", "z_1")), texts, max_size=3)
rows = st.lists(st.tuples(texts, texts, entries, entries), min_size=1, max_size=5)


def parsed(folder: Path, kind: FileKind, content: str | None) -> pl.DataFrame:
    """The rows of one file, without their lines."""
    path = folder / f"file.{kind}"
    if content is not None:
        path.write_bytes(content.encode())
    job = Job(
        id="job00001", number=0, account="x", object_type="Thing", file_id="f", name=path.name, path=path, sha256="", size=0, kind=kind
    )  # fmt: skip
    stage = StageFolder(folder / f"parsed-{kind}")
    (file,) = parse_delivery([job], TYPE, {}, stage)
    assert file.fault is None, file.fault
    found = stage.read()
    return found.select(sorted(name for name in found.columns if not name.startswith("_")))


@settings(max_examples=60, deadline=None)
@given(rows)
def test_dotted_csv_and_nested_jsonl_give_the_same_rows(
    tmp_path_factory, given_rows: list[tuple[str, str, dict[str, str], dict[str, str]]]
) -> None:  # type: ignore[no-untyped-def]
    """Every character, quotes and commas included; blanks are not given."""
    folder = tmp_path_factory.mktemp("rows")
    names = ["x", "Y", "z_1"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["a", "b", *(f"event.fields.{n}" for n in names), *(f"Own.{n}" for n in names)])
    writer.writerows([a or "-", b, *(e.get(n, "") for n in names), *(o.get(n, "") for n in names)] for a, b, e, o in given_rows)
    lines = [{"a": a or "-", "b": b, "event": {"fields": e}, "Own": o} for a, b, e, o in given_rows]
    one = parsed(folder, "csv", out.getvalue())
    other = parsed(folder, "jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    for name in set(one.columns) - set(other.columns):
        assert one[name].null_count() == one.height
    shared = [name for name in one.columns if name in other.columns]
    blank = pl.all().replace("", None)
    assert one.select(shared).select(blank).equals(other.select(shared).select(blank))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=2, unique=True))
def test_two_records_never_have_the_same_composed_id(pairs: list[tuple[str, str]]) -> None:
    """`/` and `%` may stand in every part; a blank part makes no id."""
    frame = compose(pl.DataFrame(pairs, schema=["a", "b"], orient="row"), TYPE)
    one, other = frame["key"].to_list()
    assert (one is None) == (not all(pairs[0]))
    assert one is None or one != other


@settings(max_examples=60, deadline=None)
@given(entries)
def test_a_map_has_one_text(given_entries: dict[str, str]) -> None:
    """Columns in any order, and the object itself, give the same JSON with its keys in order."""
    for order in (sorted(given_entries), sorted(given_entries, reverse=True)):
        frame = pl.DataFrame({f"own.{key}": [given_entries[key]] for key in order} or {"a": ["x"]})
        found = gather(frame, TYPE)
        text = found["own"][0] if given_entries else None
        assert text == object_text(given_entries)
        assert json.loads(text or "{}") == {key: value for key, value in given_entries.items() if value}


def test_a_name_in_another_case_or_a_key_that_does_not_fit_is_no_column() -> None:
    """Acceptance A-5: names are case-sensitive; systems.md 1.2: keys of letters, digits and _."""
    mapped = TYPE.map_header(("a", "A", "own.x", "own.x-y", "Own.y", "own", "key", "event.fields.any key", "_import_job"))
    assert mapped.keys == ("a", None, "own.x", None, "own.y", None, None, "event.fields.any key", None)
    assert mapped.unknown == ("A", "own.x-y", "own")
    assert mapped.ignored == ("key", "_import_job")
    assert TYPE.map_header(("own.x", "Own.x")).duplicates == (("own.x", "Own.x"),)


def test_a_sheet_gives_the_same_map_as_a_table(tmp_path: Path) -> None:
    """Whole numbers of a spreadsheet have no decimals, blank cells give nothing."""
    book = xlsxwriter.Workbook(tmp_path / "file.xlsx")
    sheet = book.add_worksheet()
    for row, cells in enumerate((("a", "b", "own.x", "own.Y"), ("1", "2", 8, "red"), ("1", "3", None, "blue"))):
        sheet.write_row(row, 0, cells)
    book.close()
    found = parsed(tmp_path, "xlsx", None)
    assert found.rows() == [("1", "2", "1/2", '{"Y":"red","x":"8"}'), ("1", "3", "1/3", '{"Y":"blue"}')]
