"""What spend will be: by series and day, by month and scope, and how good past forecasts were."""

from finops.forecasts.accuracy import accuracy
from finops.forecasts.basis import basis_forecasts
from finops.forecasts.daily import SCHEMA, backtests, forecast
from finops.forecasts.outlook import Outlook, month_outlook
from finops.forecasts.scopes import SCOPE_COLUMNS, in_scope

__all__ = [
    "SCHEMA",
    "SCOPE_COLUMNS",
    "Outlook",
    "accuracy",
    "backtests",
    "basis_forecasts",
    "forecast",
    "in_scope",
    "month_outlook",
]
