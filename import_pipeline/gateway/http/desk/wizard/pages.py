"""The addresses of the wizard.

Belongs here: which page answers where. Does not belong here: any one page.
"""

from import_pipeline.gateway.http.desk.visit import Page
from import_pipeline.gateway.http.desk.wizard import choosing, filing, mapping, reviewing, saving, starting, watching

PAGES: tuple[Page, ...] = (
    Page("GET", "/import", choosing.show, "import"),
    Page("POST", "/import", choosing.begin, "import"),
    Page("POST", "/import/copy-of-job/{job}", choosing.duplicate_job, "import"),
    Page("GET", "/import/{draft}", watching.show, "import"),
    Page("GET", "/import/{draft}/progress", watching.part, "import"),
    Page("GET", "/import/{draft}/file", filing.show, "import"),
    Page("POST", "/import/{draft}/file", filing.take, "import"),
    Page("GET", "/import/{draft}/columns", mapping.show, "import"),
    Page("POST", "/import/{draft}/columns", mapping.take, "import"),
    Page("GET", "/import/{draft}/review", reviewing.show, "import"),
    Page("POST", "/import/{draft}/review", reviewing.make, "import"),
    Page("GET", "/import/{draft}/review/progress", reviewing.part, "import"),
    Page("GET", "/import/{draft}/review/plan.csv", reviewing.whole, "import"),
    Page("GET", "/import/{draft}/start", starting.show, "import"),
    Page("POST", "/import/{draft}/start", starting.take, "import"),
    Page("POST", "/import/{draft}/stop", starting.stop, "import"),
    Page("POST", "/import/{draft}/copy", choosing.duplicate, "import"),
    Page("POST", "/import/{draft}/throw-away", choosing.throw_away, "import"),
    Page("POST", "/import/{draft}/format", saving.save, "manage"),
    Page("GET", "/formats", saving.show, "import"),
    Page("POST", "/formats/rename", saving.rename, "manage"),
    Page("POST", "/formats/remove", saving.remove, "manage"),
)
