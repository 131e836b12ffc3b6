"""`gputail doctor`: whether gputail will work well on this machine. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from eventlog.remote.commands import TIMEOUT_S, Timeout, address_of, show, show_json

if TYPE_CHECKING:
    from gputail.doctor_finding import Finding

doctor_app = App(name="doctor", help="Check this machine.")


def _check_servers(_: object, servers: str | None) -> None:
    from eventlog.client.errors import BadQueueAddressError

    if servers is not None:
        try:
            address_of(servers)
        except BadQueueAddressError as error:
            raise ValueError(str(error)) from None


_Servers = Annotated[str | None, Parameter(validator=_check_servers)]


@doctor_app.default
def doctor(
    *,
    data_dir: Path = Path("gputail-data"),
    bootstrap_servers: _Servers = None,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> int:
    """Check this machine: libraries, disk, ports, clock; a line each, with advice. Ends with 1 to be mended.

    Args:
        data_dir: Where the data are, or would be made.
        bootstrap_servers: HOST:PORT of a broker that should answer; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for each line.
    """
    from gputail.doctor_finding import Verdict

    worst = 0
    for finding in _findings(data_dir, bootstrap_servers, timeout):
        worst |= finding.verdict is Verdict.MEND
        if json:
            show_json(
                [
                    {
                        "check": finding.name,
                        "verdict": finding.verdict.value,
                        "found": finding.said,
                        "advice": finding.advice,
                    }
                ]
            )
        else:
            show([str(finding)])
    return int(worst)


def _findings(data_dir: Path, servers: str | None, timeout_s: float) -> Iterator[Finding]:
    from gputail import doctor_folder, doctor_machine, doctor_network
    from ingest.clock import SystemClock

    clock = SystemClock()
    clocks = doctor_machine.ClockCheck(clock)
    yield doctor_machine.python()
    yield doctor_machine.sqlite()
    yield doctor_machine.psycopg()
    yield doctor_machine.librdkafka()
    yield doctor_machine.open_files()
    folder = doctor_folder.existing(data_dir)
    yield doctor_folder.file_system(folder)
    yield doctor_folder.free_space(folder)
    yield doctor_folder.flush_latency(folder, clock)
    yield from doctor_network.ports()
    if servers is not None:
        yield doctor_network.broker(servers, timeout_s, clock)
    yield clocks.finding(doctor_machine.keeping())
