"""`python -m hmd_tflm.convert`: the same as `hmd-tflm convert`."""

import sys

from hmd_tflm.cli import main

sys.exit(main(["convert", *sys.argv[1:]]))
