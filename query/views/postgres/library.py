"""Which library connects to PostgreSQL."""

from __future__ import annotations


def library_version() -> str | None:
    """Of psycopg and of libpq; None where they are not there."""
    try:
        import psycopg  # noqa: PLC0415  # the extra `postgres`
    except ImportError:
        return None
    libpq = psycopg.pq.version_pretty(psycopg.pq.version())
    return f"psycopg {psycopg.__version__}, libpq {libpq}"
