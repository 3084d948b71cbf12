"""`save-format`: a format made from a finished import, that a program can send files with (acceptance E-3)."""

from pathlib import Path

import yaml

from import_pipeline_tests.cli.conftest import runner
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.giving import Giving, giving_site

HEADER = "Mobile,E-Mail,First Name,OPT-IN #1,Shoe Size\n"


def test_a_format_is_made_from_a_finished_import_and_taken_by_the_service(tmp_path: Path) -> None:
    """As the front end does: import once by hand, save, then send files of the same structure."""
    with giving_site(tmp_path) as giving:
        site = giving.site
        site.deliver("Supporter_first.csv", HEADER.replace("E-Mail", "Email") + "555 123 4567,a@example.org,Ann,Y,41\n")
        run = runner(site.environment)
        saved = run("save-format", "Supporter_first.csv", "--name", "from Excel", "--json")
        assert saved.code == 0, saved.stderr
        stated = yaml.safe_load(Path(saved.objects[0]["path"]).read_text())
        assert stated["exact_header"] is True and stated["accepts"] == {"OPT-IN #1": ["Y", "N"]}
        assert list(stated["columns"].items()) == [
            ("Mobile", "Phone Number"),
            ("Email", "Email Address"),
            ("First Name", "First Name"),
            ("OPT-IN #1", "OPT-IN #1"),
            ("Shoe Size", None),
        ]
        assert "has a format 'from Excel'" in run("save-format", "latest", "--name", "from Excel").stderr
        assert run("check").code == 0
        site.reload()
        with Service(site) as again:
            second = Giving(site, again)
            assert second.send(HEADER, formatName="from Excel").startswith("Error: The format you selected")
            row = second.imported(HEADER.replace("E-Mail", "Email") + "1234567,b@example.org,Bob,N,42\n", formatName="from Excel")
            assert row["results"].startswith("1 rows: 1 added")


def test_a_format_can_only_create_and_needs_an_import_that_was_good(tmp_path: Path) -> None:
    """A refused file says nothing about a format."""
    with giving_site(tmp_path) as giving:
        giving.site.deliver("Supporter_bad.csv", "First Name,Last Name\nAnn,B\n")
        run = runner(giving.site.environment)
        assert "is failed" in run("save-format", "Supporter_bad.csv", "--name", "x").stderr
        assert "unknown job" in run("save-format", "nothing.csv", "--name", "x").stderr
        giving.site.deliver("Supporter_good.csv", "First Name,Email\nAnn,a@example.org\n")
        answer = run("save-format", "latest", "--name", "only new", "--create-only")
        assert answer.code == 0 and "operation: append" in (giving.site.accounts / "giving/formats/only_new.yaml").read_text()
