/* The PCI functions of the machine as Sluice found them, and the places it could not examine.
 *
 * Order of use: zero a struct pci, pci_scan() once for each MCFG window, then pci_quiesce(); after that VFs
 * may come and go (pci/sriov.h). Functions are never freed; the list is sorted by segment and routing id. A
 * struct pci_func holds what was read; callers do not change it. */
#pragma once
#include <sys/queue.h>
#include "kernel/err.h"
#include "pci/cfg.h"

#define PCI_CLASS_NVME 0x010802 /* class code: base class, sub-class, interface */
#define PCI_BARS       6

struct pci_bar {
	uint64_t addr, size; /* size 0: there is no such BAR; addr 0: it has no address */
	bool io, mem64, prefetch;
};

/* Addresses that a bridge forwards; size 0: none. */
struct pci_window {
	uint64_t base, size;
};

/* Device/Port Type: PCIe §7.5.3.2 */
enum pci_port_type {
	PCI_PORT_ENDPOINT = 0,
	PCI_PORT_LEGACY_ENDPOINT = 1,
	PCI_PORT_ROOT = 4,
	PCI_PORT_UPSTREAM = 5,
	PCI_PORT_DOWNSTREAM = 6,
	PCI_PORT_PCIE_TO_PCI = 7,
	PCI_PORT_PCI_TO_PCIE = 8,
	PCI_PORT_RC_ENDPOINT = 9,
	PCI_PORT_RC_EVENTS = 10,
	PCI_PORT_CONVENTIONAL = 0xff, /* no PCI Express capability */
};

/* Why something that exists, or may exist, was not examined. */
enum pci_miss {
	/* A bridge that is not followed; requests of functions below it come up nevertheless. */
	PCI_MISS_NO_NUMBERS, /* it has no bus numbers */
	PCI_MISS_NUMBERS,    /* they do not ascend */
	PCI_MISS_OVERLAP,    /* another bridge has some of them */
	PCI_MISS_ASLEEP,     /* it is not in D0 and does not enter it, or must not be changed */
	PCI_MISS_OUTSIDE,    /* they lie beyond the bridge above, or beyond the ECAM window */
	PCI_MISS_HIDDEN,     /* a bridge that is followed: these of its buses lie beyond */
	PCI_MISS_RETRY,      /* a function that answers with Request Retry Status: PCIe §2.3.2 */
	PCI_MISS_ROOT,       /* a root bus, after as many as are kept */
	PCI_MISS_WINDOW,     /* an MCFG entry that is not used */
	PCI_MISSES
};

struct pci_missed {
	enum pci_miss why;
	bdf_t bdf;           /* the bridge or function; PCI_MISS_ROOT and _WINDOW: its segment counts */
	uint8_t first, last; /* buses, where it is about buses */
};

/* How the firmware had left a function, as pci_quiesce() found it; the first four are disabled there. */
#define PCI_FOUND_ATS    BIT(0) /* Address Translation Services */
#define PCI_FOUND_PRI    BIT(1) /* Page Requests */
#define PCI_FOUND_PASID  BIT(2)
#define PCI_FOUND_VFS    BIT(3) /* VF Enable */
#define PCI_FOUND_ASLEEP BIT(4) /* it was not in D0 */
#define PCI_FOUND_CLOSED                                                                                     \
	BIT(5) /* a bridge with functions below it, and memory decoding or bus mastering off */

struct sriov_saved;

struct pci_func {
	TAILQ_ENTRY(pci_func) link;
	const struct pci_cfg *cfg;
	bdf_t bdf;
	uint16_t vendor, device, sub_vendor, sub_device;
	uint32_t class; /* 24 bits: base class, sub-class, programming interface */
	uint8_t revision, hdr_type;
	bool multi_function;         /* function 0 reports that its device has more functions */
	bool is_bridge;              /* type 1 header, or 2: CardBus */
	uint8_t sec, sub;            /* bridge: buses below it; 0, 0 when it was not descended */
	uint8_t port_type;           /* enum pci_port_type */
	struct pci_func *parent;     /* bridge above, NULL on a root bus */
	struct pci_window mem, pref; /* bridge: 32-bit memory; prefetchable, where the bridge has it 64-bit */
	struct pci_bar bar[PCI_BARS], rom;

	/* Offsets of capabilities, 0: not there. */
	uint16_t cap_pm, cap_msi, cap_msix, cap_pcie;
	uint16_t cap_aer, cap_acs, cap_ari, cap_ats, cap_sriov, cap_pri, cap_pasid;

	uint16_t quirkless; /* pci/quirk.h: BIT(enum pci_quirk_effect) of the effects without a row for its
			       ids */

	/* pci/path.h: what Sluice changed, for pci_paths_restore() */
	uint16_t command_set; /* bits of Command */
	uint8_t found_power;  /* the power state it was found in, D1 to D3hot; 0: D0 */

	/* pci_quiesce() */
	bool found_master; /* Bus Master Enable was set */
	bool stuck;        /* and does not clear, or must not be cleared */
	uint8_t found;     /* PCI_FOUND_ bits */
	bool past_iommu;   /* it was found to access memory past the IOMMU that covers it */

	/* pci/errors.h: error bits that do not clear, and were reported once */
	uint32_t told_uncor, told_cor;
	uint8_t told_sta, told_root;
	bool told_gone;

	struct pci_func *pf; /* VF: its PF, otherwise NULL */
	uint16_t vf_index;   /* VF: counted from 0 */

	/* PF: VF BARs (address of VF 0, size of one VF) and the number of VFs that fit there. */
	struct pci_bar vf_bar[PCI_BARS];
	uint16_t vf_room;
	bool vf_low; /* VF BARs get addresses below 4 GiB where the bridge above has room there */
	struct sriov_saved *saved; /* sriov_enable(): values for sriov_disable() to restore */
	bool ari_forward_set;      /* port: Sluice enabled ARI Forwarding */
	bool ari_hierarchy_set;    /* PF: Sluice set ARI Capable Hierarchy */

	/* pci/groups.h */
	unsigned group;         /* from 1; 0: not computed yet */
	bool several, isolates; /* one of several functions of its device; stops requests from going across */
	struct pci_func *group_up; /* only while groups_compute() runs */
	bool renamed;              /* its requests may arrive as table_id, by pci->table_id() */
	uint16_t table_id;
};

TAILQ_HEAD(pci_list, pci_func);

struct pci {
	const struct pci_cfg *cfg;
	struct pci_list funcs, spare;
	struct {
		uint16_t seg;
		uint8_t bus_start, bus_end;
	} range[64]; /* one for each pci_scan() */
	struct {
		uint16_t seg;
		uint8_t bus;
	} root[128]; /* root buses */
	size_t n_ranges, n_roots;
	struct pci_missed missed[64];
	unsigned n_missed; /* all of them; the first 64 are kept */
	/* The requester id that a function's requests arrive with by the firmware's table (an alias entry of
	 * IVRS); false: the table says nothing of it. NULL: no table does. groups_compute() asks. */
	bool (*table_id)(const void *ctx, bdf_t fn, uint16_t *id);
	const void *table_ctx;
};

/* PCI_EACH(f, pci) { ... }: every function in order. The body must not remove f. */
#define PCI_EACH(f, pci) for (struct pci_func *f = TAILQ_FIRST(&(pci)->funcs); f; f = TAILQ_NEXT(f, link))

/* Finds the functions on buses bus_start..bus_end of a segment: down from bus_start through every bridge,
 * then on each bus that no bridge claims and where a function answers, which is a further root bus. Reads
 * capabilities and sizes BARs. A bridge is followed as far as the bridge above it and the window go; one with
 * impossible bus numbers is not followed. Places that are not examined are reported and kept in missed[].
 * Waits for functions that are not ready, one second in all. cfg is kept and must be the same in all calls.
 * SL_RANGE, SL_EXISTS when a bus was scanned before, SL_NOSPACE after 64 windows, SL_NOMEM (functions found
 * so far stay). */
enum sl_err pci_scan(struct pci *pci, const struct pci_cfg *cfg, uint16_t seg, uint8_t bus_start,
		     uint8_t bus_end) MUST_CHECK;

/* Every bus of first..last was in a window that was scanned. */
bool pci_scanned(const struct pci *pci, uint16_t seg, uint8_t first, uint8_t last);

/* NULL when there is none. */
struct pci_func *pci_find(const struct pci *pci, bdf_t bdf);

/* Records something that was not examined. */
void pci_miss(struct pci *pci, struct pci_missed what);
/* "0000:00:04.0, a bridge to buses 01-01, is not followed: ...". As snprintf. */
int pci_missed_text(const struct pci_missed *m, char *buf, size_t n);
/* "overlap": one word, for programs. */
const char *pci_miss_name(unsigned why);
/* True for a bridge that is not followed at all: its Bus Master Enable is off. */
static inline bool pci_miss_is_bridge(enum pci_miss why)
{
	return why <= PCI_MISS_OUTSIDE;
}

/* Clears Bus Master Enable of every function that is neither a host bridge nor a bridge that was followed,
 * and disables its MSI, MSI-X, ATS, PRI, PASID and VFs (which takes a second). The struct records what was
 * enabled. A bridge that is not followed forwards no request upstream with that bit clear (PCIe §7.5.1.1.3).
 * This relies on the devices; it cannot force them. Returns how many functions had Bus Master Enable set,
 * bridges not counted. */
unsigned pci_quiesce(struct pci *pci);

/* Bus Master Enable: PCIe §7.5.1.1.3. Set it only when the function's domain is in place. */
void pci_bus_master(struct pci_func *fn, bool on);
/* Memory Space Enable. A VF answers by VF MSE of its PF (PCIe §9.3.3.3.4), which sriov_enable() sets; some
 * only by the bit in their own Command register, so this sets that one too. */
void pci_mem_enable(struct pci_func *fn, bool on);

/* PASID Enable (PCIe §7.8.9.3), with ATS off: the function may put a PASID on its requests. Returns how many
 * PASIDs it can send, 0 included; 0: it has no such capability. */
uint32_t pci_pasid_enable(struct pci_func *fn, bool on);

/* How many invalidations of its translation cache the function takes at once, 1 to 32; 0: it has no ATS
 * capability (PCIe §10.5.1). */
unsigned pci_ats_depth(const struct pci_func *fn);
/* Its ATS Enable, with translations of pages of 4 KiB and up, and with pages Page Request Enable too, where
 * it has that (PCIe §10.5.2). On: after its PASID Enable, and only when its unit expects it (iommu/ats.h). */
void pci_ats_enable(struct pci_func *fn, bool pages);
void pci_ats_disable(struct pci_func *fn);

/* The next entry of a capability list. Start with a zeroed struct; SL_END after the last one, SL_BADVAL when
 * the list leaves its area or has more entries than fit there. Extended capabilities: PCIe §7.6.3. */
struct pci_cap {
	uint16_t off, id;
	uint8_t version;     /* extended capabilities only */
	uint16_t next, seen; /* position of the walk */
};
enum sl_err pci_cap_next(const struct pci_func *fn, struct pci_cap *cap) MUST_CHECK;
enum sl_err pci_ecap_next(const struct pci_func *fn, struct pci_cap *cap) MUST_CHECK;

/* Offset of the first capability with this id that has at least len bytes of room, 0 when there is none. */
uint16_t pci_cap_find(const struct pci_func *fn, uint8_t id, uint16_t len);
uint16_t pci_ecap_find(const struct pci_func *fn, uint16_t id, uint16_t len);

/* Access to a function's own configuration space. */
static inline uint8_t fn_rd8(const struct pci_func *f, unsigned off)
{
	return pci_rd8(f->cfg, f->bdf, (uint16_t)off);
}

static inline uint16_t fn_rd16(const struct pci_func *f, unsigned off)
{
	return pci_rd16(f->cfg, f->bdf, (uint16_t)off);
}

static inline uint32_t fn_rd32(const struct pci_func *f, unsigned off)
{
	return pci_rd32(f->cfg, f->bdf, (uint16_t)off);
}

static inline void fn_wr16(const struct pci_func *f, unsigned off, uint64_t v)
{
	pci_wr16(f->cfg, f->bdf, (uint16_t)off, (uint16_t)v);
}

static inline void fn_wr32(const struct pci_func *f, unsigned off, uint64_t v)
{
	pci_wr32(f->cfg, f->bdf, (uint16_t)off, (uint32_t)v);
}
