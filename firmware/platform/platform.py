"""An embedded PlatformIO platform that needs no package: the compiler is the system's."""

import shutil

from platformio.exception import UserSideException
from platformio.platform.base import PlatformBase


class SystemarmPlatform(PlatformBase):
    def is_embedded(self):  # PlatformIO derives it from upload tools, of which there are none here
        return True

    def get_boards(self, id_=None):
        found = super().get_boards(id_)
        for board in [found] if id_ else found.values():
            config = f"board/{board.get('debug.openocd_board')}.cfg"
            server = {"executable": "openocd", "arguments": ["-f", config]}
            board.manifest["debug"]["tools"] = {"stlink": {"server": server, "default": True}}
        return found

    def configure_default_packages(self, options, targets):
        if not shutil.which("arm-none-eabi-gcc"):
            raise UserSideException(
                "arm-none-eabi-gcc is not in PATH; install it: "
                "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"
            )
        return super().configure_default_packages(options, targets)
