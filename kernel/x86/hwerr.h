/* What the hardware reports by itself: machine checks and NMIs that no core sent. The handlers only take
 * note, each core in memory of its own, and core 0 prints later; a machine check that cannot be survived ends
 * the run at once (kernel/x86/trap_hw.c). */
#pragma once
#include "kernel/core.h"
#include "kernel/x86/mca.h"

#define HWERR_KEPT 8u /* machine-check errors of a core between two calls of hwerr_next() */

struct hwerr {
	struct mca_error e;
	bool before; /* it was there when Sluice started */
};

/* On each core, before anything else asks: what an earlier run or firmware left in the banks, and MCIP. */
void hwerr_begin(void);
/* Banks of a core, and how many of them report nothing; 0 without machine-check architecture. */
unsigned hwerr_banks(unsigned *silent);

/* Takes what the banks of this core have. */
void hwerr_look(void);

/* On core 0: the next error of a core that it has not been told of. Where more came than are kept, *lost is
 * how many. */
bool hwerr_next(unsigned core, struct hwerr *out, unsigned *lost);

/* Port 61h as it reads; the sources that it names in bits 7:6 are cleared. FFh: no device answers at that
 * port. */
uint8_t hwerr_port(void);

/* In the handlers. True: what was interrupted goes on. */
bool hwerr_machine_check(void);
uint64_t hwerr_mcg_status(void);
void hwerr_nmi(void);

/* NMIs of a core so far that no core sent, and what port 61h read at the last. */
unsigned hwerr_nmis(unsigned core, uint8_t *port);
