"""Options that several parts of `setup` have."""

import argparse

from nomad_token.setup.file import NAME


def of_file(one: argparse.ArgumentParser) -> None:
    """Add which file is meant."""
    about = f"the file that says what is wanted; the files that it names are beside it. Default: {NAME}."
    one.add_argument("--file", metavar="FILE", default=NAME, dest="setup_file", help=about)
