"""A Linux guest with soft-RoCE at the other end of run.sh's network: its own programs judge Sluice."""
import contextlib
import os
import pathlib
import sys

import sluice

sys.path.insert(0, str(sluice.ROOT / "tools"))
import rdma_guest  # noqa: E402  pylint: disable=wrong-import-position


def make():
    """(kernel, initrd) of a guest with soft-RoCE, or the case is skipped."""
    return sluice.linux("linux-rdma", rdma_guest.GUEST)


@contextlib.contextmanager
def peer(folder, qemu, script, address="10.0.0.200/24,fd00::200/64", wired=False):
    """Runs the script in the guest, whose network is that of the run in folder; its log, a path beside folder. wired: a
    rdma_guest.Wire is between."""
    kernel, initrd = make()
    log = pathlib.Path(folder).parent / "peer.log"
    ends = rdma_guest.sockets(os.path.relpath(folder, sluice.ROOT), wired)
    with rdma_guest.running(rdma_guest.line(qemu, kernel, initrd, script, log, ends, address), log.with_suffix(".qemu")):
        yield log
