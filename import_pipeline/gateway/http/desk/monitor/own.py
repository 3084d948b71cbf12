"""Things of the visitor's own account, by the ids of an address.

Belongs here: finding them, or refusing as if they did not exist. Does not belong here: pages.
"""

from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.ledger import deliveries, jobs
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.ledger.jobs import JobRow


def own_job(visit: Visit) -> JobRow:
    """The job that the address names. Raises Refusal 404 for one of another account as for one that does not exist."""
    asked = visit.params["job"]
    with visit.gate.ledger.read() as conn:
        row = jobs.get(conn, asked) if asked.isalnum() else None
    if row is None or row.account != visit.account.name:
        raise Refusal(404, "there is no such import")
    return row


def own_delivery(visit: Visit) -> Delivery:
    """The delivery that the address names; raises Refusal 404 as `own_job`."""
    asked = visit.params["delivery"]
    with visit.gate.ledger.read() as conn:
        found = deliveries.get(conn, asked) if asked.isprintable() else None
    if found is None or found.account != visit.account.name:
        raise Refusal(404, "there is no such delivery")
    return found
