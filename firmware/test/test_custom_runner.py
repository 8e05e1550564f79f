"""PlatformIO's runner for Unity, with platform/unity in the place of Unity from the registry."""

from platformio.public import UnityTestRunner


class CustomTestRunner(UnityTestRunner):
    EXTRA_LIB_DEPS = None

    def configure_build_env(self, env):
        unity = "$PROJECT_DIR/platform/unity"
        env.Append(CPPPATH=[unity])
        env.BuildSources("$BUILD_DIR/unity", unity)
        return env
