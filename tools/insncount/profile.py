#!/usr/bin/env python3
"""profile.py KERNEL PROFILE: the functions of the kernel that insncount's profile says most instructions are spent in."""
import bisect
import subprocess
import sys


def main():
    kernel, profile = sys.argv[1:]
    said = subprocess.run(["llvm-nm", "-n", kernel], capture_output=True, text=True, check=True).stdout
    symbols = [line.split() for line in said.splitlines()]
    symbols = [(int(address, 16), name) for address, kind, name in symbols if kind in "tT"]
    starts = [address for address, _ in symbols]
    spent = {}
    with open(profile) as lines:
        for line in lines:
            address, count = line.split()
            name = symbols[max(bisect.bisect_right(starts, int(address, 16)) - 1, 0)][1]
            spent[name] = spent.get(name, 0) + int(count)
    total = sum(spent.values())
    for name, count in sorted(spent.items(), key=lambda item: -item[1])[:20]:
        print(f"  {count:12d} {100 * count / total:5.1f} %  {name}")


if __name__ == "__main__":
    main()
