"""Opening the published file in the very moment in which it becomes another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.errors import WarehouseError
from finops.warehouse import connection


def published(path: Path, publication: int) -> Path:
    with duckdb.connect(path) as con:
        con.execute(f"CREATE TABLE known AS SELECT {publication} AS publication")
    return path


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_replaced_while_it_is_opened_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    old, new = published(tmp_path / "finops.duckdb", 1), published(tmp_path / "new.duckdb", 2)
    real, opened = connection.connect, list[Path]()

    def connect(path: Path, **more: Any) -> duckdb.DuckDBPyConnection:
        opened.append(path)
        con = real(path, **more)
        if len(opened) == 1:
            new.replace(old)
            if fails:  # what DuckDB 2.0.1 says of one file's header with another's blocks
                con.close()
                raise duckdb.IOException("IO Error: Could not read enough bytes from file")
        return con

    monkeypatch.setattr(connection, "connect", connect)
    with connection.query(old) as con:
        assert con.execute("FROM known").fetchall() == [(2,)]
    assert len(opened) == 2


def test_what_cannot_be_opened_and_stays_what_it_is_is_told(tmp_path: Path) -> None:
    (tmp_path / "finops.duckdb").write_bytes(b"no database")
    with pytest.raises(WarehouseError, match="cannot be opened"):
        connection.query(tmp_path / "finops.duckdb")
    with pytest.raises(WarehouseError, match="nothing has been published"):
        connection.query(tmp_path / "none.duckdb")
