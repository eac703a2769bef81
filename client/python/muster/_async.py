# SPDX-License-Identifier: Apache-2.0
"""The verbs that use the network, for asyncio: no thread waits for them, only the event loop."""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ._handle import Muster, T, _bytes, _error, _optional, _outcomes, _reset, _steps
from ._library import lib
from ._records import Outcome, Reset, Status, Step

_IN_PROGRESS = -94  # MUSTER_IN_PROGRESS
_READABLE = 1       # POLLIN of poll(2), which is all that muster_events asks for by now


class AsyncMuster:
    """
    A handle whose verbs are coroutines; its keyword arguments are those of Muster. One verb at a time: another one waits for its
    turn. A task that is cancelled ends its verb at once. It belongs to the event loop that uses it first.
    """

    def __init__(self, **options: Any) -> None:
        """MusterError: CONFIG_INVALID for a value that cannot be."""
        self._muster = Muster(**options)
        self._muster.set("nonblocking", 1)
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> AsyncMuster:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the handle; a second time does nothing."""
        self._muster.close()

    async def _ready(self, m: Any) -> None:
        """Wait until the call can go on."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        fd = lib.muster_fd(m)
        assert lib.muster_events(m) == _READABLE
        loop.add_reader(fd, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), lib.muster_timeout(m) / 1000)
        except asyncio.TimeoutError:
            pass
        finally:
            loop.remove_reader(fd)

    async def _run(self, m: Any, code: int) -> int:
        """Go on with a call until it is over; its code."""
        try:
            while code == _IN_PROGRESS:
                await self._ready(m)
                code = lib.muster_process(m)
        except BaseException:
            lib.muster_cancel(m)
            while lib.muster_process(m) == _IN_PROGRESS:
                pass
            raise
        return code

    async def _call(self, read: Callable[[Any], T], function: Any, *args: Any) -> T:
        """Call it, and read what the handle then tells."""
        async with self._turn:
            with self._muster._open() as m:
                if await self._run(m, function(m, *args)):
                    raise _error(m, read is _reset)
                return read(m)

    async def _verb(self, function: Any, *args: Any) -> tuple[Outcome, ...]:
        return await self._call(_outcomes, function, *args)

    async def activate(self, product: str, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """As Muster.activate."""
        return await self._verb(lib.muster_activate, _bytes(product), deadline_ms)

    async def renew(self, product: str | None = None, *, only_if_due: bool = False, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """As Muster.renew."""
        return await self._verb(lib.muster_renew, _optional(product), only_if_due, deadline_ms)

    async def release(self, product: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """As Muster.release."""
        return await self._verb(lib.muster_release, _optional(product), deadline_ms)

    async def signin(self, product: str, user: str, code: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """As Muster.signin."""
        return await self._verb(lib.muster_signin, _bytes(product), _bytes(user), _optional(code), deadline_ms)

    async def signout(self, product: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """As Muster.signout."""
        return await self._verb(lib.muster_signout, _optional(product), deadline_ms)

    async def redeem(self, key: str, product: str | None = None, *, deadline_ms: int = 0) -> tuple[Outcome, ...]:
        """As Muster.redeem."""
        return await self._verb(lib.muster_redeem, _optional(product), _bytes(key), deadline_ms)

    async def reset(self, product: str, *, dry_run: bool = False, deadline_ms: int = 0) -> Reset:
        """As Muster.reset."""
        return await self._call(_reset, lib.muster_reset, _bytes(product), dry_run, deadline_ms)

    async def where(self, *, deadline_ms: int = 0) -> tuple[Step, ...]:
        """As Muster.where."""
        return await self._call(_steps, lib.muster_where, deadline_ms)

    async def status(self) -> Status:
        """As Muster.status: the state is read at once, between two verbs."""
        async with self._turn:
            return self._muster.status()

    async def next_due(self) -> int | None:
        """As Muster.next_due."""
        async with self._turn:
            return self._muster.next_due()
