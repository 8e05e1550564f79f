"""The board's side of the protocol, compiled for the host with sanitizers, against its Python twin."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.protocol import Link, decode, encode

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
SOURCES = [FIRMWARE / "src" / "protocol.c", FIRMWARE / "src" / "reply.c"]
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
INCLUDES = [f"-I{FIRMWARE / 'src'}", f"-I{FIRMWARE / 'lib/hmd_nn/include'}"]


class Host:
    """A transport to the compiled protocol; remembers that it was silent only by ending."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def write(self, data: bytes) -> None:
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def readline(self) -> bytes:
        return self._process.stdout.readline()

    def close(self) -> str:
        """What the sanitizers said."""
        return self._process.communicate(timeout=10)[1].decode()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("no host C compiler: apt install gcc")
    path = tmp_path_factory.mktemp("protocol") / "protocol"
    subprocess.run(
        ["cc", *WARNINGS, "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover"]
        + [*INCLUDES, HERE / "protocol_host.c", HERE / "dummy_model.c", *SOURCES, "-o", path],
        check=True,
    )
    return path


@pytest.fixture(scope="module")
def host(program):
    host = Host(program)
    assert decode(host.readline()) == "hmd ready protocol=2"
    yield host
    assert host.close() == ""


def ask(host, request: bytes) -> str:
    host.write(request)
    return decode(host.readline())


def test_twin_understands_every_reply(host):
    link = Link(host)
    info = link.info()
    assert (info.model, info.crc32, info.board) == ("dummy", 0x0BADCAFE, "host")
    assert (info.clock_hz, info.input, info.output, info.arena) == (1000000, 4, 2, 72)
    assert info.ops == ("ADD", "MEAN", "STORE")
    link.reset()
    assert link.run(bytes([1, 2, 3, 4])).output == bytes([10, 2])
    run = link.run(bytes([0xFF, 0xFE, 0, 0]))  # -1 - 2, onto the state
    assert run.output == bytes([7, 1])
    assert run.op_cycles == (100, 100, 100) and run.cycles == 300
    assert (run.stack, run.arena) == (512, 8)
    link.reset()
    assert link.run(bytes([1, 0, 0, 0])).output == bytes([1, 0])


@pytest.mark.parametrize(
    "text, reply",
    [
        ("bogus", "err command expected=info,reset,run"),
        ("inform", "err command expected=info,reset,run"),
        ("resetting", "err command expected=info,reset,run"),
        ("", "err command expected=info,reset,run"),
        ("run", "err length received=0 expected=4"),
        ("run 0", "err length received=0 expected=4"),
        ("run 0 0102", "err length received=2 expected=4"),
        ("run 0 0102030405", "err length received=5 expected=4"),
        ("run 0 01020304050607", "err length received=7 expected=4"),
        ("run 0 010203", "err length received=3 expected=4"),
        ("run 0 0102030", "err hex position=7"),
        ("run 0 01 20304", "err hex position=2"),
        ("run 0 0102030g", "err hex position=7"),
        ("run 0 0102abcd", "err hex position=4"),
        ("run 0  01020304", "err hex position=0"),
        ("info 00", "err length received=1 expected=0"),
        ("info x", "err hex position=0"),
        ("run 1 01020304", "err step received=1 expected=0"),
        ("run x 01020304", "err step received=none expected=0"),
        ("run -1 01020304", "err step received=none expected=0"),
        ("run  01020304", "err step received=none expected=0"),
        ("run 4294967295 01020304", "err step received=4294967295 expected=0"),
        ("run 4294967296 01020304", "err step received=none expected=0"),
    ],
)
def test_errors(host, text, reply):
    assert ask(host, encode("reset")) == "ok step=0"
    assert ask(host, encode(text)) == reply
    assert ask(host, encode("run 0 01020304")).startswith("ok step=0 output=0A02")


def test_messages_come_before_the_reply(host):
    assert ask(host, encode("reset")) == "ok step=0"
    assert ask(host, encode("run 0 7F000000")) == "log ADD: 127 is refused"
    assert decode(host.readline()) == "log by this op"
    assert decode(host.readline()) == "err model status=42 op=0"
    assert ask(host, encode("reset")) == "ok step=0"


def test_a_repeated_request_is_not_run_again(host):
    assert ask(host, encode("reset")) == "ok step=0"
    first = ask(host, encode("run 0 01020304"))
    assert first == ask(host, encode("run 0 01020304"))
    assert ask(host, encode("run 0 01020304 ")).startswith("err")
    assert first == ask(host, encode("run 0 01020304"))
    assert ask(host, encode("run 1 01000000")).startswith("ok step=1 output=0B02")
    assert ask(host, encode("run 0 01020304")) == "err step received=0 expected=2"


def test_an_output_that_may_be_overwritten_is_not_repeated(host):
    assert ask(host, encode("reset")) == "ok step=0"
    assert ask(host, encode("run 0 01020304")).startswith("ok step=0")
    assert ask(host, encode("run 1 0102030x")) == "err hex position=7"  # it wrote into the input
    assert ask(host, encode("run 0 01020304")) == "err step received=0 expected=1"
    assert ask(host, encode("run 1 01000000")).startswith("ok step=1 output=0B02")


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", "x", " ", "00"])), max_size=12))
def test_no_order_of_requests_runs_a_step_twice(host, requests):
    """Whatever is asked, damaged or not: an `ok` has the sum up to its step, in order."""
    assert ask(host, encode("reset")) == "ok step=0"
    done = 0
    for step, damage in requests:
        reply = ask(host, encode(f"run {step} 01000000{damage}"))
        if reply.startswith("ok"):
            assert step in (done, done - 1)
            done = step + 1
            assert reply.startswith(f"ok step={step} output={done:02X}")


def test_checksum_errors(host):
    right = encode("info")[-5:-1].decode()
    assert ask(host, b"info\n") == f"err crc received=none expected={right}"
    assert ask(host, b"info *123\n") == f"err crc received=none expected={right}"
    assert ask(host, b"info *12345\n") == f"err crc received=none expected={right}"
    assert ask(host, b"info *12g4\n") == f"err crc received=none expected={right}"
    assert ask(host, b"info *0000\n") == f"err crc received=0000 expected={right}"
    damaged = encode("run 0 01020304").replace(b"3", b"7", 1)
    assert ask(host, damaged).startswith("err crc received=")


def test_failed_run_leaves_the_state(host):
    link = Link(host)
    link.reset()
    before = link.run(bytes([5, 0, 0, 0])).output[0]
    for request in (b"run 1 01020304 *0000\n", encode("run 1 0102"), encode("run 1 0102030x")):
        assert ask(host, request).startswith("err")
    assert link.run(bytes(4)).output[0] == before


def test_carriage_returns_and_empty_lines(host):
    host.write(b"\n\r\n\n")
    assert ask(host, encode("reset").replace(b"\n", b"\r\n")) == "ok step=0"


def test_twin_names_the_error(host):
    with pytest.raises(FirmwareError, match="'run' with: err length received=1 expected=4"):
        Link(host).run(b"\x01")


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"run 01", b" *", b"info", b"\r", b" "])))
def test_resynchronises_after_garbage(host, pieces):
    garbage = b"".join(pieces) + b"\n"
    host.write(garbage)
    for line in garbage.replace(b"\r", b"").split(b"\n")[:-1]:
        if line:
            assert decode(host.readline()).startswith("err")
    assert ask(host, encode("info")).startswith("ok protocol=2 model=dummy")


def test_too_many_ops(tmp_path, program):
    model = (HERE / "dummy_model.c").read_text().replace(".op_count = 3", ".op_count = 65")
    (tmp_path / "model.c").write_text(model)
    many = tmp_path / "many"
    sources = [HERE / "protocol_host.c", tmp_path / "model.c", *SOURCES]
    subprocess.run(["cc", *WARNINGS, *INCLUDES, *sources, "-o", many], check=True)
    host = Host(many)
    assert decode(host.readline()) == "err model status=-1000"
    assert ask(host, encode("run 0 01020304")) == "err model status=-1000"
    assert ask(host, encode("reset")) == "err model status=-1000"
    assert host.close() == ""
