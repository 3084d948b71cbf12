"""What a plan tells in numbers: how many records it would create, change and remove, and how large a share of their type that is.

Belongs here: the actions of a plan and their counts. Does not belong here: counting them (planning/summary.py), thresholds that hold
an import for approval (model/policy.py).
"""

from typing import Literal

from pydantic import Field

from import_pipeline.model.base import Model

PlanAction = Literal["create", "update", "delete", "keep", "park", "unpark", "refuse", "move"]
"""What a row of a plan says. `keep` is of an undo: a value or a record stays as it is; `unpark` too: a row waits no longer. `move` is of
territories: a record would lie in another one."""
PlanKind = Literal["import", "undo"]


class TypePlan(Model):
    """One object type. `stored` is how many records it has; `actions` counts records, and rows for park, unpark and refuse.

    `fields` tells in how many records a column would change. The shares are of `stored`: of 0 records all would change.
    """

    type: str
    stored: int
    actions: dict[PlanAction, int] = Field(default_factory=dict)
    fields: dict[str, int] = Field(default_factory=dict)
    changed_share: float = 0.0
    deleted_share: float = 0.0


class PlanSummary(Model):
    """The plan of one job. `actions` sums those of the types; `rows`, `unchanged` and `refused` are rows of the job's file."""

    kind: PlanKind
    job: str
    undo_of: str | None = None
    rows: int = 0
    unchanged: int = 0
    refused: int = 0
    actions: dict[PlanAction, int] = Field(default_factory=dict)
    types: tuple[TypePlan, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """True when applying the plan would leave every record and every waiting row as it is."""
        return not any(n for action, n in self.actions.items() if action not in ("keep", "refuse"))
