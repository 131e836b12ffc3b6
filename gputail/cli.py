"""The command line, and the one place where commands meet the outside world.

Commands return their exit code and raise what went wrong; here every error that a user can cause
becomes one line on stderr. Exit codes: 0 fine, 1 failed, 2 bad usage, 3 torn tail only,
4 corruption found; 130 after an interrupt.

Each package's commands are named by an import path and imported on use, so that `--help` stays fast.
Each option is also an environment variable, `GPUTAIL_<OPTION>`, and a key of the settings file;
a flag goes before the variable, the variable before the file, the file before the default.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import App, ArgumentCollection, CycloptsError, Parameter
from cyclopts.argument import update_argument_collection
from cyclopts.config import Dict, Env

from eventlog.errors import EventLogError
from gputail import __version__
from gputail.settings import FILE, SettingsError, check_keys, option_of, read_settings

EXIT_FINE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_Tokens = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]


class _Environment(Env):
    """`GPUTAIL_<OPTION>`; a variable that is set to nothing counts as not set."""

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        super().__call__(app, commands, arguments)
        for argument in arguments:
            argument.tokens = [t for t in argument.tokens if t.source != self.source or t.value]


class _SettingsFile(Dict):
    """The settings file; `Dict` leaves out keys that are names of commands too, such as `views`."""

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:  # noqa: ARG002
        # Keys of other commands are left alone: check_keys has seen to those that nobody knows.
        update_argument_collection(
            self.data, self.source, arguments, app.app_stack.stack[-1], root_keys=(), allow_unknown=True
        )


_ENVIRONMENT = _Environment("GPUTAIL_", command=False)

_PROCESSES = {
    "up": "Run the whole pipeline on this machine: broker, streamer, collector and API.",
    "broker": "Serve a log to Kafka clients.",
    "stream": "Publish the samples of a source to the log.",
    "collect": "Fold the log into views.",
    "serve": "Serve the views over HTTP.",
}
"""What `gputail.commands` runs, each with an app of its own."""

_REMOTE = {
    "topic": "List, create, describe and delete the topics of a running broker.",
    "group": "List, describe and reset the consumer groups of a running broker.",
    "tail": "Show the records of a topic as they come.",
}
"""What `eventlog.remote` offers: a package of that name, with its app."""


def build_app() -> App:
    """The whole command line, with nothing of the other packages imported yet."""
    app = App(
        name="gputail",
        help="A durable, replayable telemetry log for GPU fleets.",
        help_format="plaintext",
        version=f"gputail {__version__}",
        config=(_ENVIRONMENT,),
        default_parameter=Parameter(negative=()),  # `--json=false` undoes what a variable or the file sets
        suppress_keyboard_interrupt=False,
    )
    app.meta.suppress_keyboard_interrupt = False
    for verb, text in _PROCESSES.items():
        app.command(f"gputail.commands:{verb}_app", name=verb, help=text)
    app.command("eventlog.commands:log_app", name="log", help="Look into the files of a log, offline.")
    app.command("ingest.commands:simulate_app", name="simulate", help="Write a simulated fleet's telemetry.")
    app.command("query.commands:openapi_app", name="openapi", help="Write the API's OpenAPI document.")
    app.command(
        "query.commands:views_app",
        name="views",
        help="List, copy, restore and drop the builds of a view store.",
    )
    app.command("gputail.dlq_commands:dlq_app", name="dlq", help="List, show and replay dead letters.")
    app.command("gputail.replay_commands:replay_app", name="replay", help="Make the views anew from the log.")
    app.command("gputail.doctor_commands:doctor_app", name="doctor", help="Check this machine.")
    app.command("gputail.health_commands:health_app", name="health", help="Ask a process how it is.")
    for noun, text in _REMOTE.items():
        app.command(f"eventlog.remote.{noun}.commands:{noun}_app", name=noun, help=text)

    @app.meta.default
    def launch(*tokens: _Tokens, config: Path | None = None) -> int | None:
        """Take the options that all commands share, then run the command.

        Args:
            tokens: The command and its arguments.
            config: TOML file with a key for each option: data_dir is --data-dir.
        """
        FILE.set(config)
        if config is not None:
            app.config = (_ENVIRONMENT, _settings_source(app, config))
        code: int | None = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return code

    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit code."""
    code = _run(argv)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    except OSError as error:
        _drop_stdout()
        _say(describe(error))
        code = code or EXIT_FAILED
    return code


def _run(argv: Sequence[str] | None) -> int:
    """The exit code of one command line; whatever a user can cause is told in one line.

    A reader that closes the pipe has what it wanted (`gputail log dump | head`): that is no failure.
    A command whose exit code is a verdict handles it itself and goes on.
    """
    try:
        code = build_app().meta(argv, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, SettingsError) as error:
        _say(str(error))
        return EXIT_USAGE
    except BrokenPipeError:
        return EXIT_FINE
    except _user_errors() as error:
        _say(describe(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return EXIT_FINE if code is None else int(code)


def _user_errors() -> tuple[type[Exception], ...]:
    """The errors whose text is all that a user needs; asked for when there is an error to look at."""
    from ingest.errors import IngestError
    from query.views.errors import ViewError

    return EventLogError, IngestError, ViewError, OSError


def _settings_source(app: App, path: Path) -> _SettingsFile:
    """The settings file as a source of options, with every key known to some command."""
    settings = read_settings(path)
    check_keys(settings, _options(app), path)
    named = {option_of(key).removeprefix("--"): value for key, value in settings.items()}
    return _SettingsFile(named, source=str(path))


def _options(app: App) -> set[str]:
    """The options of all commands; imports each of them, so only asked for where a file is given."""
    options: set[str] = set()
    for name, command in app.resolved_commands().items():
        if name.startswith("-"):  # --help and --version
            continue
        if command.default_command is not None:
            for argument in command.assemble_argument_collection():
                options.update(argument.names)
        options |= _options(command)
    return options


def describe(error: Exception) -> str:
    """The error as a user reads it: no errno, the file first."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _say(message: str) -> None:
    """One line on stderr, if anybody reads it."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"gputail: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _drop_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not try again at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, sys.stdout.fileno())
    finally:
        os.close(devnull)
