"""tools/report: what the page says of logs made by report_log.py, of a machine that was booted, of logs that are damaged or want
to do harm; and how the page comes out in Chromium where that is installed."""
import copy
import html.parser
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socketserver
import struct
import subprocess
import sys
import threading
import zlib

import pytest
import report_log
import sluice

sys.path.insert(0, str(sluice.ROOT / "tools"))
from reporting import changes, log, machine, page, summary  # noqa: E402

VOID = {"meta", "br", "hr", "img", "input", "link"}
FINDING = ("id", "who", "read", "means", "os", "remedy")


class Page(html.parser.HTMLParser):
    """Elements are closed as they were opened; the text, and what each kind of element says."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.starts, self.text = [], [], ""
        self.feed(source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.starts.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.starts.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> out of order"

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data if self.open and self.open[-1] in ("span", "b", "code", "summary") else data + "\n"

    def all(self, tag, **attributes):
        return [each for name, each in self.starts if name == tag and all(each.get(k) == v for k, v in attributes.items())]


def asks_for_nothing(source):
    """No script, no address, nothing that a browser would fetch."""
    seen = Page(source)
    tags = {tag for tag, _ in seen.starts}
    assert not tags & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "image",
        "use",
        "form",
        "base",
        "audio",
        "video",
        "foreignobject",
    }
    for _, attributes in seen.starts:
        assert not set(attributes) & {"src", "srcset", "action", "data", "xlink:href", "ping", "background"}
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")
        assert "url(" not in (attributes.get("style") or "")
    style = re.search("<style>(.*?)</style>", source, re.S)[1]
    assert not re.search(r"url\(|@import|https?:", style)
    return seen


def tool(*words):
    return subprocess.run(["tools/report", *map(str, words)], cwd=sluice.ROOT, capture_output=True, text=True, check=False)


def page_of(folder, objects, *words):
    source, target = folder / "serial.log", folder / "out.html"
    source.write_bytes(report_log.log(objects))
    done = tool(source, "-o", target, *words)
    assert done.returncode == 0, done.stderr
    return done, target.read_text()


def shown(data, partial=False):
    """Page and text of a comparison with itself, made without starting the tool."""
    report = log.read(data, partial)
    both = report, machine.Machine(report)
    return page.report_page("serial.log", *both), changes.as_text("ab", changes.changes(both, both))


def test_report(folder):
    """Everything that the log tells is on the page, in a file that asks for nothing."""
    objects = report_log.lines()
    done, source = page_of(folder, objects)
    assert "3 findings" in done.stdout and not done.stderr
    seen = asks_for_nothing(source)
    assert '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src' in source
    assert "Maker Product" in seen.text and "S-77" in seen.text and "v1-2-g0123 of 2026-01-02T03:04:05Z" in seen.text
    assert seen.text.index("This machine holds its functions apart") < seen.text.index("QEMU TCG CPU version 2.5+")
    assert "1 error and 1 warning" in seen.text
    for row in report_log.FINDINGS:
        for name in FINDING:
            assert row[name].lower() in seen.text.lower(), f"{row['id']}.{name}"
    order = [seen.text.index(name) for name in ("TRANSLATION-OFF", "GROUP-SHARED", "BME-AT-HANDOVER")]
    assert order == sorted(order), "errors first"
    for words in ("At hand-over by UEFI, 12 of 16 functions could do DMA, and 0 of 1 IOMMU unit translated",
                  "At the end of the run, 1 of 1 IOMMU unit translated",
                  "16 functions in 11 IOMMU groups; 2 of them have more than one",
                  "0000:01:00.0: 6 of 8 VFs can be had, limited by BAR window (32 KiB missing)",
                  "25 forbidden requests were tried: 24 refused, 1 not enforced", "but 1 are not enforced on this machine",
                  "Device addresses of 48 bits, tables of 3 or 4 levels, pages of 4K 2M 1G, 1 fault record; queued invalidation",
                  "not mapped for writing (0x5)", "01:00.1 write 0x2000600000", "checksum right"):
        assert words in seen.text, words
    for row in objects:
        if row["t"] == "group" and len(row["members"]) > 1:
            assert row["why"][1:] in seen.text and row["remedy"][1:] in seen.text


def test_tree(folder):
    """Each function below the port or PF that it belongs to; shared groups in a colour of their own."""
    _, source = page_of(folder, report_log.lines())
    tree = re.search(r'<svg class="tree".*?</svg>', source, re.S)[0]
    places = {bdf: int(x) for x, bdf in re.findall(r'<text x="(\d+)" y="\d+" class="m">(0000:\w\w:\w\w\.\w)</text>', tree)}
    order = [bdf for bdf in re.findall(r'class="m">(0000:\w\w:\w\w\.\w)</text>', tree)]
    assert order == [
        "0000:00:00.0",
        "0000:00:01.0",
        "0000:01:00.0",
        "0000:01:00.1",
        "0000:01:00.2",
        "0000:01:00.3",
        "0000:01:00.4",
        "0000:00:02.0",
        "0000:02:00.0",
        "0000:03:00.0",
        "0000:04:00.0",
        "0000:03:01.0",
        "0000:05:00.0",
        "0000:00:1f.0",
        "0000:00:1f.2",
        "0000:00:1f.3",
    ]
    depth = {bdf: (x - places["0000:00:00.0"]) // 19 for bdf, x in places.items()}
    assert [depth[bdf] for bdf in order] == [0, 0, 1, 2, 2, 2, 2, 0, 1, 2, 3, 2, 3, 0, 0, 0]
    for words in ("VF 3 of 0000:01:00.0", "root port, bus 01", "root port, buses 02-05", "switch up, buses 03-05",
                  "switch down, bus 04", "[1b36:0010]", "[8086:10c9]"):
        assert words in tree, words
    assert "Drive, serial number &lt;D-1&gt;" in source
    colours = re.findall(r'fill="(var\(--c\d\))"', tree)
    assert sorted(colours) == sorted(["var(--c0)"] * 3 + ["var(--c1)"] * 4)  # chipset and switch
    assert tree.count('class="alone"') == 16 - 7


def test_lines_that_belong_together(folder):
    """A group of many members comes in several lines; what is found at several places is one card."""
    objects = report_log.lines()
    at = next(i for i, row in enumerate(objects) if row["t"] == "group" and row["id"] == 7)
    objects.insert(at + 1, {**objects[at], "members": objects[at]["members"][2:]})
    objects[at] = {**objects[at], "members": objects[at]["members"][:2]}
    objects.insert(-1, {**report_log.FINDINGS[0], "who": "0000:04:00.0", "read": "another register"})
    _, source = page_of(folder, objects)
    assert source.count('<div class="group"') == 2 and len(re.findall('class="finding ', source)) == 3
    cards = re.findall('<div class="group".*?</div>', source, re.S)
    assert [all(bdf in cards[1] for bdf in ("0000:03:00.0", "0000:03:01.0", "0000:04:00.0", "0000:05:00.0"))] == [True]
    seen = Page(source).text
    assert "BME-AT-HANDOVER, at 2 places" in seen and "another register" in seen and report_log.FINDINGS[0]["read"] in seen


def test_finding_of_many_functions(folder):
    """67 functions with one finding: it counts once, three readings are seen at once, and the others when they are opened."""
    objects = report_log.lines()
    row = {**report_log.FINDINGS[0], "id": "STATE-BME", "severity": "warning"}
    objects[-1:-1] = [{**row, "who": f"0000:10:{n // 8:02x}.{n % 8}", "read": f"register {n}"} for n in range(67)]
    verdict = next(each for each in objects if each["t"] == "verdict")
    verdict["warnings"] += 67
    _, source = page_of(folder, objects)
    seen = Page(source).text
    assert "2 warnings (at 68 places)" in seen and "STATE-BME, at 67 places" in seen
    before, rest = source[source.index("STATE-BME"):].split("<details>", 1)
    assert before.count("<li>") == 3 and rest.startswith("<summary>and at 64 more places</summary>")
    assert rest.split("</details>")[0].count("<li>") == 64


def test_proof(folder):
    """One line for each kind of attack; what was not refused stands first, and of several tries the worst counts."""
    objects = report_log.lines()
    bad = next(row for row in objects if row["t"] == "case" and row["who"] == "VF2" and row["what"] == "kernel data")
    objects.insert(objects.index(bad), {**bad, "verdict": "SUCCEEDED"})
    _, source = page_of(folder, objects)
    part = source[source.index('id="proof"'):]
    rows = [re.sub("<.*?>", "|", row) for row in re.findall("<tr.*?</tr>", part[:part.index("</table>")], re.S)]
    words = [[cell for cell in row.split("|") if cell] for row in rows]
    assert words[:3] == [["VF0", "VF1", "VF2", "VF3"], ["write kernel data", "refused", "refused", "SUCCEEDED", "refused"],
                         ["write compatibility interrupt", "not enforced"]]
    assert '<tr class="bad">' in part and "write memory of VF0" in part


def test_many_vfs(folder):
    """A run of VFs that are each alone is drawn as one line."""
    _, source = page_of(folder, report_log.lines(vfs=64))
    tree = re.search(r'<svg class="tree".*?</svg>', source, re.S)[0]
    assert "60 more VFs" in tree and "0000:01:00.5 to 0000:01:08.0, each alone" in tree
    assert len(re.findall(r'class="m">0000:01:', tree)) == 1 + 4


def test_domains_to_scale(folder):
    """One scale for all domains; parts without mappings are cut out, and their size is shown."""
    _, source = page_of(folder, report_log.lines())
    part = source[source.index('id="domains"'):]
    strips = re.findall(r'<svg class="strip" role.*?</svg>', part, re.S)
    assert len(strips) == 5
    runs = [
        [
            (float(x), float(w), kind)
            for x, w, kind in re.findall(r'x="([\d.]+)%" y="2" width="([\d.]+)%" height="18" class="(\w+)"', strip)
        ]
        for strip in strips
    ]
    assert [len(each) for each in runs] == [2, 3, 3, 3, 3]
    vfs = runs[1:]
    assert all(each[0] == vfs[0][0] and each[1] == vfs[0][1] for each in vfs), "the same addresses at the same place"
    assert [round(each[2][1] / vfs[0][2][1], 1) for each in vfs] == [1, 2, 3, 4]
    assert [kind for _, _, kind in vfs[0]] == ["rw", "ro", "rw"]
    ends = [x + width for each in runs for x, width, _ in each]
    assert max(ends) <= 100.5
    assert "127.0 GiB" in part, "the gap between 1 GiB and 128 GiB"


def test_latency_curves(folder):
    _, source = page_of(folder, report_log.lines())
    curves = re.findall(r'<polyline points="([^"]*)"', source)
    assert len(curves) == 4
    for curve in curves:
        ys = [float(point.split(",")[1]) for point in curve.split()]
        assert ys == sorted(ys, reverse=True) and ys[0] > ys[-1]


def test_rows_of_the_benchmark(folder):
    """They come from another run and stand beside the report: anywhere in the log."""
    row = ('{"t":"bench","who":"vf","vfs":2,"depth":8,"batch":0,"bytes":4096,"writes":30,"order":"random","mode":"irq","iommu":"on",'
           '"pages":"2m","ops":3,"hist":[[1000,2],[2000,1]]}')
    source, target = folder / "serial.log", folder / "out.html"
    wrong = [row.replace("[2000,1]", "[2000]"), row[:60], row.replace("4096", "-1")]
    source.write_bytes("\r\n".join([row, *wrong, ""]).encode() + report_log.log(report_log.lines()))
    done = tool(source, "-o", target)
    assert done.returncode == 0, done.stderr
    page_text = target.read_text()
    assert "VF, 2 at once, 4096 bytes, 30 % writes, random" in page_text and "iommu=on 2m" in page_text
    assert len(re.findall(r'<polyline points="([^"]*)"', page_text)) == 5
    assert "1 rows of the benchmark stand in the log" in page_text


def test_long_domain_is_one(folder):
    """Its runs come in two lines of one id."""
    objects = report_log.lines()
    at = next(i for i, row in enumerate(objects) if row["t"] == "domain")
    more = {**objects[at], "iova": ["0x3000000000:0x1000:r"]}
    done, source = page_of(folder, objects)
    _, both = page_of(folder, [*objects[:at + 1], more, *objects[at + 1:]])
    assert both.count("0x3000000000") > 0 and source.count("0x3000000000") == 0
    assert both.count("<figure") == source.count("<figure")


def test_registers_of_all_phases(folder):
    _, source = page_of(folder, report_log.lines())
    part = source[source.index('id="units"'):source.index('id="domains"')]
    row = re.search(r'<tr class="changed"><td><b>GSTS</b>.*?</tr>', part)[0]
    assert re.findall(r"<code>(0x\w+)</code>", row) == ["0x0", "0x0", "0xc7000000"]
    assert "TES RTPS QIES IRES IRTPS" in row and "no bit set" in row
    assert '<tr><td><b>PMEN</b>' in part  # did not change
    assert 'class="pill on" title="interrupt remapping, bit 3">IR<' in part
    assert 'class="pill off" title="scalable mode, bit 43">SMTS<' in part


EVIL = "<script>alert(1);document.title='ran'</script>\"'><img src=http://evil.example/>&\x1b[2J\u202e\ud800\x00"


def test_nothing_of_a_log_becomes_markup(folder):
    """Every text of every line wants to be HTML, a terminal escape and text that runs backwards."""
    objects = copy.deepcopy(report_log.lines())
    for row in objects:
        for name, value in row.items():
            if name == "t":
                continue
            if isinstance(value, str) and not re.fullmatch(r"(0x)?[0-9a-f]*|0000:[\w:.]+|entry|left|now", value):
                row[name] = EVIL + value
            if name in ("members", "missing"):
                row[name] = [*value, EVIL]
    objects.append({"t": "fn", "bdf": EVIL})
    objects.append({"t": EVIL, EVIL: EVIL})
    source = folder / "<b>serial&.log"
    source.write_bytes(report_log.log(objects))
    target = folder / "out.html"
    done = tool(source, "-o", target)
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    seen = asks_for_nothing(text)
    assert EVIL[:40] in seen.text, "shown as text"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text)
    objects[-3]["severity"] = "error" + EVIL
    source.write_bytes(report_log.log(objects))
    done = tool("--compare", source, report_other(folder), "-o", target)
    assert done.returncode == 1, done.stderr
    asks_for_nothing(target.read_text())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", done.stdout)


def report_other(folder):
    path = folder / "other.log"
    path.write_bytes(report_log.log(report_log.lines(vfs=2)))
    return path


WRONG = [
    None,
    True,
    -1,
    0,
    1 << 70,
    1.5,
    float("inf"),
    "",
    "x",
    "0x",
    "0x" + "f" * 16,
    "0xffffffffffffffff:0x2:rw",
    [],
    [[]],
    [[5]],
    {},
    [1, "0x0:0x0:rw"],
    [[1 << 63, 1 << 63]],
    "zz",
    "ffffffff:ff:ff.f",
]


def test_values_of_the_wrong_kind():
    """Any value of any line may be absent or another: there is a page all the same, and the comparison holds."""
    chance, kinds = random.Random(1), {}
    for row in report_log.lines(vfs=2):
        kinds.setdefault(row["t"], []).append(row)
    for kind, rows in kinds.items():
        for name in rows[0]:
            for value in [..., *chance.sample(WRONG, 2)]:
                objects = copy.deepcopy(report_log.lines(vfs=2))
                victim = chance.choice([row for row in objects if row["t"] == kind])
                if value is ...:
                    victim.pop(name, None)
                else:
                    victim[name] = value
                data = report_log.log([row for row in objects])
                data = data.replace(b"Infinity", b"1e999")
                if b"1e999" in data:
                    data = again(data)
                source, text = shown(data)
                assert "no difference" in text, (kind, name, value)
                assert source.endswith("</html>\n")


def test_values_that_can_not_be():
    """Of their kind each, but not together: a bridge to its own bus and two that lead to each other, bytes beyond configuration
    space, mappings of nothing and past the end, far apart and many; everything done in no time."""
    objects = report_log.lines()
    ports = {"0000:06:00.0": (6, 7, 7), "0000:07:00.0": (7, 6, 6), "0000:00:08.0": (0, 0, 255)}
    for bdf, buses in ports.items():
        space = report_log.Space(0x1b36, 0x000c, 0x0604, 1).bridge(*buses)
        objects.append({"t": "fn", "bdf": bdf, "bme_entry": 1, "bme_left": 1})
        objects.append({"t": "cfg", "bdf": bdf, "off": 0, "hex": bytes(space.bytes[:64]).hex()})
    objects += [{"t": "cfg", "bdf": "0000:01:00.0", "off": off, "hex": "ff" * 32} for off in (4080, 1 << 40)]
    runs = [f"{n << 40:#x}:0x1000:rw" for n in range(1, 60)]
    objects.append({"t": "domain", "id": 9, "name": "far", "iova": runs})
    objects.append({"t": "domain", "id": 10, "name": "odd", "iova": ["0xfffffffffffff000:0x1000:rw"]})
    objects += [
        {"t": "domain", "id": 11, "name": "no", "iova": [run]} for run in ("0x1000:0x0:rw", "0xfffffffffffff000:0x2000:rw")
    ]
    objects.append({"t": "lat", "who": "VF9", "mode": "none", "iommu": "on", "qd": 1, "unit": "ns", "count": 5, "hist": [[0, 5]]})
    data = report_log.log(objects)
    source, text = shown(data)
    tree = re.search(r'<svg class="tree".*?</svg>', source, re.S)[0]
    drawn = re.findall(r'class="m">([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])<', tree)
    assert len(drawn) == len(set(drawn)) == 16 + 3
    report = log.read(data)
    assert {len(f.cfg) for f in machine.Machine(report).functions.values()} == {4096}
    assert "2 values are not of their kind and were left out: domain.iova" in " ".join(report.notes)
    places = [float(x) + float(w) for x, w in re.findall(r'x="([\d.]+)%" y="2" width="([\d.]+)%" height="18"', source)]
    assert max(places) <= 100.5 and len(places) == 14 + 59 + 1 and "no difference" in text
    letters = re.search(r'<svg class="strip" aria-hidden.*?</svg>', source, re.S)[0]
    assert 2 <= letters.count("</text>") <= 12


def again(data):
    """The crc32 of lines that were changed afterwards, put right."""
    lines = data.replace(b"\r", b"").split(b"\n")
    body = b"".join(line + b"\n" for line in lines if line.startswith(b"{"))
    return re.sub(rb"crc32=\w+", b"crc32=%08x" % zlib.crc32(body), data)


def test_each_line_absent():
    """A machine without this or that: no unit, no groups, no verdict, nothing but one line."""
    objects = report_log.lines(vfs=1)
    for kind in {row["t"] for row in objects}:
        for chosen in ([row for row in objects if row["t"] != kind], [row for row in objects if row["t"] == kind]):
            source, text = shown(report_log.log(chosen))
            Page(source)
            assert "no difference" in text


def damaged():
    whole = report_log.log(report_log.lines()).decode()
    end = re.search(r"END SLUICE REPORT.*", whole)[0]
    return {
        "no report": ("sluice: loading\r\nRESULT v=1\r\n", "no report in it"),
        "cut": (whole[:whole.index('{"t":"case"')], "the report is cut: .* no line \"END SLUICE REPORT\""),
        "line lost": (re.sub(r'\{"t":"window".*\r\n', "", whole, count=1), r"not whole: (\d+) of its \d+ lines came"),
        "byte changed": (whole.replace("0xfed90000", "0xfed91000", 1), "bytes were lost or changed on the way: crc32 is"),
        "not JSON": (again(whole.replace('{"t":"verdict"', '{"t"="verdict"').encode()).decode(), "not JSON"),
        "nested": (again(whole.replace('"port":""', '"port":' + "[" * 9000, 1).encode()).decode(), "not JSON"),
        "version 2": (whole.replace("REPORT v=1", "REPORT v=2"), "version 2; this tool reads version 1"),
        "empty": ("BEGIN SLUICE REPORT v=1\nEND SLUICE REPORT lines=0 crc32=00000000\n", "is empty"),
        "END in a line": (whole.replace(end, "[ 0.1] " + end), "the report is cut"),
    }


@pytest.mark.parametrize("kind", damaged())
def test_damaged(folder, kind):
    text, words = damaged()[kind]
    source, target = folder / "serial.log", folder / "out.html"
    source.write_bytes(text.encode())
    for command in ((source, "-o", target), ("--compare", source, report_other(folder))):
        done = tool(*command)
        assert done.returncode == (2 if "--compare" in command else 1) and re.search(words, done.stderr) and len(done.stderr.splitlines()) == 1, done.stderr
        assert "serial.log" in done.stderr
    assert not target.exists()
    if kind in ("cut", "line lost", "byte changed", "not JSON", "nested"):
        assert "--partial" in done.stderr
        done = tool(source, "-o", target, "--partial")
        assert done.returncode == 0, done.stderr
        seen = asks_for_nothing(target.read_text())
        assert "This report is not whole" in seen.text and "0000:00:1f.2" in seen.text


def test_noise_in_between(folder):
    """What firmware or QEMU said in between is left out, and its presence is reported. The last report of a log counts."""
    objects = report_log.lines()
    objects.insert(7, "x")
    text = report_log.between(objects[:7] + objects[8:]).replace(
        '{"t":"fn"', "qemu-system-x86_64: vtd_iova_to_slpte: error\r\n\r\n" + '{"t":"fn"', 2
    )
    first = report_log.between(report_log.lines(vfs=1))
    source, target = folder / "serial.log", folder / "serial.html"
    source.write_text(report_log.NOISE_BEFORE + first + "[ 0.5] again\r\n" + text, newline="")
    done = tool(source)
    assert done.returncode == 0, done.stderr
    assert "2 lines of other output" in done.stderr and "2 reports; this is the last" in done.stderr
    seen = asks_for_nothing(target.read_text())
    assert "2 lines of other output" in seen.text and "VF 3 of 0000:01:00.0" in target.read_text()


PREFIXES = {
    "ts": "Nov 28 16:02:{n:02} ",
    "conserver": "[Sat Nov 28 16:02:{n:02} 2026]",
    "journald": "Nov 28 16:02:{n:02} collector conserver[1234]: r1-node7: ",
}


@pytest.mark.parametrize("collector", PREFIXES)
def test_prefixed(folder, collector):
    """A collector that writes a time or a name before each line: the report is read, and checked, as without."""
    lines = report_log.log(report_log.lines()).decode().split("\r\n")
    lines.insert(20, "vtd_iova_to_slpte: error")
    text = "".join(PREFIXES[collector].format(n=n % 60) + line + "\r\n" for n, line in enumerate(lines))
    report, plain = log.read(text.encode()), log.read(report_log.log(report_log.lines()))
    assert report.lines == plain.lines and len(report["finding"]) == 3
    notes = " ".join(report.notes)
    assert "something stands before each" in notes and "1 lines of other output" in notes
    both = [(each, machine.Machine(each)) for each in (plain, report)]
    assert not changes.changes(*both)
    for broken, words in ((text.replace("0xfed90000", "0xfed91000", 1), "crc32 is"),
                          (re.sub(r".*END SLUICE.*\r\n", "", text), "no line .END"),
                          (re.sub(r".*BEGIN SLUICE.*\r\n", "", text), "no report in it")):
        with pytest.raises(log.Broken, match=words):
            log.read(broken.encode())


def test_last_whole_one_counts(folder):
    """Of a log whose last report is cut, an earlier whole one is used, and that is said; --partial shows the last."""
    first, second = (report_log.between(report_log.lines(vfs=n)) for n in (1, 4))
    cut = second[: second.index('{"t":"case"')]
    source, target = folder / "serial.log", folder / "serial.html"
    for text, number in ((first + cut, 1), (cut + first + cut + cut, 2)):
        source.write_text(text, newline="")
        done = tool(source)
        assert done.returncode == 0, done.stderr
        assert f"this is number {number}, the last that is whole: of the last, the report is cut" in done.stderr
        assert "VF 3 of 0000:01:00.0" not in target.read_text() and "not whole" not in target.read_text()
        done = tool(source, "--partial")
        assert done.returncode == 0 and "VF 3 of 0000:01:00.0" in target.read_text()
    source.write_text(cut + cut, newline="")
    assert "the report is cut" in tool(source).stderr


def test_usage(folder):
    source = folder / "report.html"
    source.write_bytes(report_log.log(report_log.lines()))
    before = source.read_bytes()
    assert "is the log itself" in tool(source).stderr and source.read_bytes() == before
    for words in ((), ("--compare", source), ("--compare", source, folder / "nowhere.log"), ("--summary", source), (source, "--json"),
                  ("--summary", folder / "nowhere"), ("--summary", folder, "--partial"), (source, "--summary", folder)):
        assert tool(*words).returncode == 2, words
    assert "usage: tools/report LOG" in tool("--help").stdout
    done = tool(folder / "nowhere.log")
    assert done.returncode == 1 and "cannot be read: No such file" in done.stderr
    assert tool(source, "-o", folder / "no/folder.html").returncode == 1


def test_nothing_of_the_users_is_replaced(folder):
    """What stands where the page would go is kept, unless it is a page of ours or was named."""
    source, target = folder / "thesis.log", folder / "thesis.html"
    source.write_bytes(report_log.log(report_log.lines()))
    target.write_text("<!DOCTYPE html>\n<p>years of work</p>\n")
    before = target.read_bytes()
    done = tool(source)
    assert done.returncode == 1 and "is no page of tools/report: name another file with -o" in done.stderr
    assert target.read_bytes() == before
    assert tool(source, "-o", target).returncode == 0 and target.read_bytes() != before
    assert tool(source).returncode == 0, "a page of ours"


def test_tables_that_claim_much():
    """One byte each of hundreds of tables of 1 MiB: memory is not taken for what did not come."""
    rows = [f'{{"t":"table","sig":"T{n:03}","addr":"{n:#x}000","len":1048576,"off":0,"hex":"00"}}' for n in range(1, 400)]
    report = log.read(report_log.log(report_log.lines() + rows))
    found = machine.tables(report)
    assert sum(map(len, found.values())) <= machine.TABLES_BYTES and "DMAR" in found
    assert sum("claim more than" in note for note in report.notes) == 1


def test_compare(folder):
    """Two runs of a machine on which setup was changed in between."""
    before, after = report_log.lines(), report_log.lines()
    paths = folder / "before.log", folder / "after.log"
    kind = {}
    for row in after:
        kind.setdefault(row["t"], []).append(row)
    after.remove(next(row for row in kind["fn"] if row["bdf"] == "0000:05:00.0"))
    after[:] = [row for row in after if not (row["t"] in ("cfg", "attach") and row["bdf"] == "0000:05:00.0")]
    next(row for row in kind["fn"] if row["bdf"] == "0000:04:00.0")["bme_left"] = 0
    switch = next(row for row in kind["group"] if row["id"] == 7)
    switch["members"] = ["0000:03:00.0", "0000:04:00.0"]
    after.append(report_log.group(20, ["0000:03:01.0"]))
    after.append(report_log.group(21, ["0000:06:00.0"]))
    after.append({"t": "fn", "bdf": "0000:06:00.0", "bme_entry": 1, "bme_left": 1})
    kind["unit"][0]["gsts"] = "0xc0000000"
    for row in kind["unit"]:
        row["ecap"] = "0xf00f5a"
    kind["sriov"][0].update(fit=8, limit="none", missing_bytes="0x0")
    next(row for row in kind["case"] if row["who"] == "VF1" and row["dir"] == "read")["verdict"] = "SUCCEEDED"
    kind["lat"][2]["hist"] = [[2 * lower, n] for lower, n in kind["lat"][2]["hist"]]
    kind["window"][1]["limit"] = "0xc13fffff"
    after.remove(next(row for row in after if row.get("id") == "TRANSLATION-OFF"))
    after.insert(
        0, report_log.finding("RMRR-OVERLAP", "warning", "firmware bug", "DMAR+0x48", "x", "two RMRRs overlap", "y", "z")
    )
    next(row for row in after if row.get("id") == "GROUP-SHARED").update(severity="info")
    kind["verdict"][0].update(errors=0, warnings=1)
    kind["run"][0]["firmware"] = "EDK II 2"
    kind["machine"][0].update(bios_version="1.24", time="2026-03-01T00:00:00")
    next(row for row in kind["fn"] if "serial" in row)["serial"] = "D-2"
    for path, objects in zip(paths, (before, after)):
        path.write_bytes(report_log.log(objects))
    done = tool("--compare", *paths, "-o", folder / "compared.html")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f"before: {paths[0]}\nafter:  {paths[1]}\n")
    sections = dict(re.findall(r"^([\w, ()-]+):\n((?:  .*\n)+)", done.stdout, re.M))
    want = {
        "which machine, which Sluice (not counted as a difference)": ["  ~ serial number of 0000:01:00.0: <D-1> -> D-2"],
        "verdict": ["  ~ errors: 1 -> 0"],
        "machine": ["  ~ BIOS version: 1.23 -> 1.24", "  ~ firmware: EDK II -> EDK II 2"],
        "findings": [
            "  - error: TRANSLATION-OFF at iommu0: translation was off",
            "  + warning: RMRR-OVERLAP at DMAR+0x48: two RMRRs overlap",
            "  ~ GROUP-SHARED at 0000:03:00.0 severity: warning -> info",
        ],
        "functions": ["  - 0000:05:00.0", "  + 0000:06:00.0", "  ~ 0000:04:00.0 DMA on after ExitBootServices: yes -> no"],
        "groups": [
            "  - 0000:03:00.0 0000:03:01.0 0000:04:00.0 0000:05:00.0 (switch",
            "  + 0000:03:00.0 0000:04:00.0 (switch",
            "  + 0000:03:01.0",
        ],
        "IOMMU units": [
            "  ~ unit 0xfed90000, at hand-over by UEFI: GSTS TES 0 -> 1 (translation)",
            "  ~ unit 0xfed90000, at hand-over by UEFI: GSTS RTPS 0 -> 1 (root table set)",
            "  ~ unit 0xfed90000, at the end of the run: ECAP EIM 0 -> 1 (x2APIC destinations)",
        ],
        "windows": ["  ~ 0000:00:01.0: 0xc1000000 to 0xc11fffff (2 MiB) -> 0xc1000000 to 0xc13fffff (4 MiB)"],
        "SR-IOV": [
            "  ~ 0000:01:00.0 VFs that can be had: 6 -> 8",
            "  ~ 0000:01:00.0 limit: BAR window -> none",
            "  ~ 0000:01:00.0 missing: 32 KiB -> 0 bytes",
        ],
        "proof": ["  ~ VF1 read unmapped page: refused -> SUCCEEDED"],
        "latency": [r"  ~ VF2, 32 in flight, mode=poll, iommu=on: median "],
    }
    sections["latency"] = sections.pop("latency (not counted as a difference)")
    assert sections.keys() == want.keys()
    for name, starts in want.items():
        lines = sections[name].splitlines()
        assert len(lines) == len(starts), f"{name}: {lines}"
        for line, start in zip(lines, starts):
            assert line.startswith(start), f"{name}: {line}"
    assert "(+100.0 %)" in sections["latency"]
    seen = asks_for_nothing((folder / "compared.html").read_text())
    assert "RMRR-OVERLAP" in seen.text and "GSTS TES 0 -> 1" in seen.text
    done = tool("--compare", paths[0], paths[0])
    assert done.returncode == 0 and done.stdout.endswith("\nno difference\n")


def test_groups_renumbered(folder):
    """Functions that come and go shift the numbers of the groups, not the groups."""
    first, second = folder / "a.log", folder / "b.log"
    first.write_bytes(report_log.log(report_log.lines(vfs=4)))
    objects = report_log.lines(vfs=2)
    for row in objects:
        if row["t"] == "group":
            row["id"] += 5
    second.write_bytes(report_log.log(objects))
    text = tool("--compare", first, second).stdout
    assert "  - 0000:01:00.4 VF 3 of 0000:01:00.0" in text and "\ngroups:" not in text


def test_compare_by_program(folder):
    """--json says what the text and the exit status say; what two runs never have in common is no difference."""
    first, second = folder / "a.log", folder / "b.log"
    objects = report_log.of_machine(1, 0)
    first.write_bytes(report_log.log(objects))
    objects = [report_log.vary(row, "latency") for row in objects]
    objects[1] = dict(report_log.identity(2, 0))
    second.write_bytes(report_log.log(objects))
    done = tool("--compare", first, second)
    assert done.returncode == 0 and "serial number: SN00001 -> SN00002" in done.stdout, done.stderr
    assert done.stdout.count("(not counted as a difference):") == 2 and done.stdout.endswith("\nno other difference\n")
    done = tool("--compare", first, second, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["alike"] is True and not any(each["counted"] for each in said["changes"])
    objects[1]["bios_version"] = "2"
    second.write_bytes(report_log.log(objects))
    done = tool("--compare", first, second, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["alike"] is False and said["before"] == str(first)
    assert [(each["section"], each["text"]) for each in said["changes"] if each["counted"]] == [("machine", "BIOS version: 1.2.3 -> 2")]


def test_compare_with_a_kept_report(folder):
    """Nothing in a kept report is judged, so the comparison is about what it has: no finding is called new."""
    whole, kept = folder / "whole.log", folder / "kept.txt"
    whole.write_bytes(report_log.log(report_log.lines()))
    objects = report_log.kept(report_log.lines())
    kept.write_bytes(report_log.log(objects))
    for paths in ((kept, whole), (whole, kept)):
        done = tool("--compare", *paths)
        assert done.returncode == 0 and done.stdout.endswith("\nno difference\n"), done.stdout
        assert f"kept.txt was kept by the loader (keep=1) and is not judged yet: make replay LOG={kept}" in done.stdout
    kept.write_bytes(report_log.log([report_log.vary(row, "unit") for row in objects]))
    done = tool("--compare", kept, whole)
    assert done.returncode == 1 and "at hand-over by UEFI: GSTS TES 1 -> 0" in done.stdout and "findings:" not in done.stdout
    done = tool(kept, "-o", folder / "kept.html")
    seen = asks_for_nothing((folder / "kept.html").read_text())
    assert seen.text.count("make replay LOG=kept.txt") == 3 and "The report has none" not in seen.text


# --- many reports

def test_summary(folder):
    """500 machines of three models: each file is read once, none is dropped, and who differs is named with what differs."""
    report_log.fleet(folder, 500)
    (folder / "serial.html").write_text(page.START)
    (folder / "empty.log").touch()
    (folder / "dangling.log").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    reads, read = [], summary.read
    summary.read = lambda path: reads.append(path) or read(path)
    try:
        found = summary.Summary(folder)
    finally:
        summary.read = read
    assert len(reads) == len(set(reads)) == 503
    assert (found.files, len(found.machines), len(found.unusable), found.pages) == (502, 485, 17, 1)
    bad = {f"rack{n // 40:02}/node{n:03}.log" for n in range(500) if n % 100 in report_log.BAD}
    assert {name for name, _ in found.unusable} == bad | {"empty.log", "dangling.log"}
    assert [(model.name, model.firmware) for model in found.models] and {(model.name, model.firmware) for model in found.models} == {
        (f"{maker} {product}", f"{version} (01/02/2026)") for maker, product, version in report_log.MODELS}
    differ = {each.name: each.differs for each in found.machines if each.differs}
    assert differ.keys() == {f"rack{n // 40:02}/node{n:03}.log" for n in range(500) if n % 100 in report_log.DIFFERENT}
    assert differ["rack00/node007.log"] == [
        ("findings", "GROUP-SHARED at 0000:03:00.0", "warning", "not found"),
        ("findings", "RMRR-OVERLAP at 0000:03:00.0", "not found", "error")]
    assert differ["rack00/node019.log"] == [("IOMMU units at hand-over", "0xfed90000 GSTS", "0x0", "0xc0000000 TES RTPS")]
    assert differ["rack00/node031.log"] == [("functions later", "0000:04:00.0 DMA on after ExitBootServices", "yes", "no")]
    assert ("error", "RMRR-OVERLAP", 5) in found.findings() and sum(each.kept for each in found.machines) == 5
    for how in (summary.as_text, summary.as_page):
        assert "node007.log" in how(found) and "RMRR-OVERLAP" in how(found)
    text = summary.as_text(found)
    assert all(name in text for name in bad) and "5 of them kept by the loader and not judged yet" in text
    assert max(len(line) for line in text.splitlines() if ": no report" not in line) < 260
    asks_for_nothing(summary.as_page(found))
    said = json.loads(json.dumps(summary.as_json(found)))
    assert sum(len(model["machines"]) for model in said["models"]) == 485 and not said["alike"] and len(said["unusable"]) == 17


def test_summary_by_program(folder):
    """The exit status: all alike, some not, nothing to read."""
    report_log.fleet(folder, 3)
    done = tool("--summary", folder, "-o", folder / "fleet.html")
    assert done.returncode == 0 and "3 files: 3 reports; every file could be used" in done.stdout, done.stderr
    report_log.fleet(folder, 10)
    done = tool("--summary", folder, "--json", "-o", folder / "fleet.html")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["reports"] == 9 and len(said["unusable"]) == 1
    assert "1 page of tools/report left out" in tool("--summary", folder).stdout
    source = folder / "rack00/node001.log"
    before = source.read_bytes()
    done = tool("--summary", folder, "-o", source)
    assert done.returncode == 2 and "name another file" in done.stderr and source.read_bytes() == before
    (folder / "none").mkdir()
    (folder / "none/a.log").write_text("nothing")
    done = tool("--summary", folder / "none")
    assert done.returncode == 2 and "a.log: no report in it" in done.stdout


def evil_fleet(folder):
    """Every text of every line of every report wants to be HTML, a script or a terminal escape; so do the files' names."""
    for n in range(4):
        objects = report_log.of_machine(n, 0)
        for row in objects:
            for name, value in row.items():
                if name != "t" and isinstance(value, str) and not re.fullmatch(r"0x[0-9a-f]*|[0-9a-f]{64,}|0000:[\w:.]+|entry|left|now", value):
                    row[name] = (EVIL if n else "") + value + (EVIL if n == 3 else "")
                if name in ("members", "missing"):
                    row[name] = [*value, EVIL]
        objects.append({"t": "fn", "bdf": EVIL, "bme_entry": 1, "bme_left": n % 2})
        (folder / f"<img src=x onerror='document.title=1'>{n}.log").write_bytes(report_log.log(objects))
    (folder / "<script>document.title=1<\\script>.log").write_text("BEGIN SLUICE REPORT v=1\n" + EVIL.replace("\ud800", ""))


def test_summary_of_hostile_reports(folder):
    evil_fleet(folder)
    target = folder / "out.html"
    done = tool("--summary", folder, "-o", target)
    assert done.returncode == 1, done.stderr
    seen = asks_for_nothing(target.read_text())
    assert "<script>" in seen.text, "shown as text"
    for text in (target.read_text(), done.stdout, tool("--summary", folder, "--json").stdout):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text)


# --- real machines, as lspci -xxxx recorded them

DATA = pathlib.Path(os.environ.get("SLUICE_DATA", sluice.ROOT / "../shared/data")) / "lspci"


def recorded(path):
    objects, bdf = [], None
    for line in path.read_text(errors="replace").splitlines():
        found = re.match(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) ", line)
        if found:
            bdf = f"{found[1] or '0000'}:{found[2]}"
            objects.append({"t": "fn", "bdf": bdf, "bme_entry": 1, "bme_left": 0})
        found = re.match(r"([0-9a-f]+): ((?:[0-9a-f]{2} ?){16})$", line)
        if bdf and found:
            objects.append({"t": "cfg", "bdf": bdf, "off": int(found[1], 16), "hex": found[2].replace(" ", "")})
    return objects


@pytest.mark.skipif(not DATA.is_dir(), reason="no recorded data")
def test_recorded_machines():
    """Every function once in the tree, each below a bridge that leads to its bus."""
    for path in sorted(DATA.glob("*.txt")):
        report = log.read(report_log.log(recorded(path)))
        seen = machine.Machine(report)
        source = page.report_page(path.name, report, seen)
        Page(source)
        tree = re.search(r'<svg class="tree".*?</svg>', source, re.S)[0]
        drawn = re.findall(r'class="m">([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])<', tree)
        assert sorted(drawn) == sorted({row.bdf for row in report["fn"]}), path.name
        for f in seen.placed():
            if f.above and not f.pf:
                assert f.above.is_bridge and f.above.secondary == f.bus, f.bdf


# --- a machine that was booted

SWITCH = [
    "-device",
    "pcie-root-port,id=rps,chassis=7,slot=7",
    "-device",
    "x3130-upstream,id=up,bus=rps",
    "-device",
    "xio3130-downstream,id=d0,bus=up,chassis=8,slot=8",
    "-device",
    "xio3130-downstream,id=d1,bus=up,chassis=9,slot=9",
    "-device",
    "e1000e,bus=d0,romfile=",
    "-device",
    "e1000e,bus=d1,romfile=",
]


def test_of_a_boot(boot, folder):
    """The whole way: the serial log of a run, its page, a comparison of the run with itself, and what was kept on the stick."""
    run = boot("app=audit", "json=1", "vfs=2", "--usb", "keep=1", qemu=SWITCH)
    assert run.result and run.result["ok"] == "1", run.summary()
    source, target = folder / "serial.log", folder / "serial.html"
    source.write_text(run.text)
    done = tool(source)
    assert done.returncode == 0, done.stderr
    assert "not of their kind" not in done.stderr and "does not know" not in done.stderr
    seen = asks_for_nothing(target.read_text())
    report = log.read(run.text.encode())
    tree = re.search(r'<svg class="tree".*?</svg>', target.read_text(), re.S)[0]
    drawn = re.findall(r'class="m">([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])<', tree)
    assert sorted(drawn) == sorted(row.bdf for row in report["fn"]) and len(drawn) >= 14
    assert "VF 1 of 0000:01:00.0" in tree and "switch down, bus 05" in tree
    assert (
        f"{run.number('cases') + run.number('not_enforced')} forbidden requests were tried: {run.number('refused')} refused"
        in seen.text
    )
    assert all(row.id in seen.text and row.remedy[1:-1] in seen.text for row in report["finding"]) and report["finding"]
    assert "At the end of the run, 1 of 1 IOMMU unit translated" in seen.text and "checksum right" in seen.text
    assert target.read_text().count('<svg class="strip" role') == len(report["domain"]) >= 3
    assert tool("--compare", source, source).stdout.endswith("\nno difference\n")
    image = f"{run.folder / 'usb.img'}@@1M"
    source.write_bytes(subprocess.run(["mtype", "-i", image, "::/EFI/sluice/report.txt"], capture_output=True, check=True).stdout)
    done = tool(source)
    assert done.returncode == 0, done.stderr
    kept = target.read_text()
    assert kept.count("make replay LOG=serial.log") >= 3 and "The report has none." not in kept
    status, judged, error = sluice.replay(source)
    assert status == 0, error
    assert "it is judged here for the first time" in judged and re.search(r"^audit: [1-9]\d* findings$", judged, re.M)
    assert "against the log" not in judged and " GROUP-MULTI " in judged and "\ngroup " in judged
    (folder / "whole.log").write_text(run.text)
    done = tool("--compare", source, folder / "whole.log")
    assert done.returncode == 0 and "not judged yet" in done.stdout and done.stdout.endswith("\nno difference\n"), done.stdout
    assert "Kept by the loader" in kept and all(
        f">{bdf}</text>" in kept for bdf in drawn if bdf not in ("0000:01:00.1", "0000:01:00.2")
    )


# --- in a browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


# What Chromium asks for by itself, whatever the page.
ITS_OWN = re.compile(r"[ /]([\w-]+\.)*(google|googleapis|gvt1|gstatic)\.com[:/]")


class Proxy(socketserver.ThreadingTCPServer):
    """Keeps the first line of whatever a page asks for, and answers nothing."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline(2000).decode("latin-1").strip()
            if not ITS_OWN.search(line):
                self.server.asked.append(line)

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked = []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def chromium(folder, proxy, *words):
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-extensions",
        "--disable-features=OptimizationHints,MediaRouter,Translate",
        "--no-default-browser-check",
        "--disable-domain-reliability",
        f"--proxy-server=http://127.0.0.1:{proxy.server_address[1]}",
        "--proxy-bypass-list=<-loopback>",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        *map(str, words),
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        text, _ = child.communicate(timeout=sluice.PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise
    assert child.returncode == 0
    return text.decode("utf-8", "replace")


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (300 MB, optional: docs/testing.md)")
def test_in_chromium(folder):
    """The browser's own view: tree, findings and curves are there, nothing is asked for; a page that does ask is seen to."""
    _, source = page_of(folder, report_log.lines())
    control = folder / "control.html"
    control.write_text('<img src="http://control.invalid/x.png">')
    with Proxy() as proxy:
        dom = chromium(folder, proxy, "--dump-dom", folder / "out.html")
        assert not proxy.asked
        chromium(folder, proxy, "--dump-dom", control)
        assert any("control.invalid" in line for line in proxy.asked)
        for width, height in ((1280, 1600), (400, 1600)):
            picture = folder / f"{width}.png"
            chromium(folder, proxy, f"--window-size={width},{height}", f"--screenshot={picture}", folder / "out.html")
            body = picture.read_bytes()
            assert body.startswith(b"\x89PNG") and struct.unpack(">II", body[16:24]) == (width, height)
        assert not [line for line in proxy.asked if "control.invalid" not in line]
    assert dom.count('class="finding ') == len(report_log.FINDINGS)
    assert all(f">{bdf}</text>" in dom for bdf in report_log.machine())
    assert dom.count("<polyline ") == 4 and dom.count('<svg class="strip" role') == 5
    shutil.rmtree(folder / "profile", ignore_errors=True)


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (300 MB, optional: docs/testing.md)")
def test_hostile_reports_in_chromium(folder):
    """What is in hostile reports runs nothing and asks for nothing, on the page of one and on that of all. A page that does
    is seen to."""
    (folder / "logs").mkdir()
    evil_fleet(folder / "logs")
    first = next((folder / "logs").glob("*3.log"))
    one, every, control = (folder / name for name in ("one.html", "every.html", "control.html"))
    assert tool(first, "-o", one).returncode == 0 and tool("--summary", folder / "logs", "-o", every).returncode == 1
    control.write_text('<title>asked</title><script>document.title="ran"</script><img src="http://evil.example/x.png">')
    with Proxy() as proxy:
        for path in (one, every):
            dom = chromium(folder, proxy, "--dump-dom", path)
            assert "<script" not in dom and "<img" not in dom and "&lt;script&gt;" in dom
            assert re.search(r"<title>Sluice: [^<]*</title>", dom)
        assert not proxy.asked
        assert "<title>ran</title>" in chromium(folder, proxy, "--dump-dom", control)
        assert any("evil.example" in line for line in proxy.asked)
    shutil.rmtree(folder / "profile", ignore_errors=True)
