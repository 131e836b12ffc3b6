"""Compiles what the processes load of the product, its dependencies and the standard library.

It imports every module of the product, and does once what loads more on its first use; Python keeps the
bytecode of all that comes with it: a fraction of what is installed. The base image comes without bytecode,
and at run time none can be written: each start and each health check would compile hundreds of modules anew.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from typing import Final

from eventlog.protocol.schemas import preload
from eventlog.protocol.versions import OFFERED
from query.api.document import openapi_document

PACKAGES: Final = ("eventlog", "gputail", "ingest", "query")
ON_USE: Final = (
    "anyio._backends._asyncio",
    "encodings.ascii",
    "encodings.idna",
    "encodings.utf_8_sig",
    "numpy.ma",
    "psycopg",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.h11_impl",
)
"""What dependencies load when it is first needed, or the product does where it is asked to."""


def load_everything() -> int:
    """Load all of it; the number of modules that are there then."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            import_module(module.name)
    for name in ON_USE:
        import_module(name)
    openapi_document()
    for api_key, versions in OFFERED.items():
        for version in range(versions.oldest, versions.newest + 1):
            preload(api_key, version)
    return len(sys.modules)


if __name__ == "__main__":
    print(f"{load_everything()} modules can be loaded without compiling them")
