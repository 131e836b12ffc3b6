"""What `gputail up` tells its children, and how a pace is made of options."""

from __future__ import annotations

import pytest

from gputail.pipeline_specs import streamer_specs
from gputail.retention_options import TopicOptions
from gputail.source_options import PaceOptions
from gputail.up_options import UpOptions


@pytest.mark.parametrize(("is_once", "word"), [(True, "--once=true"), (False, "--once=false")])
def test_a_switch_is_told_whichever_way_it_is(is_once: bool, word: str) -> None:
    """A child would else find the variable or the key that a flag of `up` has undone."""
    (spec,) = streamer_specs(UpOptions(), TopicOptions(), PaceOptions(once=is_once), "here:1")

    assert word in spec.arguments
    assert is_once == spec.ends_well


@pytest.mark.parametrize(
    ("pace", "seconds"),
    [
        (PaceOptions(), 1.0),
        (PaceOptions(rate=500.0), 0.0),
        (PaceOptions(interval=0.25), 0.25),
        (PaceOptions(interval=3.0, rate=500.0), 3.0),
    ],
)
def test_a_rate_alone_sets_the_pace(pace: PaceOptions, seconds: float) -> None:
    """One pass follows another at once then, unless an interval is asked for."""
    (spec,) = streamer_specs(UpOptions(), TopicOptions(), pace, "here:1")

    assert seconds == pace.interval_s
    told = list(spec.arguments)
    assert repr(seconds) == told[told.index("--interval") + 1]
