"""A plan on the terminal."""

from pathlib import Path

from rich.console import Console

from import_pipeline.planning.files import PlanFiles
from import_pipeline.planning.screen import plan_view
from import_pipeline_tests.planning.kit import write
from import_pipeline_tests.planning.test_files import UPDATES, frame, row


def printed(made: PlanFiles, *sentences: str, more: str = "") -> str:
    """What people see, without colours."""
    console = Console(width=100, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(plan_view(made.summary, made.parquet, sentences, more))
    return "\n".join(" ".join(line.split()) for line in capture.get().splitlines())


def test_the_terminal_shows_counts_changes_and_the_first_refusals(tmp_path: Path) -> None:
    """The same summary as the page, short enough for one screen."""
    made = write(tmp_path, frame(row("create"), *UPDATES))
    text = printed(made, *(f"{n} rows: bad" for n in range(9, 0, -1)), more="page: x.html")
    for said in (
        "Nothing has been written.",
        "│ 1 │ created",
        "│ 2 │ changed",
        "│ Oak · A │ Score │ 1 │ 2 │",
        "│ │ Name │ empty │ Oak │",
        "• 9 rows: bad",
        "and 4 further groups",
        "page: x.html",
    ):
        assert said in text
    assert "4 rows: bad" not in text


def test_of_many_changed_records_the_terminal_shows_ten_and_says_of_how_many(tmp_path: Path) -> None:
    """The page has more, the CSV file all."""
    made = write(tmp_path, frame(*(row("update", n, column="Score", old="1", new="2", label=f"r{n}") for n in range(30))))
    text = printed(made)
    assert "the first 10 of 30" in text
    assert "r9 " in text and "r10 " not in text


def test_no_value_can_steer_the_terminal(tmp_path: Path) -> None:
    """Control characters of a file's values are blanks, and markup is text."""
    made = write(tmp_path, frame(row("update", 3, column="Score", old="\x1b[2J", new="[red]x[/red]", label="a\u202eb")))
    text = printed(made, "1 row: \x1b[2J")
    assert "\x1b" not in text and "\u202e" not in text
    assert "[red]x[/red]" in text
