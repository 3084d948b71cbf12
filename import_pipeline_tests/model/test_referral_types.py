"""Types with ids of several columns, open-ended columns, and redemptions: what a YAML file may not say.

Belongs here: contradictions in object types and formats. Does not belong here: what imports of them do (scenarios/).
"""

from typing import Any

import pytest
from pydantic import ValidationError

from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.reward import lacking

PARENT = {"type": "User", "column": "userKey"}
REWARD: dict[str, Any] = {
    "name": "Reward",
    "parent": PARENT,
    "fields": [{"name": n} for n in ("unit", "status", "dateGiven", "dateExpires")] + [{"name": "value", "type": "Number", "decimals": 6}],
}
REDEMPTION: dict[str, Any] = {
    "name": "Redemption",
    "parent": PARENT,
    "fields": [{"name": "unit"}, {"name": "consumed", "type": "Map"}]
    + [{"name": n, "type": "Number", "decimals": 6} for n in ("valueToRedeem", "redeemedValue")],
}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"compose": {"other": ["id"]}}, "compose makes key, not 'other'"),
        ({"compose": {"key": ["id", "ide"]}}, "compose names 'ide', which is no field; known: id"),
        ({"grouped_by": "account"}, "grouped_by names 'account', which is no field"),
        ({"fields": [{"name": "id"}, {"name": "m", "type": "Map", "keys": "("}]}, "is no regular expression"),
    ],
)
def test_a_contradiction_is_told_with_what_would_have_been_right(more: dict[str, Any], message: str) -> None:
    """Faults are found when the YAML is read, not with the first file."""
    with pytest.raises(ValidationError) as raised:
        ObjectType.model_validate({"name": "User", "external_id": "key", "fields": [{"name": "id"}], **more})
    assert message in str(raised.value)


def test_a_template_shows_neither_made_columns_nor_maps() -> None:
    """Its header row is what the importer accepts (acceptance S-15)."""
    fields = [{"name": "id"}, {"name": "m", "type": "Map"}, {"name": "sum", "computed": True}]
    made = ObjectType.model_validate({"name": "User", "external_id": "key", "compose": {"key": ["id"]}, "fields": fields})
    assert made.template_header == ("RecordID", "id")


def test_a_deletion_has_the_key_and_its_flags_only() -> None:
    """Acceptance A-6; whatever else the type has."""
    user = ObjectType.model_validate(
        {"name": "User", "external_id": "key", "compose": {"key": ["id"]}, "fields": [{"name": "id"}, {"name": "email"}]}
    )
    rows = Format(name="d", object_type="User", operation="delete").row_type(user)
    assert [c.key for c in rows.columns] == ["RecordID", "key", "id", "preserveEmptyAccount", "doNotTrack"]
    assert rows.slug == user.slug


def test_a_redemption_needs_rewards_and_both_the_fields_they_work_with() -> None:
    """Acceptance A-7: the names are fixed, so that a report that was exported can be sent back."""
    with pytest.raises(ValidationError, match="redeem needs consumes"):
        Format(name="r", object_type="Redemption", operation="redeem")
    assert lacking(ObjectType.model_validate(REWARD), ObjectType.model_validate(REDEMPTION)) == []
    bare = ObjectType.model_validate({"name": "Reward", "fields": [{"name": "unit"}]})
    assert lacking(bare, ObjectType.model_validate(REDEMPTION)) == [
        "Reward needs the field 'status'",
        "Reward and Redemption need the same parent type",
    ]
