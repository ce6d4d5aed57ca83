"""A line of a fixed round trip, at whose far end this machine is itself.

A network device of the kernel (tun): what is sent to 10.99.0.2 arrives, half of
the round trip later, at 10.99.0.1, which is here, and what is answered comes
back as late. So handshakes, slow start and windows are the kernel's, as on a
real line of unlimited bandwidth. benches/line.rs carries the packets.

Needs root and `ip` (iproute2).
"""

import ctypes
import fcntl
import os
import pathlib
import struct
import subprocess

NEAR, FAR = "10.99.0.1", "10.99.0.2"
NEW_NETWORK = 0x4000_0000
SET_INTERFACE, TUN, NO_PACKET_INFORMATION = 0x4004_54CA, 0x0001, 0x1000


def apart_from_others():
    """Moves this process into a network namespace with loopback only."""
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.unshare(NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def compiled(folder):
    """The program that carries the packets."""
    program = folder / "line"
    source = pathlib.Path(__file__).with_suffix(".rs")
    subprocess.run(["rustc", "-O", "--edition", "2024", "-o", program, source], check=True)
    return program


def device():
    """Opens the device. The kernel removes it when the last handle is closed."""
    opened = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(opened, SET_INTERFACE, struct.pack("16sH22x", b"line", TUN | NO_PACKET_INFORMATION))
    for command in (["addr", "add", NEAR, "peer", FAR, "dev", "line"],
                    ["link", "set", "line", "txqueuelen", "100000", "up"]):
        subprocess.run(["ip", *command], check=True)
    return opened
