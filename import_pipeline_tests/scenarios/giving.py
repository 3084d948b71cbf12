"""The shipped account `giving` with a running service: sending imports as the documents do, reading what came of them.

Belongs here: what the tests of Engaging Networks share. Does not belong here: assertions.
"""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.gateway.http.kit import Service, add_key
from import_pipeline_tests.scenarios.site import Here

BASE = "/ea-dataservice"
HEADER = "First Name,Last Name,Email Address,PostCode,OPT-IN #1,Campaign ABC\n"
ONE = "Supporter,One,sam@engagingnetworks.net,123ABC,Y,P\n"
TWO = "Supporter,Two,sam+1@engagingnetworks.net,456DEF,N,P\n"
PRINTED = HEADER + ONE + TWO
"""The document's example."""


class Giving:
    """One site with the account and a client of its service."""

    def __init__(self, site: Here, service: Service) -> None:
        self.site, self.service = site, service
        self.token = add_key(site, "giving")

    def send(self, content: str | bytes | None, *, to: str = "import.service", **fields: str) -> str:
        """Posts an import; the text that comes back. Fields that are '' are left out."""
        given = {"token": self.token, "name": "November", "formatName": "supporters"} | fields
        body = {name: (None, value) for name, value in given.items() if value}
        files: dict[str, Any] = body if content is None else body | {"upload": ("november.csv", content, "text/csv")}
        answer = requests.post(f"{self.service.address}{BASE}/{to}", files=files, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        return answer.text

    def imported(self, content: str | bytes, **fields: str) -> dict[str, Any]:
        """Sends an import, lets the pipeline work, and gives the row of the job list."""
        told = self.send(content, **fields)
        found = re.search(r"# is (\d+)\.", told)
        assert found and "uploaded successfully" in told, told
        self.site.work()
        return next(row for row in self.get("jobs").json() if row["job"] == int(found[1]))

    def get(self, what: str, **query: str) -> requests.Response:
        """A request with the token."""
        return requests.get(f"{self.service.address}{BASE}/{what}", params={"token": self.token} | query, timeout=30)

    def exported(self, **query: str) -> list[dict[str, str]]:
        """The bulk export of all days as rows."""
        answer = self.get("export.service", **{"startDate": "2020-01-01", "endDate": "2090-01-01"} | query)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text), delimiter=query.get("delimiter", ",")))

    def supporters(self) -> dict[str, dict[str, Any]]:
        """Current supporters by their key."""
        return {row["Email Address"]: row for row in self.site.records("Supporter")}

    def errors(self) -> set[tuple[int, str, str]]:
        """(line, column, code) of the latest job."""
        return self.site.errors(self.site.jobs()[-1])


@contextmanager
def giving_site(folder: Path, **edits: str) -> Iterator[Giving]:
    """The account and its service; `edits` replace text in defs.yaml."""
    site = Here(folder)
    shutil.copytree(PACKAGE / "defs" / "giving", site.accounts / "giving")
    defs = site.accounts / "giving" / "defs.yaml"
    text = defs.read_text()
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    defs.write_text(text)
    site.account = "giving"
    try:
        with Service(site) as service:
            yield Giving(site, service)
    finally:
        site.close()
