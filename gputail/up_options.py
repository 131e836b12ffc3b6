"""What `gputail up` can be told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter, Token
from cyclopts.validators import Number

from gputail.days import WEEK, DaysOption
from gputail.endpoint import EndpointOption
from gputail.retention_options import check_log_bytes

_Workers = Annotated[int, Parameter(validator=Number(gte=0, lte=100))]


def _to_folder(_: type, tokens: Sequence[Token]) -> Path:
    if not tokens[0].value:  # a shell's variable that is not set; as a path it would be this folder
        raise ValueError("--data-dir: the name of a folder is wanted, and this is empty")
    return Path(tokens[0].value)


def _check(_: object, options: UpOptions | None) -> None:
    if options is not None:
        check_log_bytes(options.log_bytes, options.partitions)


@Parameter(name="*", validator=_check)
@attrs.frozen(kw_only=True)
class UpOptions:
    """The options of a whole pipeline on this machine; the docstrings are the help."""

    data_dir: Annotated[Path, Parameter(converter=_to_folder, n_tokens=1)] = Path("gputail-data")
    """Where everything is kept; made where it is missing."""
    source: str = "sample"
    """csv:PATH, sim:GPUS, or sample: the file that comes along."""
    listen: EndpointOption | None = None
    """HOST:PORT of the API; by default 127.0.0.1:8080, or the next free port."""
    broker_listen: EndpointOption | None = None
    """HOST:PORT of the broker; by default 127.0.0.1:9092, or the next free port."""
    admin_listen: EndpointOption | None = None
    """HOST:PORT for the health of the whole; by default none. Its processes have listeners of their own."""
    streamers: _Workers = 1
    """Processes that share the source."""
    collectors: _Workers = 1
    """Processes that share the log."""
    log_bytes: int = 10 * 1024**3
    """Bytes that the log keeps at most; final once the log is made, as are the next two."""
    log_days: DaysOption = WEEK
    """Days for which the log keeps telemetry, or forever."""
    partitions: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 12
    """Partitions of the telemetry topic."""
    views_days: DaysOption = WEEK
    """Days for which the views keep samples, or forever."""
