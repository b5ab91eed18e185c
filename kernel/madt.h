/* The MADT: processors and I/O APICs, and how they are wired (ACPI 6.5 §5.2.12). Untrusted firmware data:
 * every length is checked. */
#pragma once
#include "kernel/span.h"

#define MADT_MAX_CPUS      1024u
#define MADT_MAX_IOAPICS   64u
#define MADT_MAX_OVERRIDES 32u

struct madt_cpu {
	uint32_t apic_id;
	bool enabled; /* else: may be enabled while the system runs (online capable) */
};

struct madt_ioapic {
	uint64_t base;
	uint32_t gsi; /* of its first pin */
	uint8_t id;
};

struct madt_override { /* an ISA interrupt with another pin, polarity or trigger mode */
	uint32_t gsi;
	uint16_t flags; /* MPS INTI: polarity in bits 1:0, trigger mode in bits 3:2 */
	uint8_t irq;
};

struct madt {
	uint64_t lapic;   /* registers of the local APIC, the same for each processor */
	bool has_8259;    /* PCAT_COMPAT */
	uint64_t mailbox; /* of the multiprocessor wakeup structure; 0: there is none */
	bool damaged;     /* an entry runs past the end, or has an impossible length */
	unsigned cpus;    /* each APIC id once */
	unsigned absent;  /* entries of absent processors: neither enabled nor online capable */
	unsigned twice;   /* entries with an APIC id that an earlier one has */
	unsigned lost;    /* entries that did not fit */
	unsigned ioapics, overrides;
	struct madt_cpu cpu[MADT_MAX_CPUS];
	struct madt_ioapic ioapic[MADT_MAX_IOAPICS];
	struct madt_override override[MADT_MAX_OVERRIDES];
};

/* Reads the whole table, header included, into out. A damaged table gives the entries before the damage. */
void madt_read(struct span table, struct madt *out);

/* True when some processor, enabled or online capable, has this APIC id. */
bool madt_has(const struct madt *m, uint32_t apic_id);

/* "1, 4-63, 512" for ids in that order: consecutive ones as a range, and "..." where the buffer ends. */
void madt_ids_text(const uint32_t *id, unsigned n, char *buf, size_t size);

/* Enabled processors. */
unsigned madt_enabled(const struct madt *m);

/* The highest APIC id of an enabled processor; 0 when there is none. */
uint32_t madt_highest(const struct madt *m);
