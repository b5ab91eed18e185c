"""app=bench: every row's data right, its numbers add up, and tools/plot draws them."""
import json
import re
import subprocess
import xml.etree.ElementTree

import pytest
import sluice

ROWS = sluice.ROOT / "tests/data/bench.json"


def rows_of(run):
    assert run.status == 0, run.summary()
    found = [json.loads(line) for line in run.lines if line.startswith("{")]
    assert [row["t"] for row in found] == ["bench-run"] + ["bench"] * (len(found) - 1)
    assert run.number("rows") == len(found) - 1
    assert run.number("noisy") == sum(row["noisy"] for row in found[1:])
    table = [line for line in run.lines if re.match(r"  (VF|PF) +\d+ ", line)]
    assert len(table) == len(found) - 1
    for row, line in zip(found[1:], table):
        assert_row(row, found[0])
        assert line.endswith("noisy") == row["noisy"]
    assert "no access that has to be refused was tried" in run.text
    assert run.result["faults"] == "0"
    return found[1:]


def assert_row(row, of_all):
    name = str({key: value for key, value in row.items() if key != "hist"})
    assert row["ops"] > 0 and len(row["repeats"]) == 5, name
    assert row["iops"] == sorted(row["repeats"])[2], name
    assert row["noisy"] == (row["spread_permille"] > of_all["spread_bound_permille"]), name
    assert sum(n for _, n in row["hist"]) == row["ops"], name
    lows = [ns for ns, _ in row["hist"]]
    assert lows == sorted(lows) and lows[0] <= row["ns"]["min"] <= row["ns"]["p50"] <= row["ns"]["max"], name
    # One doorbell for what came back together, or for a batch; two more for each repeat's start and rest.
    assert 0 < row["doorbells"] <= 2.1 * row["ops"] + 20 * row["vfs"], name
    strict = row["pages"] == "strict"
    assert abs(row["invals"] - row["ops"] * strict) <= 5, name
    assert (row["irqs"] > 0) == (row["mode"] == "irq") or row["mode"] == "adaptive", name


def kinds(rows):
    return {(row["who"], row["vfs"], row["depth"], row["iommu"], row["pages"]) for row in rows}


def test_bench(boot):
    run = boot("app=bench", "vfs=2", "qd=32", "ms=10", "json=1")
    rows = rows_of(run)
    want = {("vf", 1, depth, "on", pages) for depth in (1, 8, 32) for pages in ("2m", "4k", "strict")}
    want |= {("vf", 2, depth, "on", "2m") for depth in (1, 8, 32)} | {("pf", 1, depth, "on", "2m") for depth in (1, 8, 32)}
    assert want <= kinds(rows)
    others = [row for row in rows if row["writes"] or row["order"] == "seq" or row["bytes"] > 4096 or row["batch"]]
    assert [(row["order"], row["batch"], row["writes"], row["bytes"]) for row in others] == [
        ("seq", 0, 0, 4096), ("random", 8, 0, 4096), ("random", 0, 30, 4096), ("random", 0, 100, 4096),
        ("random", 0, 0, 16384), ("random", 0, 0, 65536)]
    batched = others[1]
    assert batched["doorbells"] <= batched["ops"] / 8 * 1.1 + 30
    assert re.search(r"^  latency of one VF, 32 in flight.*\n(  +[\d.]+ +\d+ #*\n)+", run.text, re.M)
    assert "no rows with a page of 1 GiB" in run.text


@pytest.mark.parametrize("iommu", ["pt", "off"])
def test_bench_without_isolation(boot, iommu):
    run = boot("app=bench", "vfs=2", "qd=8", "ms=10", "json=1", f"iommu={iommu}")
    assert kinds(rows_of(run)) == {(who, vfs, depth, iommu, "") for depth in (1, 8) for who, vfs in
                                   (("pf", 1), ("vf", 1), ("vf", 2))}
    assert re.search(rf"WARN iommu: iommu={iommu}: .* reaches all memory", run.text)


@pytest.mark.parametrize("mode", ["irq", "adaptive"])
def test_bench_waits_by_interrupt(boot, mode):
    rows = rows_of(boot("app=bench", "vfs=2", "qd=8", "ms=20", "json=1", f"mode={mode}"))
    assert {row["mode"] for row in rows} == {mode}
    assert kinds(rows) == {("vf", vfs, depth, "on", "2m") for vfs in (1, 2) for depth in (1, 8)}


def test_bench_own_workload(boot):
    """The user's workload in every row; what is written is read back."""
    run = boot("app=bench", "vfs=1", "qd=8", "ms=10", "json=1", "writes=50", "block=8192", "batch=4", "order=seq", "seed=7")
    rows = rows_of(run)
    assert {(row["writes"], row["bytes"], row["order"]) for row in rows} == {(50, 8192, "seq")}
    assert all(row["batch"] == min(row["depth"], 4) for row in rows)  # no batch is larger than what is in flight
    assert len(rows) == 2 + 3 * 2


def test_pass_through_proves_nothing(boot):
    """With the demo: the forbidden DMA is not refused, and the verdict says so."""
    boot("vfs=1", "iommu=pt").assert_not_ok(r"SUCCEEDED|nothing was recorded", stage="refuse")


@pytest.mark.needs("property:intel-iommu.pt")
def test_pass_through_missing(boot):
    """QEMU's unit without ECAP.PT, which QEMU 11 has no property for any more."""
    run = boot("app=bench", "iommu=pt", qemu=sluice.iommu(pt="off"))
    run.assert_not_ok(r"iommu=pt: no unit can pass requests through")


def plot(folder, source):
    return subprocess.run(["tools/plot", source, folder], cwd=sluice.ROOT, capture_output=True, text=True, check=False)


def test_plot(folder):
    """From rows made by hand: three drawings, well-formed, the same each time."""
    a, b = folder / "a", folder / "b"
    for out in (a, b):
        done = plot(out, ROWS)
        assert done.returncode == 0, done.stderr
    names = ["isolation.svg", "latency.svg", "throughput.svg"]
    assert sorted(path.name for path in a.iterdir()) == names
    for name in names:
        assert (a / name).read_bytes() == (b / name).read_bytes()
        assert xml.etree.ElementTree.parse(a / name).getroot().tag.endswith("svg")
    bars = (a / "isolation.svg").read_text()
    # At depth 1 off 1000, 2 MiB 800, strict 500 operations a second; strict is noisy, so hollow.
    assert bars.count("<rect") == 1 + 3 + 3
    heights = [float(h) for h in re.findall(r'<rect x="[^>]* height="([\d.]+)"', bars)]
    assert [round(h / heights[0], 2) for h in heights[:3]] == [1.0, 0.8, 0.5]
    assert 'fill="white"' in re.findall(r'<rect x="[^>]*>', bars)[2]
    assert "IOMMU off" in bars and "map, unmap each" in bars
    curves = re.findall(r'<polyline points="([^"]*)"', (a / "latency.svg").read_text())
    assert len(curves) == 4  # three of a VF, one of the PF
    for curve in curves:
        ys = [float(point.split(",")[1]) for point in curve.split()]
        assert ys == sorted(ys, reverse=True) and ys[-1] == 44  # from nothing done to all done
    assert (a / "throughput.svg").read_text().count("<circle") == 7


@pytest.mark.parametrize("text", ["", "no JSON\n{broken\n", '{"t":"vf"}\n'])
def test_plot_without_rows(folder, text):
    source = folder / "rows.json"
    source.write_text(text)
    done = plot(folder / "out", source)
    assert done.returncode == 1 and "nothing to compare" in done.stderr
    assert not (folder / "out").exists()
