"""The demonstration's home and the sample files.

Belongs here: where they are, and making the home anew without ever touching another one. Does not belong here: the demonstration.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.failures import PermanentFailure
from import_pipeline.settings import PACKAGE, Settings

SAMPLES = PACKAGE.parent / "data" / "samples"
MARKER = ".import_pipeline_demo"
"""Lies in a home that a demonstration made; only such a home is made anew."""
_KEPT = (MARKER, ".running")
_WAVES = ("1_*", "2_*")


@dataclass(frozen=True)
class Sample:
    """One sample file, the account whose tree it is dropped into, and where: None for the folder of record files."""

    account: str
    path: Path
    folder: str | None = None


def waves(samples: Path) -> list[list[Sample]]:
    """The sample files by wave: those of `<account>/1_*/`, then those of `<account>/2_*/`. Raises PermanentFailure without any."""
    found = [
        [
            *(Sample(path.parent.parent.name, path) for path in sorted(samples.glob(f"*/{wave}/*")) if path.is_file()),
            *(Sample(path.parts[-4], path, "Territories/New") for path in sorted(samples.glob(f"*/{wave}/Territories/*.kml"))),
        ]
        for wave in _WAVES
    ]
    if not all(found):
        raise PermanentFailure(
            f"{samples} holds no sample files; expected <account>/1_…/ and <account>/2_…/, as in the repository's data/samples"
        )
    return found


def demo_settings(home: Path) -> Settings:
    """Settings of the demonstration: its own home and ledger, the shipped accounts, whatever the environment says about others."""
    limits = {name: os.environ.get(name, "") for name in ("IMPORT_PIPELINE_MEMORY", "IMPORT_PIPELINE_THREADS")}
    return Settings.from_environment({"IMPORT_PIPELINE_HOME": str(home), **limits})


def make_anew(home: Path) -> None:
    """An empty home with the marker. Raises PermanentFailure, and touches nothing, when a home without the marker lies there."""
    if home.exists() and any(home.iterdir()) and not (home / MARKER).is_file():
        raise PermanentFailure(f"{home} is not empty and no demonstration made it; it is left alone. Choose another folder with --home")
    home.mkdir(parents=True, exist_ok=True)
    (home / MARKER).write_text("A demonstration made this home. The next one removes everything in it.\n")
    for path in home.iterdir():
        if path.name in _KEPT:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
