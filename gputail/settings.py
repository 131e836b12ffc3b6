"""The settings file: a flat TOML table with a key for each option (`--data-dir` is `data_dir`).

One file may serve every command, so a key is right if any command has the option, and wrong
only if none has. Flags and environment variables go before it.
"""

from __future__ import annotations

import tomllib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

FILE: Final[ContextVar[Path | None]] = ContextVar("settings_file", default=None)
"""The settings file of the command that runs, for those that start other commands."""


class SettingsError(Exception):
    """The settings file cannot be used: it is missing, is not TOML, or has a key that is no option."""


def read_settings(path: Path) -> dict[str, Any]:
    """What the file sets, as written; raises SettingsError where it cannot be read as TOML."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}") from error


def option_of(key: str) -> str:
    """The option that a key of the file sets: `data_dir` and `data-dir` are both `--data-dir`."""
    return "--" + key.replace("_", "-")


def check_keys(settings: dict[str, Any], options: AbstractSet[str], path: Path) -> None:
    """Raise SettingsError for the first key of the file that sets none of the options, or is a table."""
    for key, value in settings.items():
        if option_of(key) not in options:
            raise SettingsError(f"settings file {path}: unknown key {key!r}: no command has {option_of(key)}")
        if isinstance(value, dict):
            raise SettingsError(f"settings file {path}: {key!r} is a table: keys stand alone, outside tables")
