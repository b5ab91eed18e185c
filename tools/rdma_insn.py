"""Instructions of RDMA requests that are served: of Linux's soft-RoCE on a card, and of Sluice's end point on a VF, in the same
QEMU by the same plugin (tools/insncount)."""
import os
import pathlib
import re
import subprocess

import rdma_guest
from linux_guest import Failure

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What is counted as one: (name, row of tools/bench-insn --igb, how many times more of Linux are aimed at, program and its path MTU,
# bytes of a message, numbers of messages of two runs, the unit's bytes). The difference of both runs is free of what begins and
# ends them. With a path MTU of 4096 one message is on the way at a time, since of more, frames get lost between two of QEMU's igb.
LARGE = "-m 4096 -t 1"
COUNTED = (("a KiB of a WRITE, path MTU 1024", "rdma-write-kib-1024 depth=1", 9, "ib_write_bw -m 1024", 65536, (10, 90), 1024),
           ("a KiB of a READ, path MTU 1024", "rdma-read-kib-1024 depth=1", 9, "ib_read_bw -m 1024", 65536, (10, 90), 1024),
           ("a KiB of a WRITE, path MTU 4096", "rdma-write-kib-4096 depth=1", 4, f"ib_write_bw {LARGE}", 65536, (10, 90), 1024),
           ("a KiB of a READ, path MTU 4096", "rdma-read-kib-4096 depth=1", 4, f"ib_read_bw {LARGE}", 65536, (10, 90), 1024),
           ("a WRITE of 64 bytes", "rdma-write-64 depth=16", 20, "ib_write_bw -m 1024", 64, (100, 2100), 64))
JUMBO = "ip link set eth0 mtu 4200\n"
PORT = 20100


def linux(qemu, guest, folder):
    """{name: instructions} of Linux as the server: kernel and program, without what the client's side of it costs."""
    runs = [(program, size, n) for _, _, _, program, size, numbers, _ in COUNTED for n in numbers]
    words = [f"{program} -d rxe0 -F -x 1 -s {size} -n {n} -p {PORT + i}" for i, (program, size, n) in enumerate(runs)]
    serve = "".join(f"mark14; timeout 300 {line} >/tmp/out 2>&1; status=$?; mark15\nprint SERVED status=$status\n" for line in words)
    ask = "".join(f"until timeout 300 {line} 10.0.0.1 >/tmp/out 2>&1; do sleep 0.5; done\n" for line in words)
    counts, wire = folder / "insn.counts", pathlib.Path(os.path.relpath(folder / "insn.wire", ROOT))
    logs = [folder / f"insn.{side}.log" for side in ("server", "client")]
    for old in (*logs, wire):
        (ROOT / old).unlink(missing_ok=True)
    server = rdma_guest.line(qemu, *guest, f"{JUMBO}print READY\n{serve}", logs[0], None, "10.0.0.1/24", number=1, stream=wire)
    client = rdma_guest.line(qemu, *guest, JUMBO + rdma_guest.MET + ask, logs[1], None, "10.0.0.200/24", stream=wire)
    plugin = f"{ROOT}/build/insncount.so,from=0,out={counts}"
    with rdma_guest.running([*server, "-plugin", plugin], logs[0].with_suffix(".qemu")) as child:
        rdma_guest.wait(logs[0], "READY", "the server does not start", child)
        with rdma_guest.running(client, logs[1].with_suffix(".qemu")):
            rdma_guest.wait(logs[0], r"RESULT ok=\d.*\n", "Linux did not serve", child)
    found = [int(n) for n in re.findall(r"^section .*\binsn=(\d+)", counts.read_text(), re.MULTILINE)]
    if len(found) != len(runs) or logs[0].read_text().count("status=0") != len(runs):
        raise Failure(f"not all of Linux's runs could be counted: see {os.path.relpath(logs[0])}")
    return {name: (found[2 * i + 1] - found[2 * i]) / (numbers[1] - numbers[0]) * unit / size
            for i, (name, _, _, _, size, numbers, unit) in enumerate(COUNTED)}


def sluice(qemu):
    """{row: instructions} by tools/bench-insn --igb."""
    done = subprocess.run(["tools/bench-insn", "--igb"], cwd=ROOT, env={**os.environ, "QEMU": qemu}, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Failure(f"tools/bench-insn --igb: {done.stderr.strip() or done.stdout.strip()[-300:]}")
    found = re.findall(r"^op=(\S+) depth=(\d+) .*insn_per_op=([\d.]+)", done.stdout, re.MULTILINE)
    return {f"{name} depth={depth}": float(n) for name, depth, n in found}


def table(qemu, guest, folder):
    """Rows of columns, and whether all goals are reached."""
    ours, theirs = sluice(qemu), linux(qemu, guest, folder)
    ratios = {name: theirs[name] / ours[row] for name, row, *_ in COUNTED}
    rows = [[name, f"{ours[row]:.0f}", f"{theirs[name]:.0f}", f"{ratios[name]:.1f}", str(goal)] for name, row, goal, *_ in COUNTED]
    return [["instructions of the server", "Sluice", "Linux", "ratio", "aimed at"], *rows], \
        all(ratios[name] >= goal for name, _, goal, *_ in COUNTED)
