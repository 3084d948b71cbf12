"""Which bytes were written, and which ends look cut off."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.gateway.sftp.writes import MAX_PIECES, Writes


@settings(max_examples=60)
@given(st.integers(0, 20), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=12))
def test_pieces_are_the_same_as_marking_every_byte(start: int, written: list[tuple[int, int]]) -> None:
    """Clients write in any order, and the same place twice."""
    writes, marked = Writes(start=start), set(range(start))
    for offset, length in written:
        assert writes.add(offset, length)
        marked |= set(range(offset, offset + length))
    assert writes.size == max(marked, default=-1) + 1
    assert writes.whole is (marked == set(range(writes.size)))


def test_too_many_pieces_are_refused() -> None:
    """Book-keeping must not grow with what a client makes up."""
    writes = Writes()
    assert all(writes.add(position * 2, 1) for position in range(MAX_PIECES))
    assert not writes.add(MAX_PIECES * 2, 1)


def test_what_was_cut_away_is_gone() -> None:
    """scp sets the size at the end."""
    writes = Writes()
    writes.add(0, 100)
    writes.truncate(40)
    assert (writes.size, writes.whole) == (40, True)
    writes.truncate(0)
    assert (writes.size, writes.whole) == (0, True)


@pytest.mark.parametrize(
    ("blocks", "cut"),
    [
        ([261_120, 261_120], True),
        ([32_768, 32_768, 100], False),
        ([30_000, 30_000], True),
        ([5_000], False),
        ([4_096 * 3], True),
        ([100, 100], False),
        ([], False),
    ],
)
def test_a_last_write_as_long_as_the_longest_looks_cut_off(blocks: list[int], cut: bool) -> None:
    """An interrupted client closes as a finished one does (reference/intake.md, fact 1); small equal lines are no blocks."""
    writes, at = Writes(), 0
    for length in blocks:
        writes.add(at, length)
        at += length
    assert writes.looks_cut is cut


def test_the_end_counts_not_the_order() -> None:
    """Requests may overtake each other."""
    writes = Writes()
    writes.add(32_768, 500)
    writes.add(0, 32_768)
    assert not writes.looks_cut
