# SPDX-License-Identifier: Apache-2.0
"""
What the library tells, as values that outlive the handle. Texts are "" and numbers 0 for none, as in muster.h; times
are in UTC, None for none. Any thread.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Explanation:
    """A row of 'muster explain': exit is the exit code of a command that ends with it."""

    number: int
    code: str
    text: str
    remedy: str
    exit: int


@dataclass(frozen=True)
class Outcome:
    """What became of one product in a call; code is "" when it went well, notices are codes that mean no failure."""

    product: str
    what: str
    code: str
    detail: str
    correlation: str
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One step of discovery: where the name came from, what was asked, and what came of it after how many milliseconds."""

    source: str
    target: str
    address: str
    port: int
    result: str
    reason: str
    ms: int


@dataclass(frozen=True)
class ResetStep:
    """A step of a reset in words, and "done", "failed", "nothing to do" or "to do"."""

    step: str
    result: str


@dataclass(frozen=True)
class Reset:
    """The steps of a reset, and its undo file, "" for none."""

    steps: tuple[ResetStep, ...]
    file: str
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Refusal:
    """What the last try for a product ended with. values and temporary as in MusterError."""

    code: str
    number: int
    text: str
    remedy: str
    detail: str
    correlation: str
    values: Mapping[str, int]
    temporary: bool


@dataclass(frozen=True)
class Product:
    """
    What this machine is for one product.

    state is "unlicensed", "grace", "licensed", "overdue", "expired", "reduced" or "tampered". model to on_expiry are
    the lease's, expires None for a perpetual one and renew_after None for never. notice: how many days before the end the
    notice that is due began; 0 for none. error: None after success. prompt: a person should be told. exit: of a status
    command, 0 when all is well.
    """

    product: str
    name: str
    state: str
    user: str
    model: str
    expires: datetime | None
    renew_after: datetime | None
    org: str
    serial: int
    on_expiry: str
    notice: int
    grace_ends: datetime | None
    host: str
    plans: tuple[str, ...]
    have: int
    need: int
    error: Refusal | None
    prompt: bool
    exit: int


@dataclass(frozen=True)
class Status:
    """This machine and all its products at one instant; iterates over the products. device is "" when its key file is damaged."""

    device: str
    forked_from: str
    clock_suspect: bool
    products: tuple[Product, ...]

    def __iter__(self) -> Iterator[Product]:
        return iter(self.products)


class MusterError(Exception):
    """
    A call ended with a code.

    code is its stable name such as "THRESHOLD_NOT_MET" and number its number; text says what happened, remedy what to do about
    it, detail what it was about. values has the numbers behind it that there are: "have", "need", "used", "quantity" and
    "until" (seconds since 1970, UTC). temporary: the same call may succeed later though nobody here does anything; otherwise the
    remedy must come first. retry_after: seconds that the host asks to wait, 0 for the usual interval, as
    muster.Muster.next_due counts it. correlation: the id in the host's log. exit: the exit code of a command that ends with it.
    outcomes, steps, reset: what the call has done of each product, whom it asked, and the steps of a muster.Muster.reset.
    """

    def __init__(self, cause: Refusal, retry_after: int, exit_code: int, outcomes: tuple[Outcome, ...], steps: tuple[Step, ...],
                 reset: Reset | None) -> None:
        super().__init__(cause, retry_after, exit_code, outcomes, steps, reset)
        self.code = cause.code
        self.number = cause.number
        self.text = cause.text
        self.remedy = cause.remedy
        self.detail = cause.detail
        self.correlation = cause.correlation
        self.values = cause.values
        self.temporary = cause.temporary
        self.retry_after = retry_after
        self.exit = exit_code
        self.outcomes = outcomes
        self.steps = steps
        self.reset = reset

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" + (f": {self.detail}" if self.detail else "")
