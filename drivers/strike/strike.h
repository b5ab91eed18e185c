/* Controllers that practically every machine has, each of which can be made to access one chosen address. One
 * file a class, behind struct strike_class. What a class asks of its function is harmless by specification,
 * also where nothing refuses it: no medium is written, nothing is heard, nothing is sent.
 *
 * Order: take(); the function is attached to its domain, memory space and bus mastering are on; open();
 * accesses; close(); bus mastering off, detach. After every access the function's DMA engines are stopped. */
#pragma once
#include "drivers/dma.h"
#include "pci/pci.h"

struct strike_io;

/* Access to registers, of 1, 2 or 4 bytes: real ones through MMIO, a model's through its functions. */
struct strike_io_ops {
	uint32_t (*rd)(const struct strike_io *io, uint32_t off, unsigned bytes);
	void (*wr)(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v);
};

struct strike_io {
	const struct strike_io_ops *ops;
	volatile uint8_t *regs;
	uint64_t len; /* of the BAR: nothing beyond it is accessed */
	void *ctx;    /* the model's */
	/* True once nothing more will come of the access that is under way: it was refused, or, where it is
	 * allowed, what it changes is seen. NULL: that is not known. */
	bool (*over)(void *of);
	void *of;
	/* Of a portal, which has no ops: 64 bytes at once. NULL: the processor cannot. */
	void (*submit)(const struct strike_io *io, const uint64_t desc[8]);
};

struct strike_io strike_io_mmio(volatile void *regs, uint64_t len);
struct strike_io strike_io_portal(volatile void *portal, uint64_t len);

/* Beyond the BAR: all ones, and no effect. */
uint32_t strike_rd(const struct strike_io *io, uint32_t off, unsigned bytes);
void strike_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v);
/* The low half, then the high half. */
void strike_wr_addr(const struct strike_io *io, uint32_t off, uint64_t v);
/* Nothing more will come of the access that is under way. */
bool strike_over(const struct strike_io *io);
/* Waits until the register under mask is want; false after us microseconds. */
bool strike_wait(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t mask, uint32_t want,
		 uint32_t us);
/* The same for what an access shows when it is over; also false once strike_over(). */
bool strike_wait_access(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t mask,
			uint32_t want, uint32_t us);

/* Memory of one function: its rings, and a page for what it brings. */
#define STRIKE_MEM (2 * PAGE_SIZE)

struct strike_dev {
	const struct strike_class *class;
	const struct pci_func *fn;
	struct strike_io io, portal;
	struct dma_buf mem; /* STRIKE_MEM bytes that the function may read and write */
	struct dma_buf
		more;  /* of the class: got by open() in the same domain, put by the caller; .va NULL: none */
	bool narrow;   /* open(): it has 32-bit addresses, and can reach nothing above */
	bool past;     /* open(): it accesses memory past the IOMMU */
	uint32_t unit; /* of the class: which of its units is used, a port or a codec, or where it begins */
	uint32_t word; /* of the class: what it is asked */
};

struct strike_id { /* of a list that ends with zeros */
	uint16_t vendor, device;
};

struct strike_class {
	const char *name;
	uint32_t class, also;                          /* PCI class code, 24 bits, and another one, or 0; */
	const struct strike_id *ids;                   /* unless only functions with these ids are of it */
	uint8_t bar;                                   /* that has its registers, */
	unsigned (*bar_of)(const struct pci_func *fn); /* unless that differs between functions */
	uint8_t portal_bar; /* takes descriptors: strike_dev.portal; 0: none does */
	/* Where a write may start, how long it may be; where a read may start. Bytes. */
	uint32_t write_align, write_most, read_align;
	/* What read() reads it brings to strike_brought(), from this offset on, this many bytes, a multiple
	 * of
	 * 8. 0: it only does as it has read, and has bait() and obeyed() for that. */
	uint32_t brings_at, brings;

	/* Before it has a domain or bus mastering: takes it over from the firmware, whose use of it ends
	 * here, so that its RMRRs mean nothing any more. On an error it is as before, and *why is the reason.
	 * close() undoes it. NULL: the class does not do this. */
	enum sl_err (*take)(struct strike_dev *d, const char **why);
	/* Makes it ready. On an error nothing in it runs, and *why is the reason, as text; SL_UNSUPPORTED
	 * with d->narrow: its memory is beyond its 32-bit addresses. */
	enum sl_err (*open)(struct strike_dev *d, const char **why);
	/* Stops it. */
	void (*close)(struct strike_dev *d);

	/* Writes up to len bytes to at; returns when it is over, or has not come to anything. SL_OK also when
	 * the access was refused. NULL: it cannot write. */
	enum sl_err (*write)(struct strike_dev *d, uint64_t at, uint32_t len);
	/* Writes into place what read() is to find at at; read() fetches it and does as it says; obeyed(): it
	 * has. read() NULL: it cannot read. */
	void (*bait)(const struct strike_dev *d, void *place);
	enum sl_err (*read)(struct strike_dev *d, uint64_t at);
	bool (*obeyed)(const struct strike_dev *d);
	/* Without any memory of its own but d->more: everything that it needs lies in STRIKE_MEM bytes at at.
	 * lay() writes them into place, fetch() makes it use them: its first access is to the page at, and it
	 * then writes to the page after it. */
	void (*lay)(const struct strike_dev *d, void *place, uint64_t at);
	enum sl_err (*fetch)(struct strike_dev *d, uint64_t at);
	/* Does something that it is allowed and that makes it send an interrupt; the caller has set its
	 * message. */
	enum sl_err (*kick)(struct strike_dev *d);
	/* What its status registers contain, as text. */
	void (*said)(const struct strike_dev *d, char *buf, size_t n);
};

extern const struct strike_class strike_class_ahci, strike_class_hda, strike_class_xhci, strike_class_ehci,
	strike_class_e1000e, strike_class_igb, strike_class_vrng, strike_class_vblk, strike_class_ioat,
	strike_class_dsa;

/* Whether a class whose write() copies len bytes that it lays at offset off of d->mem does so: into the
 * second page, where they are compared. SL_DEVICE: other bytes are there. */
enum sl_err strike_copies(struct strike_dev *d, uint32_t off, uint32_t len) MUST_CHECK;

/* Beginning of the page that a function's accesses bring something to, in d->mem. */
static inline uint8_t *strike_brought(const struct strike_dev *d)
{
	return (uint8_t *)d->mem.va + PAGE_SIZE;
}
