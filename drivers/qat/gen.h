/* The two generations of Intel QuickAssist that Sluice drives, and how they differ for the owner of a VF: the
 * register back end of the one ring engine in ring.h. Neither has been run on silicon. */
#pragma once
#include "kernel/bits.h"

#define QAT_VENDOR 0x8086u

enum qat_service { QAT_SYM, QAT_DC, QAT_SERVICES }; /* symmetric crypto; data compression */

/* A ring of requests and one of responses. */
struct qat_pair {
	bool there;
	uint8_t bank, tx, rx;
};

struct qat_gen {
	const char *name;
	uint16_t pf, vf;    /* PCI device ids */
	uint8_t number;     /* 2, 4 */
	uint8_t banks;      /* of a VF */
	uint8_t rings;      /* of a bank */
	uint8_t base_shift; /* bits that a ring's address is shifted right by in its register */
	uint16_t config;    /* offset of the registers that say where a ring is */
	uint32_t stride;    /* bytes from bank to bank */
	bool pair_is_fixed; /* pair[] applies to every VF; if false, the PF assigns services to banks */
	struct qat_pair pair[QAT_SERVICES];
};

/* The generation of a VF or PF with this device id of QAT_VENDOR; NULL when Sluice does not drive it. */
const struct qat_gen *qat_gen_of_vf(uint16_t device);
const struct qat_gen *qat_gen_of_pf(uint16_t device);
