// Access to guest memory: as the function or with a PASID, translated by the VT-d unit at each access or,
// with ATS, by a device TLB. SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sys/types.h>
#include "memory.h"

enum { COMMAND = 4, COMMAND_BUS_MASTER = 4, ATS_CONTROL = CAP_ATS + 6, ATS_ENABLE = 0x8000 };
enum { PASID_CONTROL = CAP_PASID + 6, PASID_ENABLE = 1 };
enum { ADDRESS_SPACE_IN_UNIT = 16 }; /* in QEMU's struct of a function and a PASID; dsa_dma() compares it */
enum { READ = 1, WRITE = 2 };
enum { ECAP = 0x10, ECAP_DT = 4 };
#define TRANSLATED (1u << 30) /* of access_attrs.bits, from 11.1 on */

/* What QEMU says of a translation. */
struct translation {
	void *space;
	uint64_t iova, addr, mask;
	uint32_t perm, unused;
	uint64_t room[4];
};

struct response {
	int code; /* 0: the page is there */
	uint16_t index;
};

struct pri_notifier {
	void (*answered)(struct pri_notifier *n, struct response *r);
};

/* QEMU tells by it of invalidations and answers for one PASID. */
struct note {
	_Alignas(16) unsigned char of_qemu[512]; /* first: QEMU names it */
	struct pri_notifier pri;
	uint32_t pasid;
	struct dsa *d;
	struct note *next;
};

#define MEMORY_FUNCTIONS(X)                                                                                  \
	X(void *, vtd_find_add_as, (void *unit, void *bus, int devfn, unsigned pasid))                       \
	X(Object *, object_resolve_path_type, (const char *path, const char *type, bool *ambiguous))         \
	X(void *, qdev_get_parent_bus, (const DeviceState *d))                                               \
	X(int64_t, object_property_get_int, (Object * obj, const char *name, Error **errp))                  \
	X(Object *, object_resolve_path_component, (Object * parent, const char *part))                      \
	X(uint32_t, memory_region_dispatch_read,                                                             \
	  (MemoryRegion * mr, uint64_t addr, uint64_t * to, unsigned op, struct access_attrs attrs))         \
	X(MemoryRegion *, get_system_memory, (void))                                                         \
	X(void, memory_region_add_subregion_overlap,                                                         \
	  (MemoryRegion * mr, uint64_t at, MemoryRegion * sub, int priority))

#define DECLARE(result, name, parameters) result name parameters __attribute__((weak));
MEMORY_FUNCTIONS(DECLARE)
#undef DECLARE

/* Of 11.1 alone, for ATS and page requests. */
ssize_t pci_ats_request_translation(PCIDevice *dev, uint32_t pasid, bool privileged, bool execute,
				    uint64_t addr, size_t len, bool no_write, struct translation *to,
				    size_t n, uint32_t *bad) __attribute__((weak));
int pci_pri_request_page(PCIDevice *dev, uint32_t pasid, bool privileged, bool execute, uint64_t addr,
			 bool last, uint16_t index, bool read, bool write) __attribute__((weak));
int pci_pri_register_notifier(PCIDevice *dev, uint32_t pasid, struct pri_notifier *n) __attribute__((weak));
void pci_iommu_init_iotlb_notifier(PCIDevice *dev, void *n, void (*gone)(void *n, struct translation *what),
				   void *opaque) __attribute__((weak));
int pci_iommu_register_iotlb_notifier(PCIDevice *dev, uint32_t pasid, void *n) __attribute__((weak));

bool dsa_memory_fits(void)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} functions[] = {
#define FUNCTION(result, name, parameters) {#name, (void (*)(void))name},
		MEMORY_FUNCTIONS(FUNCTION)
#undef FUNCTION
	};
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (!qemu_has(functions[i].name, functions[i].function))
			return false;
	return true;
}

bool dsa_has_ats(void)
{
	return pci_ats_request_translation && pci_pri_request_page && pci_pri_register_notifier &&
	       pci_iommu_init_iotlb_notifier && pci_iommu_register_iotlb_notifier;
}

static void *unit_of(struct dsa *d)
{
	if (!d->unit_sought)
		d->unit = object_resolve_path_type("", "intel-iommu", NULL);
	d->unit_sought = true;
	return d->unit;
}

uint32_t dsa_unit_register(struct dsa *d, uint32_t off)
{
	enum { BITS_32 = 2 };
	struct access_attrs attrs = {.unspecified = true};
	uint64_t v = 0;
	void *mr = unit_of(d) ? object_resolve_path_component(d->unit, "intel_iommu[0]") : NULL;
	if (mr && memory_region_dispatch_read(mr, off, &v, BITS_32, attrs))
		v = 0;
	return (uint32_t)v;
}

static uint16_t config(struct dsa *d, uint32_t at)
{
	return (uint16_t)pci_default_read_config(d->fn.dev, at, 2);
}

bool dsa_pasid_is_on(struct dsa *d)
{
	return (dsa_has_ats() ? config(d, PASID_CONTROL) : d->pasid_control) & PASID_ENABLE;
}

/* Asking for translations ends a QEMU whose unit has no device TLBs. */
static bool ats_is_on(struct dsa *d)
{
	return dsa_has_ats() && config(d, ATS_CONTROL) & ATS_ENABLE && dsa_unit_register(d, ECAP) & ECAP_DT;
}

void dsa_memory_forget(struct dsa *d)
{
	memset(d->ats, 0, sizeof d->ats);
}

/* --- notifications */

static void invalidated(void *n, struct translation *what)
{
	struct note *t = n;
	struct dsa *d = t->d;
	say(d, "PASID %x: translations of %llx to %llx are to be forgotten\n", t->pasid,
	    (unsigned long long)what->iova, (unsigned long long)(what->iova | what->mask));
	for (size_t i = 0; i < ARRAY_SIZE(d->ats) && d->fault.kind != FAULT_STALE; i++)
		if (d->ats[i].pasid == t->pasid && !((d->ats[i].va ^ what->iova) & ~what->mask))
			d->ats[i].on = false;
}

static void answered(struct pri_notifier *n, struct response *r)
{
	struct note *t = (struct note *)((char *)n - offsetof(struct note, pri));
	say(t->d, "PASID %x: page request %u was answered with %d\n", t->pasid, r->index, r->code);
	job_answered(t->d, r->index, r->code == 0);
}

static struct note *watch(struct dsa *d, uint32_t pasid)
{
	struct note *t = d->notes;
	while (t && t->pasid != pasid)
		t = t->next;
	if (t)
		return t;
	t = calloc(1, sizeof *t);
	if (!t)
		abort();
	t->pasid = pasid;
	t->d = d;
	t->pri.answered = answered;
	t->next = d->notes;
	d->notes = t;
	pci_iommu_init_iotlb_notifier(d->fn.dev, t, invalidated, t);
	pci_iommu_register_iotlb_notifier(d->fn.dev, pasid, t);
	if (pasid != NO_PASID)
		pci_pri_register_notifier(d->fn.dev, pasid, &t->pri);
	return t;
}

bool dsa_ask_page(struct dsa *d, uint32_t pasid, uint64_t at, bool write, unsigned index)
{
	if (pasid == NO_PASID || !ats_is_on(d))
		return false;
	watch(d, pasid);
	int e = pci_pri_request_page(d->fn.dev, pasid, false, false, at & ~(uint64_t)(PAGE - 1), true,
				     (uint16_t)index, !write, write);
	say(d, "PASID %x: page request %u for %llx%s\n", pasid, index, (unsigned long long)at,
	    e ? " cannot be made" : "");
	return !e;
}

/* --- access */

static bool transfer(struct dsa *d, AddressSpace *as, struct access_attrs attrs, uint64_t at, void *buf,
		     uint32_t len, bool write)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	d->fn.in_dma = true;
	bool done = address_space_rw(as, at, attrs, buf, len, write) == 0;
	d->fn.in_dma = false;
	return done;
}

/* QEMU's address space of the function and PASID; NULL: this QEMU's is elsewhere than it should be. */
static AddressSpace *space_of(struct dsa *d, uint32_t pasid)
{
	static bool told;
	AddressSpace *own = pci_device_iommu_address_space(d->fn.dev);
	if (pasid == NO_PASID || !unit_of(d))
		return own;
	void *bus = qdev_get_parent_bus((DeviceState *)d->fn.dev);
	int devfn = (int)object_property_get_int((Object *)d->fn.dev, "addr", NULL);
	if ((char *)vtd_find_add_as(d->unit, bus, devfn, NO_PASID) + ADDRESS_SPACE_IN_UNIT != (char *)own) {
		if (!told)
			fprintf(stderr,
				"%s: QEMU's address space of a PASID is not where it was, so no "
				"access with a PASID is done\n",
				model_name);
		told = true;
		return NULL;
	}
	return (AddressSpace *)((char *)vtd_find_add_as(d->unit, bus, devfn, pasid) + ADDRESS_SPACE_IN_UNIT);
}

static struct ats_entry *translate(struct dsa *d, uint32_t pasid, uint64_t at, uint32_t need)
{
	uint64_t page = at & ~(uint64_t)(PAGE - 1);
	for (size_t i = 0; i < ARRAY_SIZE(d->ats); i++)
		if (d->ats[i].on && d->ats[i].pasid == pasid && d->ats[i].va == page && d->ats[i].perm & need)
			return &d->ats[i];
	struct translation to = {0};
	uint32_t bad = 0;
	watch(d, pasid);
	ssize_t n = pci_ats_request_translation(d->fn.dev, pasid, false, false, page, PAGE, need == READ, &to,
						1, &bad);
	if ((n < 1 && n != -ENOMEM) || !(to.perm & need))
		return NULL;
	struct ats_entry *e = &d->ats[d->ats_next++ % ARRAY_SIZE(d->ats)];
	*e = (struct ats_entry){true, pasid, to.perm, page,
				(to.addr & ~to.mask) | (page & to.mask & ~(uint64_t)(PAGE - 1))};
	return e;
}

/* One page at most. QEMU ends itself when a PASID goes to where interrupts are: such an access is refused. */
static bool access_page(struct dsa *d, uint32_t pasid, uint64_t at, void *buf, uint32_t len, bool write,
			enum fault_kind how)
{
	struct access_attrs attrs = {0}, translated = {.bits = TRANSLATED};
	if (how == FAULT_PASID && pasid != NO_PASID)
		pasid = (pasid + 1) & 0xfffff;
	if (!(config(d, COMMAND) & COMMAND_BUS_MASTER) || (pasid != NO_PASID && at >> 20 == 0xfee))
		return false;
	AddressSpace *own = pci_device_iommu_address_space(d->fn.dev);
	if (how == FAULT_LIE)
		return dsa_has_ats() && transfer(d, own, translated, at, buf, len, write);
	if (!ats_is_on(d)) {
		AddressSpace *as = space_of(d, pasid);
		dsa_memory_forget(d);
		return as && transfer(d, as, attrs, at, buf, len, write);
	}
	const struct ats_entry *e = translate(d, pasid, at, write ? WRITE : READ);
	return e && transfer(d, own, translated, e->pa | (at & (PAGE - 1)), buf, len, write);
}

bool dsa_dma(struct dsa *d, uint32_t pasid, uint64_t at, void *buf, uint32_t len, bool write,
	     enum fault_kind how, uint64_t *fault)
{
	for (uint32_t done = 0, n; done < len; done += n) {
		n = PAGE - (uint32_t)((at + done) & (PAGE - 1));
		if (n > len - done)
			n = len - done;
		if (!access_page(d, pasid, at + done, (char *)buf + done, n, write, how)) {
			*fault = at + done;
			return false;
		}
	}
	return true;
}

/* --- what Linux asks of the unit: since 6.19 it binds no process where page walks are not coherent, and
 * QEMU, whose walks are, does not set ECAP.SMPWC. Another region above that register says so. */

static uint32_t ecap_read(void *fn, uint32_t off)
{
	enum { SMPWC_IN_HIGH_HALF = 1u << 16 };
	return dsa_unit_register(fn, ECAP + off) | (off ? SMPWC_IN_HIGH_HALF : 0);
}

static void ecap_write(void *fn, uint32_t off, uint32_t value)
{
	(void)fn, (void)off, (void)value; // read-only, as the register is
}

void dsa_memory_init(struct dsa *d)
{
	static const struct region_ops ops = {.read = ecap_read, .write = ecap_write};
	enum { UNIT = 0xfed90000u, ABOVE = 1 };
	if (!d->smpwc)
		return;
	region_init(&d->ecap, &d->fn, &ops, "dsa-ecap", 8);
	memory_region_add_subregion_overlap(get_system_memory(), UNIT + ECAP, region_of_qemu(&d->ecap),
					    ABOVE);
}
