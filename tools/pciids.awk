# Reduces pci.ids to what pci/names.c carries: all classes, all vendors, the devices of vendors whose parts Sluice meets. Prints
# "key name" lines, unsorted. What does not fit in `limit` bytes is left out, the highest rank first.
#   awk -f tools/pciids.awk pci.ids | LC_ALL=C sort | tr '\n' '\0'
BEGIN {
	limit = 104 * 1024
	# Every device: Red Hat, QEMU, virtio; SSDs; network; switches; accelerators; server graphics.
	split("1b36 1234 1af4 144d 1344 c0a9 15b7 1e0f 025e 1c5c 1c58 1cc4 126f 1987 1e49 1cc1 1d97 15b3 1924 177d 10b5 11f8 " \
	      "1dd8 10ee 1d0f 1912 1a03 1b21", list, " ")
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

function clean(s, most) {
	gsub(/[^ -~]/, "", s)
	sub(/,? (Incorporated|Inc\.?|Corporation|Corp\.?|Company|Technology Co\.?,? ?Ltd\.?|Co\.?,? ?Ltd\.?|Ltd\.?|Limited|GmbH|AG|LLC|S\.?A\.?|B\.?V\.?).*$/, "", s)
	return shorten(s, most)
}

function shorten(s, most) {
	gsub(/[^ -~]/, "", s)
	s = substr(s, 1, most)
	sub(/[ ,(\[\/-]+$/, "", s)
	return s
}

function emit(line) {
	if (used + length(line) + 1 > limit)
		return
	used += length(line) + 1
	print line
}

/^#/ || /^$/ { next }

/^C [0-9a-f][0-9a-f]  / {
	in_classes = 1
	base = $2
	emit("c" base " " shorten(substr($0, 7), 48))
	next
}

in_classes && /^\t[0-9a-f]/ {
	emit("c" base $1 " " shorten(substr($0, 6), 48))
	next
}

in_classes && /^\t/ { next } # programming interfaces

/^[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	in_classes = 0
	vendor = $1
	emit("v" vendor " " clean(substr($0, 7), 28))
	next
}

!in_classes && /^\t[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	name = substr($0, 8)
	if (vendor == "8086" && name ~ /82801I|82G33/) { # QEMU's q35
		emit("d" vendor $1 " " shorten(name, 44))
		next
	}
	for (r = 1; !(vendor in whole) && r <= 3 && name !~ rank[r]; r++)
		;
	if (vendor in whole)
		r = 0
	else if (!(vendor in part) || r > 3)
		next
	gsub(/PCI Express/, "PCIe", name)
	gsub(/ (Family|Series|Processor)/, "", name)
	kept[r, ++n[r]] = "d" vendor $1 " " shorten(name, 44)
}

END {
	for (r = 0; r <= 3; r++)
		for (i = 1; i <= n[r]; i++)
			emit(kept[r, i])
}
