"""The Ray cluster that a command works on."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kinj.config.errors import UsageError

ADDRESS_HINT = "check RAY_ADDRESS, or leave it out"
PATIENCE = 10.0
"""Seconds in which a cluster must take a connection. Ray itself goes on trying for minutes."""


@contextmanager
def connected(setting: str) -> Iterator[Any]:
    """The library, connected to a cluster: the one this process is connected to already, else the one that RAY_ADDRESS
    names, else this machine. A connection that was made here ends with the block.

    Args:
        setting: which asked for a cluster, for messages.

    Raises:
        UsageError: Ray is not installed, or no cluster can be reached.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(f"{setting} needs Ray, which is not installed", "pip install 'kinj[ray]'") from error
    opened = not ray.is_initialized()
    if opened:
        _must_answer(os.environ.get("RAY_ADDRESS", ""), ray)
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UsageError(f"no Ray cluster can be reached: {error}", ADDRESS_HINT) from error
    try:
        yield ray
    finally:
        if opened:
            ray.shutdown()


def _must_answer(address: str, ray: Any) -> None:
    """Refuses an address (`HOST:PORT` or `ray://HOST:PORT`; other forms are left to Ray) at which nothing listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    hosts = [host]
    if host in ("localhost", "127.0.0.1"):  # Ray looks there for a cluster that listens at this machine's own address
        hosts.append(ray.util.get_node_ip_address())
    for name in hosts:
        try:
            socket.create_connection((name.strip("[]"), int(port)), timeout=PATIENCE).close()
        except (OSError, OverflowError) as error:
            problem = error
        else:
            return
    raise UsageError(f"no Ray cluster can be reached at {address}: {problem}", ADDRESS_HINT) from problem
