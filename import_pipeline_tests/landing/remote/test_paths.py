"""Paths on a server as the ledger keeps them."""

from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.landing import names, tree
from import_pipeline.landing.remote import paths

RAW = st.binary(min_size=1, max_size=80)


@given(RAW, st.sampled_from(["partner", "a", "crm_2"]))
def test_any_path_of_any_server_comes_back_as_it_was(raw: bytes, remote: str) -> None:
    """Bytes, not text: a server may have names in any encoding."""
    packed = paths.pack(remote, raw)
    assert paths.unpack(packed) == (remote, raw)
    assert packed.isascii() and packed.isprintable()


@given(RAW)
def test_no_path_of_the_tree_is_taken_for_one_of_a_server(raw: bytes) -> None:
    """Else a file of the tree would be answered somewhere else."""
    assert paths.unpack(names.pack(raw)) is None
    assert paths.unpack(None) is None


@given(st.binary(min_size=1, max_size=30).filter(lambda raw: b"/" not in raw), st.sampled_from([b".", b"/", b"/in", b"in/new"]))
def test_joined_paths_are_taken_apart_again(name: bytes, folder: bytes) -> None:
    """The folder that one lands in has no name of its own."""
    assert paths.split(paths.join(folder, name)) == (folder, name)


def test_a_file_of_a_server_counts_as_record_files_do() -> None:
    """A KML is told by its content; which folder it lay in says nothing there."""
    assert tree.mailbox_of("partner:/out/a.csv").kind == "records"
