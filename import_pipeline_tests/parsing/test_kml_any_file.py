"""Any file of good and bad placemarks comes out as its maker says, line by line.

Belongs here: properties over random files. Does not belong here: how they are made (kml_makers.py).
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.store.staging import LINE
from import_pipeline_tests.parsing.kml_lab import read
from import_pipeline_tests.parsing.kml_makers import files


def _check(data: st.DataObject, several: bool, chunk: int, encoding: str) -> None:
    made = data.draw(files(several))
    content = made.text if encoding == "utf-8" else made.text.replace("UTF-8", "UTF-16")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("import_pipeline.parsing.kml_xml.CHUNK", chunk)
        patch.setattr("import_pipeline.parsing.kml_reader.BATCH_PLACEMARKS", 4)
        got = read(Path(folder), content.encode(encoding), several=several)
    assert got.file.fault is None
    assert got.rows.height == 0 or got.cells("Title", "Shape") == made.rows
    assert (got.rows.height, got.file.rows) == (len(made.rows), made.count)
    assert set(got.errors.select(LINE, "code").rows()) == made.errors


@settings(max_examples=40)
@given(st.data(), st.booleans(), st.sampled_from([17, 300, 1 << 16]), st.sampled_from(["utf-8", "utf-16"]))
def test_every_placemark_comes_out_as_a_row_or_as_its_errors(data: st.DataObject, several: bool, chunk: int, encoding: str) -> None:
    """Whatever the namespace, prefix, nesting, white space, comments, and where the reader's chunks end."""
    _check(data, several, chunk, encoding)


@pytest.mark.slow
@settings(max_examples=600)
@given(st.data(), st.booleans(), st.sampled_from([17, 300, 1 << 16]), st.sampled_from(["utf-8", "utf-16"]))
def test_many_more_files_come_out_right(data: st.DataObject, several: bool, chunk: int, encoding: str) -> None:
    """The same with time to look for rare mixtures."""
    _check(data, several, chunk, encoding)
