# pci.ids as lines "rank<TAB>place<TAB>key name": what tools/pciids keeps, in its order, while there is room.
#   rank 0  classes with their programming interfaces, subsystems of QEMU, names of the vendors below
#   rank 1  devices of those vendors whose name has one of the words below, in the vendors' order
#   rank 2  the other vendors' names
#   rank 3  the other devices of the first two vendors, whose chipsets have many functions each
#   rank 4  devices of other vendors whose name has one of the words
#   rank 5  all other devices
# pci.ids has no class for a device, so its name tells what it is. A word here is the beginning of a word there.

BEGIN {
	# Chipsets; virtual machines; network, accelerators and storage of servers; BMCs; switches; controllers of boards.
	n = split("8086 1022 1b36 1af4 1234 15b3 14e4 1077 10df 1000 9005 177d 1924 19e5 1d0f 1ae0 1414 15ad 1dd8 1c36 10ee " \
		  "1172 1a03 102b 144d 1344 1c5c 1e0f 1179 1cc1 15b7 1987 1bb1 1b4b 11f8 10b5 111d 12d8 1b21 1912 10ec 1d94 " \
		  "1d17 104c 197b 1002 10de 1106 1425", list)
	for (i = 1; i <= n; i++)
		place[list[i]] = i
	words = " (accel|ahci|audio|bmc|bridge|connect|coprocessor|co processor|crypto|data center|data streaming|dma|dlb|" \
		"dram controller|dsa|ehci|emmc|ethernet|fabric|fibre|fpga|g200e|gbe|gigabit|hba|hda|host|hub|ide|infiniband|" \
		"instinct|ioat|iommu|isa|lan|load balanc|lpc|memory management|network|nic|npu|nvm|ohci|optane|pci|port|qat|" \
		"quickassist|raid|roce|root|sas|sata|scsi|sd host|smbus|ssd|storage|switch|sxm|tensor|tesla|thunderbolt|ufs|" \
		"uhci|usb|virtio|virtual|vmd|volume management|vt d|vtd|wi fi|wifi|wireless|xhci)"
}

# The name from column `at` on, in ASCII, which a serial terminal can show.
function emit(rank, order, key, at, name) {
	name = substr($0, at)
	gsub(/[^ -~]/, "", name)
	print rank "\t" order "\t" key " " name
}

function has_word(name) {
	name = " " tolower(name)
	gsub(/[^a-z0-9]+/, " ", name)
	return name ~ words
}

/^#/ || /^$/ { next }

/^C [0-9a-f][0-9a-f]  / {
	in_classes = 1
	base = $2
	emit(0, 0, "c" base, 7)
	next
}

in_classes && /^\t[0-9a-f]/ {
	class = base $1
	emit(0, 0, "c" class, 6)
}

in_classes && /^\t\t[0-9a-f]/ { emit(0, 0, "c" class $1, 7) }

/^[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	in_classes = 0
	vendor = $1
	at = vendor in place ? place[vendor] : 100
	emit(at < 100 ? 0 : 2, at, "v" vendor, 7)
}

!in_classes && /^\t[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	device = vendor $1
	if (has_word(substr($0, 8)))
		rank = at < 100 ? 1 : 4
	else
		rank = at <= 2 ? 3 : 5
	emit(rank, at, "d" device, 8)
}

!in_classes && /^\t\t1af4 1100  / { emit(0, 0, "s" device "1af41100", 14) }
