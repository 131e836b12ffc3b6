"""The `gputail` command: the one package that knows all others, and that none of them imports."""

__version__ = "0.1.0"
