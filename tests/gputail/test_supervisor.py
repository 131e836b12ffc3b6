"""The supervisor, over real children: `gputail broker` and what cannot run."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gputail.child import ChildSpec
from gputail.data_folder import DataFolder
from gputail.supervisor import ChildFailedError, Supervisor

ALWAYS = ["--admin-listen", "127.0.0.1:0", "--log-format", "json"]


@asynccontextmanager
async def supervisor(folder: DataFolder, said: list[str]) -> AsyncIterator[Supervisor]:
    """One that has a locked folder; its children are killed at the end."""
    folder.acquire()
    it = Supervisor(folder, said.append)
    try:
        yield it
    finally:
        it.kill()
        await it.close()
        folder.release()


def broker(folder: DataFolder, name: str = "broker", *, free_bytes_min: int = 0) -> ChildSpec:
    """A child that runs until it is told to stop."""
    told = ["--data-dir", str(folder.path / name), "--listen", "127.0.0.1:0"]
    told += ["--free-bytes-min", str(free_bytes_min), "--initial-rebalance-delay-ms", "0"]
    return ChildSpec(name, ["broker", *told, *ALWAYS])


async def until(said: list[str], word: str) -> str:
    """What was said with that word in it."""
    async with asyncio.timeout(30):
        while not any(word in line for line in said):  # noqa: ASYNC110  it comes from a callback
            await asyncio.sleep(0.01)
    return next(line for line in said if word in line)


async def test_a_child_is_ready_when_it_says_so(tmp_path: Path) -> None:
    """Its line has what others need; its log is in its file; it stops with a signal."""
    folder, said = DataFolder(tmp_path), list[str]()
    async with supervisor(folder, said) as it:
        told = await it.start(broker(folder))
        assert str(told["listen"]).startswith("127.0.0.1:")
        assert {"broker"} == set(it.pids())
        assert os.getsid(it.pids()["broker"]) != os.getsid(0)

        await it.stop([["broker"]])
        assert {} == it.pids()
    assert '"action": "stop"' in (folder.logs / "broker.log").read_text(encoding="utf-8")
    assert [] == said


async def test_a_volume_without_room_is_told_at_once(tmp_path: Path) -> None:
    """By the supervisor, who sits before the terminal; the broker goes on, for others can read."""
    folder, said = DataFolder(tmp_path), list[str]()
    async with supervisor(folder, said) as it:
        await it.start(broker(folder, free_bytes_min=2**60))
        told = await until(said, "low on space")
        assert told.startswith("broker: the volume is low on space: appends are refused")
        assert "low on space" in it.troubles()
        lock = (tmp_path / "lock").read_text(encoding="utf-8").splitlines()
        assert [str(os.getpid()), f"{it.pids()['broker']} broker"] == lock
        await it.stop([["broker"]])


async def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    """As another process, after a line that says what ended it."""
    folder, said = DataFolder(tmp_path), list[str]()
    async with supervisor(folder, said) as it:
        await it.start(broker(folder))
        first = it.pids()["broker"]
        os.kill(first, signal.SIGKILL)
        assert "broker was ended by SIGKILL; it is started again in 0.2 s" == await until(said, "again")
        async with asyncio.timeout(30):
            while it.pids().get("broker", first) == first:  # noqa: ASYNC110  it is another process
                await asyncio.sleep(0.01)
        await it.stop([["broker"]])


async def test_a_child_that_can_never_run_is_an_error(tmp_path: Path) -> None:
    """With what it said; it is not tried again."""
    folder, said = DataFolder(tmp_path), list[str]()
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "precious.txt").write_text("data")
    async with supervisor(folder, said) as it:
        with pytest.raises(ChildFailedError, match=r"^broker: .*broker"):
            await it.start(broker(folder))
        with pytest.raises(ChildFailedError, match="--nonsense"):
            await it.start(ChildSpec("odd", ["broker", "--data-dir", str(tmp_path), "--nonsense"]))
    assert [] == said


async def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Before the child is ready once."""
    folder = DataFolder(tmp_path)
    (folder.logs / "broker.log").mkdir(parents=True)
    async with supervisor(folder, []) as it:
        with pytest.raises(IsADirectoryError):
            await it.start(broker(folder))


async def test_stages_are_stopped_one_after_another(tmp_path: Path) -> None:
    """Those of a stage go together; what was never started is passed over."""
    folder, said = DataFolder(tmp_path), list[str]()
    async with supervisor(folder, said) as it:
        await asyncio.gather(it.start(broker(folder, "a")), it.start(broker(folder, "b")))
        stopping = asyncio.create_task(it.stop([["a", "none"], ["b"]]))
        async with asyncio.timeout(30):
            while "a" in it.pids():
                assert "b" in it.pids()
                await asyncio.sleep(0.005)
        await stopping
        assert {} == it.pids()


async def test_a_child_that_waits_to_be_started_again_is_not(tmp_path: Path) -> None:
    """A stop meanwhile is the end of it."""
    folder, said = DataFolder(tmp_path), list[str]()
    async with supervisor(folder, said) as it:
        await it.start(broker(folder))
        os.kill(it.pids()["broker"], signal.SIGKILL)
        await until(said, "again")
        await it.stop([["broker"]])
        await asyncio.sleep(0.3)
        assert {} == it.pids()


async def test_a_child_whose_work_ends_is_done(tmp_path: Path) -> None:
    """Where its work has an end, it is not started again."""
    folder, said = DataFolder(tmp_path), list[str]()
    async with supervisor(folder, said) as it:
        told = await it.start(broker(folder))
        source = ["--source", "sim:1", "--once", "--bootstrap-servers", str(told["listen"])]
        await it.start(ChildSpec("streamer-1", ["stream", *source, *ALWAYS], ends_well=True))
        assert "streamer-1 is done" == await until(said, "done")
        assert {"broker"} == set(it.pids())
        await it.stop([["streamer-1"], ["broker"]])
