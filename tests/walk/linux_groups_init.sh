#!/bin/busybox sh
# The init of the Linux guest of tests/boot/test_amd_linux.py: switches VFs on, and names the IOMMU group and the unit of each
# function, and the reserved regions of each group.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do
	insmod "$module"
done
left=6000
until [ "$(cat /sys/class/nvme/nvme0/state 2>/dev/null)" = live ] || [ $left = 0 ]; do
	left=$((left - 1))
	usleep 10000
done
pf=/sys/class/nvme/nvme0/device
echo 0 >$pf/sriov_drivers_autoprobe
echo 2 >$pf/sriov_numvfs
for function in /sys/bus/pci/devices/*; do
	group=$(readlink "$function/iommu_group")
	unit=$(readlink "$function/iommu")
	echo "FUNCTION ${function##*/} group=${group##*/} unit=${unit##*/}"
done
for group in /sys/kernel/iommu_groups/*; do
	while read -r from to kind; do
		echo "REGION ${group##*/} $from $to $kind"
	done <"$group/reserved_regions"
done
echo "READY $(uname -r)"
while :; do sleep 1000; done
