"""Whose bill, of which month: what every part of the AWS bill is made from."""

from __future__ import annotations

from dataclasses import dataclass

from finops.simulator.aws_catalogue import account_purpose
from finops.simulator.aws_lines import Owner
from finops.simulator.company import Company, Payer
from finops.simulator.fleet import Fleet
from finops.simulator.timeline import Month, Timeline, token


@dataclass(frozen=True)
class PayerMonth:
    """A payer's month. `scale` multiplies the resources outside the GPU fleet."""

    company: Company
    fleet: Fleet
    payer: Payer
    month: Month
    line: Timeline
    seed: int
    scale: float

    @property
    def renewal(self) -> bool:
        """Whether commitments are renewed in this month: the last but one."""
        return self.month.start == self.line.months_ago(1)

    def line_id(self, *names: object) -> str:
        """A line item's id: 52 characters that the same resource keeps over the hours of the month."""
        return token(self.seed, "line", self.payer.source, self.month.period, *names, length=52)

    def owner(self, account_name: str, what: str, resource: str = "") -> Owner:
        """An account (or an untagged resource in it) as the owner of a line."""
        account = self.company.account(account_name)
        purpose = account_purpose(account.name)
        return Owner(account.id, account.name, resource, purpose=purpose, line_id=self.line_id(account.id, what))
