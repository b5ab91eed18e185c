/* Names of classes, vendors and devices, from the reduced pci.ids that the build makes (tools/pciids.awk).
 * Each is NULL when the list does not have it. */
#pragma once
#include "kernel/bits.h"

/* Of the 24-bit class code, as exactly as known: programming interface, else sub-class, else base class. */
const char *pci_class_name(uint32_t class);
const char *pci_vendor_name(uint16_t vendor);
const char *pci_device_name(uint16_t vendor, uint16_t device);
