/* Intel's Data Streaming Accelerator: one function whose work queues each have a portal page. Order:
 * dsa_open(), dsa_start(), queues (drivers/dsa/queue.h), dsa_stop(). The function is attached to its domain,
 * with memory space and bus mastering on. ATS is the caller's choice, and comes before dsa_start().
 *
 * A queue may have a PASID, which all its requests carry: those for descriptors, records and data. Only the
 * queue's configuration in BAR0 names it; who has nothing but the queue's portal page cannot choose it. The
 * device alone keeps this. On the devices that shipped, a portal page must not be given to software that is
 * not trusted, whatever its PASID (INTEL-SA-01084).
 *
 * This has never run on silicon, only against models. */
#pragma once
#include "drivers/strike/strike.h"

#define DSA_VENDOR 0x8086u
#define DSA_DEVICE 0x0b25u
#define DSA_QUEUES 8u /* at most that are used */

struct dsa {
	struct strike_io io, portals; /* BAR0 and BAR2, set by the caller */
	uint32_t groups_at, queues_at, queue_bytes;
	unsigned groups, engines, queues, entries; /* that it has; entries of all queues together */
	unsigned transfer, batch;                  /* the largest, in powers of two */
	bool blocks; /* descriptors can wait for a page; without ATS and page requests the caller clears it */
	unsigned used, size; /* queues that run, and how many submissions each of them takes */
};

/* Reads what it has, and resets it. On an error *why says what is wrong: SL_DEVICE, SL_UNSUPPORTED,
 * SL_TIMEOUT. */
enum sl_err dsa_open(struct dsa *d, const char **why) MUST_CHECK;
/* Enables up to this many queues (d->used), dedicated and with a group and an engine each as far as there are
 * some, and the device. pasid: of each queue; NULL: no request carries one. PASID Enable (pci_pasid_enable())
 * comes before. *error is CMDSTATUS when a command was refused: SL_DEVICE; SL_TIMEOUT. */
enum sl_err dsa_start(struct dsa *d, unsigned queues, const uint32_t *pasid, uint32_t *error) MUST_CHECK;
/* The error in SWERR (§9.2.24), such as a completion record that could not be written, which this clears; 0:
 * none. */
uint8_t dsa_error_take(const struct dsa *d);
/* Resets it: when it returns SL_OK, it does no more DMA. SL_TIMEOUT, SL_DEVICE. */
enum sl_err dsa_stop(struct dsa *d) MUST_CHECK;
