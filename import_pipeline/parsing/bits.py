"""Bit arithmetic over blocks of text: one bit per byte, 64 bytes a word, so that quotes are followed without looking at rows.

Belongs here: operations on packed flags. Does not belong here: what the flags mean (lines.py, csv_fast.py).
"""

import numpy as np
from numpy.typing import NDArray

from import_pipeline.parsing.batch import Flags, Ints

Words = NDArray[np.uint64]
_ONE = np.uint64(1)
_LAST = np.uint64(63)


def pack(flags: Flags) -> Words:
    """Flags as words; bit i of word w is flag 64 * w + i. At least one spare bit follows the last flag."""
    packed = np.packbits(flags, bitorder="little")
    words = np.zeros(len(flags) // 64 + 1, dtype=np.uint64)
    words.view(np.uint8)[: len(packed)] = packed
    return words


def of_places(size: int, places: Ints) -> Words:
    """Words of `size` flags and one behind them, set at `places`, which differ from each other."""
    words = np.zeros(size // 64 + 1, dtype=np.uint64)
    np.add.at(words, places >> 6, _ONE << (places & 63).astype(np.uint64))
    return words


def later(words: Words) -> Words:
    """Every bit moved to the following byte."""
    moved = words << _ONE
    moved[1:] |= words[:-1] >> _LAST
    return moved


def earlier(words: Words) -> Words:
    """Every bit moved to the byte before."""
    moved = words >> _ONE
    moved[:-1] |= words[1:] << _LAST
    return moved


def parity(words: Words) -> Words:
    """Bit i tells whether an odd number of bits is set up to and including i."""
    inside = words.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(shift)
    odd = np.bitwise_xor.accumulate(inside >> _LAST)
    inside[1:] ^= np.uint64(0) - odd[:-1]
    return inside


def counts_between(words: Words, edges: Ints) -> Ints:
    """How many bits are set in [edges[i], edges[i + 1]); `edges` ascend and lie within the flags or right behind them."""
    before = np.zeros(len(words) + 1, dtype=np.int64)
    np.cumsum(np.bitwise_count(words), dtype=np.int64, out=before[1:])
    word = edges >> 6
    below = (_ONE << (edges & 63).astype(np.uint64)) - _ONE
    total: Ints = before[word] + np.bitwise_count(words[word] & below)
    return np.diff(total)


def places(words: Words) -> Ints:
    """Positions of the set bits, for bits that are few."""
    held = np.flatnonzero(words)
    flags = np.unpackbits(words[held].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    row, bit = np.nonzero(flags)
    found: Ints = held[row].astype(np.int64) * 64 + bit
    return found
