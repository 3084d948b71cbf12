"""The careful reader keeps its rules, and the fast way gives exactly what the careful reader gives, whatever the block size.

Belongs here: records, cells and row errors of CSV text without a header. Does not belong here: whole files (test_stage.py).
"""

import csv
import io
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from import_pipeline.parsing import csv_careful, csv_fast, csv_regular, lines
from import_pipeline.parsing.csv_careful import Shape
from import_pipeline.parsing.csv_fast import read_block
from import_pipeline.parsing.lines import Blocks
from import_pipeline.store.staging import LINE

Rows = set[tuple[int, int, tuple[str, ...]]]
Errors = set[tuple[int, str]]


def read_all(
    text: bytes, width: int, *, careful: bool, size: int = 1 << 20, header: tuple[bytes | None, ...] = (), delimiter: bytes = b","
) -> tuple[Rows, Errors, int, int]:
    """Rows (line, end, cells), errors (line, code), count of blank lines and of all lines of a text read in blocks of `size`."""
    shape = Shape(width, delimiter, header)
    columns = {f"c{i}": i for i in range(width)}
    rows: Rows = set()
    errors: Errors = set()
    blank, line = 0, 1
    blocks = Blocks(io.BytesIO(text), size)
    used = 0
    while blocks.next(used):
        block = read_block(blocks.block, line, shape, columns, final=blocks.final, careful=careful)
        used, line = block.used, line + block.lines
        rows |= set(zip(block.line.tolist(), block.end.tolist(), block.frame.rows(), strict=True))
        errors |= set(block.errors.select(LINE, "code").rows())
        blank += block.blank
        if block.rest_too_long:
            errors.add((line, "line_too_long"))
            blocks.next(used)
            blocks.skip_line()
            used, line = 0, line + 1
    assert sum(end - start + 1 for start, end, _ in rows) + len(errors) + blank == line - 1, "every physical line has one fate"
    return rows, errors, blank, line - 1


RULES: dict[str, tuple[bytes, Errors, set[int]]] = {
    "a quote that never closes costs its own line": (b'a,"b,c\nd,e,f\ng,h,i\n', {(1, "quote_unclosed")}, {2, 3}),
    "a quote that closes behind whole records has run away": (b'a,b,"c\nd,e,f\ng,h,"i"\n', {(1, "quote_unclosed")}, {2, 3}),
    "whole records inside quotes are a quote that ran away": (b'a,b,"c\nd,e,f\nend"\n', {(1, "quote_unclosed"), (3, "field_count")}, {2}),
    "one quote lost on each of two lines is no record of two lines": (
        b'a,b,"\na,b,"\nc,d,e\n',
        {(1, "quote_unclosed"), (2, "quote_unclosed")},
        {3},
    ),
    "text that ends with a line end is a record of two lines": (b'"a\n",b,c\n', set(), {1}),
    "text of several lines is one record": (b'a,"b\n\nc, d",e\nf,g,h\n', set(), {1, 4}),
    "one inch mark is text": (b'a,6" pipe,c\n', set(), {1}),
    "two cells with odd quotes have lost a delimiter": (b'a"b,c"d,e\n', {(1, "quote_stray")}, set()),
    "quotes in pairs inside a cell are text": (b'a "b" c,d,e\n', set(), {1}),
    "text behind a closing quote follows no rule": (b'"a" b,c,d\n', {(1, "quoting")}, set()),
    "one extra empty cell is not cut": (b"a,b,c,\n", {(1, "field_count")}, set()),
    "a missing cell is not padded": (b"a,b\n", {(1, "field_count")}, set()),
    "a NUL is refused": (b"a,b\0,c\n", {(1, "nul_byte")}, set()),
    "blank lines are no records": (b"\n  \n\t\na,b,c\n", set(), {4}),
    "blank cells are a record": (b",,\n", set(), {1}),
    "the header again is refused": (b' h1,"h2",h3\n', {(1, "header_repeated")}, set()),
}


@pytest.mark.parametrize("careful", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_costs_the_lines_it_says(rule: str, careful: bool) -> None:
    """The rules that reference/readers earned on 2,290 polluted files, one example each; nothing is padded, cut or swallowed."""
    text, errors, good = RULES[rule]
    rows, found, _, _ = read_all(text, 3, careful=careful, header=(b"h1", b"h2", b"h3"))
    assert (found, {line for line, _, _ in rows}) == (errors, good)


@pytest.mark.parametrize("careful", [True, False])
def test_a_cell_of_the_header_that_is_not_compared_may_hold_anything(careful: bool) -> None:
    """The reasons in a failed-rows file: one that was refused for being the header again has them too."""
    text = b'h1,h2,"why, oh"\nh1,h2,\nh1,x,why\nx,h2,h3\n'
    rows, errors, _, _ = read_all(text, 3, careful=careful, header=(b"h1", b"h2", None))
    assert (errors, {line for line, _, _ in rows}) == ({(1, "header_repeated"), (2, "header_repeated")}, {3, 4})


PIECES = st.sampled_from(
    [
        b"a",
        b"b ",
        b" ",
        b",",
        b",",
        b",",
        b'"',
        b'"',
        b'""',
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        "é".encode(),
        b"x,y,z\n",
        b'"q",r,"s"\n',
        b'a,b,"\n',
        b"h1,h2,h3\n",
        b"\xef\xbb\xbf",
        b"\t",
        b"0123456789" * 3,
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map(b"".join)


@settings(max_examples=250, deadline=None)
@given(TEXTS, st.sampled_from([1, 2, 3]), st.sampled_from([7, 40, 1 << 20]))
@example(b'a,b,"\na,b,"\n', 3, 1 << 20)
@example(b"x\xda\xbe,b\n", 2, 1 << 20)
@example(b"\xef\xbb\xbfa,b\n\xef\xbb\xbfc,d", 2, 1 << 20)
@example(b'\n"x,y,z\n', 2, 7)
@example(b'a,"x\ry",c\rd,"e\r\nf",g\r', 3, 1 << 20)
@example(b'a,"x\ny",c\nd,6" pipe,f\n"g",h,i\n', 3, 1 << 20)
@example(b'"h1\n",h2,h3\n"h1","h2","h3"\n', 3, 1 << 20)
def test_the_fast_way_and_the_careful_reader_give_the_same_rows_and_errors(text: bytes, width: int, size: int) -> None:
    """Speed must not change what is imported: lines, spans, cells and refusals are identical, for every size of block."""
    header = (b"h1", b"h2", None if b"0" in text else b"h3")[:width]
    careful = read_all(text, width, careful=True, header=header)
    assert read_all(text, width, careful=False, header=header, size=size) == careful
    assert read_all(text, width, careful=True, header=header, size=size) == careful


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.sampled_from([2, 3]))
@example(b"0123456789012345678\r\na,b\n0123456789012\r\nc,d\n", 2)
@example(b'"a\nb",01234567890123456789\nc,d\n', 2)
@example(b'"a\nb\nc\nd\ne\nf\ng\nh",i\nc,d\n', 2)
def test_a_short_limit_on_lines_gives_the_same_in_every_block_size(text: bytes, width: int) -> None:
    """Where a line or a quote is too long must not depend on where blocks happen to end."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (lines, csv_careful, csv_regular, csv_fast):
            patch.setattr(module, "LINE_LIMIT", 12)
        careful = read_all(text, width, careful=True)
        for size in (5, 9, 20, 30):
            assert read_all(text, width, careful=False, size=size) == careful
            assert read_all(text, width, careful=True, size=size) == careful


def oracle(text: bytes, width: int) -> tuple[Rows, Errors]:
    """The rules of reference/readers once more, over csv.reader(strict=True), written for clearness only."""
    physical = list(io.StringIO(text.decode(), newline=""))

    def whole(line: str) -> bool:
        try:
            return [len(r) for r in csv.reader([line], strict=True)] == [width]
        except csv.Error:
            return False

    rows: Rows = set()
    errors: Errors = set()
    i = 0
    while i < len(physical):
        if not physical[i].strip("\r\n") or (width > 1 and "," not in physical[i] and not physical[i].strip()):
            i += 1
            continue
        reader = csv.reader(physical[i:], strict=True)
        try:
            cells = next(reader)
        except csv.Error:
            errors.add((i + 1, "quotes"))
            i += 1
            continue
        end = i + reader.line_num
        inner = physical[i + 1 : end - 1]
        if len(cells) != width:
            errors.add((i + 1, "field_count"))
            i += 1
        elif inner and width > 1 and all(whole(line) for line in inner):
            errors.add((i + 1, "quotes"))
            i += 1
        elif "\0" in "".join(physical[i:end]):
            errors.add((i + 1, "nul_byte"))
            i += 1
        else:
            rows.add((i + 1, end, tuple(cells)))
            i = end
    return rows, errors


QUOTES = {"quote_unclosed", "quoting", "quote_stray"}


@settings(max_examples=150, deadline=None)
@given(TEXTS.map(lambda t: t.replace(b"\xef\xbb\xbf", b"")), st.sampled_from([1, 2, 3]))
def test_the_careful_reader_agrees_with_the_standard_reader_and_the_written_rules(text: bytes, width: int) -> None:
    """Two programs that share no code read the same records; only lost delimiters and doubly open quotes are refused beyond it."""
    rows, errors, _, _ = read_all(text, width, careful=True)
    expected_rows, expected_errors = oracle(text, width)
    plain = {(line, "quotes" if code in QUOTES else code) for line, code in errors}
    if not {code for _, code in errors} & {"quote_stray"} and not _opens_twice(text):
        assert (rows, plain) == (expected_rows, expected_errors)


def _opens_twice(text: bytes) -> bool:
    """True where two lines in a row hold an odd count of quotes: there one quote may be lost on each, and we refuse more."""
    physical = list(io.StringIO(text.decode(), newline=""))
    return any(a.count('"') % 2 and b.count('"') % 2 for a, b in itertools.pairwise(physical))


def test_lines_that_follow_the_rules_never_reach_the_careful_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its price is paid for irregular lines only: quotes, doubled quotes, line ends in quotes and inch marks are all regular."""
    text = b'a,b,c\n"q","d""d",x\nu,"one\ntwo",v\n"",6 pipe,z\ne,6" pipe,z\nlast,"three\r\n\r\nlines",w\n' * 50
    expected = read_all(text, 3, careful=True)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a regular line was read carefully")

    monkeypatch.setattr(csv_fast, "read", never)
    monkeypatch.setattr(csv_fast.Rows, "careful", never)
    assert read_all(text, 3, careful=False) == expected and len(expected[0]) == 300


def test_a_large_text_with_line_ends_in_quotes_is_read_as_the_standard_reader_reads_it() -> None:
    """polars parts large texts among threads; none of them may lose count of quotes."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    rows = [[f"id{i}", 'say "hi",\n\n' * (i % 5), "x" * (i % 97), f"6{i}"] for i in range(30_000)]
    writer.writerows(rows)
    found, errors, _, _ = read_all(made.getvalue().encode(), 4, careful=False)
    assert not errors and [list(cells) for _, _, cells in sorted(found)] == rows


def test_a_carriage_return_inside_quotes_stays_one() -> None:
    """Carriage returns that end lines are handed on as line feeds; one inside a cell is the sender's text."""
    records = [b'a%d,"m\nn",c\n' % i for i in range(200)]
    records[101] = b'a,"m\rn",c\n'
    rows, errors, _, _ = read_all(b"".join(records), 3, careful=False)
    assert not errors and [cells[1] for _, _, cells in sorted(rows)] == ["m\nn"] * 101 + ["m\rn"] + ["m\nn"] * 98
