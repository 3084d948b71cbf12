"""Values out of a configured list: choices, stages, loss reasons, owners.

Belongs here: exact membership, the canonical spelling that is stored, the nearest valid value.
Does not belong here: where the lists come from (model/), free texts.
"""

from collections.abc import Callable, Sequence

import polars as pl

from import_pipeline.failures import nearest
from import_pipeline.model.field import FieldSpec
from import_pipeline.validation.rules import ColumnJudge, Rule, stated_rules
from import_pipeline.validation.texts import email_rules, mended_email

LISTED = 12
"""How many valid values an error lists before it says how many more there are."""


def listed(known: Sequence[str]) -> str:
    """The valid values in words, at most 12 of them."""
    more = len(known) - LISTED
    return ", ".join(known[:LISTED]) + (f" … and {more} more" if more > 0 else "")


def folded(value: str) -> str:
    """A value with case and repeated blanks taken away."""
    return " ".join(value.split()).casefold()


def nearest_of(known: Sequence[str]) -> Callable[[str], str | None]:
    """Proposes the one that differs in case and blanks only, else the nearest."""
    spellings = {folded(choice): choice for choice in reversed(known)}
    return lambda value: spellings.get(folded(value)) or nearest(value, known)


def one_of(spec: FieldSpec, known: Sequence[str], code: str) -> ColumnJudge:
    """SingleChoice, stage, loss reason: exactly one of the configured values, case and blanks included (acceptance S-9)."""
    choices = pl.Series(list(known), dtype=pl.String).implode()
    rule = Rule(code, f"one of: {listed(known)}", lambda values: values.is_in(choices))
    return ColumnJudge((rule, *stated_rules(spec)), mend=nearest_of(known), effort=len(known))


def _parts(distinct: pl.Series, separator: str) -> pl.DataFrame:
    """One row per distinct cell: the cell and its trimmed parts in the order given, without blanks and repetitions."""
    part = pl.element().str.strip_chars()
    parts = pl.col("cell").str.split(separator).list.eval(part.filter(part != "")).list.unique(maintain_order=True)
    return distinct.alias("cell").to_frame().select("cell", parts.alias("parts"))


def many_of(spec: FieldSpec) -> ColumnJudge:
    """MultiChoice: parts between separators, each exactly a configured choice.

    Stored as the parts in the order given, trimmed, without repetitions, joined by the separator alone; a cell of nothing but
    separators is blank. Only distinct cells are taken apart: there are few of them in any real file.
    """
    separator, choices = spec.separator, pl.Series(list(spec.choices), dtype=pl.String).implode()
    propose = nearest_of(spec.choices)

    def known(values: pl.Series) -> pl.Series:
        cells = _parts(values.drop_nulls().unique(), separator)
        good = cells.filter(pl.col("parts").list.eval(pl.element().is_in(choices)).list.all())
        return values.is_in(good.get_column("cell").implode())

    def canonical(values: pl.Series) -> pl.Series:
        cells = _parts(values.drop_nulls().unique(), separator)
        joined = pl.when(pl.col("parts").list.len() > 0).then(pl.col("parts").list.join(separator))
        return respelt(values, cells.select("cell", joined.alias("kept")))

    def mended(value: str) -> str | None:
        parts = [part.strip() for part in value.split(separator) if part.strip()]
        found = [part if part in spec.choices else propose(part) for part in parts]
        return separator.join(dict.fromkeys(str(part) for part in found)) if all(found) else None

    words = f"one or more of: {listed(spec.choices)}; several are separated by {separator!r}"
    rule = Rule("unknown_choice", words, known)
    return ColumnJudge((rule, *stated_rules(spec)), canonical, mended, effort=4 * len(spec.choices))


def respelt(values: pl.Series, spelling: pl.DataFrame) -> pl.Series:
    """`values` with each `cell` replaced by what is `kept` for it; the very same series when nothing differs."""
    other = spelling.filter(pl.col("cell").ne_missing(pl.col("kept")))
    if other.is_empty():
        return values
    return values.replace(other.get_column("cell"), other.get_column("kept"))


def owner(spec: FieldSpec, users: Sequence[str]) -> ColumnJudge:
    """The e-mail address of a known user, in any case, stored in the configured spelling; any address when none are configured."""
    if not users:
        return ColumnJudge((*email_rules(), *stated_rules(spec)), mend=mended_email)
    spelling = {user.lower(): user for user in reversed(users)}
    lowered = pl.Series(list(spelling), dtype=pl.String).implode()

    exact = pl.Series(list(users), dtype=pl.String).implode()

    def known(values: pl.Series) -> pl.Series:
        as_configured = values.is_in(exact)
        return as_configured if as_configured.all() else values.str.to_lowercase().is_in(lowered)

    def canonical(values: pl.Series) -> pl.Series:
        cells = values.drop_nulls().unique().alias("cell").to_frame()
        kept = pl.col("cell").str.to_lowercase().replace(spelling)
        return respelt(values, cells.select("cell", kept.alias("kept")))

    count = "the one known user" if len(spelling) == 1 else f"one of the {len(spelling)} known users"
    rule = Rule("unknown_owner", f"the e-mail address of {count}", known)
    return ColumnJudge((rule, *stated_rules(spec)), canonical, nearest_of(users), effort=len(users))
