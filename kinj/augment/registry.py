"""Names of augmentation methods and what is behind them. A method's module is imported when it is first built."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module

from kinj.augment.base import Augmenter
from kinj.augment.written.base import Written
from kinj.config.errors import UsageError
from kinj.config.names import METHODS
from kinj.config.schema import AugmentSettings


@dataclass(frozen=True)
class Method:
    """A registered method; its module in `methods` holds `build(settings, seed)`."""

    name: str
    summary: str

    def build(self, settings: AugmentSettings, seed: int) -> Augmenter | Written:
        """The method as the settings ask for it.

        Args:
            settings: all of `augment`; a method reads the section with its name.
            seed: recorded in the views.

        Raises:
            UsageError: settings that the method cannot work with.
        """
        module = import_module(f"kinj.augment.methods.{self.name}")
        augmenter: Augmenter | Written = module.build(settings, seed)
        return augmenter


def names() -> tuple[str, ...]:
    """All methods."""
    return tuple(METHODS)


def get(name: str) -> Method:
    """The method of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, 1)
        guess = f"did you mean {near[0]}?\n" if near else ""
        raise UsageError(f"no augmentation method `{name}`", f"{guess}there are: {', '.join(METHODS)}")
    return Method(name, METHODS[name])
