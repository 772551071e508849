"""Messages: views come out as they went in, and nothing but a command is one."""

import contextlib
import json
import math
import struct
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenes import scene_of
from simcore.common.errors import UserError
from simcore.viewer.messages import COMMANDS, Command, decode_view, encode_view, parse_command
from simcore.viewer.scene import Plan


class Pair(NamedTuple):
    one: Any
    other: Any


def test_a_moment_comes_out_as_it_went_in() -> None:
    scene = scene_of()
    moment = scene.step()
    kind, view = decode_view(encode_view("moment", moment))
    assert kind == "moment"
    assert view["number"] == 1
    assert view["place"]["since_seen"].dtype == np.int32
    np.testing.assert_array_equal(view["frame"], moment.frame)
    np.testing.assert_array_equal(view["beliefs"][0]["cell"], moment.beliefs[0].cell)
    assert view["beliefs"][0]["map_error"] == moment.beliefs[0].map_error
    assert view["beliefs"][0]["certainty"] is None


def test_futures_come_out_as_they_went_in() -> None:
    *_, futures = scene_of().imagine(Plan("walker"), samples=2, steps=3)
    assert futures is not None
    _, view = decode_view(encode_view("futures", futures))
    np.testing.assert_array_equal(view["samples"][0], futures.samples[0])
    assert view["actions"] == list(futures.actions)


def test_arrays_begin_at_multiples_of_eight_bytes() -> None:
    arrays = tuple(
        np.zeros(size, kind) for size, kind in [(3, np.uint8), (5, np.float64), (1, np.int64), (0, np.float32)]
    )
    data = encode_view("x", {"a": arrays, "text": "Å" * 3})
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    assert (4 + length) % 8 == 0
    assert [dtype for dtype, _, _ in header["arrays"]] == ["uint8", "float32", "int32", "float32"]
    assert all(offset % 8 == 0 for _, _, offset in header["arrays"])
    assert len(data) % 8 == 0


def test_what_json_cannot_say_is_null() -> None:
    view = {"a": math.nan, "b": Pair(np.float32("inf"), [np.int64(3), True])}
    assert decode_view(encode_view("x", view)) == ("x", {"a": None, "b": {"one": None, "other": [3, True]}})


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"do": "press", "value": 2}', Command("press", 2)),
        ('{"do": "step"}', Command("step")),
        ('{"do": "reset", "value": null}', Command("reset")),
        ('{"do": "plan", "value": "walker"}', Command("plan", "walker")),
        ('{"do": "plan", "value": 0}', Command("plan", 0)),
        ('{"do": "pace", "value": 7.5}', Command("pace", 7.5)),
    ],
)
def test_commands(text: str, command: Command) -> None:
    assert parse_command(text) == command


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"do": "step"}', "binary"),
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 900, "no JSON"),
        ('{"do": "pace", "value": NaN}', "no JSON"),
        ('{"do": "pace", "value": 1e999}', "from 0.1 to 60"),
        ("[]", "a command is"),
        ("null", "a command is"),
        ('{"do": ["step"]}', "a command is"),
        ('{"do": "step", "more": 1}', "a command is"),
        ('{"do": "explode"}', "there are press, release"),
        ('{"do": "press"}', "press takes a whole number from 0, not None"),
        ('{"do": "press", "value": true}', "not True"),
        ('{"do": "press", "value": -1}', "not -1"),
        ('{"do": "press", "value": 1.0}', "not 1.0"),
        ('{"do": "press", "value": %s}' % ("9" * 500), "whole number"),
        ('{"do": "step", "value": 0}', "step takes nothing"),
        ('{"do": "pause", "value": 1}', "true or false"),
        ('{"do": "driver", "value": "me"}', "you, walker or agent"),
        ('{"do": "driver", "value": ["you"]}', "you, walker or agent"),
        ('{"do": "reset", "value": 2147483648}', "whole number from 0"),
        ('{"do": "pace", "value": 0}', "from 0.1 to 60"),
        ('{"do": "pace", "value": true}', "from 0.1 to 60"),
    ],
)
def test_what_is_no_command(text: str | bytes, why: str) -> None:
    with pytest.raises(UserError, match=why):
        parse_command(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


ANY_VALUE = st.builds(lambda name, value: json.dumps({"do": name, "value": value}), st.sampled_from([*COMMANDS]), JSON)


@settings(max_examples=200, deadline=None)
@given(st.text() | ANY_VALUE)
def test_any_text_is_a_command_or_refused(text: str) -> None:
    with contextlib.suppress(UserError):
        assert parse_command(text).do in COMMANDS
