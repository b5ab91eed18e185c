"""What QEMU's own log says of the DMA of each VF."""
import re

EVENTS = ["vtd_dmar_translate", "vtd_iotlb_page_update", "vtd_translate_pt", "vtd_pt_enable_fast_path"]
VFS = 4


def test_every_vf_has_its_own_context(boot, folder):
    log = folder / "trace.log"
    trace = [word for event in EVENTS for word in ("-trace", event)]
    # few requests: each of them leaves some lines
    boot(f"vfs={VFS}", "qd=1", qemu=["-D", log, *trace]).assert_ok(vfs=VFS)

    domains = {}  # requester id: the domains that its translations came from
    translated = {}  # requester id: how often
    for line in log.read_text(errors="replace").splitlines():
        if match := re.search(r"IOTLB page update sid 0x([0-9a-f]+) .* domain 0x([0-9a-f]+)", line):
            domains.setdefault(int(match[1], 16), set()).add(int(match[2], 16))
        elif match := re.search(r"dev (\w\w):(\w\w)\.(\w\w) iova 0x([0-9a-f]+) -> gpa 0x([0-9a-f]+)", line):
            bus, slot, function, iova, gpa = (int(number, 16) for number in match.groups())
            rid = bus << 8 | slot << 3 | function
            translated[rid] = translated.get(rid, 0) + 1
            assert rid not in domains or iova != gpa, f"passed through: {line}"
        else:
            assert "_pt" not in line, f"pass-through: {line}"
    log.unlink()

    # 0000:01:00.0 behind the root port is the PF; its VFs follow.
    vfs = [0x0101 + n for n in range(VFS)]
    print("domains", domains, "translations", translated)
    assert all(len(domains.get(rid, ())) == 1 for rid in vfs), "each VF has one domain"
    assert len(set.union(*(domains[rid] for rid in vfs))) == VFS, "no two VFs share one"
    assert all(translated[rid] > 100 for rid in vfs)
    others = set.union(set(), *(numbers for rid, numbers in domains.items() if rid not in vfs))
    assert not others & set.union(*(domains[rid] for rid in vfs)), "no other function is in a VF's domain"
    assert 0 not in set.union(*domains.values()), "domain ids start at 1"
