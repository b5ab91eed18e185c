/* Never run on silicon: both chips are driven by their datasheets and by what Linux does; QEMU's igb is an
 * 82576. What distinguishes the two, and their ids. */
#pragma once
#include "kernel/bits.h"

#define IGB_VENDOR 0x8086u
#define IGB_POOLS  8u /* of both; the last one is not given to a VF */
#define IGB_VFS    (IGB_POOLS - 1)

struct igb_chip {
	const char *name;
	uint32_t txswc;  /* the switch's register */
	unsigned macs;   /* RAL/RAH pairs */
	unsigned queues; /* VF n has queue n, and of 82576 n + 8 as well */
	bool dvmolr;     /* its queues have DVMOLR */
	/* Errata. */
	unsigned vfta_writes; /* I350: writes to VFTA can be lost beside queries of the BMC: ten times */
	unsigned wthresh; /* 82576: with another WTHRESH than 1 write-backs of VFs are sometimes missing */
};

/* NULL: not a PF of these. */
const struct igb_chip *igb_chip_of_pf(uint16_t device);
