"""Everything about the simulator that can be adjusted, as plain values, and the named profiles.

All durations are seconds. Nothing here does anything: `faults` decides by these values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from batchconv.vonage.authentication import SignatureMethod

API_KEY = "simulate"
API_SECRET = "made-up-secret"  # noqa: S105 - opens nothing but this simulator
SIGNATURE_SECRET = "made-up-signature-secret"  # noqa: S105 - the same

AuthForm = Literal["query", "basic", "signature"]
AUTH_FORMS: tuple[AuthForm, ...] = ("query", "basic", "signature")

FAULT_WORDS = {
    "reset": "connection reset before the reply; not accepted",
    "reset-after": "accepted, then the connection is reset and the reply lost",
    "hang": "no reply until the client leaves; not accepted",
    "garbage": "bytes that are not HTTP; not accepted",
    "cut": "accepted with 200, the body cut short",
    "huge": "accepted with 200 and a body of 20 MB",
    "drip": "accepted with 200, the body a byte every 100 ms for 10 s",
}
"""The kinds of fault that are not simply a status, with what they do."""

_STATUS = re.compile(r"[2-5][0-9]{2}", re.ASCII)
_EVERY = re.compile(r"1/([1-9][0-9]*)", re.ASCII)
_SHARE = re.compile(r"([0-9]*\.?[0-9]+)(%?)", re.ASCII)
_DATE = re.compile(r"date:([0-9]+)", re.ASCII)

_TRY_AGAIN = frozenset({408, 425, 429})


def _check_status(status: int) -> None:
    if not 200 <= status <= 599:
        raise ValueError(f"{status} cannot be a final status; write one from 200 to 599")


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One kind of fault and whom it hits: a share of requests, or every nth id.

    Attributes:
        kind: an HTTP status as text, or one of `FAULT_WORDS`.
        share: from 0 to 1, drawn from the seed and the id, whatever the order of arrival.
        every: hits every *every*th distinct id in order of first arrival instead; 0 for a share.
        first_attempts: hits only the first so many requests of an id; None for all.
    """

    kind: str
    share: float = 0.0
    every: int = 0
    first_attempts: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in FAULT_WORDS and not _STATUS.fullmatch(self.kind):
            words = ", ".join(FAULT_WORDS)
            raise ValueError(
                f"{self.kind!r} is not a fault; write a status from 200 to 599 or one of {words}"
            )
        if not 0 <= self.share <= 1 or self.every < 0:
            raise ValueError(f"the share of {self.kind} must lie between 0 and 1 (100%)")

    @classmethod
    def parse(cls, text: str) -> FaultRule:
        """The rule written as KIND=SHARE, where SHARE is `0.1`, `10%` or `1/10`.

        Raises:
            ValueError: with a sentence that shows what is accepted.
        """
        kind, _, share = (part.strip() for part in text.partition("="))
        if every := _EVERY.fullmatch(share):
            return cls(kind, every=int(every[1]))
        if part := _SHARE.fullmatch(share):
            return cls(kind, share=float(part[1]) / (100 if part[2] else 1))
        raise ValueError(
            f"{text!r} is not a fault; write KIND=SHARE such as 503=10%, reset=0.1 or 420=1/10"
        )

    @property
    def status(self) -> int | None:
        """The HTTP status of the kind, or None for a word."""
        return int(self.kind) if self.kind.isdigit() else None

    @property
    def belongs_to_id(self) -> bool:
        """Whether the share is drawn once for an id and not anew for each of its requests.

        So it is for a final no (3xx and 4xx but 408, 425, 429): there the row is at fault, and
        asking again does not fix it.
        """
        status = self.status
        return status is not None and 300 <= status < 500 and status not in _TRY_AGAIN


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the simulator answers.

    Attributes:
        latency: every reply takes at least this long; refusals by an allowance take none.
        latency_spread: up to this much is added, drawn evenly from the seed, id and attempt.
        seed: what all draws start from.
        faults: tried in this order; shares of one draw lie side by side, so they add up.
        first_attempts: the same limit for all rules, beside their own.
        retry_after: sent with 429 and 503: `date:2` becomes an HTTP date 2 s ahead, any other
            text goes as it is.
        allow_rate: requests a second, with a burst of a fifth of a second; 429 beyond.
        allow_rate_changes: (seconds since the first request, new rate), in order of time.
        allow_concurrent: requests in flight; 429 beyond.
        outages: (from, to) in seconds since the first request, where everything is 503.
        status_for_all: the answer to everything, checked or not.
        api_key_prefix: the word that has to stand before the key (`Token KEY`), or None.
        any_account: take whatever credentials are there in one of the accepted forms.
        auth_forms: the accepted forms of credentials.
        signature_method: the only accepted method, or None for any that fits.
        account_enabled: False answers 402 to right credentials.
        record_arrivals: keep the time of every request in `Stats.arrivals`.
        record_requests: keep what every request asked in `Stats.received`.

    Raises:
        ValueError: for values that contradict themselves.
    """

    latency: float = 0.0
    latency_spread: float = 0.0
    seed: int = 0
    faults: tuple[FaultRule, ...] = ()
    first_attempts: int | None = None
    retry_after: str | None = None
    allow_rate: float | None = None
    allow_rate_changes: tuple[tuple[float, float], ...] = ()
    allow_concurrent: int | None = None
    outages: tuple[tuple[float, float], ...] = ()
    status_for_all: int | None = None
    api_key: str = API_KEY
    api_secret: str = field(default=API_SECRET, repr=False)
    signature_secret: str = field(default=SIGNATURE_SECRET, repr=False)
    api_key_prefix: str | None = None
    any_account: bool = False
    auth_forms: tuple[AuthForm, ...] = AUTH_FORMS
    signature_method: SignatureMethod | None = None
    account_enabled: bool = True
    record_arrivals: bool = False
    record_requests: bool = False

    def __post_init__(self) -> None:
        if self.status_for_all is not None:
            _check_status(self.status_for_all)
        for by_id in (False, True):
            total = sum(rule.share for rule in self.faults if rule.belongs_to_id is by_id)
            if total > 1 + 1e-9:
                raise ValueError(
                    f"the shares of the faults add up to {total:.0%}; keep them within 100%"
                )
        for start, end in self.outages:
            if start >= end:
                raise ValueError(
                    f"an outage from {start:g} s to {end:g} s must end later than it begins"
                )
        if self.retry_after is not None and not (
            self.retry_after.isascii() and self.retry_after.isprintable()
        ):
            raise ValueError("a Retry-After header can hold printable ASCII only")

    @property
    def retry_after_date(self) -> int | None:
        """How many seconds ahead the Retry-After date lies; None when it is not a date."""
        match = _DATE.fullmatch(self.retry_after or "")
        return int(match[1]) if match else None


PROFILES: dict[str, Behaviour] = {
    "calm": Behaviour(latency=0.005),
    # Each fault waiting for a retry ends within three attempts, so that with the usual five
    # attempts a row everything is accepted in the end but the rows refused for good.
    "flaky": Behaviour(
        latency=0.01,
        latency_spread=0.09,
        retry_after="1",
        faults=(
            FaultRule("500", share=0.02, first_attempts=3),
            FaultRule("503", share=0.02, first_attempts=3),
            FaultRule("reset", share=0.02, first_attempts=3),
            FaultRule("garbage", share=0.01, first_attempts=3),
            FaultRule("420", share=0.005),
        ),
    ),
    "throttled": Behaviour(latency=0.005, allow_rate=50.0, retry_after="1"),
    "outage": Behaviour(latency=0.005, outages=((0.0, 5.0),)),
}
"""Ready-made behaviours by name."""
