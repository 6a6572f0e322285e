"""Small JSON files in the home: what was asked of a provider once and is good until it is asked again.

They appear whole: written beside their place, made durable, and renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from finops.errors import WarehouseError
from finops.files.durable import replacing


def read_home_file(path: Path, remedy: str) -> dict[str, object]:
    """The file's mapping, empty where there is no file; raises WarehouseError where it is damaged.

    `remedy` says how the file is made anew.
    """
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(value, ensure_ascii=False).encode()  # an escape may stand for half a character: no table takes it
    except (FileNotFoundError, NotADirectoryError):  # who writes the home tells of one that is no folder
        return {}
    except (OSError, ValueError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise WarehouseError(f"the file cannot be read: {what}", where=str(path), remedy=remedy) from None
    if not isinstance(value, dict):
        raise WarehouseError("the file is not a mapping", where=str(path), remedy=remedy)
    return cast("dict[str, object]", value)


def days_asked(file: Mapping[str, object], who: Iterable[str], today: str) -> dict[str, str]:
    """On which day (YYYY-MM-DD) each was last asked: as the file says under `refreshed`, and today for `who`."""
    earlier = file.get("refreshed")
    days = cast("dict[object, object]", earlier).items() if isinstance(earlier, dict) else ()
    return dict(sorted({**{str(each): str(day) for each, day in days}, **dict.fromkeys(who, today)}.items()))


def write_home_file(path: Path, value: Mapping[str, object]) -> None:
    """Replace the file as a whole; raises WarehouseError, and the old one then stands untouched."""
    with replacing(path) as fresh:
        fresh.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
