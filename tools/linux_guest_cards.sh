#!/bin/busybox sh
# The init of the Linux guest of tools/compare-cards: two each of e1000e, virtio-net, igb and VFs of the first igb, each
# pair on a network of its own. For each kind a line CARD, then the lines of the program frames; last RESULT.
# Kernel command line: compare.seconds=N
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

seconds=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^compare\.seconds=//p')

# By the kernel, which waits for the serial port itself: what a process writes needs an interrupt, and the end may be sooner.
print() { echo "<2>$*" >/dev/kmsg; }

result() { # result OK MORE...
	print "RESULT v=1 app=cards ok=$*"
	poweroff -f
}

fail() { # fail WHAT: one word; what was said about it stands above
	dmesg | grep -iE 'igb|e1000e|virtio|iommu|dmar' | tail -n 20
	[ ! -e /tmp/error ] || cat /tmp/error
	sleep 1 # until it has gone out
	result 0 "stage=$1"
}

wait_for() { # wait_for WHAT COMMAND: up to 60 s
	local end=$(($(cut -d. -f1 /proc/uptime) + 60))
	until eval "$2"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || fail "$1"
		usleep 100000
	done
}

# The interfaces of a driver, in the order of their functions.
interfaces() {
	for net in /sys/bus/*/drivers/"$1"/*/net/*; do
		[ ! -e "$net" ] || basename "$net"
	done
}

card() { # card KIND DRIVER
	wait_for "$1" '[ "$(interfaces '"$2"' | wc -l)" -ge 2 ]'
	set -- "$1" $(interfaces "$2")
	for name in "$2" "$3"; do
		ip link set "$name" up || fail "$1"
	done
	wait_for "$1_link" '[ "$(cat /sys/class/net/'"$2"'/carrier /sys/class/net/'"$3"'/carrier 2>/dev/null | grep -c 1)" = 2 ]'
	print "CARD kind=$1 iommu=$(cat "/sys/class/net/$2/device/iommu_group/type" 2>/dev/null)"
	for row in "send $2 60" "send $2 1514" "round $2 $3"; do
		said=$(frames $row "$seconds" 2>/tmp/error) || fail "$1_${row%% *}"
		print "$said"
	done
}

for module in /modules/*; do
	insmod "$module" || fail insmod
done
card e1000e e1000e
card virtio-net virtio_net
card PF igb
pf=$(dirname "$(dirname "$(readlink -f "/sys/class/net/$(interfaces igb | head -n 1)")")")
echo 2 >"$pf/sriov_numvfs" || fail sriov
card VF igbvf
result 1 "kernel=$(uname -r)"
