"""A film of the live view: each moment as a picture, from the same views that pages are sent."""

import os
import secrets
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from PIL import Image

from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.pictures import Picture
from simcore.viewer.conductor import Conductor, Kind
from simcore.viewer.drawing import SHOWN, draw_moment
from simcore.viewer.messages import decode_view, encode_view
from simcore.viewer.scene import Scene

COLOURS_OF_A_GIF, PALETTE_FROM = 128, 8
"""Colours of an animation, and how many of its pictures they are chosen from."""
SUFFIXES = (".mp4", ".gif")


class Film:
    """Draws each moment, and writes a film of them; use it in a `with` block, at whose end the film is complete.

    Args:
        file: the film, NAME.mp4 or NAME.gif; one that is there is replaced at the end.
        rate: pictures a second.

    Raises:
        UserError: the name has another ending, or the file cannot be written.
    """

    def __init__(self, file: Path, rate: float) -> None:
        if file.suffix not in SUFFIXES:
            raise UserError(f"cannot record {file}: its name must end in {' or '.join(SUFFIXES)}")
        require(not file.is_dir(), f"cannot record {file}: it is a folder")
        self.file = file
        self.pictures = 0
        """How many were written."""
        self._part = file.with_name(f".{file.stem}.{secrets.token_hex(4)}.part{file.suffix}")
        self._known: dict[str, Any] = {}
        self._points: deque[dict[str, Any]] = deque(maxlen=SHOWN)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._writer: _Writer = _Video(self._part, rate) if file.suffix == ".mp4" else _Animation(self._part, rate)
        except BaseException:  # a library is missing
            self._part.unlink(missing_ok=True)
            raise

    def take(self, kind: Kind, view: bytes) -> None:
        """Take a view, as pages are sent it; of a moment, write a picture.

        Raises:
            UserError: the film cannot be written, for instance because the disk is full.
        """
        _, content = decode_view(view)
        self._known[kind] = content
        if kind == "history":
            self._points = deque(content["points"], maxlen=SHOWN)
        if kind != "moment" or "hello" not in self._known:
            return
        if not self._points or self._points[-1]["number"] < content["point"]["number"]:
            self._points.append(content["point"])
        try:
            self._writer.write(draw_moment(self._known, list(self._points)))
        except OSError as error:
            raise self._failed(error) from error
        self.pictures += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.close()
            if self.pictures:
                os.replace(self._part, self.file)
        except OSError as failure:
            raise self._failed(failure) from failure
        finally:
            self._part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> UserError:
        return UserError(f"cannot write {self.file}: {error.strerror or error}; name another file by --record")


def record(
    scene: Scene,
    description: dict[str, Any],
    film: Film,
    steps: int,
    blindfold_from: int | None = None,
    advance: Callable[[float], None] = lambda part: None,
) -> None:
    """Record a film of a scene, in which the first driver takes all steps.

    Args:
        scene: the scene.
        description: what pages would learn about it at first.
        film: the film.
        steps: how many steps are taken.
        blindfold_from: the step from which on the beliefs are shown no frames; None: they see all.
        advance: is called with the fraction done.

    Raises:
        UserError: there is no driver; a run cannot continue without frames; or the film cannot be written.
    """
    require(scene.driver != "you", "nobody can drive: this world has no walker, and the run's agent has no policy")
    if blindfold_from is not None:
        scene.require_blindfold()
    now = 0.0

    def tell(kind: Kind, view: Any) -> None:
        film.take(kind, encode_view(kind, view))

    tell("hello", description)
    conductor = Conductor(scene, tell, clock=lambda: now)
    conductor.begin()
    for step in range(steps):
        if step == blindfold_from:
            scene.blindfold(True)
        conductor.imagine_all()
        now += conductor.until_due() or 0.0
        conductor.step_in_time()
        advance((step + 1) / steps)


class _Writer(Protocol):
    def write(self, picture: Picture) -> None: ...

    def close(self) -> None: ...


class _Video:
    """Writes H.264 in an MP4 file."""

    def __init__(self, file: Path, rate: float) -> None:
        import av  # noqa: F401  # which imageio needs for it, and imports late
        import imageio.v3 as imageio

        self._file = imageio.imopen(file, "w", plugin="pyav")
        self._file.init_video_stream("libx264", fps=rate)

    def write(self, picture: Picture) -> None:
        self._file.write_frame(picture)

    def close(self) -> None:
        self._file.close()


class _Animation:
    """Writes a GIF, all of whose pictures have the same colours, so that only what changes between them is stored.

    Its colours are chosen at the end, from pictures of the whole film; until then all are kept, compressed.
    """

    def __init__(self, file: Path, rate: float) -> None:
        # A GIF counts hundredths of a second, and browsers show fewer than two as ten.
        self._file, self._duration = file, max(20, 10 * round(100 / rate))
        self._pictures: list[bytes] = []
        self._shape: tuple[int, ...] = ()

    def write(self, picture: Picture) -> None:
        self._shape = picture.shape
        self._pictures.append(zlib.compress(picture.tobytes(), level=1))

    def close(self) -> None:
        if not self._pictures:
            return
        some = self._pictures[:: -(-len(self._pictures) // PALETTE_FROM)]
        palette = Image.fromarray(np.concatenate([self._restored(each) for each in some])).quantize(COLOURS_OF_A_GIF)
        # Without dithering, which hides the pixels of small frames, and changes where nothing does.
        pictures = (
            Image.fromarray(self._restored(each)).quantize(palette=palette, dither=Image.Dither.NONE)
            for each in self._pictures
        )
        next(pictures).save(self._file, "GIF", save_all=True, append_images=pictures, duration=self._duration, loop=0)

    def _restored(self, compressed: bytes) -> Picture:
        return np.frombuffer(zlib.decompress(compressed), np.uint8).reshape(self._shape)
