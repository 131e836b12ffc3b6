"""What every process says and does about the addresses on which it listens."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from gputail.endpoint import Endpoint

if TYPE_CHECKING:
    from gputail.admin import AdminListener

logger = logging.getLogger(__name__)


def begin(listener: AdminListener, endpoint: Endpoint) -> Endpoint:
    """Let the admin listener answer, and say where; OSError with the address in it."""
    try:
        admin = listener.start(endpoint)
    except OSError as error:
        raise refused(endpoint, error) from error
    logger.info("the admin listener answers", extra={"action": "listen_admin", "admin": str(admin)})
    return admin


def refused(endpoint: Endpoint, error: OSError) -> OSError:
    """The same error with the address where a file would have its name."""
    number = error.errno or 0
    reason = os.strerror(number) if number > 0 else error.strerror  # a name that has no address: below 0
    return OSError(number, reason, str(endpoint))


def warn_of_open(*endpoints: Endpoint) -> None:
    """Say which of them can be reached from other machines."""
    for endpoint in endpoints:
        if not endpoint.is_loopback:
            logger.warning(
                "other machines can connect, and there is no TLS, no login and no access control",
                extra={"action": "listen", "listen": str(endpoint)},
            )
