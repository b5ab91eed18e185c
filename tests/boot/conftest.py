import fcntl
import hashlib
import os
import random
import re
import shutil
import subprocess

import pytest

pytest.register_assert_rewrite("sluice")
import sluice  # noqa: E402


@pytest.fixture
def folder(request):
    """An empty folder for the files of one case, below build/boot; it stays there for a look afterwards."""
    path = sluice.ROOT / "build/boot" / re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


@pytest.fixture
def boot(folder):
    """boot(*words, qemu=[...]): ./run.sh with a timed phase of one second, emulated CPU."""

    def boot(*words, qemu=(), **more):
        if not any(word.startswith("seconds=") for word in words):
            words += ("seconds=1",)
        return sluice.run_sh(folder / "run", *words, qemu_args=["-accel", "tcg", *qemu], **more)

    return boot


@pytest.fixture
def console(folder):
    """console(*words, qemu=[...]): ./run.sh --shell with somebody at the terminal."""
    started = []

    def console(*words, **more):
        started.append(sluice.Console(folder / "run", *words, **more))
        return started[-1]

    yield console
    for one in started:
        one.end()


class Images:
    """Disk images with known random bytes, and whether they still have them."""

    def __init__(self, folder):
        self.folder = folder
        self.sums = {}

    def make(self, *names, mib=16):
        paths = []
        for name in names:
            path = self.folder / f"{name}.img"
            path.write_bytes(random.Random(name).randbytes(mib << 20))
            self.sums[path] = self.sum(path)
            paths.append(path)
        return paths

    @staticmethod
    def sum(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def assert_untouched(self, paths):
        for path in paths:
            assert self.sum(path) == self.sums[path], f"{path.name} was written to"


@pytest.fixture
def images(folder):
    made = Images(folder)
    yield made
    for path in made.sums:
        path.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def replay_tool():
    """build/replay is as new as its sources; make boot-test has seen to that, a single pytest has not."""
    with open(sluice.ROOT / "build/replay.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        subprocess.run(["make", "-s", "replay"], cwd=sluice.ROOT, env=env, check=True)


@pytest.fixture
def qemu72():
    if not sluice.QEMU_72.exists():
        pytest.skip("no stock QEMU 7.2 below build/ (tools/setup.sh test unpacks it on Debian 12)")
    return {"QEMU": str(sluice.QEMU_72.relative_to(sluice.ROOT))}


def pytest_configure(config):
    # pexpect forks beside the threads of pytest-xdist; the child only goes on to exec.
    config.addinivalue_line("filterwarnings", "ignore:This process .* is multi-threaded:DeprecationWarning")


def pytest_terminal_summary(terminalreporter):
    """make test ends with both counts: cmocka's, then pytest's own."""
    if os.environ.get("CMOCKA"):
        terminalreporter.write_line(os.environ["CMOCKA"])
