"""Month rates: how many units of the reporting currency one unit of another one is in a month.

A month's rate is frozen by the first publication whose data go past the month's end (`as_of` is in a later
month). From then on it stays, whatever the file says: a number that was reported must not move for a rate that
somebody corrects. What the file says otherwise is kept beside it, and the check `frozen_rates` tells of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

from finops.config import Config
from finops.errors import ConfigError, SourceError, WarehouseError
from finops.files.listfile import Columns, Line, number, read_lines
from finops.warehouse.connection import query

COLUMNS: Final = Columns("rates", ("month", "currency", "rate"), ("replaces",))
LARGEST: Final = Decimal(10) ** 9
DIGITS: Final = Decimal(1).scaleb(-18)
"""The last digit of a rate that is kept: what a file has beyond it is rounded, half to even."""
Key = tuple[str, str]
"""A month (YYYY-MM) and a currency."""


@dataclass(frozen=True)
class Given:
    """What a file says of a month and currency. `replaces`: the frozen rate that this one is to take the place of."""

    rate: Decimal
    replaces: Decimal | None = None


@dataclass(frozen=True)
class Rate:
    """A row of ledger.rates. `source`: file or provider; `file_rate`: what the file says now, None for nothing."""

    billing_period: str
    currency: str
    reporting_currency: str
    rate: Decimal
    source: str
    frozen_at: datetime | None = None
    file_rate: Decimal | None = None

    @property
    def key(self) -> Key:
        return self.billing_period, self.currency


_NAMES: Final = ", ".join(each.name for each in fields(Rate))


def read_rates(path: Path, reporting_currency: str) -> dict[Key, Given]:
    """The rates of a file, CSV or YAML: `month, currency, rate` and, where a frozen one is to change, `replaces`.

    Raises ConfigError that names file, line and column.
    """
    found: dict[Key, Given] = {}
    places: dict[Key, str] = {}
    for line in read_lines(path, COLUMNS):
        key = _month(line), _currency(line, reporting_currency)
        if key in found:
            what = f"the rate of {key[1]} in {key[0]} is given twice: also at {places[key]}"
            raise ConfigError(what, where=line.at, remedy="keep one of the two")
        found[key] = Given(_rate(line, "rate"), _rate(line, "replaces") if line["replaces"] else None)
        places[key] = line.at
    return found


def settled(
    held: Sequence[Rate],
    given: Mapping[Key, Given],
    told: Mapping[Key, Decimal],
    reporting_currency: str,
    as_of: date,
    now: datetime,
) -> list[Rate]:
    """The rates that hold now, by month and currency.

    `held`: those of before, into `reporting_currency`; `given`: the file's; `told`: the providers' own, which count
    where the file says nothing. A frozen rate stays, unless the file names it as the one that is replaced.
    """
    frozen = {rate.key: rate for rate in held if rate.frozen_at is not None}
    rates: list[Rate] = []
    for month, currency in sorted({*frozen, *given, *told}):
        before, now_given = frozen.get((month, currency)), given.get((month, currency))
        file_rate = now_given.rate if now_given else None
        if before is not None and (now_given is None or now_given.replaces != before.rate):
            source, rate, frozen_at = before.source, before.rate, before.frozen_at
        elif file_rate is not None:
            source, rate, frozen_at = "file", file_rate, now if is_closed(month, as_of) else None
        else:
            source, rate = "provider", told[month, currency]
            frozen_at = now if is_closed(month, as_of) else None
        rates.append(Rate(month, currency, reporting_currency, rate, source, frozen_at, file_rate))
    return rates


def is_closed(month: str, as_of: date) -> bool:
    """Whether the data go past a month's end: `as_of` is the first day without data."""
    return f"{as_of:%Y-%m}" > month


def inverse(rate: Decimal) -> Decimal:
    """A rate the other way round, to the last digit that is kept."""
    with localcontext(prec=80):
        return (1 / rate).quantize(DIGITS, ROUND_HALF_EVEN)


def settle(con: DuckDBPyConnection, config: Config, as_of: date, now: datetime) -> None:
    """Bring ledger.rates of an open work file up to date; raises ConfigError for the file, WarehouseError.

    What was published is what is frozen, not what a run meant to publish that broke off.
    """
    currency = config.reporting_currency
    given = read_rates(config.resolve(config.rates), currency) if config.rates else {}
    rates = settled(_published(con, config), given, _told(con, currency), currency, as_of, now)
    con.execute("BEGIN")
    con.execute("DELETE FROM ledger.rates WHERE reporting_currency = ?", [currency])
    if rates:
        marks = ", ".join("?" * len(fields(Rate)))
        con.executemany(
            f"INSERT INTO ledger.rates ({_NAMES}) VALUES ({marks})",  # noqa: S608
            [astuple(rate) for rate in rates],
        )
    con.execute("COMMIT")


def _published(work: DuckDBPyConnection, config: Config) -> list[Rate]:
    """The rates of the published file; none where nothing is published, or by a version that knew no rates.

    Where that file is damaged, the work file's: what was published was copied from one.
    """
    if not config.published.exists():
        return []
    try:
        with query(config.published) as con:
            return _kept(con, config.reporting_currency)
    except (duckdb.Error, WarehouseError):
        return _kept(work, config.reporting_currency)


def _kept(con: DuckDBPyConnection, reporting_currency: str) -> list[Rate]:
    if not con.execute("FROM duckdb_tables() WHERE schema_name = 'ledger' AND table_name = 'rates'").fetchall():
        return []
    sql = f"SELECT {_NAMES} FROM ledger.rates WHERE reporting_currency = ?"  # noqa: S608
    return [Rate(*row) for row in con.execute(sql, [reporting_currency]).fetchall()]


def _told(con: DuckDBPyConnection, reporting_currency: str) -> dict[Key, Decimal]:
    """What Google's bills say a currency was worth: they tell it in dollars alone.

    Google's `currency_conversion_rate` is what it reckons a dollar at. It may change within the month: the rate of
    the latest usage on the month's invoice counts.
    """
    if reporting_currency != "USD":
        return {}
    rows = con.execute(
        """SELECT billing_period, currency, max_by(conversion_rate, {'at': rated_at, 'rate': conversion_rate})
        FROM ledger.source_totals WHERE currency <> 'USD' AND conversion_rate > 0 GROUP BY ALL"""
    ).fetchall()
    rates = {(month, currency): inverse(rate) for month, currency, rate in rows}
    return {key: rate for key, rate in rates.items() if 0 < rate < LARGEST}


def problems(con: DuckDBPyConnection, config: Config, as_of: date) -> list[SourceError]:
    """What stands in the way of amounts in the reporting currency: rates that are missing, or that were changed late.

    A month that has not begun by `as_of` needs no rate: the cost ledger reaches into the future.
    """
    where = str(config.resolve(config.rates)) if config.rates else f"{config.path}, key rates"
    currency = config.reporting_currency
    missing = con.execute(
        """SELECT l.currency, l.billing_period, sum(l.row_count)::BIGINT FROM ledger.loads AS l
        ANTI JOIN (FROM ledger.rates WHERE reporting_currency = $reporting) AS r
          ON r.currency = l.currency AND r.billing_period = l.billing_period
        WHERE l.status = 'current' AND l.currency <> $reporting AND l.billing_period || '-01' < $as_of
        GROUP BY ALL ORDER BY ALL""",
        {"reporting": currency, "as_of": as_of.isoformat()},
    ).fetchall()
    changed = con.execute(
        """SELECT currency, billing_period, rate, file_rate FROM ledger.rates
        WHERE reporting_currency = ? AND frozen_at IS NOT NULL AND file_rate <> rate ORDER BY ALL""",
        [currency],
    ).fetchall()
    return [
        *(_missing(foreign, month, rows, currency, where) for foreign, month, rows in missing),
        *(_changed(foreign, month, rate, said, where) for foreign, month, rate, said in changed),
    ]


def _missing(currency: str, month: str, rows: int, reporting: str, where: str) -> SourceError:
    line = f"a line with month {month}, currency {currency} and its rate, {reporting} for one {currency}"
    return SourceError(
        f"there is no rate from {currency} to {reporting} for {month}: {rows} charges are in {currency} alone, "
        f"and no budget, forecast or gap in {reporting} has them",
        where=where,
        remedy=f"add {line}; it may still change until the month closes",
    )


def _changed(currency: str, month: str, rate: Decimal, said: Decimal, where: str) -> SourceError:
    return SourceError(
        f"the rate of {currency} for {month} is frozen at {plain(rate)}, and the file now says {plain(said)}: "
        f"{plain(rate)} stays",
        where=where,
        remedy=f"write {plain(rate)} there; or, to restate a closed month, give the line replaces: {plain(rate)}",
    )


def plain(rate: Decimal) -> str:
    """A rate with the digits that it needs."""
    text = format(rate, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _month(line: Line) -> str:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", line["month"], re.ASCII):
        what = f"month is not a month: {line['month'][:40]!r}"
        raise ConfigError(what, where=line.where("month"), remedy="write it as YYYY-MM")
    return line["month"]


def _currency(line: Line, reporting: str) -> str:
    if not re.fullmatch("[A-Z]{3}", line["currency"]):
        what = f"a currency is three capitals, like EUR: {line['currency'][:40]!r}"
        raise ConfigError(what, where=line.where("currency"), remedy="correct it")
    if line["currency"] == reporting:
        what = f"{reporting} is the reporting currency: its rate is 1"
        raise ConfigError(what, where=line.where("currency"), remedy="remove the line")
    return line["currency"]


def _rate(line: Line, column: str) -> Decimal:
    found = number(line[column])
    with localcontext(prec=80):
        rate = found.quantize(DIGITS, ROUND_HALF_EVEN) if found is not None and 0 < found < LARGEST else None
    if not rate:
        what = f"{column} is not a positive number: {line[column][:40]!r}"
        raise ConfigError(what, where=line.where(column), remedy="write it like 1.0812, how much one unit is worth")
    return rate
