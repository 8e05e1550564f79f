"""Write the model and the recording of this example as C, for `pio run -e BOARD_live`.

python firmware/examples/live/prepare.py firmware/generated
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hmd_tflm.codegen import generate
from hmd_tflm.files import read_arrays, read_whole, write_whole

HERE = Path(__file__).parent
MODEL, RECORDING = HERE / "model.tflite", HERE / "recording.npz"


def prepare(folder: Path, period_us: int | None = None, windows: int | None = None) -> None:
    """Write model.c and recording.c into a folder.

    Args:
        folder: made if it does not exist.
        period_us: of a frame, by default the recording's own.
        windows: how many of the recording, by default all.
    """
    generate(read_whole(MODEL), folder, "har_smartphone")
    arrays = read_arrays(RECORDING)
    frames = arrays["frames"][:windows]
    classes = [str(name) for name in arrays["class_names"]]
    source = _SOURCE.format(
        frames="".join(
            f"    {', '.join(map(str, frame))},\n" for frame in frames.reshape(-1, frames.shape[2])
        ),
        classes="".join(f'    "{name}",\n' for name in classes),
        frame_bytes=frames.shape[2],
        frame_count=frames.shape[0] * frames.shape[1],
        window=frames.shape[1],
        period_us=period_us or int(arrays["period_us"]),
        class_count=len(classes),
    )
    write_whole(Path(folder, "recording.c"), source)


_SOURCE = """\
/* A recording, made by firmware/examples/live/prepare.py. */
#include "recording.h"

static const int8_t frames[] = {{
{frames}}};

static const char *const classes[] = {{
{classes}}};

const live_recording recording = {{{frame_bytes}, {frame_count}, {window}, {period_us},
                                  {class_count}, classes, frames}};
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="for the C files")
    prepare(parser.parse_args().folder)
