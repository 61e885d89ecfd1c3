"""The tree of YAML files that ships with kinj: where it is, which choices it offers, what they say about themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kinj.config.errors import KinjError

PACKAGE = Path(__file__).parents[1]


@cache
def conf_root() -> Path:
    """The folder of the shipped settings: inside the installed package, or beside it in a checkout.

    Raises:
        KinjError: there is none; the installation is broken.
    """
    for root in (PACKAGE / "conf", PACKAGE.parent / "conf"):
        if root.is_dir():
            return root
    raise KinjError(f"the shipped settings are missing: there is no {PACKAGE / 'conf'}", "install kinj again")


def choices(group: str) -> list[str]:
    """Names of the files of a group, sorted."""
    return sorted(path.stem for path in (conf_root() / group).glob("*.yaml"))


def choice_file(group: str, choice: str) -> Path:
    """The file behind a choice; it exists if `choice` is one of `choices(group)`."""
    return conf_root() / group / f"{choice}.yaml"


def describe(group: str, choice: str) -> str:
    """The first line of a choice's file, a comment that says what it is."""
    with choice_file(group, choice).open(encoding="utf-8") as lines:
        return lines.readline().removeprefix("#").strip()


def usage(group: str, choice: str) -> str | None:
    """The command by which a choice is best begun with, where its file has a comment `Use: COMMAND`."""
    with choice_file(group, choice).open(encoding="utf-8") as lines:
        return next((line.removeprefix("# Use:").strip() for line in lines if line.startswith("# Use:")), None)


def shown(path: Path) -> str:
    """How messages name a file: shipped ones as `conf/GROUP/NAME.yaml`, others as given."""
    return path.relative_to(conf_root().parent).as_posix() if path.is_relative_to(conf_root()) else str(path)


def card(kind: str, name: str) -> Path:
    """The card of a method, as `docs/KIND/NAME.md`: inside the installed package, or beside it in a checkout. It may be missing."""
    return conf_root().parent / "docs" / kind / f"{name}.md"
