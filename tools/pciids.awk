# Reduces pci.ids to what pci/names.c carries: all classes and vendors, the devices of vendors whose parts Sluice meets, each name
# as it stands there. Prints "key name" lines, unsorted. What does not fit in `limit` bytes is left out, the highest rank first.
#   awk -f tools/pciids.awk pci.ids | LC_ALL=C sort | tr '\n' '\0'
BEGIN {
	limit = 192 * 1024
	# Every device: Red Hat, QEMU, virtio; SSDs; network; switches; accelerators; server graphics.
	split("1b36 1234 1af4 144d 1344 c0a9 15b7 1e0f 025e 1c5c 1c58 1cc4 126f 1987 1e49 1cc1 1d97 15b3 1924 177d 10b5 11f8 " \
	      "1dd8 10ee 1d0f 1912 1a03 1b21 104c", list, " ")
	for (i in list)
		whole[list[i]] = 1
	# Those that a rank below names: Intel, AMD, Broadcom, LSI, Huawei, Toshiba, Marvell, Realtek.
	split("8086 1022 14e4 1000 19e5 1179 1b4b 10ec", list, " ")
	for (i in list)
		part[list[i]] = 1
	rank[1] = "QAT|QuickAssist|Data Streaming|DSA|In-Memory Analytics|Virtual Function|NVMe|NVM Express|SSD|" \
	          "Optane|VMD|Volume Management|IOMMU|VT-d|Non-Transparent|NTB|QuickData|CBDMA|Load Balancer|Switch|Crypto|CCP|" \
	          "I350|I21[0-9]|I22[0-9]|8254[05]|8257[0-9]|8259[0-9]|X5[0-9][0-9]|X7[0-9][0-9]|E8[0-9][0-9]|MegaRAID|SAS3|" \
	          "NetXtreme-E|StrataGX|BCM5[67][0-9]|RTL81"
	rank[2] = "Root Port|Root Complex|PCIe|PCI Express|PCI Bridge|Host [Bb]ridge"
	rank[3] = "Ethernet|SATA|LPC|eSPI|xHCI|PMC|SMBus|UART"
}

# What a serial line shows: a name with other characters is left out whole, so that none is printed that is not in pci.ids.
function emit(line) {
	if (line ~ /[^ -~]/ || used + length(line) + 1 > limit)
		return
	used += length(line) + 1
	print line
}

/^#/ || /^$/ { next }

/^C [0-9a-f][0-9a-f]  / {
	in_classes = 1
	base = $2
	emit("c" base " " substr($0, 7))
	next
}

in_classes && /^\t[0-9a-f]/ {
	class = base $1
	emit("c" class " " substr($0, 6))
	next
}

in_classes && /^\t\t[0-9a-f]/ { # programming interfaces
	emit("c" class $1 " " substr($0, 7))
	next
}

/^[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	in_classes = 0
	vendor = $1
	emit("v" vendor " " substr($0, 7))
	next
}

# QEMU's subsystem of a device that is there by itself.
!in_classes && /^\t\t1af4 1100  / {
	if (device != "")
		emit("s" device "1af41100 " substr($0, 14))
	next
}

!in_classes && /^\t[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	name = substr($0, 8)
	device = vendor == "1b36" ? vendor $1 : ""
	if (vendor == "8086" && name ~ /82801I|82G33|82801 Mobile/) { # QEMU's q35
		device = vendor $1
		emit("d" device " " name)
		next
	}
	for (r = 1; !(vendor in whole) && r <= 3 && name !~ rank[r]; r++)
		;
	if (vendor in whole)
		r = 0
	else if (!(vendor in part) || r > 3)
		next
	kept[r, ++n[r]] = "d" vendor $1 " " name
}

END {
	for (r = 0; r <= 3; r++)
		for (i = 1; i <= n[r]; i++)
			emit(kept[r, i])
}
