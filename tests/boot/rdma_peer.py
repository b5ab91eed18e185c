"""A Linux guest with soft-RoCE at the other end of run.sh's network: its own programs judge Sluice."""
import base64
import contextlib
import os
import pathlib
import subprocess
import sys

import pytest
import sluice

sys.path.insert(0, str(sluice.ROOT / "tools"))
import linux_guest  # noqa: E402  pylint: disable=wrong-import-position

PERFTEST = tuple((f"ib_{name}", f"usr/bin/ib_{name}") for name in (
    "write_bw", "read_bw", "send_bw", "atomic_bw", "write_lat", "read_lat", "send_lat"))
GUEST = linux_guest.Guest(
    who="rdma", init=sluice.ROOT / "tools/linux_guest_rdma.sh",
    packages=("busybox-static", "rdma-core", "ibverbs-utils", "ibverbs-providers", "rdmacm-utils", "perftest", "iproute2"),
    binaries=(("ip", "bin/ip"), ("rdma", "usr/bin/rdma"), ("rping", "usr/bin/rping"), ("ucmatose", "usr/bin/ucmatose"),
              ("cmtime", "usr/bin/cmtime"), *PERFTEST),
    modules=("crc32_generic", "igb", "rdma_rxe", "ib_uverbs", "rdma_ucm"),
    plugins=("librxe-rdmav34.so",), files=(("etc/", b""), ("etc/libibverbs.d/", b""), ("etc/libibverbs.d/rxe.driver", b"driver rxe\n"),))


def make(folder=sluice.ROOT / "build/linux-rdma"):
    """(kernel, initrd), or the case is skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return linux_guest.make(folder, GUEST)
    except linux_guest.Failure as e:
        pytest.skip(f"no Linux guest with soft-RoCE: {e}")


@contextlib.contextmanager
def peer(folder, qemu, script, address="10.0.0.200/24,fd00::200/64"):
    """Runs the script in the guest, whose network is that of the run in folder; its log, a path beside folder."""
    kernel, initrd = make()
    log = pathlib.Path(folder).parent / "peer.log"
    case = base64.b64encode(script.encode()).decode()
    run = os.path.relpath(folder, sluice.ROOT)
    line = [qemu, "-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "512M", "-nodefaults", "-display", "none",
            "-no-reboot", "-serial", f"file:{log}", "-kernel", kernel, "-initrd", initrd,
            "-append", f"console=ttyS0 quiet panic=-1 no_timer_check rdma.ip={address} rdma.case={case}",
            "-netdev", f"dgram,id=n,local.type=unix,local.path={run}/nobody,remote.type=unix,remote.path={run}/net",
            "-device", "igb,netdev=n,mac=52:54:00:00:00:02,romfile="]
    with open(log.with_suffix(".qemu"), "wb") as said, subprocess.Popen(list(map(str, line)), cwd=sluice.ROOT, stdin=subprocess.DEVNULL, stdout=said,
                                                                         stderr=said) as child:
        try:
            yield log
        finally:
            child.kill()
