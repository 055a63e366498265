"""Prints notes, which stand beside the result: lines that begin with `note:`."""

from __future__ import annotations

import typer

from latentfx.names import shown


def say_note(text: str) -> None:
    """Print a note to the standard error, yellow on a terminal."""
    typer.secho(f"note: {shown(text)}", fg=typer.colors.YELLOW, err=True)
