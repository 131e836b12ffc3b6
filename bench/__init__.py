"""Measurements that a command reproduces: `make bench`, or `python -m bench NAME …`.

What is gated is CPU for a unit of work and ratios of interleaved pairs; wall-clock figures are
reported only, for machines are noisy. A gate that does not hold makes the command exit 1.
"""
