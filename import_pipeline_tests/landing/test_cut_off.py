"""What a door that saw the writes tells the landing tree (ledger/cut_off.py), and what comes of it."""

import pytest

from import_pipeline.landing import names
from import_pipeline.landing.look import fingerprint
from import_pipeline.ledger import cut_off
from import_pipeline.ledger.files import Arrival
from import_pipeline_tests.landing.kit import Intake


def tell(intake: Intake, name: str) -> None:
    """As the SFTP server does after the rename."""
    path = intake.new / name
    status = path.stat()
    packed = names.pack(str(path.relative_to(intake.root)).encode())
    told = Arrival(name, status.st_size, packed, fingerprint(status), intake.clock.monotonic(), cut_suspect=True)
    with intake.ledger.begin() as conn:
        cut_off.book(conn, "acme", told, now=intake.clock.now())


@pytest.mark.parametrize("looked_before", [True, False])
def test_a_file_that_a_door_calls_suspect_waits_ten_minutes_and_is_then_taken(intake: Intake, looked_before: bool) -> None:
    """Whatever its size; the sender gets an answer in the end."""
    intake.drop("Contact_a.csv", b"Title\n" + b"x" * 30_001)
    if looked_before:
        intake.tick()
    tell(intake, "Contact_a.csv")
    assert intake.settle(590).vaulted == ()
    intake.clock.turn(11)
    assert intake.tick().vaulted == ("Contact_a.csv",)
    assert [job.size for job in intake.run()] == [30_007]


def test_a_file_that_is_sent_again_as_a_whole_is_suspect_no_more(intake: Intake) -> None:
    """What was said of the cut file is not said of the next one of its name."""
    intake.drop("Contact_a.csv", b"Title\n" + b"x" * 30_001)
    tell(intake, "Contact_a.csv")
    assert intake.settle(60).vaulted == ()
    (intake.new / "Contact_a.csv").unlink()
    intake.drop("Contact_a.csv", "Title\nwhole\n")
    assert intake.settle().vaulted == ("Contact_a.csv",)
