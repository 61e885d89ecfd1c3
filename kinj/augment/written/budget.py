"""What may be spent, what has been spent, and what is on its way."""

from __future__ import annotations

from kinj.augment.written.kept import KeptReplies
from kinj.config.errors import UnfinishedError
from kinj.config.schema import LlmSettings


class Budget:
    """Compares what the file of replies has cost with `max_tokens` and `max_cost`.

    It counts every reply in the file, those of earlier runs too: a job that is killed and resumed ten times costs no more
    than one that is not.

    Args:
        settings: limits and prices.
        kept: replies that were paid for.
    """

    def __init__(self, settings: LlmSettings, kept: KeptReplies) -> None:
        self._settings, self._kept = settings, kept

    def holds(self, more_in: int, more_out: int) -> bool:
        """Whether so many further tokens of prompts and of replies are within the limits."""
        tokens, cost = self.after(more_in, more_out)
        limits = self._settings
        return (limits.max_tokens is None or tokens <= limits.max_tokens) and (
            limits.max_cost is None or cost <= limits.max_cost
        )

    def after(self, more_in: int = 0, more_out: int = 0) -> tuple[int, float]:
        """Tokens and cost of the file once so many more were added."""
        tokens_in, tokens_out = self._kept.tokens_in + more_in, self._kept.tokens_out + more_out
        cost = (tokens_in * self._settings.price_in + tokens_out * self._settings.price_out) / 1e6
        return tokens_in + tokens_out, cost

    def limit(self) -> str:
        """The limits, as the user sets them."""
        named = (("--max-tokens", self._settings.max_tokens), ("--max-cost", self._settings.max_cost))
        return " and ".join(f"{flag} {value:,}" for flag, value in named if value is not None)

    def used_up(self) -> UnfinishedError:
        """What to tell the user when the next request could go beyond the limits."""
        tokens, cost = self.after()
        spent = f"{tokens:,} tokens" + (f", {cost:,.2f} in money" if cost else "")
        return UnfinishedError(
            f"the budget is used up: {spent} spent, and one more request could go beyond {self.limit()}",
            "go on with a higher limit",
        )
