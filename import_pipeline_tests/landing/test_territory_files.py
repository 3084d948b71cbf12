"""Territory files on their way to jobs: KML, KMZ and archives of them (acceptance S-13, S-14).

Belongs here: which files become which jobs, in which order. Does not belong here: reading placemarks (parsing/).
"""

import io
import zipfile
from pathlib import Path

import pytest

from import_pipeline.model.territory import Territories

from .kit import Intake, account


def with_territories(home: Path) -> Intake:
    """An intake of an account that has territories."""
    plain = account(territories=Territories())
    return Intake(home, plain.with_types(plain.object_types))


def test_territories_come_in_order_of_their_levels_whenever_they_arrived(tmp_path: Path) -> None:
    """Acceptance S-14: `1_`, `2_`, `3_` give the order; a KMZ and a member of a ZIP have their levels by their own names."""
    intake = with_territories(tmp_path)
    kml = '<kml xmlns="http://www.opengis.net/kml/2.2"></kml>'
    box = intake.root / "Territories" / "New"
    intake.drop("3_c.kml", kml, box)
    intake.drop("2_b.kmz", zipped({"doc.kml": kml + " ", "files/icon.png": "x"}), box)
    intake.drop("more.zip", zipped({"1_d.kml": kml + "  ", "read.me": "x"}), box)
    intake.drop("1_a.kml", kml + "   ", intake.root / "Territories")
    intake.settle()
    found = [(job.name, job.kind, job.member, job.object_type) for job in intake.run()]
    assert found == [
        ("read.me", "other", "read.me", ""),
        ("1_d.kml", "kml", "1_d.kml", "Territory"),
        ("1_a.kml", "kml", None, "Territory"),
        ("2_b.kmz", "kml", "doc.kml", "Territory"),
        ("3_c.kml", "kml", None, "Territory"),
    ]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a.txt": "x"}, "holds no KML file"),
        ({"../doc.kml": "<kml/>"}, "leaves the archive's folder"),
        ({"doc.kml": "<kml>" + "0" * 3_000_000}, "zip bomb"),
    ],
)
def test_a_kmz_that_is_none_or_hostile_is_refused_with_its_reason(tmp_path: Path, members: dict[str, str], words: str) -> None:
    """Acceptance S-13 holds for the archive that a KMZ is."""
    intake = with_territories(tmp_path)
    intake.drop("1_a.kmz", zipped(members), intake.root / "Territories" / "New")
    intake.settle()
    (job,) = intake.run()
    assert (job.kind, job.object_type) == ("kml", "Territory")
    assert job.fault is not None and job.fault.code == "archive" and words in job.fault.message


def zipped(members: dict[str, str]) -> bytes:
    """A ZIP of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return out.getvalue()
