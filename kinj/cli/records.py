"""What `kinj show data NAME` prints: a description of a data set, or its records."""

from __future__ import annotations

import json
from itertools import islice

from kinj.cli.common import emit, note, table, written
from kinj.config import Loaded
from kinj.config.build import flatten
from kinj.config.errors import KinjError, UsageError
from kinj.config.tree import describe, usage


def describe_data(loaded: Loaded, as_json: bool) -> None:
    """Prints what a data set is, its settings, and its pools where its files are at hand."""
    settings = loaded.settings.data
    choice = str(loaded.choices["data"])
    about = describe("data", choice)
    pools, missing = _pools(loaded)
    if as_json:
        emit("show data", name=settings.name, about=about, pools=pools, missing=missing)
        return
    print(f"{settings.name}: {about}")
    print(f"  use it    {usage('data', choice)}")
    print(f"  pools     {', '.join(pools)}" if pools else f"  not here  {missing}")
    own = [key for key in flatten(loaded.settings) if key.startswith(f"data.{settings.name}.") or key == "data.path"]
    values = flatten(loaded.settings)
    print("\n".join(table([(key, written(values[key])) for key in own], indent=2)))


def _pools(loaded: Loaded) -> tuple[list[str], str]:
    """Names of the pools; or none, and why."""
    from kinj.data import open_data

    try:
        return sorted(open_data(loaded.settings.data).pools), ""
    except KinjError as error:
        return [], error.what


def print_records(loaded: Loaded, pool: str, count: int | None) -> None:
    """Prints a pool as JSON Lines; of generated people, `count` is how many there are to draw from.

    Raises:
        UsageError: the data set has no such pool, or its files are missing.
    """
    from kinj.data import open_data
    from kinj.data.files import record_to_json

    if count is not None and loaded.settings.data.name == "biographies":
        loaded = loaded.override({"data.biographies.people": count})
        count = None
    data = open_data(loaded.settings.data)
    if pool not in data.pools:
        raise UsageError(f"data={data.name} has no pool `{pool}`", f"it has: {', '.join(sorted(data.pools))}")
    for record in islice(data.pools[pool](), count):
        print(json.dumps(record_to_json(record), ensure_ascii=False))
    for account in data.accounts:
        if account.left_out:
            note(str(account))
