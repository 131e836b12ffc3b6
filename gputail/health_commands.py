"""`gputail health`: asks the process beside it how it is, for whoever can only look at an exit code.

It is what a container's `HEALTHCHECK` runs, and needs no shell and no other program there. Its address is
the option of the process itself, so that one variable tells both of them.
"""

from __future__ import annotations

import errno
import http.client
from http import HTTPStatus
from typing import Annotated, Final

import attrs
from cyclopts import App, Parameter

from eventlog.remote.commands import Timeout, show
from gputail.endpoint import Endpoint, EndpointOption
from gputail.listening import refused
from gputail.process_options import ADMIN_LISTEN

TIMEOUT_S: Final = 3.0
"""More than `gputail.health.LOOP_S_MAX`, after which a process says itself that its loop is silent."""
ANSWER_BYTES_MAX: Final = 64 * 1024

health_app = App(name="health", help="Ask a process how it is.")


def _check_port(_: object, endpoint: Endpoint) -> None:
    if endpoint.port == 0:
        raise ValueError("the port that the process listens on is wanted, and 0 is none")


@health_app.default
def health(
    *,
    admin_listen: Annotated[EndpointOption, Parameter(validator=_check_port)] = ADMIN_LISTEN,
    live: bool = False,
    timeout: Timeout = TIMEOUT_S,
) -> int:
    """Ask a process on this machine whether it is ready: 0 yes, 1 no. What it says is printed.

    Args:
        admin_listen: HOST:PORT as the process has it; where that is every address, loopback is asked.
        live: Ask only whether its event loop answers.
        timeout: How many seconds it has to answer.
    """
    status, said = _ask(reachable(admin_listen), "/health/live" if live else "/health/ready", timeout)
    show([said])
    return int(status != HTTPStatus.OK)


def reachable(listening: Endpoint) -> Endpoint:
    """Where the process that listens there can be asked from its own machine."""
    if not listening.is_wildcard:
        return listening
    return attrs.evolve(listening, host="::1" if ":" in listening.host else "127.0.0.1")


def _ask(endpoint: Endpoint, path: str, timeout_s: float) -> tuple[int, str]:
    """Status and text of an answer; OSError with the address in it where there is none."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES_MAX).decode(errors="replace").rstrip()
    except TimeoutError:
        raise OSError(errno.ETIMEDOUT, f"no answer within {timeout_s:g} s", str(endpoint)) from None
    except http.client.HTTPException:
        raise OSError(errno.EPROTO, "what answers there does not speak HTTP", str(endpoint)) from None
    except OSError as error:
        raise refused(endpoint, error) from error
    finally:
        connection.close()
