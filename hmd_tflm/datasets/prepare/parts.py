"""Long work on many files in parts, each kept as soon as it is done: a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm.datasets.prepare.source import Source
from hmd_tflm.errors import UserError
from hmd_tflm.files import make_folder, read_arrays, write_whole

SIZE = 1024


def in_parts(
    folder: Path,
    source: Source,
    names: Sequence[str],
    function: Callable[[list[tuple[str, bytes]]], NDArray],
) -> NDArray:
    """Map files to arrays; what an earlier run left in the folder is not computed again.

    Args:
        folder: for the parts; made if need be, left to the caller to delete.
        source: where the files are.
        names: of the files, all different.
        function: gets names and contents of at most `SIZE` files, returns ``[files, ...]``.

    Returns:
        ``[len(names), ...]``, in the order of the names.

    Raises:
        UserError: a file cannot be read, or a part cannot be written.
    """
    make_folder(folder)
    done: dict[str, NDArray] = {}
    for path in folder.glob("*.npz"):
        try:
            part = read_arrays(path)
        except UserError:  # cut short when the machine went down: computed again
            continue
        done.update(zip(part["names"].tolist(), part["results"], strict=True))
    files = source.read([name for name in names if name not in done])
    with tqdm(total=len(names), initial=len(done), desc=source.path.name, unit="file") as bar:
        while batch := list(islice(files, SIZE)):
            here = [name for name, _ in batch]
            results = function(batch)
            content = BytesIO()
            np.savez(content, names=np.array(here), results=results)
            write_whole(folder / f"{len(done):08}.npz", content.getvalue())
            done.update(zip(here, results, strict=True))
            bar.update(len(here))
    return np.stack([done[name] for name in names])
