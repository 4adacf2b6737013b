"""Settings: every option of a run, written once.

A field of `Settings` is an option: its name, default, meaning and the function that reads its
text stand here and nowhere else; the command line is made from them, and what a file or the
environment may hold. Secrets are not options, and are not shown: `credentials` finds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from batchconv.errors import UsageError
from batchconv.sending.durations import parse_duration
from batchconv.sending.open_files import most_found
from batchconv.sending.proxy import Proxy, read_proxy
from batchconv.sending.traffic import ErrorLimit, Limits
from batchconv.settings.option_types import (
    AUTHENTICATION,
    CONFIGURATION,
    FILES,
    INPUT,
    OUTPUT,
    RATE,
    RETRIES,
    option,
    options_of,
    show,
)
from batchconv.settings.option_values import (
    at_least,
    or_none,
    read_concurrency,
    read_engine_address,
    read_error_limit,
    read_positive_duration,
    read_rate,
    read_simulation,
    read_workers,
)
from batchconv.settings.read_options import ReadSettings
from batchconv.simulator import PROFILE_NAMES
from batchconv.vonage.authentication import SIGNATURE_METHODS, Secret, SignatureMethod

DEFAULT_BASE_URL = "https://api.nexmo.com/conversions"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings(ReadSettings):
    """Everything about an upload.

    `progress`, `quiet`, `verbose` and `log_format` are about the command's words, and a program
    that uses the library gets none.

    A program gives values or their texts: `timeout=30` or `timeout="30s"`. What an option cannot
    have is a UsageError at once.

    Attributes:
        api_secret, signature_secret: of the account, when they are not in a file or a variable.
        account_from: where key and secrets were found, for people.
        config, profile: the settings file that was read, and what was chosen in it.
    """

    results: str | None = option(
        None, "-o", "--results", group=FILES, metavar="PATH",
        shown="STEM.results.jsonl",
        help="Where outcomes go: JSON Lines, CSV if it ends in .csv, - for standard output.",
    )  # fmt: skip
    failed: str | None = option(
        None, "--failed", group=FILES, metavar="PATH",
        shown="STEM.failed.csv beside the results",
        help="Where the rows that were not accepted are written: this file or the first free name "
        "like it (X.2.csv); a folder if there are several inputs.",
    )  # fmt: skip
    no_failed: bool = option(
        False, "--no-failed", group=FILES, help="Write no failed-rows files.",
    )  # fmt: skip
    summary: str | None = option(
        None, "--summary", group=FILES, metavar="PATH", help="Write the summary as JSON.",
    )  # fmt: skip
    resume: bool = option(
        False, "--resume", group=FILES, flag_only=True,
        help="Continue the job of these inputs: send the rows without an outcome and those that "
        "failed. Start a job if there is none.",
    )  # fmt: skip
    retry: str | None = option(
        None, "--retry", group=FILES, flag_only=True, choices=("failed", "rejected", "none"),
        shown="failed",
        help="With --resume: which rows are sent again: the failed ones, the failed and the "
        "rejected ones, or none of them.",
    )  # fmt: skip
    overwrite: bool = option(
        False, "--overwrite", group=FILES, flag_only=True,
        help="Begin a new job. The files of the old job are renamed, with their time; none is "
        "deleted.",
    )  # fmt: skip
    dry_run: bool = option(
        False, "--dry-run", group=FILES, flag_only=True,
        help="Send and write nothing: show what would be sent, and how long it would take.",
    )  # fmt: skip
    max_age: float | None = option(
        None, "--max-age", group=INPUT, parse=or_none(read_positive_duration), metavar="DURATION",
        shown="none", help="Skip rows with an older timestamp; rows without one are sent.",
    )  # fmt: skip
    duplicates: str = option(
        "send", "--duplicates", group=INPUT, choices=("send", "skip"), shown="send",
        help="Whether to send a row that is equal to an accepted row again.",
    )  # fmt: skip
    ledger: str | None = option(
        None, "--ledger", group=INPUT, metavar="PATH",
        help="A file that records accepted rows across jobs; rows that are in it are skipped. One "
        "run at a time uses it.",
    )  # fmt: skip
    strict: bool = option(
        False, "--strict", group=INPUT,
        help="Read every row before the first is sent; if one is invalid, send and write nothing.",
    )  # fmt: skip
    auth: str | None = option(
        None, "--auth", group=AUTHENTICATION, choices=("query", "basic", "signature"),
        shown="query; signature when only a signature secret is given",
        help="The authentication method; basic keeps the secret out of URLs.",
    )  # fmt: skip
    api_key: str | None = option(
        None, "--api-key", group=AUTHENTICATION, metavar="KEY", shown="$VONAGE_API_KEY",
        help="The account's key; its secret must then come from a file.",
    )  # fmt: skip
    api_secret_file: str | None = option(
        None, "--api-secret-file", group=AUTHENTICATION, metavar="PATH", shown="$VONAGE_API_SECRET",
        help="A file that holds the API secret.",
    )  # fmt: skip
    signature_secret_file: str | None = option(
        None, "--signature-secret-file", group=AUTHENTICATION, metavar="PATH",
        shown="$VONAGE_SIGNATURE_SECRET",
        help="A file that holds the signature secret.",
    )  # fmt: skip
    signature_method: SignatureMethod | None = option(
        None, "--signature-method", group=AUTHENTICATION, choices=SIGNATURE_METHODS,
        shown="$VONAGE_SIGNATURE_METHOD, else md5hash",
        help="The signature method; it must be the one in the account's settings.",
    )  # fmt: skip
    signature_timestamp: str = option(
        "conversion", "--signature-timestamp", group=AUTHENTICATION,
        choices=("conversion", "request"), shown="conversion",
        help="The timestamp of a signed request: the conversion's, or the time of the request; "
        "with request, rows with a timestamp are invalid.",
    )  # fmt: skip
    api_key_prefix: str | None = option(
        None, "--api-key-prefix", group=AUTHENTICATION, metavar="WORD",
        help="A word to put before the key, such as Token.",
    )  # fmt: skip
    base_url: str = option(
        DEFAULT_BASE_URL, "--base-url", group=AUTHENTICATION, metavar="URL", shown=DEFAULT_BASE_URL,
        help="The URL of the API, without /sms and /voice.",
    )  # fmt: skip
    ca_file: str | None = option(
        None, "--ca-file", group=AUTHENTICATION, metavar="PATH", shown="the system's",
        help="A PEM file with the certificates to trust.",
    )  # fmt: skip
    proxy: Proxy | Literal["env"] | None = option(
        None, "--proxy", group=AUTHENTICATION, parse=read_proxy, metavar="URL|env", shown="none",
        help="The HTTP proxy to use; env takes the one in HTTPS_PROXY.",
    )  # fmt: skip
    rate: float | None = option(
        20.0, "--rate", group=RATE, parse=read_rate, metavar="N", shown="20",
        help="Requests per second, including retries; none for no limit.",
    )  # fmt: skip
    concurrency: int | None = option(
        None, "--concurrency", group=RATE, parse=read_concurrency, metavar="N|auto", shown="auto",
        help="Requests in flight at the same time; auto finds the best number.",
    )  # fmt: skip
    workers: int | None = option(
        1, "--workers", group=RATE, parse=read_workers, metavar="N|auto", shown="1",
        help="Processes that send; 1 sends in the command's own, auto is one for each core.",
    )  # fmt: skip
    engine: str = option(
        "local", "--engine", group=RATE, choices=("local", "ray"), shown="local",
        help="What runs the workers: this machine, or Ray, on this machine or on a cluster.",
    )  # fmt: skip
    engine_address: str | None = option(
        None, "--engine-address", group=RATE, parse=read_engine_address, metavar="HOST:PORT|auto",
        shown="a Ray of its own", help="The Ray cluster to use; auto is the one this runs in.",
    )  # fmt: skip
    timeout: float = option(
        30.0, "--timeout", group=RATE, parse=read_positive_duration, metavar="DURATION",
        shown="30s", help="The longest time that one request may take.",
    )  # fmt: skip
    max_attempts: int = option(
        5, "--max-attempts", group=RETRIES, parse=at_least(1), metavar="N", shown="5",
        help="Attempts for one row; throttled ones do not count.",
    )  # fmt: skip
    backoff_base: float = option(
        1.0, "--backoff-base", group=RETRIES, parse=parse_duration, metavar="DURATION", shown="1s",
        help="The longest wait before the first retry; it doubles with each retry.",
    )  # fmt: skip
    backoff_max: float = option(
        30.0, "--backoff-max", group=RETRIES, parse=parse_duration, metavar="DURATION",
        shown="30s", help="The longest wait before any retry.",
    )  # fmt: skip
    give_up_after: float = option(
        900.0, "--give-up-after", group=RETRIES, parse=parse_duration,
        metavar="DURATION", shown="15m",
        help="Stop after an outage, or after nothing but 429, of this length.",
    )  # fmt: skip
    max_errors: ErrorLimit | None = option(
        None, "--max-errors", group=RETRIES, parse=read_error_limit, metavar="N|N%|none",
        help="Stop when more rows than this are rejected, failed or invalid; a percentage applies "
        "after 1,000 rows. A run stops when all of its first 100 rows are rejected, unless this "
        "is none.",
    )  # fmt: skip
    max_duration: float | None = option(
        None, "--max-duration", group=RETRIES, parse=or_none(read_positive_duration),
        metavar="DURATION", shown="none", help="Stop after this time; --resume sends the rest.",
    )  # fmt: skip
    simulate: str | None = option(
        None, "--simulate", group=CONFIGURATION, parse=read_simulation, metavar="[=PROFILE]",
        choices=(*PROFILE_NAMES, "none"),
        help="Send to an embedded simulator of the API: calm (the default), flaky, throttled "
        "or outage.",
    )  # fmt: skip
    progress: str = option(
        "auto", "--progress", group=OUTPUT, choices=("auto", "bar", "plain", "none"),
        shown="auto",
        help="How to show progress: auto is a bar on a terminal, elsewhere one line per minute.",
    )  # fmt: skip
    log_format: str = option(
        "text", "--log-format", group=OUTPUT, choices=("text", "json"), shown="text",
        help="Text for people, or one JSON event per line.",
    )  # fmt: skip
    quiet: bool = option(
        False, "-q", "--quiet", group=OUTPUT, help="Print nothing unless the exit code is not 0.",
    )  # fmt: skip
    verbose: bool = option(
        False, "-v", "--verbose", group=OUTPUT,
        help="Print every attempt that was not accepted.",
    )  # fmt: skip
    log_file: str | None = option(
        None, "--log-file", group=OUTPUT, metavar="PATH",
        help="Append all messages to this file, with times, also with -q.",
    )  # fmt: skip
    metrics_file: str | None = option(
        None, "--metrics-file", group=OUTPUT, metavar="PATH",
        help="Write metrics for Prometheus to this file, every 10 seconds and at the end.",
    )  # fmt: skip
    api_secret: Secret | None = None
    signature_secret: Secret | None = None
    account_from: str = "the command line"
    config: str | None = None
    profile: str | None = None

    @property
    def limits(self) -> Limits:
        """What the pool has to keep to."""
        return Limits(
            self.concurrency,
            self.max_attempts,
            self.give_up_after,
            most_found(embedded=self.simulate is not None),
        )

    def shown(self) -> dict[str, Any]:
        """The settings for a summary: no secrets are among them."""
        return {name: show(name, getattr(self, name)) for name in options_of(type(self))}

    def __repr__(self) -> str:
        usual = Settings().shown()
        told = ", ".join(f"{k}={v!r}" for k, v in self.shown().items() if v != usual[k])
        return f"Settings({told})"


def settings_given(settings: Settings | None) -> Settings:
    """What a program gave, or the defaults; raises UsageError for what is no `Settings`."""
    if isinstance(settings, Settings | None):
        return settings or Settings()
    raise UsageError(
        f"settings is of type {type(settings).__name__}", hint="pass Settings(rate=10)"
    )
