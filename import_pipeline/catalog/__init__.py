"""Account folders (YAML) to model objects, every fault named with file, line and the valid values.

Belongs here: reading and judging defs.yaml, object_types/, formats/ and the files they name. Does not belong here: Dagster, data.
"""

from import_pipeline.catalog.fault import Fault
from import_pipeline.catalog.folder import LoadedAccount, load_account, load_accounts
from import_pipeline.catalog.report import CheckRow, check_report, check_rows

__all__ = ["CheckRow", "Fault", "LoadedAccount", "check_report", "check_rows", "load_account", "load_accounts"]
