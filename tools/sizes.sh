#!/bin/sh
# Sizes of what was built in folder $1. The EFI file must stay below 512 KiB.
set -eu
b=$1 limit=524288

row() { printf '  %-16s %9d  %s\n' "$1" "$2" "${3-}"; }

# section NAME...: their bytes together, from llvm-size -A
section() {
	llvm-size -A "$b/kernel.elf" | awk -v want="$*" '
		BEGIN { n = split(want, w, " ") }
		{ for (i = 1; i <= n; i++) if ($1 == w[i]) sum += $2 }
		END { print sum + 0 }'
}

for f in kernel.elf BOOTX64.EFI; do
	[ -r "$b/$f" ] || { echo "sizes: no $b/$f: run make first" >&2; exit 1; }
done
efi=$(wc -c <"$b/BOOTX64.EFI")
row "kernel code" "$(section .text)"
row "kernel constants" "$(section .rodata)"
[ ! -r "$b/pci.ids.packed.kept" ] || row "PCI names" "$(wc -c <"$b/pci.ids.packed")" "$(cat "$b/pci.ids.packed.kept")"
row "kernel data" "$(section .data)" "and $(section .bss) zeroed"
row BOOTX64.EFI "$efi" "of $limit"
[ "$efi" -lt "$limit" ] || { echo "sizes: $b/BOOTX64.EFI is not below 512 KiB" >&2; exit 1; }
