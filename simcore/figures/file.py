"""Figures as files."""

import io

from matplotlib.figure import Figure


def figure_file(figure: Figure, kind: str = "png", dpi: int = 150) -> bytes:
    """Return a figure as a file of a kind has it, png or pdf."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=dpi)
    return file.getvalue()
