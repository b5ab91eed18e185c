/* Message signalled interrupts: MSI-X (PCIe §7.7.2) and MSI (§7.7.1). Their messages come from iommu/irq.h.
 * Life of either: the function's memory space is on; open, set, close. Bus Master Enable lets messages out,
 * as any other write of the function. */
#pragma once
#include "pci/pci.h"

struct msix {
	uint16_t vectors;            /* 1..2048 */
	uint8_t table_bar, pba_bar;  /* indices into bar[] */
	uint32_t table_off, pba_off; /* bytes into that BAR */
};

/* An MSI-X capability that is on. */
struct msix_table {
	const struct pci_func *fn;
	volatile uint8_t *entry; /* the first */
	uint16_t vectors;
};

struct msi {
	unsigned messages; /* that it can have: 1 to 32 */
	bool wide;         /* 64-bit addresses */
	bool masks;        /* a mask bit a message */
};

/* SL_NOTFOUND without the capability; SL_BADVAL when table or Pending Bit Array lie in no memory BAR or past
 * its end. */
enum sl_err msix_read(const struct pci_func *fn, struct msix *out) MUST_CHECK;

/* Turns MSI-X on with every vector masked. bar: the registers of BAR x->table_bar, mapped as long as the
 * table is open. SL_DEVICE when the function does not take it. */
enum sl_err msix_open(const struct pci_func *fn, const struct msix *x, volatile void *bar,
		      struct msix_table *out) MUST_CHECK;
/* Writes a vector's message and unmasks it; the vector is masked meanwhile, because half a message must not
 * be sent (PCIe §6.1.4.2). addr is a multiple of 4. SL_RANGE for a vector that does not exist. */
enum sl_err msix_set(const struct msix_table *t, unsigned vector, uint64_t addr, uint32_t data) MUST_CHECK;
/* A masked vector's interrupt stays pending in the function. SL_RANGE. */
enum sl_err msix_mask(const struct msix_table *t, unsigned vector, bool masked) MUST_CHECK;
/* A vector for code that masks and unmasks it often. */
struct msix_vector {
	volatile uint8_t *ctl;
	uint32_t rest; /* of its Vector Control */
};
/* vector is one of the table's. */
struct msix_vector msix_vector(const struct msix_table *t, unsigned vector);
/* One store; it has reached the function once the next read of one of its registers completes. */
void msix_vector_mask(const struct msix_vector *v, bool masked);
/* All vectors masked, MSI-X off. */
void msix_close(struct msix_table *t);

/* SL_NOTFOUND without the capability; SL_BADVAL when it does not fit into its area, or asks for more messages
 * than the specification allows. */
enum sl_err msi_read(const struct pci_func *fn, struct msi *out) MUST_CHECK;
/* Turns MSI on with count messages (a power of two). The function puts a message's number into the low bits
 * of data, which are 0. SL_RANGE for an unsupported count, or an address beyond its width; SL_BUSY while its
 * MSI-X is on; SL_DEVICE when it does not take it. */
enum sl_err msi_open(const struct pci_func *fn, unsigned count, uint64_t addr, uint32_t data) MUST_CHECK;
void msi_close(const struct pci_func *fn);
