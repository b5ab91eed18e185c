"""The other end of run.sh's network: Debian's Linux in a second QEMU, joined by its dgram sockets."""
import os
import signal
import subprocess
import sys

import pexpect
import pytest
import sluice

sys.path.insert(0, str(sluice.ROOT / "tools"))
import linux_guest  # noqa: E402

HERE = sluice.ROOT / "tests/boot"
FOLDER = sluice.ROOT / "build/wire-guest"
PROMPT = "wire> "
PATIENCE = 600  # seconds for a command: two emulated machines, beside other tests


def kernel_and_initrd():
    """Those of the guest, made once; without Debian's packages or a compiler for its program the case is skipped."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    program = FOLDER / "datagrams"
    built = subprocess.run(["cc", "-O2", "-static", "-o", program, HERE / "datagrams.c"], capture_output=True, text=True, timeout=120)
    if built.returncode:
        pytest.skip("the guest's program cannot be built: there is no C library to link statically")
    guest = linux_guest.Guest(who="wire_guest", init=HERE / "wire_guest.sh", packages=("tcpdump", "busybox-static"),
                              binaries=(("tcpdump", "usr/s?bin/tcpdump"),), modules=("e1000e", "pktgen"),
                              files=(("bin/datagrams", program.read_bytes()),))
    return sluice.linux(FOLDER.name, guest)


class Linux:
    """Its shell, while the run in folder goes on."""

    def __init__(self, folder, emulator):
        kernel, initrd = kernel_and_initrd()
        run = os.path.relpath(folder / "run", sluice.ROOT)  # the paths of sockets are short
        self.log = (folder / "linux.log").open("w")
        self.child = pexpect.spawn(str(sluice.ROOT / emulator) if "/" in emulator else emulator, [
            "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-machine", "q35", "-cpu", "max", "-m", "512M",
            "-accel", "tcg", "-netdev", f"dgram,id=n,local.type=unix,local.path={run}/nobody,remote.type=unix,remote.path={run}/net",
            "-device", "e1000e,netdev=n,romfile=", "-kernel", str(kernel), "-initrd", str(initrd),
            "-append", "console=ttyS0 loglevel=3 tsc=reliable no_timer_check panic=-1"],
            timeout=PATIENCE, encoding="utf-8", codec_errors="replace", logfile=self.log, cwd=str(sluice.ROOT))
        self.child.expect_exact("guest is up")
        self.child.expect_exact(PROMPT)

    def __call__(self, line, timeout=PATIENCE):
        """Exit status and output of a line of shell."""
        self.child.sendline(line + "; echo status $?")
        self.child.expect(r"status (\d+)\r*\n", timeout=timeout)
        status, said = int(self.child.match[1]), self.child.before.replace("\r", "")
        self.child.expect_exact(PROMPT)
        return status, said

    def end(self):
        self.child.kill(signal.SIGKILL)
        self.child.wait()  # as long as a busy host needs
        self.child.close()
        self.log.close()
