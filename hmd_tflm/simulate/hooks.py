"""The compiled C files of native/, and their functions as hooks of an emulated core."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from unicorn import Uc, UcError
from unicorn.unicorn_const import UC_ERR_OK
from unicorn.unicorn_py3.unicorn import uclib

from hmd_tflm.errors import UserError


def add_hook(
    uc: Uc,
    kind: int,
    function: ctypes._NamedFuncPointer,
    user: ctypes.c_void_p,
    begin: int = 1,
    end: int = 0,
) -> None:
    """Has `uc` call a C function.

    Args:
        kind: one of unicorn's UC_HOOK_*.
        user: what the function gets; the caller keeps it alive.
        begin, end: addresses, both included; by default all.

    Raises:
        UcError: unicorn refuses.
    """
    status = uclib.uc_hook_add(
        uc._uch,
        ctypes.byref(ctypes.c_size_t()),
        ctypes.c_int(kind),
        ctypes.cast(function, ctypes.c_void_p),
        user,
        ctypes.c_uint64(begin),
        ctypes.c_uint64(end),
    )
    if status != UC_ERR_OK:
        raise UcError(status)


@cache
def native_library() -> ctypes.CDLL:
    """The compiled C files of native/.

    Raises:
        UserError: they are not compiled.
    """
    names = [Path(__file__).with_name("_counter" + suffix) for suffix in EXTENSION_SUFFIXES]
    path = next((name for name in names if name.is_file()), None)
    if path is None:
        raise UserError(
            f"{names[0]} is missing; build the package's native parts with a C compiler: "
            "pip install -e ."
        )
    return ctypes.CDLL(str(path))
