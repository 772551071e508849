from pathlib import Path

import pytest

from simcore.common.atomic import replacing


def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    with replacing(path) as file:
        assert file.suffix == ".png", "libraries choose the format by it"
        file.write_text("old")

    def write() -> None:
        with replacing(path) as file:
            file.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
