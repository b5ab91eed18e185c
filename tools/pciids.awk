# pci.ids as pci/names.c carries it: every class with its programming interfaces, every vendor and device; of subsystems
# QEMU's own. Prints "key name" lines, unsorted.
#   awk -f tools/pciids.awk pci.ids | LC_ALL=C sort | tr '\n' '\0'

# The name from column `at` on, in ASCII, which a serial terminal can show.
function emit(key, at, name) {
	name = substr($0, at)
	gsub(/[^ -~]/, "", name)
	print key " " name
}

/^#/ || /^$/ { next }

/^C [0-9a-f][0-9a-f]  / {
	in_classes = 1
	base = $2
	emit("c" base, 7)
	next
}

in_classes && /^\t[0-9a-f]/ {
	class = base $1
	emit("c" class, 6)
}

in_classes && /^\t\t[0-9a-f]/ { emit("c" class $1, 7) }

/^[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	in_classes = 0
	vendor = $1
	emit("v" vendor, 7)
}

!in_classes && /^\t[0-9a-f][0-9a-f][0-9a-f][0-9a-f]  / {
	device = vendor $1
	emit("d" device, 8)
}

!in_classes && /^\t\t1af4 1100  / { emit("s" device "1af41100", 14) }
