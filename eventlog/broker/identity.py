"""Who this broker is for its clients."""

from __future__ import annotations

import attrs

NODE_ID = 0
"""The number of the one broker, which leads every partition and holds its only copy."""
LEADER_EPOCH = 0
"""For ever: the leader never changes."""


@attrs.frozen
class Identity:
    """What Metadata, DescribeCluster and FindCoordinator tell of the one broker of the cluster."""

    host: str
    """The advertised host: the one that clients connect to, after their first connection."""
    port: int
    cluster_id: str
    """The data directory's, so that clients notice when another log answers at the same address."""
    node_id: int = NODE_ID
