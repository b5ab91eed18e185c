"""app=echo: VFs as hosts on a wire, with the Linux that the tests run on at its other end."""
import re

import pytest
import sluice
import wire

pytestmark = pytest.mark.needs("device:igb")

# Datagrams of all lengths to the echo port, some on the way at a time; each must come back as it was, once.
DATAGRAMS = """
import socket, sys, random
host, count = sys.argv[1], int(sys.argv[2])
family = socket.getaddrinfo(host, 7, type=socket.SOCK_DGRAM)[0]
s = socket.socket(family[0], socket.SOCK_DGRAM)
s.settimeout(300)
s.connect(family[4])
random.seed(1)
data = [i.to_bytes(4, "big") + random.randbytes(random.randrange(1400)) for i in range(64)]
def one(i):
    return i.to_bytes(4, "big") + data[i % 64]
for first in range(0, count, 16):
    for i in range(first, first + 16):
        s.send(one(i))
    for i in range(first, first + 16):
        assert s.recv(2000) == one(i), i
s.connect(family[4][:1] + (19,) + family[4][2:])
s.send(b"")
text = s.recv(2000)
assert len(text) == 444 and text[:4] == b' !"#' and text.endswith(b"\\r\\n"), text
s.connect(family[4][:1] + (9,) + family[4][2:])
s.send(bytes(1000))
print("right")
"""


def test_linux(folder, emulator):
    """Pings and datagrams by IPv4 and IPv6 to VFs, their neighbours' answers in Linux's tables, and a wire that is pulled."""
    monitor = sluice.Monitor(folder)
    with wire.linux(folder / "run", "10.0.0.200/24", "fd00::200/64") as linux:
        console = sluice.Console(folder / "run", "app=echo", "vfs=3", "seconds=3000", until="or until Ctrl-C", qemu=monitor.qemu,
                                 env=emulator.env)
        try:
            addresses = re.findall(r"echo: VF \d 0000:\S+: (\S+) (10\S+) (fd\S+) (fe\S+)", console.log.read_text())
            assert len(addresses) == 3
            for mac, *own in addresses:
                for address in own:
                    scope = "%sluice" if address.startswith("fe80") else ""
                    status, said = linux("ping", "-c", 3, "-i", 0.2, "-W", 60, "-s", 1000, address + scope)
                    assert status == 0 and " 3 received, 0% packet loss" in said
                    assert f"lladdr {mac} " in linux("ip", "neighbour", "show", address)[1]
            for address in addresses[0][1:3]:
                assert linux.python(DATAGRAMS, address, 3200)[1] == "right\n"
            monitor("set_link net0 off")
            console.expect("the link is down: is the cable in?")
            assert linux("ping", "-c", 1, "-W", 1, addresses[2][1])[0] == 1
            monitor("set_link net0 on")
            console.expect("the link is back")
            assert linux("ping", "-c", 1, "-w", 120, addresses[2][1])[0] == 0
            console.keys("\x03")
            console.expect("RESULT ")
            console.expect("\n")
            text = re.sub(r"\s+", " ", console.log.read_text())
        finally:
            console.end()
    counts = re.search(r"VF 0: (\d+) frames: (\d+) ARP, (\d+) neighbour, 9 pings, 6404 datagrams \(2000 bytes discarded\); (\d+) answers", text)
    assert counts and int(counts[2]) >= 1 and int(counts[3]) >= 2
    assert " ok=1 " in text and " stopped=1 " in text and " faults=0 " in text and "WARN echo" not in text

