#!/bin/busybox sh
# The init of the Linux guest of tests/boot/test_walker_linux.py: loads the drivers, reads the drive once, and
# names the functions that have an IOMMU group.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do
	insmod "$module"
done
left=6000
until [ -e /dev/nvme0n1 ] || [ $left = 0 ]; do
	left=$((left - 1))
	usleep 10000
done
for card in /sys/class/net/e*; do
	ifconfig "${card##*/}" up
done
sum=$(dd if=/dev/nvme0n1 bs=64k count=16 2>/dev/null | md5sum | cut -d' ' -f1)
for function in /sys/bus/pci/devices/*; do
	[ -e "$function/iommu_group" ] && echo "FUNCTION ${function##*/}"
done
echo "READY $sum"
while :; do sleep 1000; done
