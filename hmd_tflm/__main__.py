"""`python -m hmd_tflm`: the same as `hmd-tflm`."""

import sys

from hmd_tflm.cli import main

sys.exit(main())
