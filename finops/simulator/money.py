"""Money as integers of 1e-10 (AWS's own resolution), so that doubles and exact decimals say the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from finops.simulator.arrow import Array, pa

Units = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

PER_UNIT = 10**10
MONEY = pa.decimal128(38, 18)
_FIFTEEN_DIGITS = 10**15


def units(amounts: npt.ArrayLike) -> Units:
    """Amounts rounded to 1e-10, or to 1e-6 from 100,000 on: at most 15 digits, which a double holds."""
    raw = np.rint(np.asarray(amounts, dtype=np.float64) * PER_UNIT).astype(np.int64)
    coarse = np.rint(raw / 10_000).astype(np.int64) * 10_000
    return np.where(np.abs(raw) < _FIFTEEN_DIGITS, raw, coarse)


def doubles(amounts: Units) -> Doubles:
    """The double nearest to each amount: its shortest repr is the exact decimal."""
    return np.asarray(amounts, dtype=np.int64) / float(PER_UNIT)


def decimals(amounts: Units) -> Array:
    """The amounts as exact decimal128(38, 18)."""
    low = np.ascontiguousarray(amounts, dtype=np.int64)
    words = np.column_stack([low, low >> 63])  # 128-bit two's complement, little endian
    buffer = pa.py_buffer(words.astype("<i8").tobytes())
    return pa.Array.from_buffers(pa.decimal128(38, 10), len(low), [None, buffer]).cast(MONEY)
