"""pyarrow with its types left open: it ships no type information, so all of it is `Any` from here on."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeAlias

pa: Any = import_module("pyarrow")
pc: Any = import_module("pyarrow.compute")
pq: Any = import_module("pyarrow.parquet")

Array: TypeAlias = Any
DataType: TypeAlias = Any
Schema: TypeAlias = Any
Table: TypeAlias = Any
