import collections
import hashlib
import os
import random
import re
import shutil

import pytest

pytest.register_assert_rewrite("sluice")
import sluice  # noqa: E402


@pytest.fixture
def folder(request):
    """An empty folder for the files of one case, below build/boot/FILE, as cases of two files may have one name; it stays
    there for a look afterwards."""
    path = sluice.ROOT / "build/boot" / request.node.path.stem.removeprefix("test_") / re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


@pytest.fixture
def emulator(request):
    """The QEMU of this case. @pytest.mark.needs("device:igb", ...) names what it must have, and @pytest.mark.each_qemu
    makes one case for each of sluice.VERSIONS. The installed one has its own firmware in the cases marked quick and own_firmware;
    elsewhere it has a newer one, which is quicker."""
    needs = [need for mark in request.node.iter_markers("needs") for need in mark.args]
    one = sluice.choose(needs, getattr(request, "param", None))
    own = any(map(request.node.get_closest_marker, ("quick", "own_firmware")))
    return sluice.newer_firmware() if one is sluice.installed() and not own else one


def pytest_generate_tests(metafunc):
    marks = list(metafunc.definition.iter_markers("each_qemu"))
    if not marks:
        return
    needs = [need for mark in metafunc.definition.iter_markers("needs") for need in mark.args]
    names = [name for name in sluice.others() if not (one := sluice.unpacked(name)) or not any(map(one.lacks, needs))]
    if not any(map(sluice.installed().lacks, needs)) or not names:
        names.insert(0, None)
    metafunc.parametrize("emulator", names, ids=[f"qemu-{name}" if name else "installed" for name in names], indirect=True)


@pytest.fixture
def boot(folder, emulator):
    """boot(*words, qemu=[...]): ./run.sh with a timed phase of one second, emulated CPU."""

    def boot(*words, qemu=(), env=None, **more):
        if not any(word.startswith("seconds=") for word in words):
            words += ("seconds=1",)
        env = {**emulator.env, **(env or {})}
        qemu_args = ["-accel", "tcg", *emulator.fit(qemu)]
        return sluice.run_sh(folder / "run", *words, qemu_args=qemu_args, env=env, **more)

    return boot


@pytest.fixture
def console(folder, emulator):
    """console(*words, qemu=[...]): ./run.sh --shell with somebody at the terminal."""
    started = []

    def console(*words, qemu=(), **more):
        started.append(sluice.Console(folder / "run", *words, qemu=emulator.fit(qemu), env=emulator.env, **more))
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
    sluice.make("replay")


FLOOR = sluice.ROOT / "tests/floor.txt"  # the least number of cases that run where CI=true


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*what): what the case's QEMU must have: device:NAME, property:DEVICE.NAME, a feature")
    config.addinivalue_line("markers", "each_qemu: one case for each QEMU that has what the case needs")
    config.addinivalue_line("markers", "quick: one of the boots of make quick")
    config.addinivalue_line("markers", "own_firmware: with the firmware that is installed, not with a newer one that is quicker")
    config.addinivalue_line("markers", "soak: long, so only with SLUICE_SOAK=1, as make soak runs it")
    # pexpect forks beside the threads of pytest-xdist; the child only goes on to exec.
    config.addinivalue_line("filterwarnings", "ignore:This process .* is multi-threaded:DeprecationWarning")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("soak") and not os.environ.get("SLUICE_SOAK"):
            item.add_marker(pytest.mark.skip(reason="make soak runs it"))


def not_run(stats):
    """{reason: count} of the cases that were not run: pytest's, and cmocka's as tools/check.sh has counted them."""
    reasons = collections.Counter()
    for report in stats.get("skipped", []):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[why.removeprefix("Skipped: ")] += 1
    log = sluice.ROOT / "build/check.log"
    if os.environ.get("CMOCKA") and log.exists():
        for reason, count in re.findall(r"^not run: (.*): (\d+)$", log.read_text(), re.M):
            reasons[f"{reason} (host tests)"] += int(count)
    return reasons


def too_few(stats):
    """Where CI=true: a sentence for each kind of test of which fewer were run than tests/floor.txt says."""
    if os.environ.get("CI") != "true" or not os.environ.get("CMOCKA"):
        return []
    floor = {kind: int(count) for kind, count in re.findall(r"^(\w+) (\d+)$", FLOOR.read_text(), re.M)}
    ran = {"cmocka": int(re.search(r"(\d+) passed", os.environ["CMOCKA"])[1]),
           "boot": sum(len(stats.get(kind, [])) for kind in ("passed", "failed"))}
    return [f"only {ran[kind]} {kind} cases were run; tests/floor.txt asks for {floor[kind]}" for kind in floor if ran[kind] < floor[kind]]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(session.config, "workerinput") and too_few(reporter.stats):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    """What was not run and why; and make test ends with both counts, cmocka's and then pytest's own."""
    for reason, count in sorted(not_run(terminalreporter.stats).items()):
        terminalreporter.write_line(f"not run: {count}: {reason}")
    for sentence in too_few(terminalreporter.stats):
        terminalreporter.write_line(f"FAILED: {sentence}")
    if os.environ.get("CMOCKA"):
        terminalreporter.write_line(os.environ["CMOCKA"])
