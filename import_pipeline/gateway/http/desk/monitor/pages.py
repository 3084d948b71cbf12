"""The addresses of the monitor.

Belongs here: which handler serves which address, with which right. Does not belong here: the handlers.
"""

from import_pipeline.gateway.http.desk.monitor import actions, answers, job, listing, plan
from import_pipeline.gateway.http.desk.visit import Page

PAGES: tuple[Page, ...] = (
    Page("GET", "/jobs", listing.jobs),
    Page("GET", "/jobs/now", listing.under_way),
    Page("GET", "/jobs/table", listing.table),
    Page("GET", "/jobs/{job}", job.job),
    Page("GET", "/jobs/{job}/progress", job.progress),
    Page("GET", "/jobs/{job}/plan", plan.plan),
    Page("GET", "/jobs/{job}/files/{kind}", answers.download),
    Page("POST", "/jobs/{job}/undo", actions.undo, "import"),
    Page("POST", "/jobs/{job}/replay", actions.replay, "import"),
    Page("POST", "/jobs/{job}/cancel", actions.cancel_job, "import"),
    Page("POST", "/jobs/{job}/approve", actions.approve, "manage"),
    Page("POST", "/jobs/{job}/reject", actions.reject, "manage"),
    Page("POST", "/deliveries/{delivery}/cancel", actions.cancel_delivery, "import"),
)
