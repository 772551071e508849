"""What TensorBoard reads of a run's event files."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def events_in(folder: Path) -> EventAccumulator:
    """Return all that TensorBoard reads, of as many steps as there are."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    return events.Reload()


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    """Return steps and values of a metric."""
    return [(event.step, event.value) for event in events_in(folder).Scalars(name)]


def pictures(folder: Path, name: str) -> dict[int, NDArray[np.uint8]]:
    """Return pictures by their step."""
    events = events_in(folder).Images(name)
    return {event.step: np.asarray(Image.open(io.BytesIO(event.encoded_image_string))) for event in events}
