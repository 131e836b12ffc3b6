"""What is installed into the image, and what builds the product, as pip reads it: from pyproject.toml."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Final

EXTRAS: Final = ("postgres",)
"""Each image can keep its views in PostgreSQL."""


def requirements(purpose: str, project_file: Path) -> list[str]:
    """The requirements to `run` the product in the image, or to `build` its wheel, unresolved."""
    settings = tomllib.loads(project_file.read_text(encoding="utf-8"))
    if purpose == "build":
        return [str(each) for each in settings["build-system"]["requires"]]
    project = settings["project"]
    extras = [project["optional-dependencies"][extra] for extra in EXTRAS]
    return [str(each) for each in sum(extras, project["dependencies"])]


if __name__ == "__main__":
    print(*requirements(sys.argv[1], Path("pyproject.toml")), sep="\n")
