"""The command line: `bowen up`, `bowen import`, `bowen demo`."""

import argparse
import asyncio
import errno
import importlib
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from rich.console import Console
from rich.markup import escape

from suite.embedded import ServerFault
from suite.faults import Fault

FAULT = 1
INTERRUPTED = 130

COMMANDS = {
    "up": ("suite.up", "start everything and keep it running until Ctrl-C"),
    "import": ("suite.importing", "bring members or orders in from a CSV file"),
    "demo": ("suite.demo", "start everything and replay a real retailer's months"),
}
"""Command → the module that holds it, imported only when it is asked for, and what it does."""


class Command(Protocol):
    """What the module of a command holds."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""

    def run(self, arguments: argparse.Namespace, console: Console) -> int:
        """Do it. Returns the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. What a person can mend is said in words, without a traceback."""
    console = Console()
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(words).parse_args(words)
    try:
        return int(arguments.run(arguments, console))
    except (Fault, ServerFault) as fault:
        return _refuse(str(fault))
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _refuse(f"{error.filename or 'a file of the data directory'}: {error.strerror}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped")
        return 0 if arguments.command == "up" else INTERRUPTED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bowen", description="Bowen on one machine.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        if name in words[:1]:
            command = _command(module)
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser


def _command(module: str) -> Command:
    return cast(Command, importlib.import_module(module))


def _refuse(why: str) -> int:
    Console(stderr=True).print(f"[bold red]bowen:[/bold red] {escape(why)}", highlight=False, soft_wrap=True)
    return FAULT


if __name__ == "__main__":
    sys.exit(main())
