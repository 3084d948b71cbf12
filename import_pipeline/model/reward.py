"""Rewards and redemptions: the fields that object types need which are consumed, and which record what was consumed (acceptance A-7).

Belongs here: their names, and what is missing of them. Does not belong here: consuming (relating/redemption.py).
"""

from import_pipeline.model.object_type import ObjectType

UNIT, STATUS, VALUE, GIVEN, EXPIRES = "unit", "status", "value", "dateGiven", "dateExpires"
"""Of a reward: its unit, its status, its whole value in that unit, when it was given and when it expires."""
AVAILABLE = "AVAILABLE"
"""The status of rewards that may be consumed."""
ASKED, REDEEMED, CONSUMED = "valueToRedeem", "redeemedValue", "consumed"
"""Of a redemption: the value asked for, the value consumed, and how much of which reward."""
DECIMALS = 6
"""Decimals of all these values. A unit has as many or fewer."""
USUAL_FRACTION = 2
"""Decimals of a unit that the format does not name."""
_REWARD = (UNIT, STATUS, VALUE, GIVEN, EXPIRES)
_REDEMPTION = (UNIT, ASKED, REDEEMED, CONSUMED)


def lacking(rewards: ObjectType, redemptions: ObjectType) -> list[str]:
    """What the two types lack to work together, as sentences."""
    found = []
    for object_type, names in ((rewards, _REWARD), (redemptions, _REDEMPTION)):
        fields = {f.name: f for f in object_type.fields}
        missing = [name for name in names if name not in fields]
        if missing:
            found.append(f"{object_type.name} needs the field {missing[0]!r}")
        values = [name for name in (VALUE, ASKED, REDEEMED) if name in names and name in fields]
        found += [f"{object_type.name}: {name} needs decimals: {DECIMALS}" for name in values if fields[name].decimals != DECIMALS]
    if rewards.parent is None or redemptions.parent is None or rewards.parent.type != redemptions.parent.type:
        found.append(f"{rewards.name} and {redemptions.name} need the same parent type")
    return found
