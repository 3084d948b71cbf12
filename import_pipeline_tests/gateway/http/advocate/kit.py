"""A client of the Advocate interface, on a site with the shipped account.

Belongs here: what several test files of this door need. Does not belong here: assertions about the door.
"""

import shutil
from pathlib import Path
from typing import Any

import httpx

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.gateway.http.kit import until
from import_pipeline_tests.scenarios.site import Here

TENANT = "test_akdq8a9wyvzba"
CREATE = "mutation ($jobInput: JobInput!) { createJob(jobInput: $jobInput) {id type requester dateCreated}}"
VALIDATE = "query validate($jobInput: JobInput!) {validateJobCreation(jobInput: $jobInput) { errors }}"
JOB = """query ($id: ID!) { job(id: $id) { id type name requester dateCreated dateCompleted outputFormat dateExpires status mailtoEmail
  downloadUrl downloadErrorUrl downloadFileRefUrl params fileRef stats { recordsProcessed errors } reason } }"""


def referral_site(folder: Path, **http: Any) -> Here:
    """A site with the shipped account `referrals` and quick doors; `http` are more lines of its HTTP door."""
    site = Here(folder)
    shutil.copytree(PACKAGE / "defs" / "referrals", site.accounts / "referrals")
    defs = site.accounts / "referrals" / "defs.yaml"
    text = defs.read_text().replace("settle: 3s, interval: 2s", "settle: 1s, interval: 1s, cut_settle: 2s")
    more = "".join(f", {name}: {value}" for name, value in http.items())
    assert "http: {interfaces: [advocate]}" in text
    defs.write_text(text.replace("http: {interfaces: [advocate]}", f"http: {{interfaces: [advocate]{more}}}"))
    site.account = "referrals"
    return site


class Advocate:
    """One program that calls the interface."""

    def __init__(self, address: str, key: str, tenant: str = TENANT) -> None:
        self.address, self.tenant = address, tenant
        self.client = httpx.Client(base_url=f"{address}/api/v1/{tenant}", auth=("", key), timeout=60)

    def upload(self, content: str | bytes, name: str = "my_file.csv") -> str:
        """Uploads a file as the documents do; its reference."""
        answer = self.client.post("/export/upload", files={"file": (name, content)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["fileRef"])

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to a GraphQL request, errors and all."""
        answer = self.client.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def data(self, query: str, **variables: Any) -> Any:
        """The only field of an answer without errors."""
        answer = self.ask(query, **variables)
        assert "errors" not in answer, answer
        (found,) = answer["data"].values()
        return found

    def refused(self, query: str, **variables: Any) -> str:
        """The first error of an answer that has one."""
        return str(self.ask(query, **variables)["errors"][0]["message"])

    def create(self, ref: str, type_name: str = "MUTATION/USER", **more: Any) -> dict[str, Any]:
        """A new job."""
        found: dict[str, Any] = self.data(CREATE, jobInput={"fileRef": ref, "type": type_name, **more})
        return found

    def errors(self, ref: str, type_name: str = "MUTATION/USER", **more: Any) -> list[str]:
        """What a validation of the file lists."""
        found: list[str] = self.data(VALIDATE, jobInput={"fileRef": ref, "type": type_name, **more})["errors"]
        return found

    def ended(self, job_id: str) -> dict[str, Any]:
        """A job whose delivery has ended, as soon as its results are written."""
        until(lambda: self.job(job_id)["status"] != "PENDING")
        return self.job(job_id)

    def job(self, job_id: str) -> dict[str, Any]:
        """Everything about a job."""
        found: dict[str, Any] = self.data(JOB, id=job_id)
        return found
