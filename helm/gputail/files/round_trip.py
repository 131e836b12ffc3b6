"""`helm test`: one row of its own goes through the log and the views, and is read over the API.

    python round_trip.py http://API SECONDS

The broker is named by the variables of `gputail stream`. The row is of a GPU and a metric that no fleet has,
`GPU-helm-test` and `HELM_TEST`, and its value is new each time. Ends with 0 once it was read; with 1, and one
line that says what is missing, where publishing or reading has taken so many seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

GPU = "GPU-helm-test"
METRIC = "HELM_TEST"
ANSWER_S_MAX = 10.0
POLL_S = 0.5


class RoundTripError(Exception):
    """Something of the pipeline is missing; the message says what."""


def publish(value: int, s_max: float) -> None:
    """Send one row to the broker; back once it is stored."""
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder, "helm-test.csv")
        row = f"{METRIC},{GPU},helm-test,{value}"
        csv.write_text(f"metric_name,uuid,Hostname,value\n{row}\n", encoding="utf-8")
        command = ["gputail", "stream", "--source", f"csv:{csv}", "--share", "none", "--once"]
        try:
            done = subprocess.run(command, timeout=s_max, check=False)  # noqa: S603  nothing of it comes from elsewhere
        except subprocess.TimeoutExpired:
            raise RoundTripError(f"the broker has stored nothing within {s_max:g} s") from None
    if done.returncode != 0:
        raise RoundTripError(f"gputail stream ended with {done.returncode}: its last lines say why")


def read(api: str, value: int, since: datetime, s_max: float) -> dict[str, Any]:
    """The entry with that value, as soon as the API has it."""
    window = urllib.parse.urlencode({"start_time": since.isoformat(), "metric_name": METRIC})
    address = f"{api}/api/v1/gpus/{GPU}/telemetry?{window}"
    deadline = time.monotonic() + s_max
    while True:
        try:
            with urllib.request.urlopen(address, timeout=ANSWER_S_MAX) as answer:  # noqa: S310  as given
                entries: list[dict[str, Any]] = json.load(answer)["items"]
        except urllib.error.HTTPError as error:
            said = f"the API answers {error.code}"
        except (OSError, ValueError) as error:
            said = f"the API cannot be asked: {error}"
        else:
            for entry in entries:
                if entry["value"] == value:
                    return entry
            said = "the API answers, and does not have it"
        if time.monotonic() >= deadline:
            raise RoundTripError(f"the row was stored, and not read within {s_max:g} s: {said}")
        time.sleep(POLL_S)


def main(api: str, s_max: float) -> int:
    """Publish, wait and read; the exit code."""
    began = datetime.now(UTC)
    value = int(began.timestamp() * 1000)
    try:
        publish(value, s_max)
        entry = read(api, value, began, s_max)
    except RoundTripError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    took_s = (datetime.now(UTC) - began).total_seconds()
    print(f"passed: published and read within {took_s:.1f} s: {json.dumps(entry)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
