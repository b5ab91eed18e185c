/* QEMU's educational device (1234:11e8): a function that copies between memory and a buffer of its own, at
 * any address, and reports no errors. The simplest DMA attacker there is. QEMU docs/specs/edu.rst */
#pragma once
#include "kernel/time.h"
#include "kernel/addr.h"
#include "kernel/err.h"
#include "pci/pci.h"

#define EDU_VENDOR 0x1234u
#define EDU_DEVICE 0x11e8u
#define EDU_BUFFER                                                                                           \
	0x800u /* bytes at most; there are twice as many, but QEMU 7.2 stops when all are asked for */

struct edu {
	volatile uint8_t *regs;
	struct deadline deadline; /* of the copy that runs */
};

/* The first among these functions; NULL when there is none. */
struct pci_func *edu_find(const struct pci *pci);

/* regs: BAR0, mapped uncached. SL_NOTFOUND when the identification register does not match. */
enum sl_err edu_open(struct edu *edu, volatile void *regs) MUST_CHECK;

/* Starts a copy of len bytes (1 to EDU_BUFFER) between device address at and the start of the device's
 * buffer, and returns at once; the copy takes about 100 ms. SL_RANGE, SL_BUSY while an earlier copy runs. */
enum sl_err edu_start(struct edu *edu, uint64_t at, uint32_t len, bool to_memory) MUST_CHECK;
/* SL_BUSY while it runs, SL_TIMEOUT after 2 s, else SL_OK: also when the DMA was refused. */
enum sl_err edu_poll(const struct edu *edu) MUST_CHECK;

/* Makes it raise its interrupt, and takes it back: one message, where its MSI is on. */
void edu_interrupt(const struct edu *edu);

/* Starts a copy and waits until it is done. */
enum sl_err edu_dma(struct edu *edu, uint64_t at, uint32_t len, bool to_memory) MUST_CHECK;
