"""The documents' job types and what each is in an account: one of its saved formats; and the params that a job may have (A-3, A-9).

Belongs here: names of the documents, and checking what a job states. Does not belong here: what rows do (model/format.py), booking.
"""

from collections.abc import Mapping
from typing import Any

from import_pipeline.failures import PermanentFailure, UnknownValue, known_values
from import_pipeline.model.account import Account
from import_pipeline.model.format import BLOCK, PRESERVE, Format
from import_pipeline.model.format_values import with_values

FORMATS = {
    "MUTATION/USER": "users",
    "MUTATION/DELETE_USER": "deleteUsers",
    "MUTATION/USER_EVENT": "userEvents",
    "MUTATION/REDEEMABLE_REWARD_BALANCE": "redeemableRewardBalances",
}
"""Which of the account's formats a job type is."""
_EVALUATION = {"webhooks": "enabledWebhookTypes", "programs": "enabledProgramIds", "analytics": "enabledAnalyticsEventCollections"}
"""Parts of importEvaluationOptions, each true, false or an object with this list."""
_PARAMS: dict[str, tuple[str, ...]] = {
    "MUTATION/USER": ("programId", "segments", "importEvaluationOptions"),
    "MUTATION/DELETE_USER": ("preserveEmptyAccounts", "doNotTrack"),
    "MUTATION/USER_EVENT": (),
    "MUTATION/REDEEMABLE_REWARD_BALANCE": (),
}


def types_of(account: Account) -> list[str]:
    """The job types that the account can run."""
    names = {known.name for known in account.formats}
    return [name for name, format_name in FORMATS.items() if format_name in names]


def format_of(account: Account, type_name: str, params: Any) -> str:
    """The name of the format of a job, with what its params state for all rows.

    Raises UnknownValue for a type that the account does not have, and PermanentFailure for params that are not as documented.
    """
    known = types_of(account)
    if type_name not in known:
        raise UnknownValue("job type", type_name, known)
    given = check_params(type_name, params)
    saved = account.format(FORMATS[type_name])
    return with_values(saved.name, _stated(account, saved, given))


def check_params(type_name: str, params: Any) -> Mapping[str, Any]:
    """The params as an object; PermanentFailure tells what is wrong with them and what is possible."""
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise PermanentFailure("params is an object")
    possible = _PARAMS[type_name]
    for name, value in params.items():
        if name not in possible:
            hint = known_values(name, possible) if possible else "this type has none"
            raise PermanentFailure(f"params: unknown {name!r}; {hint}")
        _CHECKS[name](name, value)
    return params


def _stated(account: Account, saved: Format, given: Mapping[str, Any]) -> dict[str, str]:
    """Cells for rows that leave them blank: a row's own flag outweighs its job's (A-6)."""
    found: dict[str, str] = {}
    flags = {"preserveEmptyAccounts": PRESERVE, "doNotTrack": BLOCK}
    for name, column in flags.items():
        if isinstance(given.get(name), bool):
            found[column] = "true" if given[name] else "false"
    segments = given.get("segments")
    if segments:
        field = next((f for f in account.object_type(saved.object_type).fields if f.name == "segments"), None)
        if field is None:
            raise PermanentFailure(f"params.segments: {saved.object_type} has no segments")
        if any(field.separator in segment for segment in segments):
            raise PermanentFailure(f"params.segments: a segment's name has no {field.separator!r}")
        found[field.name] = field.separator.join(segments)
    return found


def _is_flag(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, bool):
        raise PermanentFailure(f"params.{name} is true or false")


def _is_text(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise PermanentFailure(f"params.{name} is a text")


def _is_texts(name: str, value: Any) -> None:
    texts = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    if value is not None and not texts:
        raise PermanentFailure(f"params.{name} is a list of texts")


def _are_options(name: str, value: Any) -> None:
    """true, false, or an object of parts; an object without anything in it says nothing and is refused, as documented."""
    if value is None or isinstance(value, bool):
        return
    if not isinstance(value, dict) or not value:
        raise PermanentFailure(f"params.{name} is true, false or an object that is not empty")
    for part, stated in value.items():
        if part not in _EVALUATION:
            raise PermanentFailure(f"params.{name}: unknown {part!r}; {known_values(part, _EVALUATION)}")
        where, listed = f"params.{name}.{part}", _EVALUATION[part]
        if isinstance(stated, bool):
            continue
        if not isinstance(stated, dict) or set(stated) != {listed} or not isinstance(stated[listed], list):
            raise PermanentFailure(f"{where} is true, false or an object with the list {listed!r}")
        if part == "analytics":
            good = all(isinstance(one, dict) and isinstance(one.get("collectionName"), str) for one in stated[listed])
        else:
            good = all(isinstance(one, str) for one in stated[listed])
        if not good:
            raise PermanentFailure(f"{where}.{listed} lists {'objects with a collectionName' if part == 'analytics' else 'texts'}")


_CHECKS = {
    "programId": _is_text,
    "segments": _is_texts,
    "importEvaluationOptions": _are_options,
    "preserveEmptyAccounts": _is_flag,
    "doNotTrack": _is_flag,
}
