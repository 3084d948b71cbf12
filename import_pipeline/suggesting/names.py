"""How near a header cell's name is to a column's names: words, not letters, are compared.

Belongs here: taking names apart, comparing them. Does not belong here: the words themselves (vocabulary.py), values (values.py), names
that the importer knows without guessing (model/columns.py).
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.suggesting.vocabulary import HEADS, LIGHT, QUALIFIERS, RELATED, TELLING_NOTHING, WHERE_TO, phrases

_EDGES = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_WORD = re.compile(r"[^\W_]+")
_LONGEST_PHRASE = 5
_TYPO, _TYPO_LENGTH = 0.8, 5
"""Similarity from which a long enough unknown word is taken for a misspelt known one, and how long that is."""


@dataclass(frozen=True)
class Word:
    """One word of a name: what it means, how it was written, what it weighs, and how sure the meaning is (1: as written)."""

    meaning: str
    written: str
    weight: float = 1.0
    sure: float = 1.0


Name = tuple[Word, ...]


def plain_words(text: str) -> tuple[str, ...]:
    """The words of a name, folded: case and accents taken away, `CloseDate`, `close_date` and `Close-Date` are the same."""
    spaced = _EDGES.sub(" ", text.replace("#", " number ").replace("%", " percent ").replace("'", " "))
    bare = "".join(c for c in unicodedata.normalize("NFKD", spaced) if not unicodedata.combining(c))
    return tuple(_WORD.findall(bare.casefold()))


class Names:
    """The names of one object type's columns, ready to be compared with header cells."""

    def __init__(self, object_type: ObjectType) -> None:
        spelt = {column.key: _spellings(column, object_type) for column in object_type.columns}
        self._phrases = phrases()
        self._places = {column.key for column in object_type.columns if column.role == "address" and column.key not in object_type.split}
        self._known = {word for phrase in self._phrases for word in phrase} | LIGHT | QUALIFIERS | WHERE_TO | HEADS
        self._known |= {word for texts in spelt.values() for text in texts for word in plain_words(text)}
        self._own: frozenset[str] = frozenset()
        self._own = frozenset(word.meaning for word in self.name(object_type.name)) | self._names_of_the_record(spelt)
        self.columns = {key: tuple(dict.fromkeys(self.name(text) for text in texts)) for key, texts in spelt.items()}

    def _names_of_the_record(self, spelt: dict[str, tuple[str, ...]]) -> frozenset[str]:
        """Where a type's Name may also be called Company, the word company says nothing more about its other columns."""
        names = [{word.meaning for text in texts for word in self.name(text)} for texts in spelt.values()]
        return frozenset({"company"}) if any({"name", "company"} <= found for found in names) else frozenset()

    def name(self, text: str) -> Name:
        """A name taken apart into words with a meaning; several words may have one: `Date of Birth` is one word."""
        words = [part for word in plain_words(text) for part in self._parts(word)]
        made: list[Word] = []
        at = 0
        while at < len(words):
            size = next((n for n in range(min(_LONGEST_PHRASE, len(words) - at), 0, -1) if tuple(words[at : at + n]) in self._phrases), 0)
            taken = tuple(words[at : at + max(size, 1)])
            meaning = self._phrases.get(taken, taken[0])
            written = " ".join(taken)
            sure = 1.0
            if not size and len(written) >= _TYPO_LENGTH and written not in self._known:
                meaning, sure = self._mended(written)
            made.append(Word(meaning, written, self._weight(meaning, written), sure))
            at += len(taken)
        return tuple(made)

    def similarity(self, words: Name, key: str) -> float:
        """0 to 1: how near a cell's name, taken apart, is to the nearest name of the column `key`."""
        if key in self._places:
            words = tuple(replace(word, weight=0.15) if word.meaning == "address" and len(words) > 1 else word for word in words)
        return max((_likeness(words, name) for name in self.columns[key]), default=0.0)

    def _weight(self, meaning: str, written: str) -> float:
        if meaning in self._own or written in LIGHT:
            return 0.1
        if meaning in QUALIFIERS or written.isdigit():
            return 0.35
        if meaning in WHERE_TO:
            return 0.2
        if meaning in HEADS:
            return 0.7
        return 1.0 if written in self._known or " " in written else 0.6

    def _parts(self, word: str) -> tuple[str, ...]:
        """A word as known words written together (`telefonnummer`, `acctno`), or itself."""
        if word in self._known or len(word) < 5:
            return (word,)
        for at in range(len(word) - 2, 1, -1):
            head, tail = word[:at], word[at:]
            if head in self._known and tail in self._known and max(len(head), len(tail)) >= 4:
                return head, tail
        return (word,)

    def _mended(self, word: str) -> tuple[str, float]:
        found = process.extractOne(word, sorted(self._known), scorer=OSA.normalized_similarity, score_cutoff=_TYPO)
        if found is None:
            return word, 1.0
        return self._phrases.get((found[0],), found[0]), 0.9


def tells_nothing(cell: str) -> bool:
    """True for `Column 7`, `Feld3`, `F2`, `x`: a name that anybody gives to anything."""
    words = plain_words(cell)
    return all(word in TELLING_NOTHING or word.isdigit() or len(word) == 1 for word in words)


def _spellings(column: Column, object_type: ObjectType) -> tuple[str, ...]:
    """All texts that name a column: key, aliases, synonyms, and what its role is called elsewhere."""
    stated = [other for other, key in object_type.synonyms.items() if key == column.key]
    more: tuple[str, ...] = ()
    if column.role == "parent" and object_type.parent:
        parent = object_type.parent.type
        more = (f"{parent} Id", f"External {parent} Id", f"Parent {parent}", "Parent Id", "Parent", f"{parent} Number")
    elif column.role == "owner":
        more = ("Owner Email", "Owner", "Assigned To Email", "Sales Rep Email")
    elif column.role == "external_id":
        more = ("External Id", f"{object_type.name} External Id", "Legacy Id")
    return (column.key, *column.aliases, *stated, *more)


def _likeness(cell: Name, name: Name) -> float:
    """How much of each name is found in the other, by weight. What a column's name has more than the cell weighs double: `City` in
    `Site city` is less doubtful than `Second City` in `City`."""
    one, other = _covered(cell, name), _covered(name, cell)
    return 3 * one * other / (2 * one + other) if one and other else 0.0


def _covered(words: Name, others: Name) -> float:
    total = sum(word.weight for word in words)
    if not total:
        return 0.0
    return sum(word.weight * max((_same(word, other) for other in others), default=0.0) for word in words) / total


def _same(one: Word, other: Word) -> float:
    sure = one.sure * other.sure
    if one.meaning == other.meaning:
        return sure
    related = RELATED.get(frozenset((one.meaning, other.meaning)))
    if related is not None:
        return related * sure
    short, long = sorted((one.written, other.written), key=len)
    return _abbreviated(short, long) * sure


@cache
def _abbreviated(short: str, long: str) -> float:
    """`emp` or `stg` for `employees`, `stage`: a beginning of at least three letters, or the consonants in order."""
    if len(short) < 2 or len(long) - len(short) < 2 or not (short + long).replace(" ", "").isalpha() or short[0] != long[0]:
        return 0.0
    if len(short) >= 3 and long.startswith(short):
        return 0.8
    letters = iter(long)
    inside = all(letter in letters for letter in short)
    return 0.75 if inside and not re.search("[aeiou]", short[1:]) and len(short) * 3 >= len(long) else 0.0
