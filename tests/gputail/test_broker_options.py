"""The options of `gputail broker`: their sources, the settings that they become, and docs/cli.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclopts import ArgumentCollection

from eventlog.broker.settings import BrokerSettings
from eventlog.storage.settings import FlushPolicy
from gputail import cli, commands
from gputail.broker_options import BrokerOptions
from gputail.broker_settings import broker_settings
from gputail.endpoint import Endpoint
from gputail.process_options import ProcessOptions
from tests.documents import ROOT, rows, section

DOC = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


class Started:
    """Stands for the process: remembers what it would have run with."""

    def __init__(self) -> None:
        self.options: BrokerOptions
        self.process: ProcessOptions

    def __call__(self, options: BrokerOptions, process: ProcessOptions) -> Started:
        self.options, self.process = options, process
        return self

    async def run(self) -> int:
        """End well."""
        return 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    it = Started()
    monkeypatch.setattr("gputail.broker.BrokerProcess", it)
    monkeypatch.setattr("gputail.logs.set_up_logs", lambda **_: None)
    return it


def test_what_is_not_said_has_the_defaults_of_the_broker(started: Started, tmp_path: Path) -> None:
    """The command line and the broker agree on them."""
    assert 0 == cli.main(["broker", "--data-dir", str(tmp_path)])

    assert BrokerSettings() == broker_settings(started.options)
    assert (Endpoint("127.0.0.1", 9644), "info", "auto") == (
        started.process.admin_listen,
        started.process.log_level,
        started.process.log_format,
    )


def test_each_option_becomes_its_setting(started: Started, tmp_path: Path) -> None:
    """None is lost on the way, and none becomes another."""
    options = [
        *("--listen", "[::1]:1", "--advertise", "broker.example:2", "--flush", "os", "--no-admin"),
        *("--auto-create-topics", "--default-partitions", "3", "--partitions-max", "4"),
        *("--connections-max", "5", "--request-bytes-max", "65537", "--free-bytes-min", "6"),
        *("--volume-share", "0.25", "--session-timeout-ms-min", "7", "--session-timeout-ms-max", "8"),
        *("--initial-rebalance-delay-ms", "9"),
    ]
    assert 0 == cli.main(["broker", "--data-dir", str(tmp_path), *options])

    settings = broker_settings(started.options)
    assert ("::1", 1, "broker.example", 2) == (
        settings.host,
        settings.port,
        settings.advertised_host,
        settings.advertised_port,
    )
    assert (False, True, 3, 4) == (
        settings.topics.is_admin_allowed,
        settings.topics.is_auto_create_allowed,
        settings.topics.default_partitions,
        settings.topics.partitions_max,
    )
    assert (5, 65537) == (settings.connections_max, settings.frame_bytes_max)
    assert (FlushPolicy.OS, 6, 0.25) == (
        settings.log.flush,
        settings.log.free_bytes_min,
        settings.log.volume_share,
    )
    group = settings.coordinator.group
    assert (7, 8, 9) == (
        group.session_timeout_ms_min,
        group.session_timeout_ms_max,
        group.initial_rebalance_delay_ms,
    )


def test_options_come_from_variables_and_a_file_too(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag goes before the variable, the variable before the file."""
    file = tmp_path / "gputail.toml"
    file.write_text(
        'data_dir = "from-file"\nlisten = "127.0.0.1:1"\nno_admin = true\nflush = "os"\nvolume_share = 0.5\n'
    )
    monkeypatch.setenv("GPUTAIL_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("GPUTAIL_INSTANCE_ID", "b2")
    monkeypatch.setenv("GPUTAIL_ADMIN_LISTEN", "127.0.0.1:3")

    assert 0 == cli.main(["broker", "--flush", "group", "--config", str(file)])
    assert (
        BrokerOptions(
            data_dir=Path("from-file"),
            listen=Endpoint("127.0.0.1", 2),
            flush="group",
            no_admin=True,
            volume_share=0.5,
        )
        == started.options
    )
    assert ("b2", Endpoint("127.0.0.1", 3)) == (started.process.name, started.process.admin_listen)


def test_a_process_has_a_name_of_its_own() -> None:
    """Host and process id, where none is given."""
    assert ProcessOptions().name.rpartition("-")[2].isdigit()


def arguments() -> ArgumentCollection:
    return commands.broker_app.assemble_argument_collection()


def shown(default: Any) -> str:
    """A default as the document has it; that of a switch is to be off."""
    return "" if default is None or default is False else f"`{default}`"


def test_the_document_has_each_option() -> None:
    """Name and default, in the order of the help."""
    expected = []
    for argument in arguments():
        default = argument.field_info.default
        if argument.names and argument.field_info.annotation not in {BrokerOptions, ProcessOptions}:
            expected.append([f"`{argument.names[0]}`", "" if argument.required else shown(default)])

    found = rows(section(DOC, "`gputail broker`"), "| option | default | |")
    assert expected == [row[:2] for row in found]


def test_the_help_needs_nothing_of_the_broker() -> None:
    """Options are described without a loop, a log or a client library."""
    code = (
        "import sys\nfrom gputail.cli import main\nassert main(['broker', '--help']) == 0\n"
        "heavy = {'eventlog.broker', 'eventlog.storage', 'prometheus_client', 'structlog', 'kio'}\n"
        "assert not heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
