"""The canvas of all pictures: the same numbers give the same bytes, and nothing stays behind."""

from __future__ import annotations

import subprocess
import sys

from pipelines.modeling.pictures import DPI, class_colours, encode_png, new_axes


def test_a_picture_has_the_size_that_was_asked_for_and_the_same_bytes_each_time() -> None:
    first, second = (encode_png(new_axes("title", "subtitle", 3.0, 2.0)) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
    size = int.from_bytes(first[16:20]), int.from_bytes(first[20:24])
    assert size == (3 * DPI, 2 * DPI)
    assert encode_png(new_axes("another title", "subtitle", 3.0, 2.0)) != first


def test_classes_go_from_red_to_blue_in_distinct_colours() -> None:
    for count in (2, 3, 5):
        colours = class_colours(count)
        assert len(set(colours)) == count
        red, blue = colours[0], colours[-1]
        assert red[0] > red[2]
        assert blue[2] > blue[0]


def test_no_figure_stays_behind_in_the_process() -> None:
    code = (
        "import sys; from pipelines.modeling import artefacts, pictures;"
        "assert 'matplotlib' not in sys.modules; pictures.encode_png(pictures.new_axes('a', 'b'));"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "True False"
