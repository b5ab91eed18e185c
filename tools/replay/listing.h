/* IOMMU groups as Linux has them, to be held against those that Sluice finds. What is different has a rule
 * that explains it, or the comparison fails.
 *
 * Read are, all mixed as they come:
 * - paths as of `find /sys/kernel/iommu_groups -type l`;
 * - a kernel's log: "pci 0000:00:1f.0: Adding to iommu group 3", "Adding device 0000:00:1f.0 to group 3" of
 *   older ones, with its lines that describe functions and the buses below bridges;
 * - what scripts print of them: "IOMMU Group 3:" and below it, or behind it, "00:1f.0 ISA bridge [0601]: ...
 * [8086:7a06]";
 * - the words of lspci -v, which have the group of each function;
 * - "3: 0000:00:1f.0 0000:00:1f.2" and "dmar0 3 0000:00:1f.0".
 * A line that begins with "## groups" opens a further list of the same machine. A listing may describe the
 * functions too: "0000:00:1c.0 8086:a110 01 0x060400 [PCIe Root Port] 15-15" (ids, header type, class, kind,
 * buses below). */
#pragma once
#include "pci/pci.h"
#include "replay.h"

struct listing;

/* NULL when text is no such listing, or out of memory. The caller ends it with listing_free(). */
struct listing *listing_read(const char *text, size_t n);
void listing_free(struct listing *l);

/* How many lists of groups it has; at least 1. */
unsigned listing_lists(const struct listing *l);

/* Makes configuration spaces of the functions that list number i describes and that cfg does not have yet.
 * What a description leaves open (what kind of function it is, whether it has ACS) is taken so that the list
 * comes out if the rules of docs/groups.md allow that, and said on the console. False when out of memory. */
bool listing_fill(const struct listing *l, unsigned i, struct replay *cfg);

/* Holds list number i against the groups of pci, which were computed from cfg, and prints each difference
 * with its rule. Returns how many have none. */
unsigned listing_compare(const struct listing *l, unsigned i, struct pci *pci, const struct replay *cfg);
