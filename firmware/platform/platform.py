"""An embedded PlatformIO platform that needs no package: the compiler is the system's."""

import shutil

from platformio.exception import UserSideException
from platformio.platform.base import PlatformBase


class SystemarmPlatform(PlatformBase):
    def is_embedded(self):  # PlatformIO derives it from upload tools, of which there are none here
        return True

    def configure_default_packages(self, options, targets):
        if not shutil.which("arm-none-eabi-gcc"):
            raise UserSideException(
                "arm-none-eabi-gcc is not in PATH; install it: "
                "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"
            )
        return super().configure_default_packages(options, targets)
