"""What the handlers work with, as one value: Litestar hands it to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from query.api.fleet_rules import FleetRules
from query.api.live_streams import LiveStreams
from query.api.reading import ViewThread
from query.api.settings import ApiSettings
from query.api.stream_slots import StreamSlots
from query.clock import Clock

Exposition: TypeAlias = Callable[[], tuple[str, bytes]]
"""Makes the service's own metrics: their content type, and the text. It is called in the event loop."""


def no_metrics() -> tuple[str, bytes]:
    """An exposition with nothing in it."""
    return "text/plain; version=0.0.4; charset=utf-8", b""


@attrs.frozen(eq=False)
class Service:
    """The collaborators of every handler."""

    settings: ApiSettings
    views: ViewThread
    stream_slots: StreamSlots
    live_streams: LiveStreams
    clock: Clock
    exposition: Exposition
    fleet_rules: FleetRules
