"""Free texts, e-mail addresses and phone numbers: kept as they were given, but for the blanks around them.

Belongs here: the rules of Text, MultiLine, Address, Email and Phone fields, and what we propose for a refused value.
Does not belong here: values out of a list (choices.py), owners, trimming (judging.py).
"""

import re

import numpy as np
import polars as pl

from import_pipeline.model.field import FieldSpec
from import_pipeline.validation.rules import ColumnJudge, Rule, all_within, length_rule, matches, stated_rules

TEXT_LONGEST = 32_000
MULTILINE_LONGEST = 1_000_000
EMAIL_LONGEST = 254
CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
"""C0 controls other than tab, line feed and carriage return: cells of spreadsheets hold line breaks in plain texts, too."""
_OTHER = r"[[^\x00-\x7F]--[\s\p{Cc}\p{Cf}]]"
"""Characters beyond ASCII, invisible ones excepted. Few large ranges: with Unicode's classes of letters the same check takes twenty
times as long."""
_ATOM = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~\-{_OTHER}]+"
_ALNUM = rf"[A-Za-z0-9{_OTHER}]"
_LABEL = rf"{_ALNUM}(?:[A-Za-z0-9\-{_OTHER}]*{_ALNUM})?"
EMAIL = rf"\A{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?:[A-Za-z{_OTHER}]{{2,}}|xn--[A-Za-z0-9-]+)\z"
"""The unquoted part of RFC 5321, every script allowed: one @, no blanks, a dot in the domain, no digits at its end."""
PHONE = r"(?i)\A[( ]*\+?[() ./-]*(?:[0-9][() ./-]*){5,20}(?:(?:x|ext\.?|extension) ?[0-9]{1,6})?\z"
"""5 to 20 digits with blanks and + ( ) - . / between them; an extension of up to 6 digits may follow x or ext."""
_PLAIN = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2212\u00a0\u2007\u2009\u202f", "------    ")


def _printable(values: pl.Series) -> pl.Series | bool:
    """One pass over the column's bytes tells whether a control character is there at all; only then each value is searched."""
    joined = np.frombuffer(values.str.join("").cast(pl.Binary).item() or b"", dtype=np.uint8)
    return bool(joined.size == 0 or joined.min() >= 0x20) or ~values.str.contains(CONTROL)


PRINTABLE = Rule("control_character", "text without control characters", _printable)


def without_controls(value: str) -> str | None:
    """The text without its control characters."""
    return re.sub(CONTROL, "", value)


def text(spec: FieldSpec) -> ColumnJudge:
    """Text, Address and MultiLine: no control characters, at most `max_length` characters (else 32,000; MultiLine 1,000,000)."""
    longest = MULTILINE_LONGEST if spec.type == "MultiLine" else TEXT_LONGEST
    return ColumnJudge((PRINTABLE, *stated_rules(spec, longest=longest)), mend=without_controls)


def _email_length(values: pl.Series) -> pl.Series | bool:
    return all_within(values, EMAIL_LONGEST) or values.str.len_chars() <= EMAIL_LONGEST


def mended_email(value: str) -> str | None:
    """`Name <a@b.com>`, `mailto:a@b.com`, a comma for a dot, blanks and invisible characters."""
    inner = re.fullmatch(r"[^<>]*<([^<>]+)>", value)
    bare = (inner[1] if inner else value).removeprefix("mailto:")
    return re.sub(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]", "", bare).replace(",", ".").rstrip(".;")


def email_rules() -> tuple[Rule, ...]:
    """An address that could exist; whether it does is not asked."""
    expected = "an e-mail address such as name@example.com"
    return (
        Rule("not_an_email", expected, matches(EMAIL)),
        Rule("too_long", f"an e-mail address of at most {EMAIL_LONGEST} characters", _email_length),
    )


def email(spec: FieldSpec) -> ColumnJudge:
    """Email fields; upper and lower case are kept as given."""
    return ColumnJudge((*email_rules(), *stated_rules(spec)), mend=mended_email)


def mended_phone(value: str) -> str | None:
    """Typographic dashes and blanks, `tel:`, an apostrophe in front."""
    return value.translate(_PLAIN).removeprefix("tel:").lstrip("' ")


def phone(spec: FieldSpec) -> ColumnJudge:
    """Phone fields; kept as given, not normalised."""
    expected = "a phone number of 5 to 20 digits such as +1 555 123 4567 or (555) 123-4567 x89"
    return ColumnJudge((Rule("not_a_phone", expected, matches(PHONE)), *stated_rules(spec)), mend=mended_phone)


_JSON_TEXT = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
_ENTRY = f"{_JSON_TEXT}:{_JSON_TEXT}"
"""One entry of a Map's text (parsing/gathering.py): a name and a text."""
_ESCAPED_CONTROL = r"(?:^|[^\\])(?:\\\\)*\\(?:u00[01]|[bf])"
_SHORTEST_ENTRY = 7


def entries(spec: FieldSpec) -> ColumnJudge:
    """Map fields: texts by name, at most `max_keys` of them, no control characters in them, 1,000,000 characters together."""
    whole = Rule("wrong_pattern", 'texts by name, such as {"color":"red"}', matches(rf"\A\{{(?:{_ENTRY}(?:,{_ENTRY})*)?\}}\z"))
    few = Rule(
        "too_many_keys",
        f"at most {spec.max_keys:,} keys",
        lambda values: all_within(values, spec.max_keys * _SHORTEST_ENTRY) or values.str.count_matches(_ENTRY) <= spec.max_keys,
    )
    plain = Rule("control_character", "texts without control characters", lambda values: ~values.str.contains(_ESCAPED_CONTROL))
    return ColumnJudge((length_rule(MULTILINE_LONGEST), whole, few, plain))
