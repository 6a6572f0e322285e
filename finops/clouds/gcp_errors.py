"""What Google refuses, as errors of ours: which permission is lacking, and where; never Google's own text in full."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from finops.errors import SourceError

_SIGN_IN = "sign in (gcloud auth application-default login), or name a service account's key in credentials_file"
_LATER = "run again in a few minutes: what has been fetched is kept; if it persists, look the code up"
_REACH = "check endpoint, credentials and network"
_PERMISSION = re.compile(
    r"(?<![\w.@-])(?:bigquery|billing|cloudbilling|compute|iam|monitoring|resourcemanager|serviceusage|storage)"
    r"\.(?!googleapis\b)[a-zA-Z]+\.[a-zA-Z]+\b"
)
"""What Google calls a permission: service.resource.verb."""


def _forbidden(text: str, service: str, permission: str) -> tuple[str, str]:
    """What Google did not allow, and what to do about it, from the text of its refusal."""
    if "requires a quota project" in text:
        return f"{service} needs a project to count the request for", "name one in quota_project"
    if "has not been used in project" in text or "is disabled" in text:
        return f"the API of {service} is off in the project", f"switch the API of {service} on"
    if re.search(r"quota exceeded|exceeded quota|rate limit|ratelimitexceeded", text, re.IGNORECASE):
        return f"{service} has been asked more often than its quota allows", _LATER
    if "USER_PROJECT_DENIED" in text or "serviceUsageConsumer" in text:
        what = "serviceusage.services.use"
        return f"{service} refused {what}", f"allow {what} in the project, or name another in quota_project"
    named = _PERMISSION.search(text)
    what = named[0] if named else permission
    return f"{service} refused {what}", f"allow {what} for these credentials"


def _code(error: Exception) -> str:
    """What Google calls an error; that of the last try where several were made."""
    last = getattr(error, "cause", None) or error
    code = getattr(last, "code", None)
    return str(getattr(code, "name", code) or type(last).__name__)


@contextmanager
def google_errors(service: str, permission: str, where: str) -> Generator[None]:
    """Google's exceptions as SourceError: which permission it takes and where; never Google's own text in full.

    `service` is what people call it (`BigQuery`), `permission` what the call needs (`bigquery.jobs.create`).
    """
    from google.api_core import exceptions as google
    from google.auth import exceptions as auth

    lacking = partial(SourceError, where=where)
    try:
        yield
    except auth.DefaultCredentialsError:
        raise lacking("there are no credentials for Google Cloud", remedy=_SIGN_IN) from None
    except (auth.RefreshError, google.Unauthorized) as error:
        what = "the service account may not be impersonated" if "impersonat" in str(error) else "Google refused them"
        raise lacking(f"the credentials for Google Cloud are of no use: {what}", remedy=_SIGN_IN) from None
    except google.Forbidden as error:  # PERMISSION_DENIED too
        what, remedy = _forbidden(str(error), service, permission)
        raise lacking(what, remedy=remedy) from None
    except google.NotFound as error:
        there = re.search(r"not found in location ([A-Za-z0-9-]+)", str(error))
        what = f" in {there[1]}: a dataset is only found in its own location" if there else ""
        raise lacking(
            f"{service} knows nothing of this name{what}", remedy="correct the name, and check the project it is in"
        ) from None
    except (google.GoogleAPICallError, google.RetryError) as error:
        raise lacking(f"{service} could not answer: {_code(error)}", remedy=_LATER) from None
    except (auth.GoogleAuthError, OSError) as error:
        if not isinstance(error, ValueError):  # an answer that is no JSON is both
            text = re.sub(r"://[^/\s]*@", "://…@", str(error))[:200]
            raise lacking(f"{service} could not be asked: {text}", remedy=_REACH) from None
        raise lacking(_not_understood(service, error), remedy=_REACH) from None
    except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:  # from within the client
        raise lacking(_not_understood(service, error), remedy=_REACH) from None


def _not_understood(service: str, error: Exception) -> str:
    """An endpoint or key that is none, or an answer that Google would not give; what it says may quote them."""
    return f"{service} could not be asked, or what it answered is not understood: {type(error).__name__}"
