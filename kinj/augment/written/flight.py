"""Calls on their way at the same time: so many at once and no more than the budget holds, none lost when it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from kinj.augment.written.budget import Budget
from kinj.augment.written.client import Call
from kinj.augment.written.kept import Reply
from kinj.config.errors import KinjError, UnfinishedError

Need = tuple[int, int]
"""Most tokens that a call may cost: of its prompt and of its reply."""

_log = logging.getLogger("kinj")


class Flight:
    """Sends calls, `in_flight` at a time.

    Args:
        answer: sends one call and keeps what comes back.
        need: what a call may cost at most; so much of the budget is set aside while it is on its way.
        in_flight: calls on their way at a time.
        budget: what may be spent.
    """

    def __init__(
        self, answer: Callable[[Call], Awaitable[Reply]], need: Callable[[Call], Need], in_flight: int, budget: Budget
    ) -> None:
        self._answer, self._need, self._in_flight, self._budget = answer, need, in_flight, budget
        self._flying = 0
        self._reserved: Need = (0, 0)
        self._error: KinjError | None = None
        self._changed = asyncio.Condition()

    async def land(self, calls: Sequence[Call]) -> list[Reply]:
        """All replies, in the order of the calls.

        After an error or Ctrl-C nothing more is sent, but what is on its way comes in: it has to be paid for. A second
        Ctrl-C drops it.

        Raises:
            UnfinishedError: the budget is used up.
            KinjError: the first error of `answer`.
        """
        replies = [Reply()] * len(calls)
        waiting = iter(enumerate(calls))

        async def work() -> None:
            for index, call in waiting:
                if not await self._may_start(call):
                    return
                try:
                    replies[index] = await self._answer(call)
                except KinjError as error:
                    self._error = self._error or error
                finally:
                    await self._ended(call)

        workers = [asyncio.create_task(work()) for _ in range(min(self._in_flight, len(calls)))]
        await self._all(workers)
        if self._error:
            raise self._error
        return replies

    async def _all(self, workers: Sequence[asyncio.Task[None]]) -> None:
        try:
            await asyncio.wait(workers)
        except asyncio.CancelledError:
            self._error = UnfinishedError("interrupted")
            _log.warning("waiting for %d replies that are on their way; Ctrl-C again drops them", self._flying)
            await asyncio.wait(workers)
            raise
        for worker in workers:
            worker.result()

    async def _may_start(self, call: Call) -> bool:
        """Waits until the budget holds this call besides those on their way; False if nothing more is to be sent."""
        tokens_in, tokens_out = self._need(call)

        def holds() -> bool:
            return self._budget.holds(self._reserved[0] + tokens_in, self._reserved[1] + tokens_out)

        async with self._changed:
            await self._changed.wait_for(lambda: self._error or holds() or not self._flying)
            if self._error is None and not holds():
                self._error = self._budget.used_up()
            if self._error is None:
                self._reserve(call, 1)
            return self._error is None

    async def _ended(self, call: Call) -> None:
        async with self._changed:
            self._reserve(call, -1)
            self._changed.notify_all()

    def _reserve(self, call: Call, sign: int) -> None:
        tokens_in, tokens_out = self._need(call)
        self._flying += sign
        self._reserved = self._reserved[0] + sign * tokens_in, self._reserved[1] + sign * tokens_out
