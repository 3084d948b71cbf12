"""Whatever stands in the files of an account, loading it tells faults and never raises.

Belongs here: properties over arbitrary files. Does not belong here: single mistakes (test_faults.py).
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.catalog import LoadedAccount, load_account
from import_pipeline_tests.catalog.folders import SOUND, write_account

FILES = sorted(SOUND)
MARKS = (
    "",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "\n",
    "\t",
    "'",
    '"',
    "&a ",
    "*a",
    "!!set ",
    "? ",
    "<<: ",
    "|\n",
    "# ",
    "\x00",
    "é",
    "@",
    "%TAG",
)
WORDS = ("null", "1", "true", "name", "fields", "type", "Account", "Contact", "2026-11-01", "---\n", "9" * 5000, "1.0e999")
SNIPPETS = st.sampled_from(MARKS + WORDS)
ODD = ("Account", "Email", "30d", "owners.yaml", "\0", "9" * 20 + "d", "9" * 400 + "GB", "{{ env }}")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "type", "fields", "column", "users", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def load(name: str, content: str | bytes) -> LoadedAccount:
    """The sound account with one file replaced; every fault lies inside its file."""
    with TemporaryDirectory() as folder:
        loaded = load_account(write_account(Path(folder), **{name.removesuffix(".yaml").replace("/", "__"): content}))
        for fault in loaded.faults:
            lines = fault.file.read_bytes().decode("utf-8", "replace").splitlines() if fault.file.is_file() else []
            assert 1 <= fault.line <= len(lines) + 1, fault
            assert fault.column >= 1 and fault.message, fault
    return loaded


@given(name=st.sampled_from(FILES), at=st.integers(0, 250), cut=st.integers(0, 30), put=SNIPPETS)
@settings(max_examples=150)
def test_a_slip_of_the_hand_anywhere_is_a_fault_or_harmless(name: str, at: int, cut: int, put: str) -> None:
    """A file that is half typed when it is saved must not take the code location down."""
    text = SOUND[name]
    at = min(at, len(text))
    loaded = load(name, text[:at] + put + text[at + cut :])
    assert loaded.account is not None or loaded.faults
    types = {t.name for t in loaded.account.object_types} if loaded.account else set()
    assert not types & set(loaded.broken_types)


@given(name=st.sampled_from(FILES), content=st.binary(max_size=60))
@settings(max_examples=60)
def test_bytes_of_any_kind_are_faults_and_no_crash(name: str, content: bytes) -> None:
    """A picture saved as contact.yaml is a fault in line 1."""
    load(name, content)


@given(data=st.data())
@settings(max_examples=150)
def test_any_value_under_any_key_is_a_fault_or_valid(data: st.DataObject) -> None:
    """Every rule of the catalog must stand values of the wrong kind: it looks at files that the models refuse."""
    name = data.draw(st.sampled_from(FILES))
    content: Any = yaml.safe_load(SOUND[name])
    below = content["attributes"] if name == "defs.yaml" else content
    if isinstance(below, dict):
        keys = [*below, "parent", "owner", "match", "stages", "synonyms", "exports", "doors", "formats", "mode", "on_error"]
        below[data.draw(st.sampled_from(keys))] = data.draw(VALUES)
    else:
        content = data.draw(VALUES)
    load(name, yaml.safe_dump(content, allow_unicode=True))
