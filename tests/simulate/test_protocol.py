"""The host's side of the protocol, on its own."""

import pytest

from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.protocol import Link, StepError, crc16, decode, encode


class Script:
    """A transport that gives lines from a list."""

    def __init__(self, *lines: bytes) -> None:
        self.lines = list(lines)
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def readline(self) -> bytes:
        return self.lines.pop(0) if self.lines else b""


def bitwise_crc(data: bytes) -> int:
    """By the definition: long division by x^16 + x^12 + x^5 + 1."""
    value = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            divides = (value >> 15) ^ (byte >> bit & 1)
            value = (value << 1 & 0xFFFF) ^ (0x1021 if divides else 0)
    return value


@pytest.mark.parametrize("data, crc", [(b"", 0xFFFF), (b"A", 0xB915), (b"123456789", 0x29B1)])
def test_crc_vectors(data, crc):
    assert crc16(data) == crc == bitwise_crc(data)


def test_lines():
    assert encode("info") == b"info *%04X\n" % bitwise_crc(b"info")
    assert decode(encode("ok a=1")) == "ok a=1"
    assert decode(encode("x *y")[:-1] + b"\r\n") == "x *y"
    for bad in (b"ok\n", b"ok *0000\n", encode("ok").lower(), encode("ok")[:-2]):
        with pytest.raises(FirmwareError, match="damaged line"):
            decode(bad)


def test_requests():
    run = encode("ok step=0 output=FF00 cycles=7 op_cycles=3,4 stack=100 arena=20")
    port = Script(encode("hmd ready protocol=2"), encode("ok step=0"), b"\n", run)
    link = Link(port)
    link.reset()
    assert link.run(b"\x80\x7f").output == b"\xff\x00"
    assert port.written == encode("reset") + encode("run 0 807F")


@pytest.mark.parametrize(
    "line, message",
    [
        (b"", "no reply to 'info'; check"),
        (encode("err model status=3"), "answered 'info' with: err model status=3"),
        (encode("fault pc=08000124 cfsr=00008200"), "with: fault pc=08000124"),
        (encode("ok protocol=1"), "protocol 1, expected 2"),
        (encode("ok protocol=2 model=x"), "not as docs/protocol.md says"),
    ],
)
def test_failures(line, message):
    with pytest.raises(FirmwareError, match=message):
        Link(Script(line)).info()


def test_messages_of_the_firmware_are_told():
    port = Script(
        encode("log arena: needs 7000"), encode("log bytes"), encode("err model status=1")
    )
    link = Link(port)
    with pytest.raises(FirmwareError, match="status=1; it said: arena: needs 7000; it said: bytes"):
        link.reset()
    assert link.log == ["arena: needs 7000", "bytes"]


def test_a_board_at_another_step():
    link = Link(Script(encode("err step received=0 expected=5")))
    with pytest.raises(StepError, match="has run 5 inferences since .*, expected 0") as caught:
        link.run(b"\x01")
    assert caught.value.expected == 5
