#!/bin/sh
# Writes a disk image for a USB stick: GPT with one FAT32 EFI system partition that holds EFI/BOOT/BOOTX64.EFI and sluice.cfg.
#   tools/mkimage.sh IMAGE BOOTX64.EFI [sluice.cfg [FILE...]]   without a sluice.cfg (or with -): one that audits;
#                                                               each FILE, a card's firmware, goes to EFI/sluice
# Needs no root. The same input gives the same bytes: identifiers and times are fixed.
set -eu
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
image=$1 efi=$2 cfg=${3-}
if [ $# -gt 3 ]; then shift 3; else shift $#; fi # what is left: firmware files
[ "$cfg" != - ] || cfg=

# A device node would be deleted and a file put in its place: the stick would stay as it was.
if [ -e "$image" ] && [ ! -f "$image" ]; then
	echo "mkimage: $image is there and is no regular file: name a file, and copy that to the stick (README)" >&2
	exit 1
fi
for tool in sgdisk mformat mmd mcopy; do
	command -v $tool >/dev/null || { echo "mkimage: no $tool: install gdisk and mtools (tools/setup.sh run)" >&2; exit 1; }
done
[ -r "$efi" ] || { echo "mkimage: no $efi: run make first" >&2; exit 1; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if [ -n "$cfg" ]; then
	cp "$cfg" "$tmp/sluice.cfg"
else
	cat >"$tmp/sluice.cfg" <<'END'
# Sluice reads this file when it starts: key=value, one a line; '#' starts a comment.
# As it is, Sluice audits this machine (docs/audit.md) and writes to no medium but this stick: what is known early
# goes to EFI/sluice/report.txt. The serial numbers of the machine's NVMe controllers are in the log.
app=audit
json=1
keep=1

# Seconds that the menu waits for a key before that starts; 0: no menu, and no delay.
menu=5

# The demo: VFs that work, and DMA attacks on them. scratch= is the serial number of the NVMe controller to use.
# EVERYTHING ON ITS NAMESPACES IS LOST.
#app=demo
#scratch=SERIAL

# VFs to enable (1 to 64), requests in flight on each, seconds of the timed phase.
#vfs=4
#qd=32
#seconds=5

# Serial console: by default every UART that answers, at the rate that firmware has set. console=com2 chooses one;
# baud= is 9600, 19200, 38400, 57600 or 115200.
#baud=115200

# When done: halt, reboot or shutdown.
#end=halt
END
fi
cp "$efi" "$tmp/BOOTX64.EFI"
TZ=UTC touch -t 202501010000.00 "$tmp/sluice.cfg" "$tmp/BOOTX64.EFI"

# 40 MiB: enough clusters of one sector to be FAT32. 1 MiB before and after the partition is for the two GPTs.
sectors=81920 start=2048
end=$((sectors - 2049))
rm -f "$image"
truncate -s $((sectors * 512)) "$image"
sgdisk --clear --disk-guid=5C0D3A5E-6C1E-4B53-9D52-51A1CE000001 \
	--new=1:$start:$end --typecode=1:EF00 --change-name=1:SLUICE \
	--partition-guid=1:5C0D3A5E-6C1E-4B53-9D52-51A1CE000002 "$image" >"$tmp/sgdisk.log" 2>&1 ||
	{ cat "$tmp/sgdisk.log" >&2; echo "mkimage: sgdisk failed on $image" >&2; exit 1; }

export MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null SOURCE_DATE_EPOCH=1735689600 TZ=UTC
esp=$image@@$((start * 512))
mformat -i "$esp" -F -c 1 -T $((end - start + 1)) -h 64 -s 32 -H $start -N 51A1CE01 -v SLUICE ::
mmd -i "$esp" ::/EFI ::/EFI/BOOT
mcopy -i "$esp" -m "$tmp/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
mcopy -i "$esp" -m "$tmp/sluice.cfg" ::/sluice.cfg
[ $# -eq 0 ] || mmd -i "$esp" ::/EFI/sluice
for file in "$@"; do
	cp "$file" "$tmp/firmware"
	TZ=UTC touch -t 202501010000.00 "$tmp/firmware"
	mcopy -i "$esp" -m "$tmp/firmware" "::/EFI/sluice/${file##*/}"
done
