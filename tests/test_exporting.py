"""Charges as FOCUS files: what is in them, and when they appear."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from finops import exporting
from finops.cli import main
from finops.errors import ConfigError
from finops.exporting import export
from finops.models import model
from tests.conftest import Company
from tests.sources.house import House, focus, write_csv

HOSTILE = "../../etc/Evil Cloud"


@pytest.fixture
def charges(tmp_path: Path) -> DuckDBPyConnection:
    """Charges of several providers and months, loaded; with the views that a build would make."""
    rows = [
        focus("1.000000000000000001", ProviderName="AWS", Tags='{"team": "nlp"}', SkuPriceId="p"),
        focus("2", ProviderName="AWS", BillingPeriodStart="2026-08-01T00:00:00Z"),
        focus("3", ProviderName=HOSTILE),
        focus("4", ProviderName="a-w-s"),
        focus("5", ProviderName="A W S"),
    ]
    write_csv(tmp_path / "bills" / "a.csv", rows)
    house = House(tmp_path, {"name": "any", "kind": "focus-files", "uri": "bills"}).ok()
    for view in ("main.focus_data_table", "focus.charges_v1_4"):
        house.sql(f"CREATE VIEW {view} AS {model(view).sql}")
    return house._con  # its file is the work file: nothing is published here


def read(path: Path, what: str = "*") -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return con.execute(f"SELECT {what} FROM '{path}'").fetchall()


def test_a_file_for_each_provider_and_month(charges: DuckDBPyConnection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = export(charges, "1.2", out)
    assert sorted(out.iterdir()) == sorted(each.path for each in made), "nothing else is left, nothing is elsewhere"
    assert len(made) == 5
    assert {each.path.parent for each in made} == {out}
    assert [sum(each.rows for each in made), {each.path.suffix for each in made}] == [5, {".parquet"}]
    shown = "BilledCost::VARCHAR, ProviderName, strftime(BillingPeriodStart, '%Y-%m')"
    found = {read(each.path, shown)[0] for each in made}
    assert found == {
        ("1.000000000000000001", "AWS", "2026-09"),
        ("2.000000000000000000", "AWS", "2026-08"),
        ("3.000000000000000000", HOSTILE, "2026-09"),
        ("4.000000000000000000", "a-w-s", "2026-09"),
        ("5.000000000000000000", "A W S", "2026-09"),
    }


@pytest.mark.parametrize(("version", "columns"), [("1.2", 57), ("1.4", 65)])
def test_the_columns_and_types_of_the_version(
    charges: DuckDBPyConnection, tmp_path: Path, version: str, columns: int
) -> None:
    (made,) = export(charges, version, tmp_path / "out", "AWS", "2026-09")
    kinds = {str(name): kind for name, kind in read_types(made.path)}
    assert len(kinds) == columns
    assert not [name for name in kinds if name.startswith("x_")]
    assert (kinds["BilledCost"], kinds["ChargePeriodStart"]) == ("DECIMAL(38,18)", "TIMESTAMP WITH TIME ZONE")
    assert kinds["Tags"] == "VARCHAR"
    assert read(made.path, "Tags::JSON->>'team', ChargePeriodStart::VARCHAR") == [("nlp", "2026-09-02 00:00:00+00")]


def read_types(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        return [row[:2] for row in con.execute(f"DESCRIBE FROM '{path}'").fetchall()]


@pytest.mark.parametrize(
    ("provider", "period", "words"),
    [
        ("Azure", None, "the warehouse has"),
        (None, "2020-01", "from 2026-08 to 2026-09"),
        ("A W S", "2026-08", "from 2026-09"),
    ],
)
def test_what_is_not_there_is_said(
    charges: DuckDBPyConnection, tmp_path: Path, provider: str | None, period: str | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        export(charges, "1.2", tmp_path / "out", provider, period)
    assert not (tmp_path / "out").exists()


def test_a_provider_s_file_has_the_same_name_whatever_else_is_asked_for(
    charges: DuckDBPyConnection, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for name in ("a-w-s", "A W S"):
        export(charges, "1.2", out, name)
    assert sorted(read(path, "ProviderName") for path in out.iterdir()) == [[("A W S",)], [("a-w-s",)]]
    export(charges, "1.2", out)
    assert len(list(out.iterdir())) == 5, "no charge lies there twice"


def test_files_appear_together_or_not_at_all(
    charges: DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(charges, "1.2", out, "AWS", "2026-08")
    (old,) = out.iterdir()
    before = old.read_bytes()
    written: list[Path] = []
    write = exporting._write

    def failing(*arguments: object) -> int:
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(Path(str(arguments[-1])))
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "_write", failing)
    with pytest.raises(ConfigError, match="No space left on device"):
        export(charges, "1.2", out)
    assert list(out.iterdir()) == [old]
    assert old.read_bytes() == before


def test_the_command_over_the_company(company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, out = str(company.root / "finops.yaml"), tmp_path / "out"
    command = ["export", "--config", config, "--out", str(out), "--provider", "Google Cloud", "--period", "2026-09"]
    assert main(command) == 0
    (path,) = out.iterdir()
    assert path.name == "focus-1.2_google-cloud_2026-09.parquet"
    text = capsys.readouterr().out
    assert f"{path}: " in text
    assert "1 file in FOCUS 1.2" in text
    where = "FROM focus.charges WHERE ProviderName = 'Google Cloud' AND x_InvoiceMonth = '2026-09'"
    sums = "count(*), sum(BilledCost), sum(EffectiveCost), sum(ListCost), sum(ContractedCost)"
    with company.connect() as con:
        assert read(path, sums) == con.execute(f"SELECT {sums} {where}").fetchall()
    assert main(["export", "--config", config, "--out", str(out), "--period", "2026-13"]) == 2
    assert main(["export", "--config", config, "--out", str(out), "--focus", "0.9"]) == 2
    (tmp_path / "file").touch()
    assert main(["export", "--config", config, "--out", str(tmp_path / "file"), "--period", "2026-09"]) == 2
    assert main(["export", "--config", config]) == 2
    errors = capsys.readouterr().err
    assert errors.count("What to do: ") == 4
