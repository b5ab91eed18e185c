"""The other end of run.sh's network: the Linux that the tests run on, in a network namespace of its own."""
import contextlib
import fcntl
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
NAME = "sluice"
ROOT = os.geteuid() == 0  # who has no right to a network namespace has one in a user namespace


def relay(folder, *addresses):
    """In the namespace: a TAP interface with these addresses, and its frames to and from QEMU's sockets in folder."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", NAME.encode(), IFF_TAP | IFF_NO_PI))
    for address in addresses:
        subprocess.run(["ip", "address", "add", address, "dev", NAME, *(["nodad"] if ":" in address else [])], check=True)
    subprocess.run(["ip", "link", "set", NAME, "up"], check=True)
    print("up", flush=True)
    while not os.path.exists(f"{folder}/net"):
        time.sleep(0.05)
    os.chdir(folder)  # the paths of sockets are short
    qemu = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    qemu.bind("nobody")
    qemu.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    while True:
        for end in select.select([tap, qemu], [], [])[0]:
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError, FileNotFoundError):
                if end is qemu:
                    os.write(tap, qemu.recv(65536))
                else:
                    qemu.sendto(os.read(tap, 65536), "net")


class Linux:
    """Commands on it."""

    def __init__(self, pid):
        self.enter = ["nsenter", "-t", str(pid), "-n", *([] if ROOT else ["-U", "--preserve-credentials"])]

    def __call__(self, *words, timeout=300):
        """Exit status and output."""
        done = subprocess.run([*self.enter, *map(str, words)], capture_output=True, text=True, timeout=timeout)
        shown = [str(word).strip().partition("\n")[0] for word in words]
        print("$", *shown, f"-> {done.returncode}\n{done.stdout}{done.stderr}")
        return done.returncode, done.stdout

    def python(self, script, *words, timeout=300):
        return self(sys.executable, "-c", script, *words, timeout=timeout)


@contextlib.contextmanager
def linux(folder, *addresses):
    """A Linux at the other end of the network of a run whose files are in folder; it may begin before the run does."""
    import pytest  # not by relay()

    for tool in "ip", "ping", "unshare", "nsenter":
        if not shutil.which(tool):
            pytest.skip(f"there is no {tool}")
    command = ["unshare", "--net", *([] if ROOT else ["--user", "--map-root-user"]), "--fork", "--kill-child", sys.executable, __file__, folder, *addresses]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            if child.stdout.readline() != "up\n":
                child.kill()
                pytest.skip(f"no network namespace with a TAP interface here: {child.stderr.read().strip().splitlines()[-1:]}")
            yield Linux(child.pid)
        finally:
            child.kill()


if __name__ == "__main__":
    relay(*sys.argv[1:])
