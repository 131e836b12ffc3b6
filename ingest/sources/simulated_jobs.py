"""What a simulated fleet runs: the kinds of jobs, and how each of them loads a GPU."""

from __future__ import annotations

import attrs


@attrs.frozen
class JobProfile:
    """One kind of job; a job's level of load is drawn from its range, in percent."""

    namespace: str
    pod: str
    """What its pods' names begin with."""
    container: str
    load_min: int
    load_max: int
    encodes: bool = False
    """Whether it keeps the video encoder busy."""


JOB_PROFILES = (
    JobProfile("ml-training", "llm-pretrain", "trainer", load_min=85, load_max=100),
    JobProfile("ml-training", "vision-finetune", "trainer", load_min=60, load_max=95),
    JobProfile("inference", "chat-server", "server", load_min=30, load_max=90),
    JobProfile("inference", "embedding-server", "server", load_min=20, load_max=70),
    JobProfile("research", "notebook", "jupyter", load_min=8, load_max=60),
    JobProfile("batch", "transcode", "worker", load_min=25, load_max=60, encodes=True),
)
