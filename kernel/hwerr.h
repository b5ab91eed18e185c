/* Errors that the hardware reports: machine checks, and NMIs that no core sent. The handlers only record,
 * each core in its own memory, and core 0 prints later; a fatal machine check ends the run at once
 * (kernel/x86/trap_hw.c). */
#pragma once
#include "kernel/core.h"
#include "kernel/mca.h"

#define HWERR_KEPT 8u /* machine-check errors kept per core between two calls of hwerr_next() */

struct hwerr {
	struct mca_error e;
	bool before; /* present when Sluice started */
};

/* On each core, before any other call: collects errors that an earlier run or the firmware left in the banks,
 * and MCIP. */
void hwerr_begin(void);
/* Banks of a core, and how many of them report nothing; 0 without machine-check architecture. */
unsigned hwerr_banks(unsigned *silent);

/* Collects the errors in this core's banks. */
void hwerr_look(void);

/* On core 0: a core's next unreported error. *lost is the number of errors that were not kept. */
bool hwerr_next(unsigned core, struct hwerr *out, unsigned *lost);

/* Port 61h as it reads; the sources that it names in bits 7:6 are cleared. FFh: no device answers at that
 * port. */
uint8_t hwerr_port(void);

/* In the handlers. True: the interrupted code may continue. */
bool hwerr_machine_check(void);
uint64_t hwerr_mcg_status(void);
void hwerr_nmi(void);

/* NMIs of a core so far that no core sent, and port 61h at the last one. */
unsigned hwerr_nmis(unsigned core, uint8_t *port);
