# SPDX-License-Identifier: Apache-2.0
"""The handle: options, verbs, and what they have to tell."""
from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_int, c_longlong
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, TypeVar, Union

from ._library import STATUS, lib
from ._records import Explanation, MusterError, Outcome, Product, Refusal, Reset, ResetStep, Status, Step

Path = Union[str, "os.PathLike[str]"]
Texts = Union[str, Sequence[str]]
T = TypeVar("T")

_VALUES = ("have", "need", "used", "quantity", "until")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


# --- values on their way to the library and back ---

def _bytes(value: Path) -> bytes:
    """An argument. ValueError for a NUL within."""
    encoded = str.encode(os.fspath(value), "utf-8", "surrogateescape")
    if b"\0" in encoded:
        raise ValueError("a text for the library cannot have a NUL in it")
    return encoded


def _optional(value: Path | None) -> bytes | None:
    return None if value is None else _bytes(value)


def _text(value: bytes | None) -> str:
    """Borrowed bytes as a text of our own. What a file system or a host calls things need not be UTF-8."""
    return (value or b"").decode("utf-8", "replace")


def _time(seconds: int) -> datetime | None:
    return _EPOCH + timedelta(seconds=seconds) if seconds else None


def _values(read: Callable[[bytes, Any], int]) -> dict[str, int]:
    """The numbers behind an error that there are."""
    number = c_longlong()
    return {name: number.value for name in _VALUES if read(name.encode(), byref(number))}


# --- what needs no handle ---

def version() -> str:
    """The library's version, such as "0.1.0". Any thread."""
    return _text(lib.muster_version())


def options() -> dict[str, bool]:
    """The names of the library's options; True: may be given more than once. Any thread."""
    found: dict[str, bool] = {}
    repeatable = c_int()
    while name := lib.muster_option(len(found), byref(repeatable)):
        found[_text(name)] = bool(repeatable.value)
    return found


def explain(code: str | int) -> Explanation | None:
    """Look a code up by its name ("BUSY") or number (3); None when there is none. Any thread."""
    name, text, remedy, exit_code = c_char_p(), c_char_p(), c_char_p(), c_int()
    number = lib.muster_explain(_bytes(str(code)), byref(name), byref(text), byref(remedy), byref(exit_code))
    if not number:
        return None
    return Explanation(number, _text(name.value), _text(text.value), _text(remedy.value), exit_code.value)


def _name(code: int) -> str:
    """Of a code with either sign; "" for 0."""
    found = explain(abs(code)) if code else None
    return found.code if found else ""


# --- reading a handle and a status ---

def _outcomes(m: Any) -> tuple[Outcome, ...]:
    def notices(i: int) -> Iterator[str]:
        n = 0
        while number := lib.muster_outcome_notice(m, i, n):
            yield _name(number)
            n += 1

    return tuple(Outcome(_text(lib.muster_outcome_product(m, i)), _text(lib.muster_outcome_what(m, i)),
                         _name(lib.muster_outcome_code(m, i)), _text(lib.muster_outcome_detail(m, i)),
                         _text(lib.muster_outcome_correlation(m, i)), tuple(notices(i)))
                 for i in range(lib.muster_outcome_count(m)))


def _steps(m: Any) -> tuple[Step, ...]:
    return tuple(Step(_text(lib.muster_step_source(m, i)), _text(lib.muster_step_target(m, i)), _text(lib.muster_step_address(m, i)),
                      lib.muster_step_port(m, i), _text(lib.muster_step_result(m, i)), _text(lib.muster_step_reason(m, i)),
                      lib.muster_step_ms(m, i))
                 for i in range(lib.muster_step_count(m)))


def _reset(m: Any) -> Reset:
    steps = tuple(ResetStep(_text(lib.muster_reset_step(m, i)), _text(lib.muster_reset_result(m, i)))
                  for i in range(lib.muster_reset_count(m)))
    return Reset(steps, os.fsdecode(lib.muster_reset_file(m)), _outcomes(m))


def _error(m: Any, reset: bool) -> MusterError:
    """The handle's last error."""
    cause = Refusal(_text(lib.muster_error_name(m)), lib.muster_error_number(m), _text(lib.muster_error_text(m)),
                    _text(lib.muster_error_remedy(m)), _text(lib.muster_error_detail(m)), _text(lib.muster_error_correlation(m)),
                    _values(lambda name, ret: int(lib.muster_error_value(m, name, ret))), bool(lib.muster_error_temporary(m)))
    return MusterError(cause, lib.muster_error_retry_after(m), lib.muster_error_exit(m), _outcomes(m), _steps(m),
                       _reset(m) if reset else None)


def _refusal(s: Any, i: int) -> Refusal | None:
    number = lib.muster_status_error_number(s, i)
    if not number:
        return None
    return Refusal(_text(lib.muster_status_error_name(s, i)), number, _text(lib.muster_status_error_text(s, i)),
                   _text(lib.muster_status_error_remedy(s, i)), _text(lib.muster_status_error_detail(s, i)),
                   _text(lib.muster_status_error_correlation(s, i)),
                   _values(lambda name, ret: int(lib.muster_status_error_value(s, i, name, ret))),
                   bool(lib.muster_status_error_temporary(s, i)))


def _product(s: Any, i: int) -> Product:
    return Product(
        product=_text(lib.muster_status_product(s, i)),
        name=_text(lib.muster_status_name(s, i)),
        state=_text(lib.muster_status_state(s, i)),
        user=_text(lib.muster_status_user(s, i)),
        model=_text(lib.muster_status_model(s, i)),
        expires=_time(lib.muster_status_expires(s, i)),
        renew_after=_time(lib.muster_status_renew_after(s, i)),
        org=_text(lib.muster_status_org(s, i)),
        serial=lib.muster_status_serial(s, i),
        on_expiry=_text(lib.muster_status_on_expiry(s, i)),
        notice=lib.muster_status_notice(s, i),
        grace_ends=_time(lib.muster_status_grace_ends(s, i)),
        host=_text(lib.muster_status_host(s, i)),
        plans=tuple(_text(lib.muster_status_plan(s, i, which)) for which in range(lib.muster_status_plans(s, i))),
        have=lib.muster_status_have(s, i),
        need=lib.muster_status_need(s, i),
        error=_refusal(s, i),
        prompt=bool(lib.muster_status_prompt(s, i)),
        exit=lib.muster_status_exit(s, i),
    )


# --- the handle ---

class Muster:
    """
    One user of the library. Each verb raises MusterError when it ends with a code.

    The keyword arguments are the options of muster.h, which tells them all; what is None has its built-in default. host,
    domain and vendor_key take one text or several, plans too. A verb that uses the network takes deadline_ms, in
    milliseconds; 0 stands for the option timeout_ms.

    Threads: a handle belongs to one thread at a time (a second one gets RuntimeError); different handles may be used at once,
    also on one state directory. Other threads go on while a verb waits, and any of them may call cancel(). A signal handler
    in Python runs only after the verb that the main thread is in.

    Leaving the context, close() and the end of the object free the handle and wipe its secrets.
    """

    _handle: Any = None

    def __init__(self, *, state: Path | None = None, products: Path | None = None, host: Texts = (), domain: Texts = (),
                 vendor_key: Texts = (), dns: str | None = None, timeout_ms: int | None = None, org: str | None = None,
                 hostname: str | None = None, agent: str | None = None, plans: Texts = (), product_version: str | None = None,
                 key: str | None = None, reinstalled: bool | None = None, no_names: bool | None = None,
                 site_key: Path | None = None, identity: Path | None = None, undo_file: Path | None = None) -> None:
        """MusterError: CONFIG_INVALID for a value that cannot be. No file is touched before the first verb."""
        self._busy = threading.Lock()
        self._alive = threading.RLock()  # cancel() finds the handle whole or not at all; a signal handler may come between
        self._handle = lib.muster_new()
        if not self._handle:
            raise MemoryError("muster_new")
        try:
            for option, value in (("state", state), ("products", products), ("dns", dns), ("timeout_ms", timeout_ms), ("org", org),
                                  ("hostname", hostname), ("agent", agent), ("product_version", product_version), ("key", key),
                                  ("reinstalled", reinstalled), ("no_names", no_names), ("site_key", site_key),
                                  ("identity", identity), ("undo_file", undo_file)):
                if value is not None:
                    self.set(option, value)
            for option, values in (("host", host), ("domain", domain), ("vendor_key", vendor_key)):
                for text in [values] if isinstance(values, str) else values:
                    self.set(option, text)
            if plans:
                self.set("plans", plans if isinstance(plans, str) else ",".join(plans))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Muster:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if self._handle:
            self.close()

    def close(self) -> None:
        """Free the handle; a second time does nothing. RuntimeError while another thread uses it."""
        with self._mine(), self._alive:
            handle, self._handle = self._handle, None
            lib.muster_free(handle)

    @contextmanager
    def _mine(self) -> Iterator[None]:
        """While this thread uses the handle."""
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("a handle belongs to one thread at a time")
        try:
            yield
        finally:
            self._busy.release()

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The handle, for this thread. ValueError after close()."""
        with self._mine():
            if not self._handle:
                raise ValueError("the handle is closed")
            yield self._handle

    def _call(self, read: Callable[[Any], T], function: Any, *args: Any) -> T:
        """Call it, and read what the handle then tells."""
        with self._open() as m:
            if function(m, *args):
                raise _error(m, read is _reset)
            return read(m)

    def _verb(self, function: Any, *args: Any) -> tuple[Outcome, ...]:
        """Call it; what became of each product."""
        return self._call(_outcomes, function, *args)

    def _words(self, function: Any, *args: Any) -> str:
        """Call it; the text that it gives."""
        text = c_char_p()
        return self._call(lambda _: _text(text.value), function, *args, byref(text))

    # --- options ---

    def set(self, option: str, value: str | int | Path | None) -> None:
        """Set an option by its name; a repeatable one gets one more value. None brings back the default. CONFIG_INVALID."""
        text = str(int(value)) if isinstance(value, int) else value  # bool, too: "1" and "0"
        self._verb(lib.muster_set, _bytes(option), _optional(text))

    # --- verbs ---

    def activate(self, product: str, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """Activate a product. Codes: NO_PRODUCT_FILE, NO_HOST (the error's steps have each host's reason), the host's refusal."""
        return self._verb(lib.muster_activate, _bytes(product), deadline_ms)

    def renew(self, product: str | None = None, *, only_if_due: bool = False, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """Renew one product, or every one that was ever asked for; only_if_due leaves alone what is not due."""
        return self._verb(lib.muster_renew, _optional(product), only_if_due, deadline_ms)

    def release(self, product: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """Give a product's place back and forget its lease, or every product's."""
        return self._verb(lib.muster_release, _optional(product), deadline_ms)

    def signin(self, product: str, user: str, code: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """Sign a user in and activate the product; code: the one-time code, None when this machine knows the user already."""
        return self._verb(lib.muster_signin, _bytes(product), _bytes(user), _optional(code), deadline_ms)

    def signout(self, product: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """Sign out who is signed in for a product; or everybody from every product, who then needs a new code."""
        return self._verb(lib.muster_signout, _optional(product), deadline_ms)

    def redeem(self, key: str, product: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """Redeem a product key for the organisation. product: may be None when the products folder has only one."""
        return self._verb(lib.muster_redeem, _optional(product), _bytes(key), deadline_ms)

    def reset(self, product: str, *, dry_run: bool = False, deadline_ms: int = 0) -> Reset:
        """Clear all that this machine holds of a product and activate it afresh. dry_run only asks whether that would succeed."""
        return self._call(_reset, lib.muster_reset, _bytes(product), dry_run, deadline_ms)

    def reset_undo(self, product: str, file: Path, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """Put lease and record back as the undo file of a reset has them, then try to renew."""
        return self._verb(lib.muster_reset_undo, _bytes(product), _bytes(file), deadline_ms)

    # --- machines that reach no host ---

    def request(self, product: str, user: str | None = None) -> str:
        """A signed request as a text block, to be carried to a host. user: for whom, None for who is signed in or the device."""
        return self._words(lib.muster_request, _bytes(product), _optional(user))

    def bundle(self, first: str, second: str | None = None) -> str:
        """Put requests, or bundles of them, together. A machine's newer request takes the place of its older one in first."""
        return self._words(lib.muster_bundle, _bytes(first), _optional(second))

    def import_(self, text: str) -> tuple[Outcome, ...]:
        """Take in what a host answered; a text that is wrong or for other machines changes nothing."""
        return self._verb(lib.muster_import, _bytes(text))

    def installation_id(self, product: str) -> str:
        """The 54 digits to be read out on the telephone."""
        return self._words(lib.muster_installation_id, _bytes(product))

    def confirm(self, typed: str) -> tuple[Outcome, ...]:
        """Activate by the answer on the telephone: 48 digits, or 51 words."""
        return self._verb(lib.muster_confirm, _bytes(typed))

    # --- this machine ---

    def generalize(self) -> None:
        """Make the machine an image from which others are made: forget its identity and its leases. No network."""
        self._verb(lib.muster_generalize)

    def where(self, *, deadline_ms: int = 0) -> tuple[Step, ...]:
        """Try each step of discovery without telling any host who asks. NO_HOST, whose steps say why, when none can serve."""
        return self._call(_steps, lib.muster_where, deadline_ms)

    def next_due(self) -> int | None:
        """Seconds until the next renewal or repeated request is due; 0 for now, None for never. Reads the state only."""
        seconds = c_longlong()
        self._verb(lib.muster_next_due, byref(seconds))
        return seconds.value if seconds.value >= 0 else None

    def steps(self) -> tuple[Step, ...]:
        """The steps of the last call's discovery."""
        with self._open() as m:
            return _steps(m)

    @contextmanager
    def _status(self) -> Iterator[Any]:
        s = STATUS()
        with self._open() as m:
            if lib.muster_status(m, byref(s)):
                raise _error(m, False)
        try:
            yield s
        finally:
            lib.muster_status_free(s)

    def status(self) -> Status:
        """What this machine is for every product of the products folder or the state directory. No network."""
        with self._status() as s:
            return Status(_text(lib.muster_status_device(s)), _text(lib.muster_status_forked_from(s)),
                          bool(lib.muster_status_clock_suspect(s)), tuple(_product(s, i) for i in range(lib.muster_status_count(s))))

    def product(self, product: str) -> Product | None:
        """What this machine is for one of them; None when neither folder knows it. No network."""
        with self._status() as s:
            i = lib.muster_status_find(s, _bytes(product))
            return _product(s, i) if i >= 0 else None

    def cancel(self) -> None:
        """Make the verb that another thread is in return soon, with CANCELLED. Any thread; does nothing on a closed handle or between verbs."""
        with self._alive:
            if self._handle:
                lib.muster_cancel(self._handle)
