"""Run the linker; where a memory overflows, say by how much and what helps.

Arguments: board, bytes of flash, bytes of RAM, the linker and its arguments.
"""

import re
import subprocess
import sys

board, flash, ram, *linker = sys.argv[1:]
done = subprocess.run(linker, stderr=subprocess.PIPE, text=True, check=False)
sys.stderr.write(done.stderr)
for region, size in (("FLASH", flash), ("RAM", ram)):
    overflow = re.search(f"region `{region}' overflowed by (\\d+) bytes", done.stderr)
    if overflow:
        needed = int(size) + int(overflow[1])
        sys.stderr.write(
            f"the firmware needs {needed} bytes of {region}, {board} has {size}; use fewer units, "
            "a larger compression factor or a larger board\n"
        )
sys.exit(done.returncode)
