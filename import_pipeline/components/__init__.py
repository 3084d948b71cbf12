"""The Dagster component type of an account: one folder's YAML to Definitions; thin.

Belongs here: what lets dagster's own tools (`dg list`, `dg check`) understand an account's defs.yaml. Does not belong here: the
account itself (model/account.py) and its definitions (orchestration/).
"""

from import_pipeline.components.account import Account

__all__ = ["Account"]
