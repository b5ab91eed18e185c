#include "drivers/igb/chip.h"
#include "drivers/igb/regs.h"

static const struct igb_chip chip_82576 = {
	.name = "82576", .txswc = DTXSWC, .macs = 24, .queues = 16, .vfta_writes = 1, .wthresh = 1};
static const struct igb_chip chip_i350 = {.name = "I350",
					  .txswc = TXSWC,
					  .macs = 32,
					  .queues = 8,
					  .dvmolr = true,
					  .vfta_writes = 10,
					  .wthresh = 1};

const struct igb_chip *igb_chip_of_pf(uint16_t device)
{
	static const uint16_t ids_82576[] = {0x10c9, 0x10e6, 0x10e7, 0x10e8, 0x1526, 0x150a, 0x1518, 0x150d};
	static const uint16_t ids_i350[] = {0x1521, 0x1522, 0x1523, 0x1524, 0x1546};
	for (unsigned i = 0; i < ARRAY_LEN(ids_82576); i++)
		if (ids_82576[i] == device)
			return &chip_82576;
	for (unsigned i = 0; i < ARRAY_LEN(ids_i350); i++)
		if (ids_i350[i] == device)
			return &chip_i350;
	return NULL;
}
