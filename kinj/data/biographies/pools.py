"""The names and values people are made of, and how many bits each attribute holds."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

RELATIONS = ("birth_date", "birth_city", "university", "major", "company", "company_city")
"""The six attributes, in the order of their sentences in a text that is not permuted."""

# Pool sizes of arXiv 2404.05405, section 2: 1.6e8 names and 12·28·200 · 200 · 300 · 100 · 263 sets of values.
FIRST_NAMES, MIDDLE_NAMES, LAST_NAMES = 400, 400, 1000
NAMES = FIRST_NAMES * MIDDLE_NAMES * LAST_NAMES
BIRTH_DATES, CITIES, UNIVERSITIES, MAJORS, COMPANIES = 12 * 28 * 200, 200, 300, 100, 263

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
YEARS = range(1800, 2000)


@cache
def word_list(name: str) -> tuple[str, ...]:
    """The lines of `lists/NAME.txt`."""
    text = files(__package__).joinpath("lists", f"{name}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@cache
def company_cities() -> dict[str, str]:
    """The one city of every company."""
    return dict(line.split(" | ") for line in word_list("companies"))


@cache
def values(relation: str) -> tuple[str, ...]:
    """Every value an attribute can have, without repetition, in a fixed order.

    Raises:
        KeyError: there is no such relation.
    """
    if relation == "birth_date":
        return tuple(f"{month} {day}, {year}" for year in YEARS for month in MONTHS for day in range(1, 29))
    if relation == "company":
        return tuple(company_cities())
    if relation == "company_city":
        return tuple(sorted(set(company_cities().values())))
    return word_list({"birth_city": "cities", "university": "universities", "major": "majors"}[relation])


def entropies(pronoun: bool = False) -> dict[str, float]:
    """Bits per person that each attribute holds, given the attributes before it (arXiv 2404.05405, section 2).

    Values are drawn uniformly, so this is log2 of the pool size. The company's city follows from the company: 0 bits.

    Args:
        pronoun: also count the bit shown by `he` or `she`; leave it out where texts use full names only.
    """
    sizes = dict(zip(RELATIONS, (BIRTH_DATES, CITIES, UNIVERSITIES, MAJORS, COMPANIES, 1), strict=True))
    if pronoun:
        sizes["pronoun"] = 2
    return {relation: math.log2(size) for relation, size in sizes.items()}
