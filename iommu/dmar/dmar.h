/* The DMAR table: the VT-d units and the functions that each of them covers (VT-d §8). Untrusted firmware
 * data: every length is checked and a walk always makes progress. Nothing is copied: all structs point into
 * the table, which must stay readable. The loader uses this too, so it depends only on span, bits, bdf and
 * err. */
#pragma once
#include "kernel/bdf.h"
#include "kernel/err.h"
#include "kernel/span.h"

enum dmar_type {                /* VT-d §8.2 */
		 DMAR_DRHD = 0, /* a remapping unit */
		 DMAR_RMRR = 1, /* memory that a function must keep access to */
		 DMAR_ATSR = 2, /* root ports with ATS */
		 DMAR_RHSA = 3, /* proximity domain of a unit */
		 DMAR_ANDD = 4, /* name of a device without PCI address */
		 DMAR_SATC = 5, /* integrated devices with an address translation cache */
		 DMAR_SIDP = 6, /* properties of integrated devices */
};

#define DMAR_INTR_REMAP     BIT(0) /* table flags: interrupt remapping is supported, VT-d §8.1 */
#define DMAR_X2APIC_OPT_OUT BIT(1) /* the firmware asks the system not to enable x2APIC */
#define DMAR_DMA_OPT_IN     BIT(2) /* the firmware keeps DMA off until the system allows it */

struct dmar {
	struct span bytes; /* exactly the table, header included */
	uint8_t haw;       /* host address width in bits */
	uint8_t flags;
};

/* One remapping structure. */
struct dmar_entry {
	uint16_t type, len;
	size_t off;        /* of its first byte in the table */
	struct span bytes; /* all len bytes of it */
	size_t next;       /* where the walk goes on; 0 starts it */
};

enum dmar_scope_type { /* VT-d §8.3.1 */
		       DMAR_SCOPE_ENDPOINT = 1,
		       DMAR_SCOPE_BRIDGE = 2, /* the bridge and all that is below it */
		       DMAR_SCOPE_IOAPIC = 3,
		       DMAR_SCOPE_HPET = 4,
		       DMAR_SCOPE_NAMESPACE = 5,
};

struct dmar_scope {
	uint8_t type, len, enum_id, bus;
	uint8_t flags;    /* of a SIDP: DMAR_SIDP_*; elsewhere reserved */
	uint8_t reserved; /* should be 0 */
	size_t off;       /* of its first byte in the list */
	struct span path; /* hops of two bytes each: device, function */
	size_t next;      /* where the walk goes on; 0 starts it */
};

struct dmar_drhd {     /* VT-d §8.3 */
	size_t off;    /* of its structure in the table: its identity */
	uint64_t base; /* of the registers */
	uint64_t size; /* of the register window in bytes, by the table; at least 4 KiB */
	uint16_t seg;
	bool include_all; /* covers every function that no other unit of its segment covers */
	struct span scopes;
};

struct dmar_rmrr {            /* VT-d §8.4 */
	uint64_t base, limit; /* first and last byte, as the firmware wrote them */
	uint16_t seg;
	struct span scopes;
};

struct dmar_atsr { /* VT-d §8.5 */
	uint16_t seg;
	bool all_ports;     /* every root port of the segment; else those named by the scopes */
	struct span scopes; /* root ports below which devices may have address translation caches */
};

struct dmar_rhsa {       /* VT-d §8.6 */
	uint64_t base;   /* of the unit's registers, as its DRHD gives it */
	uint32_t domain; /* proximity domain, as in the SRAT */
};

struct dmar_andd {        /* VT-d §8.7 */
	uint8_t number;   /* namespace scopes have it as their enumeration id */
	struct span name; /* of the ACPI object, without the NUL; empty when it has no NUL */
};

struct dmar_satc { /* VT-d §8.8 */
	uint16_t seg;
	bool atc_required; /* the devices work only with their address translation caches on */
	struct span scopes;
};

struct dmar_sidp { /* VT-d §8.9; each scope's flags have the properties */
	uint16_t seg;
	struct span scopes;
};

#define DMAR_SIDP_NO_NESTED  BIT(0) /* requests without PASID: nested translation is not allowed, */
#define DMAR_SIDP_NO_PWSNP   BIT(1) /* snooped page walks are not, */
#define DMAR_SIDP_NO_PGSNP   BIT(2) /* forced page snoop is not */
#define DMAR_SIDP_HARDENED   BIT(3) /* its address translation cache may be trusted */
#define DMAR_SIDP_ATC_NEEDED BIT(4) /* it works only with that cache on */

/* Callbacks that resolve the table's paths: bus numbers of bridges as the firmware and the scan set them. */
struct dmar_topo {
	void *ctx;
	/* True when fn is a bridge with bus numbers; *sec and *sub are then its secondary and subordinate
	 * bus. */
	bool (*bridge)(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub);
	/* The physical function of a VF; fn itself for any other. */
	bdf_t (*pf_of)(void *ctx, bdf_t fn);
};

/* Checks the header. Only the length stated in the header is used of table. SL_BADVAL when it is not a DMAR
 * table, SL_TRUNC when table is shorter than that length. The checksum is left to the code that finds
 * tables. */
enum sl_err dmar_open(struct span table, struct dmar *out) MUST_CHECK;

/* The next structure after *e (zero it to start). SL_END after the last; SL_TRUNC or SL_BADVAL at an
 * impossible length, which ends the walk. Unknown types are returned like the others. */
enum sl_err dmar_next(const struct dmar *t, struct dmar_entry *e) MUST_CHECK;
/* "DRHD"; "reserved" for a type outside enum dmar_type. */
const char *dmar_type_name(uint16_t type);

/* Decode e, which must have that type; SL_TRUNC when it is too short for it. */
enum sl_err dmar_drhd(const struct dmar_entry *e, struct dmar_drhd *out) MUST_CHECK;
enum sl_err dmar_rmrr(const struct dmar_entry *e, struct dmar_rmrr *out) MUST_CHECK;

enum sl_err dmar_atsr(const struct dmar_entry *e, struct dmar_atsr *out) MUST_CHECK;
enum sl_err dmar_rhsa(const struct dmar_entry *e, struct dmar_rhsa *out) MUST_CHECK;
enum sl_err dmar_andd(const struct dmar_entry *e, struct dmar_andd *out) MUST_CHECK;
enum sl_err dmar_satc(const struct dmar_entry *e, struct dmar_satc *out) MUST_CHECK;
enum sl_err dmar_sidp(const struct dmar_entry *e, struct dmar_sidp *out) MUST_CHECK;
/* Segment and scopes of any structure that has them; SL_NOTFOUND for a type that has none. */
enum sl_err dmar_scopes(const struct dmar_entry *e, uint16_t *seg, struct span *scopes) MUST_CHECK;

/* The next scope of a structure's list after *s (zero it to start); errors as dmar_next(). */
enum sl_err dmar_scope_next(struct span scopes, struct dmar_scope *s) MUST_CHECK;
/* "endpoint"; "reserved" outside enum dmar_scope_type. */
const char *dmar_scope_name(uint8_t type);
unsigned dmar_scope_hops(const struct dmar_scope *s);
void dmar_scope_hop(const struct dmar_scope *s, unsigned hop, uint8_t *dev, uint8_t *fn);

/* The function that a scope's path leads to; all hops but the last are bridges. SL_NOTFOUND when one of them
 * is not. */
enum sl_err dmar_scope_resolve(const struct dmar_topo *topo, uint16_t seg, const struct dmar_scope *s,
			       bdf_t *out) MUST_CHECK;

/* The buses below a bridge. False when fn is not a bridge, or its numbers are inconsistent with its own
 * bus. */
bool dmar_bridge_buses(const struct dmar_topo *topo, bdf_t fn, uint8_t *sec, uint8_t *sub);

/* True when the scope covers the function: its path leads to the function or to a bridge above it. */
bool dmar_scope_covers(const struct dmar_topo *topo, uint16_t seg, const struct dmar_scope *s, bdf_t fn);

/* The unit that a function's requests go through: by exact scope; else by the nearest bridge above it that is
 * in a scope; else the segment's INCLUDE_PCI_ALL unit (VT-d §8.3). A VF belongs to its PF's unit (VT-d
 * §8.3.3). SL_NOTFOUND when no unit covers the function: it must not be used then. SL_TRUNC, SL_BADVAL when
 * the table is damaged. */
enum sl_err dmar_unit_of(const struct dmar *t, const struct dmar_topo *topo, bdf_t fn,
			 struct dmar_drhd *out) MUST_CHECK;
