"""What the files of one account must agree on: names, parents, formats and exports.

Belongs here: a rule that needs more than one file to be judged. Does not belong here: a rule on one file (it is the model's own).
A part that relies on a broken part is broken too, and says which file to mend first. The rules look at what the files state, not at
the models, so that a file which is refused for another reason is judged as well.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from import_pipeline.catalog.part import Part
from import_pipeline.failures import known_values
from import_pipeline.model.account import Account, Cadence
from import_pipeline.model.base import slug
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.reward import lacking
from import_pipeline.model.territory import TERRITORY

Types = Sequence[Part[ObjectType]]
_PARENT = ("parent", "type")


def check_types(types: Types) -> None:
    """Distinct names; every parent exists, is not broken, and no chain of parents runs in a circle (acceptance B-4)."""
    _names_are_distinct(types)
    _no_circles(types)
    changed = True
    while changed:
        changed = False
        for part in types:
            parent = part.stated(*_PARENT)
            problem = _problem_with(parent, types) if isinstance(parent, str) else None
            if problem and not any(fault.path == "parent.type" for fault in part.faults):
                part.refuse(_PARENT, problem)
                changed = True


def check_formats(formats: Sequence[Part[Format]], types: Types) -> None:
    """Distinct names; the object type exists and has every column that the format names."""
    _names_are_distinct(formats)
    for part in formats:
        name = part.stated("object_type")
        problem = _problem_with(name, types) if isinstance(name, str) else None
        if problem:
            part.refuse(("object_type",), problem)
        object_type = next((p.good for p in types if p.good and p.good.name == name), None)
        consumed = part.stated("consumes")
        if isinstance(consumed, str):
            problem = _problem_with(consumed, types)
            rewards = next((p.good for p in types if p.good and p.good.name == consumed), None)
            for lack in [problem] if problem else lacking(rewards, object_type) if rewards and object_type else []:
                part.refuse(("consumes",), lack)
        if object_type and part.stated("operation") == "delete":
            object_type = Format(name=part.name, object_type=object_type.name, operation="delete").row_type(object_type)
        if object_type:
            keys = [column.key for column in object_type.columns]
            unknown = f"{object_type.name} has no column"
            for header, key in _mapping(part.stated("columns")).items():
                if isinstance(key, str) and key not in keys:
                    part.refuse(("columns", header), f"{unknown} {key!r}; {known_values(key, keys)}")
            for place in ("defaults", "fixed"):
                usable = [key for key in keys if place == "defaults" or key not in object_type.split]
                for key in _mapping(part.stated(place)):
                    if isinstance(key, str) and key not in usable:
                        why = f"{unknown} {key!r}" if key not in keys else f"{key!r} is an address in one column and cannot be fixed"
                        part.refuse((place, key), f"{why}; {known_values(key, usable)}", at_key=True)


def check_account(defs: Part[Account], folder: Path, types: Types) -> None:
    """The account is named as its folder, has object types, and in classic mode one only, since file names tell no type (S-4)."""
    name = defs.stated("attributes", "name")
    if isinstance(name, str) and name != folder.name:
        defs.refuse(("attributes", "name"), f"the account's name is its folder's name: {folder.name!r}, not {name!r}")
    if not types:
        defs.refuse((), "the account has no object types: add a file such as object_types/contact.yaml")
    if defs.stated("attributes", "mode") == "classic" and len(types) > 1:
        names = ", ".join(part.name for part in types)
        message = f"in classic mode there is one object type, here are {len(types)}: {names}. Use mode: flexible"
        defs.refuse(("attributes", "mode"), message)
    if _has_territories(defs):
        for part in types:
            if slug(part.name) == slug(TERRITORY):
                message = f"the account has territories, and {TERRITORY} is the type that holds them: rename this one"
                part.refuse(("name",), message)


def _has_territories(defs: Part[Account]) -> bool:
    return isinstance(defs.stated("attributes", "territories"), dict)


def check_exports(defs: Part[Account], types: Types) -> Account | None:
    """The account with the exports that are possible, or None when defs.yaml is broken (acceptance S-16).

    A type that is unknown or broken is a fault and is left out: one broken type does not stop the account.
    """
    account = defs.good
    kept: dict[str, tuple[str, ...]] = {}
    for cadence in get_args(Cadence):
        names = defs.stated("attributes", "exports", cadence)
        own = {TERRITORY} if _has_territories(defs) else set()
        told = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        problems = {name: None if name in own else _problem_with(name, types) for name in told}
        for name, problem in problems.items():
            if problem and isinstance(names, list):
                defs.refuse(("attributes", "exports", cadence, names.index(name)), problem)
        kept[cadence] = tuple(name for name, problem in problems.items() if not problem)
    return account.model_copy(update={"exports": account.exports.model_copy(update=kept)}) if account else None


def _names_are_distinct(parts: Sequence[Part[Any]]) -> None:
    slugs = [slug(part.name) if isinstance(part.stated("name"), str) else None for part in parts]
    for part, name in zip(parts, slugs, strict=True):
        twins = [p for p, other in zip(parts, slugs, strict=True) if p is not part and name and other == name]
        if twins:
            places = ", ".join(_place(p) for p in twins)
            part.refuse(("name",), f"the name {part.name!r} stands in {places} too (case and punctuation do not count): rename one")


def _no_circles(types: Types) -> None:
    parents = {part.name: str(part.stated(*_PARENT)) for part in types}
    for part in types:
        chain = [part.name]
        while parents.get(chain[-1]) in parents and parents[chain[-1]] not in chain:
            chain.append(parents[chain[-1]])
        if len(chain) > 1 and parents[chain[-1]] == chain[0]:
            part.refuse(_PARENT, f"the parents run in a circle: {' → '.join([*chain, chain[0]])}")


def _problem_with(name: str, types: Types) -> str | None:
    """Why the object type `name` cannot be relied on, or None."""
    named = [part for part in types if part.name == name]
    if not named:
        return f"unknown object type {name!r}; {known_values(name, [part.name for part in types])}"
    broken = next((part for part in named if not part.good), None)
    return f"the object type {name!r} is broken: mend {_place(broken)} first" if broken else None


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _place(part: Part[Any]) -> str:
    return f"{part.document.file.parent.name}/{part.document.file.name}"
