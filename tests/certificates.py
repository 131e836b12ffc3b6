"""Certificates for tests: an authority of their own, and a server's that it has signed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import attrs

OPENSSL: Final = shutil.which("openssl")
NEW_KEY: Final = ("-newkey", "rsa:2048", "-nodes", "-sha256")


@attrs.frozen
class Certificates:
    """Files in PEM."""

    authority: Path
    """Whoever trusts it trusts the server."""
    stranger: Path
    """An authority that has signed nothing."""
    certificate: Path
    key: Path
    """Its owner alone may read it."""


def make_certificates(folder: Path, address: str) -> Certificates:
    """For a server at this IP address; valid for two days."""
    made = Certificates(
        folder / "authority.crt", folder / "stranger.crt", folder / "server.crt", folder / "server.key"
    )
    for authority in (made.authority, made.stranger):
        _openssl(
            *("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={authority.stem}"),
            *("-keyout", authority.with_suffix(".key"), "-out", authority),
        )
    request, names = folder / "server.csr", folder / "server.names"
    names.write_text(f"subjectAltName=IP:{address}\n")
    _openssl("req", "-new", *NEW_KEY, "-subj", "/CN=server", "-keyout", made.key, "-out", request)
    _openssl(
        *("x509", "-req", "-in", request, "-days", "2", "-extfile", names, "-out", made.certificate),
        *("-CA", made.authority, "-CAkey", made.authority.with_suffix(".key"), "-set_serial", "1"),
    )
    made.key.chmod(0o600)
    made.certificate.chmod(0o644)
    return made


def _openssl(*arguments: str | Path) -> None:
    assert OPENSSL is not None, "openssl, which comes with PostgreSQL's package"
    subprocess.run([OPENSSL, *arguments], check=True, capture_output=True, timeout=60)
