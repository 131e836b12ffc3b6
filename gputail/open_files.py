"""The limit of open files, raised as far as the system lets this process.

Shells and service managers still begin with 1,024, for programs that call `select`; what a process may raise
it to by itself is usually far more.
"""

from __future__ import annotations

import resource
from contextlib import suppress

import attrs

from eventlog.broker.settings import BrokerSettings

FILES_OF_A_PARTITION = 2
FILES_OF_A_CONNECTION = 2
"""Its socket, and that once more while files are sent on it."""
FILES_BESIDE = 256
"""Lock, offsets, metadata, the admin listener, what libraries open."""
CONNECTIONS_SHARE = 1 / 4
"""The part of too low a limit that connections get: the log comes first."""
CONNECTIONS_MIN = 16


def files_wanted(settings: BrokerSettings) -> int:
    """How many files a broker opens that uses all that its settings allow."""
    return (
        FILES_OF_A_PARTITION * settings.topics.partitions_max
        + FILES_OF_A_CONNECTION * settings.connections_max
        + settings.log.open_files_max
        + FILES_BESIDE
    )


def raise_limit(wanted: int) -> int:
    """The limit, once it is raised to `wanted`, or as far as it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most > soft:
        with suppress(OSError, ValueError):  # macOS has a lower limit than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return soft


def within(settings: BrokerSettings, limit: int) -> BrokerSettings:
    """The settings, with fewer connections where the limit has no room for all."""
    if limit >= files_wanted(settings):
        return settings
    share = int(limit * CONNECTIONS_SHARE / FILES_OF_A_CONNECTION)
    most = min(settings.connections_max, max(share, CONNECTIONS_MIN))
    return attrs.evolve(settings, connections_max=most)
