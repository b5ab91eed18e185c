"""A Linux guest with soft-RoCE, Debian's programs that judge it, and a wire between two machines that may lose frames."""
import base64
import contextlib
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import threading
import time

import linux_guest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 900  # seconds of one boot


def marker(ident):
    """A program that executes a marker of tools/insncount (kernel/marker.h), and ends."""
    code = bytes([0x0F, 0x1F, 0x84, 0, ident]) + b"ULS" + b"\x31\xff\x6a\x3c\x58\x0f\x05"  # xor edi, edi; push 60; pop rax; syscall
    at, head = 0x400000, 64 + 56
    return struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, at + head, 64, 0, 0, 64, 56, 1, 0, 0, 0) + \
        struct.pack("<IIQQQQQQ", 1, 5, 0, at, at, head + len(code), head + len(code), 4096) + code


PERFTEST = tuple((f"ib_{name}", f"usr/bin/ib_{name}") for name in (
    "write_bw", "read_bw", "send_bw", "atomic_bw", "write_lat", "read_lat", "send_lat"))
GUEST = linux_guest.Guest(
    who="rdma", init=ROOT / "tools/linux_guest_rdma.sh",
    packages=("busybox-static", "rdma-core", "ibverbs-utils", "ibverbs-providers", "rdmacm-utils", "perftest", "iproute2"),
    binaries=(("ip", "bin/ip"), ("rdma", "usr/bin/rdma"), ("rping", "usr/bin/rping"), ("ucmatose", "usr/bin/ucmatose"),
              ("cmtime", "usr/bin/cmtime"), *PERFTEST),
    modules=("crc32_generic", "igb", "rdma_rxe", "ib_uverbs", "rdma_ucm"),
    plugins=("librxe-rdmav34.so",), files=(("etc/", b""), ("etc/libibverbs.d/", b""), ("etc/libibverbs.d/rxe.driver", b"driver rxe\n"),
                                           ("bin/mark14", marker(14)), ("bin/mark15", marker(15))))

# What the guest's programs ask of Sluice: first as servers, whose client it is, one after the other (SERVED), then as clients.
SERVERS = {
    "rping -s": "rping -s -a 10.0.0.200 -C 100 -V",
    **{f"{name} -s": f"{name} -R -d rxe0 -F -n 20" for name, _ in PERFTEST},
}
CLIENTS = {
    "rping -c": "rping -c -a 10.0.0.1 -C 20 -S 4000 -V",
    "ib_write_bw": "ib_write_bw -R -d rxe0 -F -n 20 -s 65536 10.0.0.1",
    "ib_read_bw": "ib_read_bw -R -d rxe0 -F -n 20 -s 65536 10.0.0.1",
    "ib_send_bw": "ib_send_bw -R -d rxe0 -F -n 20 -s 65536 10.0.0.1",
    "ib_atomic_bw": "ib_atomic_bw -R -d rxe0 -F -n 20 10.0.0.1",
    "ib_write_lat": "ib_write_lat -R -d rxe0 -F -n 20 -p 18517 10.0.0.1",
    "ib_read_lat": "ib_read_lat -R -d rxe0 -F -n 20 10.0.0.1",
    "ib_send_lat": "ib_send_lat -R -d rxe0 -F -n 20 -p 18516 10.0.0.1",
    "ucmatose": "ucmatose -s 10.0.0.1",
    "cmtime": "cmtime -s 10.0.0.1 -c 20",
}
JUDGES = {**SERVERS, **CLIENTS}
SERVED = ("peer=10.0.0.200", "client=" + ",".join(name.removesuffix(" -s") for name in SERVERS), "ops=20")


def clients(said):
    """The names of SERVERS that Sluice, their client, was through with."""
    return [f"{name} -s" for name in re.findall(r"rdma: (\S+) to 10\.0\.0\.200: (?:100 pings of 64 bytes came back|20\s+operations of)", said)]


# And to be sure that it is there.
MET = "wait_for ping 'ping -c 1 -W 2 10.0.0.1 >/dev/null'\n"


def sockets(run, wired):
    """(own, other end's) paths of the guest's network to the machine whose run.sh has the folder run; wired: by Wire."""
    return (f"{run}/guest", f"{run}/back") if wired else (f"{run}/nobody", f"{run}/net")


def line(qemu, kernel, initrd, script, log, ends, address, number=2, cpus=1, stream=None):
    """The words that start a guest: ends as of sockets(); its serial line goes to log. stream: instead of ends, the path of a
    socket that loses nothing, which guest 1 makes."""
    wire = f"dgram,id=n,local.type=unix,local.path={ends[0]},remote.type=unix,remote.path={ends[1]}" if not stream else \
        f"stream,id=n,server={'on' if number == 1 else 'off'},addr.type=unix,addr.path={stream}"
    case = base64.b64encode(script.encode()).decode()
    return list(map(str, [
        qemu, "-machine", "q35", "-accel", "tcg,thread=single" if cpus == 1 else "tcg", "-cpu", "max", "-smp", cpus, "-m", "512M",
        "-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{log}", "-kernel", kernel, "-initrd", initrd,
        "-append", f"console=ttyS0 quiet panic=-1 no_timer_check rdma.ip={address} rdma.case={case}",
        "-netdev", wire,
        "-device", f"igb,netdev=n,mac=52:54:00:00:00:{number:02x},romfile="]))


def wait(log, pattern, what, alive):
    """The match of the pattern in the file log, once there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        text = log.read_text(errors="replace") if log.exists() else ""
        if found := re.search(pattern, text):
            return found
        if alive.poll() is not None and not re.search(pattern, log.read_text(errors="replace") if log.exists() else ""):
            break
        time.sleep(0.3)
    raise linux_guest.Failure(f"{what}: see {os.path.relpath(log)}")


@contextlib.contextmanager
def running(command, said):
    """The program runs in ROOT meanwhile; what it says goes to the file said."""
    with open(said, "wb") as out, subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as child:
        try:
            yield child
        finally:
            child.kill()


class Wire:
    """Between a run in the folder run (a path below ROOT) and a guest, both with UNIX sockets: of the RoCE frames that pass,
    percent are lost, as many doubled, and as many overtaken by the next. Begin it once the run, which empties its folder, has begun."""

    def __init__(self, run, percent, seed=1):
        self.percent, self.random, self.lost, self.doubled, self.late, self.passed = percent, random.Random(seed), 0, 0, 0, 0
        folder = os.path.relpath(ROOT / run)
        self.ways = [(self.end(f"{folder}/nobody"), f"{folder}/guest"), (self.end(f"{folder}/back"), f"{folder}/net")]
        self.stop = False

    @staticmethod
    def end(path):
        """A socket that takes what is sent to path."""
        pathlib.Path(path).unlink(missing_ok=True)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.bind(path)
        made.settimeout(0.02)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            made.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        return made

    @staticmethod
    def is_roce(frame):
        """UDP to port 4791, over IPv4 or IPv6."""
        udp = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(frame[12:14], 0)
        return udp and frame[23 if udp == 34 else 20] == 17 and frame[udp + 2 : udp + 4] == b"\x12\xb7"

    def chosen(self):
        """True for one frame in so many."""
        return self.random.random() * 100 < self.percent

    def carry(self, end, to):
        """One direction. A frame that is held goes after the next one, or when nothing comes."""
        held = None
        while not self.stop:
            try:
                frame = end.recv(65536)
            except TimeoutError:
                frame = None
            out = []
            if frame and self.is_roce(frame):
                self.passed += 1
                if self.chosen():
                    self.lost += 1
                    continue
                if not held and self.chosen():
                    self.late += 1
                    held = frame
                    continue
                if self.chosen():
                    self.doubled += 1
                    out.append(frame)
            out += [one for one in (frame, held) if one]
            held = None
            for one in out:
                with contextlib.suppress(OSError):  # who is not there yet, or not any more, gets nothing
                    end.sendto(one, to)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.carry, args=way, daemon=True) for way in self.ways]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join()
        for end, _ in self.ways:
            end.close()
