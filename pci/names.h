/* Names of classes, vendors and devices as pciutils has them, from the system's pci.ids, of which the build
 * keeps as many as fit (tools/pciids). Each is NULL when it was not kept or has no entry. */
#pragma once
#include "kernel/bits.h"

/* Of a 24-bit class code: its sub-class, else its base class. */
const char *pci_class_name(uint32_t class);
const char *pci_vendor_name(uint16_t vendor);
const char *pci_device_name(uint16_t vendor, uint16_t device);
/* Of a class code's programming interface. */
const char *pci_interface_name(uint32_t class);
/* Of a device with this subsystem: QEMU's own. */
const char *pci_subsystem_name(uint16_t vendor, uint16_t device, uint16_t sub_vendor, uint16_t sub_device);
