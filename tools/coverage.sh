#!/bin/sh
# Sums up what the host tests left in DIR: branch coverage of each file of pci/ and iommu/, and of each folder, which must reach
# FLOOR per cent.
set -eu
dir=$1 floor=$2
llvm-profdata merge -sparse "$dir"/*.profraw -o "$dir/all.profdata"
objects=$(for t in "$dir"/test_*; do [ -f "$t" ] && [ -x "$t" ] && printf ' -object %s' "$t"; done)
# shellcheck disable=SC2086
llvm-cov export -summary-only -instr-profile="$dir/all.profdata" $objects 2>/dev/null >"$dir/summary.json"
python3 - "$dir/summary.json" "$floor" <<'END'
import collections, json, os, sys
files = json.load(open(sys.argv[1]))["data"][0]["files"]
total = collections.defaultdict(lambda: [0, 0])
for f in sorted(files, key=lambda f: f["filename"]):
    path = os.path.relpath(f["filename"])
    folder = path.split("/")[0]
    if folder not in ("pci", "iommu") or not path.endswith(".c"):
        continue
    b = f["summary"]["branches"]
    total[folder][0] += b["covered"]
    total[folder][1] += b["count"]
    print(f"  {path:28} {b['covered']:5} of {b['count']:5} branches  {100 * b['covered'] / max(b['count'], 1):6.1f} %")
low = [d for d, (c, n) in total.items() if 100 * c < float(sys.argv[2]) * n]
for d, (c, n) in sorted(total.items()):
    print(f"  {d + '/':28} {c:5} of {n:5} branches  {100 * c / n:6.1f} %{'   BELOW ' + sys.argv[2] if d in low else ''}")
sys.exit(1 if low else 0)
END
