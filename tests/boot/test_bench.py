"""app=bench: every row's data right, its numbers add up, and tools/plot draws them."""
import importlib.machinery
import json
import os
import re
import subprocess
import types
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


def drawn(path):
    """{id: element} of what the picture has, and its texts"""
    root = xml.etree.ElementTree.parse(path).getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text") if element.text]
    return {element.get("id"): element for element in root.iter() if element.get("id")}, texts


def shape(element, what="path"):
    """(attributes, points) of the first path in a group"""
    path = next(element.iter(f"{{http://www.w3.org/2000/svg}}{what}"))
    return path.get("style", ""), [tuple(map(float, pair)) for pair in re.findall(r"[ML] (\S+) (\S+)", path.get("d", ""))]


def many_kinds():
    """Rows of each kind of mapping, of a VF, two VFs and the PF, at three depths."""
    base = [json.loads(line) for line in ROWS.read_text().splitlines() if '"t":"bench"' in line and '"hist":[[' in line][0]
    for who, vfs in (("vf", 1), ("vf", 2), ("pf", 1)):
        for n, (iommu, pages) in enumerate((("off", ""), ("pt", ""), ("on", "1g"), ("on", "2m"), ("on", "4k"), ("on", "strict"))):
            for depth in (1, 8, 32):
                iops = 1000 * depth + 10 * n
                yield {**base, "who": who, "vfs": vfs, "iommu": iommu, "pages": pages, "depth": depth, "iops": iops,
                       "repeats": [iops - 5, iops, iops + 5], "hist": [[1000 + 300 * n, 3], [5000, 1]], "noisy": False}


def test_plot(folder):
    """From rows made by hand: pictures, well-formed, the same each time, with the numbers of the rows."""
    a, b = folder / "a", folder / "b"
    for out in (a, b):
        done = plot(out, ROWS)
        assert done.returncode == 0, done.stderr
    names = ["isolation.svg", "latency-pf.svg", "latency-vf.svg", "throughput-pf.svg", "throughput-vf.svg"]
    assert sorted(path.name for path in a.iterdir()) == names
    for name in names:
        assert (a / name).read_bytes() == (b / name).read_bytes()
    # At depth 1 off 1000, 2 MiB 800, strict 500 operations a second; strict is noisy, so hollow.
    found, texts = drawn(a / "isolation.svg")
    bars = {name: shape(element) for name, element in found.items() if name.startswith("bar-")}
    heights = {name: max(y for _, y in points) - min(y for _, y in points) for name, (_, points) in bars.items()}
    off = heights["bar-off-1"]
    assert [round(heights[f"bar-{kind}-1"] / off, 2) for kind in ("off", "on 2m", "on strict")] == [1.0, 0.8, 0.5]
    assert texts.count("IOMMU off") == 2 and "map, unmap each" in texts
    found, texts = drawn(a / "latency-vf.svg")
    curves = [shape(element) for name, element in found.items() if name.startswith("curve-")]
    assert len(curves) == 3 and "2 MiB page" in texts
    for _, points in curves:
        ys = [y for _, y in points]
        assert ys == sorted(ys, reverse=True) and ys[0] > ys[-1]  # from nothing done to all done
    points = [name for picture in ("throughput-vf.svg", "throughput-pf.svg") for name in drawn(a / picture)[0] if name.startswith("point-")]
    assert len(points) == 7


def test_plot_told_apart(folder):
    """Six curves at most in a picture, no two with the same dashes, and each with its name beside it."""
    source = folder / "rows.json"
    source.write_text("\n".join(map(json.dumps, many_kinds())))
    done = plot(folder / "out", source)
    assert done.returncode == 0, done.stderr
    pictures = sorted(path.name for path in (folder / "out").iterdir())
    assert pictures == ["isolation.svg", "latency-pf.svg", "latency-vf.svg", "throughput-2vf.svg", "throughput-pf.svg", "throughput-vf.svg"]
    names = {"IOMMU off", "pass-through", "1 GiB page", "2 MiB page", "4 KiB pages", "map, unmap each"}
    for picture in pictures:
        found, texts = drawn(folder / "out" / picture)
        assert names <= set(texts), picture
        curves = [shape(element)[0] for name, element in found.items() if name.startswith("curve-")]
        dashes = [re.search(r"stroke-dasharray: ([^;]*)", style)[1] if "dasharray" in style else "" for style in curves]
        assert len(dashes) == len(set(dashes)) == (0 if picture == "isolation.svg" else 6)
    root = xml.etree.ElementTree.parse(folder / "out/throughput-vf.svg").getroot()
    texts = [text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.text in names]
    places = sorted(float(re.search(r"(\S+)\)$", text.get("transform"))[1]) for text in texts)
    assert all(b - a > 8 for a, b in zip(places, places[1:])), f"names do not cover each other: {places}"


def test_plot_without_matplotlib(folder):
    """One sentence with the package's name, and nothing is written."""
    (folder / "matplotlib.py").write_text("raise ImportError(\"No module named 'matplotlib'\")\n")
    done = subprocess.run(["tools/plot", ROWS, folder / "out"], cwd=sluice.ROOT, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(folder)})
    assert done.returncode == 1 and "package python3-matplotlib" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (folder / "out").exists()


def test_table_of_all_rows():
    """tools/bench: 110 columns at most, and no rate of a row that is noisy."""
    loader = importlib.machinery.SourceFileLoader("bench", str(sluice.ROOT / "tools/bench"))
    bench = types.ModuleType("bench")
    bench.__file__ = loader.path
    loader.exec_module(bench)
    base = {"bytes": 4096, "writes": 0, "batch": 0, "order": "random", "mode": "poll", "ops": 1000, "doorbells": 35, "invals": 1000,
            "irqs": 0, "noisy": False, "iops": 1234567, "ns": {"p50": 15500, "p99": 2020000}}
    rows = [{**base, "who": who, "vfs": vfs, "depth": depth, "iommu": iommu, "pages": pages, "noisy": noisy}
            for who, vfs in (("vf", 64), ("pf", 1)) for depth in (1, 1024) for noisy in (False, True)
            for iommu, pages in (("on", "strict"), ("off", ""))]
    rows += [{**base, "who": "vf", "vfs": 1, "depth": 8, "iommu": "on", "pages": "2m", **more} for more in (
        {"order": "seq"}, {"batch": 8}, {"writes": 100}, {"bytes": 131072}, {"mode": "adaptive"})]
    wide = len(bench.HEAD)
    assert wide <= 110
    for row in rows:
        line = bench.line_of(row)
        assert len(line) == wide and ("1234567" in line) != row["noisy"] and ("noisy" in line) == row["noisy"]
        assert line.endswith("   0.035    1.000    0.000"), line


@pytest.mark.parametrize("text", ["", "no JSON\n{broken\n", '{"t":"vf"}\n'])
def test_plot_without_rows(folder, text):
    source = folder / "rows.json"
    source.write_text(text)
    done = plot(folder / "out", source)
    assert done.returncode == 1 and "nothing to compare" in done.stderr
    assert not (folder / "out").exists()
