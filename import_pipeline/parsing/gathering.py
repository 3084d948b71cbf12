"""Columns that are made of others while rows are still text: Map fields of open-ended columns, and ids made of several columns.

Belongs here: gathering `customFields.province` … into one JSON object, joining the columns of a composed id, and the one spelling of
both. Does not belong here: which cells are open-ended columns (model/columns.py), merging a Map with what is stored (relating/maps.py).

A Map's text is a JSON object with its keys in order, all values text, without blanks: CSV (dotted) and JSON lines (nested) that give the
same give the same text (acceptance A-5). In a composed id `%` and `/` of the parts are written %25 and %2F, and `/` stands between the
parts: no two records have the same id.
"""

import json
from collections.abc import Collection, Mapping

import polars as pl

from import_pipeline.model.object_type import ObjectType


def gathered_keys(keys: Collection[str], object_type: ObjectType) -> set[str]:
    """The column keys that rows with these keys have once Maps are gathered and ids are composed."""
    maps = {_field_of(key, object_type) for key in keys}
    plain = {key for key in keys if _field_of(key, object_type) is None}
    composed = {key for key, parts in object_type.compose.items() if plain >= set(parts)}
    composed |= {key for key, parts in object_type.first_of.items() if plain & set(parts)}
    composed |= {object_type.external_id} if object_type.email_key else set()
    return plain | composed | {name for name in maps if name is not None}


def gather(frame: pl.DataFrame, object_type: ObjectType) -> pl.DataFrame:
    """The frame with one JSON text for each Map field that it has columns of, in their place."""
    if not object_type.maps:
        return frame
    found: dict[str, list[str]] = {}
    for key in frame.columns:
        if (name := _field_of(key, object_type)) is not None:
            found.setdefault(name, []).append(key)
    if not found:
        return frame
    made = [_as_object({key[len(name) + 1 :]: key for key in keys}).alias(name) for name, keys in found.items()]
    return frame.with_columns(made).drop([key for keys in found.values() for key in keys])


def compose(frame: pl.DataFrame, object_type: ObjectType) -> pl.DataFrame:
    """The frame with the composed ids whose columns it has; null where one of them is blank."""
    made = [_joined(parts).alias(key) for key, parts in object_type.compose.items() if set(parts) <= set(frame.columns)]
    for key, parts in object_type.first_of.items():
        given = [pl.col(part).str.strip_chars().replace("", None) for part in parts if part in frame.columns]
        made += [pl.coalesce(given).str.to_lowercase().alias(key)] if given else []
    return frame.with_columns(made) if made else frame


def object_text(values: Mapping[str, str | None]) -> str | None:
    """One row's Map as text, as `gather` writes it; None when nothing is given."""
    given = {key: text for key in sorted(values) if (text := (values[key] or "").strip())}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":")) if given else None


def _field_of(key: str, object_type: ObjectType) -> str | None:
    """The Map field that a gathered column's key belongs to."""
    return next((spec.name for spec in object_type.maps if key.startswith(spec.name + ".")), None)


def _as_object(columns: Mapping[str, str]) -> pl.Expr:
    """The JSON object of columns, given by the keys of its entries."""
    entries = []
    for name in sorted(columns):
        text = pl.col(columns[name]).str.strip_chars()
        encoded = pl.struct(text.alias(name)).struct.json_encode()
        inner = encoded.str.slice(1, encoded.str.len_chars() - 2)
        entries.append(pl.when(text.fill_null("") != "").then(inner))
    joined = pl.concat_str(entries, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))


def _joined(parts: tuple[str, ...]) -> pl.Expr:
    texts = [pl.col(part).str.strip_chars() for part in parts]
    escaped = [text.str.replace_all("%", "%25", literal=True).str.replace_all("/", "%2F", literal=True) for text in texts]
    blank = pl.any_horizontal([text.fill_null("") == "" for text in texts])
    return pl.when(~blank).then(pl.concat_str(escaped, separator="/"))
