"""Where Renode is missing, of another version, dies or hangs."""

import time

import pytest

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.monitor import Monitor

SAYS_VERSION = '#!/bin/bash\n[ "$1" = --version ] && echo "Renode v1.16.1.5" && exit\n'
ANSWERS_ONCE = SAYS_VERSION + 'read command; read mark; eval "$mark"\n'


def test_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"not in PATH; install Renode 1\.16\.1 \(https://renode"):
        Monitor(tmp_path)


@pytest.mark.parametrize(
    "script, message",
    [
        ('echo "Renode v1.15.3.1"', r"is Renode v1\.15\.3, expected 1\.16 to 1\.x; install"),
        ('echo "Renode v2.0.0.1"', r"is Renode v2\.0\.0, expected"),
        ('echo "something else"', "is 'something else', expected"),
    ],
)
def test_another_version(tmp_path, fake_renode, script, message):
    fake_renode("#!/bin/bash\n" + script)
    with pytest.raises(UserError, match=message):
        Monitor(tmp_path)


def test_does_not_run(tmp_path, fake_renode):
    fake_renode("#!/no/such/interpreter\n")
    with pytest.raises(UserError, match="does not run .*install Renode"):
        Monitor(tmp_path)


def test_dies_at_the_start(tmp_path, fake_renode):
    fake_renode(SAYS_VERSION + "echo out of memory; exit 3\n")
    with pytest.raises(FirmwareError, match="ended at 'version'; its last words: out of memory"):
        Monitor(tmp_path)


def test_dies_at_a_command(tmp_path, fake_renode):
    fake_renode(ANSWERS_ONCE + "read command; echo no, not $command\n")
    with Monitor(tmp_path) as monitor, pytest.raises(FirmwareError, match="words: no, not start"):
        monitor.execute("start")


def test_hangs(tmp_path, fake_renode, ended):
    fake_renode(ANSWERS_ONCE + f"echo $$ >{tmp_path}/session; sleep 1000 & wait\n")
    start = time.monotonic()
    with Monitor(tmp_path) as monitor, pytest.raises(FirmwareError, match="in time to 'start'"):
        monitor.execute("start", timeout=0.5)
    assert time.monotonic() - start < 5
    assert ended(int((tmp_path / "session").read_text()))


def test_answers_are_told_from_echoes(tmp_path, fake_renode):
    fake_renode(
        ANSWERS_ONCE
        + 'while read -r line; do echo "(machine-0) $line"; echo -ne "\\r"; '
        + '[[ $line == echo* ]] && eval "$line" || echo "first"; done\n'
    )
    with Monitor(tmp_path) as monitor:
        assert monitor.execute("anything") == "first"
