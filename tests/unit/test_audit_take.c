/* The audit's record as it is taken from a machine: a model of units and of a configuration space, tables and
 * snapshots of the loader. */
#include <stdio.h>
#include <string.h>
#include "iommu/vtd/backend.h"
#include "apps/audit/app.h"
#include "apps/vf/nvme.h"
#include "apps/audit/json.h"
#include "apps/machine.h"
#include "apps/bringup/topology.h"
#include "kernel/pmm.h"
#include "kernel/irq.h"
#include "kernel/cpu.h"
#include "kernel/tsc.h"
#include "tests/model/amd_model.h"
#include "tests/model/vtd_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (16 * PAGE_2M)
#define NVME      0x00101b36
#define NIC       0x10c98086
#define WINDOW    0x2000000000ull

static struct cpu_info cpu;
static uint32_t reach;
static struct tsc_info tsc = {.hz = 2400000000};

const struct cpu_info *cpu_info(void)
{
	return &cpu;
}

void cpu_id(uint32_t leaf, uint32_t r[4])
{
	memset(r, 0, 16);
	if (leaf == 0) {
		r[0] = 0x16;
		memcpy(&r[1], "Genu", 4);
		memcpy(&r[3], "ineI", 4);
		memcpy(&r[2], "ntel", 4);
	}
	if (leaf == 0x80000008)
		r[0] = 0x3027; /* 39 bits, 48 of virtual ones */
}

uint32_t apic_reach(void)
{
	return reach;
}

const struct tsc_info *tsc_info(void)
{
	return &tsc;
}

static phys_t ram;
static struct model_machine mc;
static struct nvme_pf pf_nvme;
static struct machine ma;
static struct boot_info boot;
static struct boot_snapshot *entry, *left;
static struct boot_region *regions;
static struct cm_fn *port, *nvme, *nic;
static uint8_t srat[64] = "SRAT", facp[64] = "FACP", spcr[80] = "SPCR";

static void *page_for(size_t bytes)
{
	phys_t p;
	assert_int_equal(pmm_alloc(ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE, PAGE_SIZE, &p), SL_OK);
	return phys_va(p);
}

static void table(const char *sig, uint64_t at, const uint8_t *p, size_t n)
{
	struct acpi_table *t = &ma.acpi.table[ma.acpi.count++];
	snprintf(t->sig, sizeof t->sig, "%s", sig);
	t->phys = at;
	t->sum_ok = true;
	t->data = (struct span){p, n};
}

static int setup(void **state)
{
	pci_setup(state);
	if (!ram.v) {
		ram = support_ram(RAM_BYTES, RAM_BASE);
		assert_int_equal(pmm_add(ram, RAM_BYTES / PAGE_SIZE), SL_OK);
		entry = page_for(sizeof *entry);
		left = page_for(sizeof *left);
		regions = page_for(PAGE_SIZE);
	}
	memset(&ma, 0, sizeof ma);
	memset(&boot, 0, sizeof boot);
	memset(entry, 0, sizeof *entry);
	memset(left, 0, sizeof *left);
	ma.boot = &boot;
	ma.pf_own = &pf_nvme;
	ma.cfg = &boot.cfg;
	boot.at_entry = va_phys(entry).v;
	boot.at_exit = va_phys(left).v;
	boot.regions = va_phys(regions).v;
	boot.region_count = 3;
	boot.cfg.iommu = CONFIG_IOMMU_ON;
	snprintf(boot.firmware, sizeof boot.firmware, "Maker");
	snprintf(cpu.brand, sizeof cpu.brand, "   Brand of it");
	reach = 254;
	model_machine_init(&mc, ram, RAM_BYTES);
	model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x0010); /* the NIC's */
	model_machine_rmrr(&mc, 0x7a000000, 0x7a000fff, 0x00f8);
	model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	table("FACP", 0x1000, facp, sizeof facp);
	table("SPCR", 0x2000, spcr, sizeof spcr);
	table("DMAR", 0x3000, mc.dmar, mc.len);
	table("SRAT", 0x4000, srat, sizeof srat);
	port = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	cm_window(port, 0xc1000000, 0xc10fffff);
	nvme = cm_add(&m, port, 0, 0, 0, NVME, 0x010802);
	cm_pcie(nvme, 0x40, 0);
	cm_ecap(nvme, 0x100, 0x0e);
	cm_sriov(&m, nvme, 0x120, 8, 0x10, 3);
	nvme->offset[1] = 0x20;
	nvme->stride[1] = 2;
	cm_put(nvme, 0x12c, 2, 7); /* InitialVFs */
	nic = cm_add(&m, NULL, 0, 0, 0x10, NIC, 0x020000);
	cm_pcie(nic, 0x40, 9);
	scan_all();
	ma.pci = pci;
	TAILQ_INIT(&ma.pci.funcs);
	for (struct pci_func *f; (f = TAILQ_FIRST(&pci.funcs));) {
		TAILQ_REMOVE(&pci.funcs, f, link);
		TAILQ_INSERT_TAIL(&ma.pci.funcs, f, link);
	}
	struct dmar_topo topo = topology_of(&ma.pci);
	struct iommu_regs regs = model_machine_regs(&mc);
	assert_int_equal(vtd_init(&ma.iommu, (struct span){mc.dmar, mc.len}, &topo, &regs), SL_OK);
	cases_clear(proof_cases());
	return 0;
}

static int teardown(void **state)
{
	m.violations = 0;
	model_machine_fini(&mc);
	return pci_teardown(state);
}

static void test_processor(void **state)
{
	(void)state;
	struct audit_in *in = audit_take(&ma);
	assert_string_equal(in->cpu, "Brand of it");
	assert_string_equal(in->vendor, "GenuineIntel");
	assert_int_equal(in->phys_bits, 39);
	assert_string_equal(in->firmware, "Maker");
	assert_int_equal(in->tsc_hz, 2400000000);
	assert_true(in->apicids == 0 && in->apic == AUDIT_APIC_UNKNOWN);
	ma.madt.cpus = 3;
	for (unsigned i = 0; i < 3; i++)
		ma.madt.cpu[i] = (struct madt_cpu){.apic_id = 10 * i, .enabled = i < 2};
	assert_ptr_equal(audit_take(&ma), in);
	assert_true(in->apicids == 2 && in->apicid_max == 10 && in->apic == AUDIT_APIC_XAPIC);
	reach = 255;
	audit_take(&ma);
	assert_int_equal(in->apic, AUDIT_APIC_X2APIC);
	for (unsigned i = SECURE_OFF; i <= SECURE_SETUP; i++) {
		boot.secure_boot = i;
		audit_take(&ma);
		assert_int_equal(in->secure_boot, i);
	}
	assert_true(in->mem == regions && in->mems == 3 && in->pci == &ma.pci);
}

/* Those that rules are about, in their own order. */
static void test_tables(void **state)
{
	(void)state;
	struct audit_in *in = audit_take(&ma);
	assert_int_equal(in->tables, 3);
	static const char *const sig[] = {"DMAR", "SRAT", "SPCR"};
	static const uint64_t at[] = {0x3000, 0x4000, 0x2000};
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(in->table[i].sig, sig[i]);
		assert_int_equal(in->table[i].addr, at[i]);
	}
	assert_true(in->table[1].data.p == srat && in->table[1].data.n == sizeof srat);
}

static struct boot_unit found(unsigned i, uint32_t mark)
{
	struct vtd_regs_seen r = {.read = true, .cap = mark, .ecap = mark + 1, .rtaddr = mark + 2};
	r.irta = mark + 3, r.phmbase = mark + 4, r.phmlimit = mark + 5, r.ver = mark + 6, r.gsts = mark + 7;
	r.fsts = mark + 8, r.pmen = mark + 9, r.plmbase = mark + 10, r.plmlimit = mark + 11;
	r.frcds = mark % 10;
	for (unsigned k = 0; k < r.frcds && k < VTD_FRCDS_SEEN; k++)
		r.frcd[k] = (struct vtd_frcd){mark + 100 + k, mark + 200 + k};
	return (struct boot_unit){.base = mc.unit[i]->base, .regs = r};
}

static void assert_found(const struct vtd_regs_seen *r, uint32_t mark)
{
	assert_true(r->read && r->cap == mark && r->ecap == mark + 1 && r->rtaddr == mark + 2);
	assert_true(r->irta == mark + 3 && r->phmbase == mark + 4 && r->phmlimit == mark + 5);
	assert_true(r->ver == mark + 6 && r->gsts == mark + 7 && r->fsts == mark + 8 && r->pmen == mark + 9);
	assert_true(r->plmbase == mark + 10 && r->plmlimit == mark + 11 && r->frcds == mark % 10);
	for (unsigned k = 0; k < VTD_FRCDS_SEEN; k++)
		assert_true(r->frcd[k].lo == (k < mark % 10 ? mark + 100 + k : 0) &&
			    r->frcd[k].hi == (k < mark % 10 ? mark + 200 + k : 0));
}

/* Each unit of the table, as the loader found it at either time and as it is now. */
static void test_units(void **state)
{
	(void)state;
	entry->units = 2;
	entry->unit[0] = found(1, 1008); /* in any order */
	entry->unit[1] = found(0, 2003);
	left->units = 1;
	left->unit[0] = found(1, 3000);
	left->unit[1] = found(0, 4001); /* behind the last */
	mc.unit[1]->fsts = 0x2;
	mc.unit[1]->frcd[0][0] = 0x5000;
	mc.unit[1]->frcd[0][1] = BIT(63) | 0x123;
	struct audit_in *in = audit_take(&ma);
	assert_int_equal(in->units, 2);
	assert_true(in->unit[0].base == mc.unit[0]->base && in->unit[1].base == mc.unit[1]->base);
	assert_found(&in->unit[0].at[AUDIT_ENTRY], 2003);
	assert_found(&in->unit[1].at[AUDIT_ENTRY], 1008);
	assert_found(&in->unit[1].at[AUDIT_LEFT], 3000);
	assert_false(in->unit[0].at[AUDIT_LEFT].read);
	for (unsigned i = 0; i < 2; i++) {
		const struct vtd_regs_seen *r = &in->unit[i].at[AUDIT_NOW];
		assert_true(r->read && r->ver == MODEL_VER && r->cap == MODEL_CAP && r->ecap == MODEL_ECAP);
	}
	const struct vtd_regs_seen *r = &in->unit[1].at[AUDIT_NOW];
	assert_true(r->fsts == 2 && r->frcds >= 1);
	assert_true(r->frcd[0].lo == 0x5000 && r->frcd[0].hi == (BIT(63) | 0x123));
	ma.iommu.unit_count = 1; /* the second is not known to it */
	audit_take(&ma);
	assert_int_equal(in->units, 2);
	assert_true(in->unit[0].at[AUDIT_NOW].read && !in->unit[1].at[AUDIT_NOW].read);
	ma.iommu.unit_count = 0;
	audit_take(&ma);
	assert_false(in->unit[0].at[AUDIT_NOW].read);
	mc.dmar[4] = 47; /* damaged */
	audit_take(&ma);
	assert_int_equal(in->units, 0);
	ma.acpi.count = 1; /* no DMAR at all */
	audit_take(&ma);
	assert_int_equal(in->units, 0);
}

static struct boot_amd amd_found(const struct amd_unit *u, uint16_t seg, uint64_t mark)
{
	return (struct boot_amd){
		u->base, seg, u->rid, 0, {.read = true, .cap_base = mark, .status = mark + 1}};
}

static void assert_amd_found(const struct amdvi_regs_seen *r, uint64_t mark)
{
	assert_true(r->read && r->cap_base == mark && r->status == mark + 1);
}

/* The same of AMD's units: a record of the loader is a unit's where segment, function and registers are those
 * of the table. */
static void test_amd_units(void **state)
{
	(void)state;
	struct amd_machine amd;
	amd_machine_init(&amd, ram, RAM_BYTES);
	struct amd_unit *first = amd_machine_unit(&amd, 0, AMD_EFR, 0, 0xff);
	struct amd_unit *second = amd_machine_unit(&amd, 0, AMD_EFR, 0x100, 0xffff);
	ma.acpi.count = 1; /* no DMAR */
	assert_int_equal(amd_machine_read(&amd, &ma.iommu), SL_OK);
	entry->amds = 2;
	entry->amd[0] = amd_found(second, 0, 100); /* in any order */
	entry->amd[1] = amd_found(first, 0, 200);
	left->amds = 4;
	left->amd[0] = amd_found(second, 0, 300);
	left->amd[1] = amd_found(first, 1, 400); /* another segment's, */
	left->amd[2] = amd_found(first, 0, 500);
	left->amd[2].rid++; /* another function's, */
	left->amd[3] = amd_found(first, 0, 600);
	left->amd[3].base += PAGE_SIZE;          /* with other registers, */
	left->amd[4] = amd_found(first, 0, 700); /* behind the last */
	struct audit_in *in = audit_take(&ma);
	assert_true(in->units == 0 && in->amds == 2);
	assert_true(in->amd[0].base == first->base && in->amd[0].unit.rid == first->rid);
	assert_true(in->amd[1].base == second->base && in->amd[1].unit.rid == second->rid);
	assert_amd_found(&in->amd[0].at[AUDIT_ENTRY], 200);
	assert_amd_found(&in->amd[1].at[AUDIT_ENTRY], 100);
	assert_amd_found(&in->amd[1].at[AUDIT_LEFT], 300);
	assert_false(in->amd[0].at[AUDIT_LEFT].read);
	for (unsigned i = 0; i < 2; i++)
		assert_true(in->amd[i].at[AUDIT_NOW].read && in->amd[i].at[AUDIT_NOW].efr == AMD_EFR);
	assert_int_equal(in->amd[1].at[AUDIT_NOW].cap_base, 300); /* the driver does not look at it again */
	amd_machine_fini(&amd);
}

static void test_functions(void **state)
{
	(void)state;
	entry->funcs = 2;
	entry->func[0] = (struct boot_func){.rid = 0x100, .command = 4};
	entry->func[1] = (struct boot_func){.rid = 0x08, .command = 0xfffb};
	left->funcs = 1;
	left->func[0] = (struct boot_func){.rid = 0x10, .command = 7};
	left->func[1] = (struct boot_func){.rid = 0x100, .command = 7}; /* behind the last */
	entry->func[2] = (struct boot_func){.seg = 1, .rid = 0x10, .command = 7};
	entry->funcs = 3; /* another segment's */
	struct audit_in *in = audit_take(&ma);
	assert_int_equal(in->fns, 3);
	for (unsigned i = 0; i < 3; i++) {
		uint16_t rid = in->fn[i].bdf.rid;
		assert_int_equal(in->fn[i].entry, rid == 0x100 ? 1 : rid == 0x08 ? 0 : -1);
		assert_int_equal(in->fn[i].left, rid == 0x10 ? 1 : -1);
	}
}

/* The record with routing as it is now; taking it writes nothing. */
static struct audit_in *take(void)
{
	audit_read_routes(&ma);
	unsigned writes = m.writes;
	struct audit_in *in = audit_take(&ma);
	assert_int_equal(m.writes, writes);
	return in;
}

/* Before routing was read, nothing is known of it. */
static void test_routes(void **state)
{
	(void)state;
	unsigned writes = m.writes;
	struct audit_in *in = audit_take(&ma);
	assert_int_equal(m.writes, writes);
	assert_true(in->pfs == 1 && !in->pf[0].routing[0].known && !in->pf[0].routing[1].known);
	audit_read_routes(&ma);
	assert_true(m.writes > writes);
	in = audit_take(&ma);
	assert_true(in->pf[0].routing[0].known && in->pf[0].routing[1].known);
}

/* Routing in both ARI states, and how many the controller has queues for. */
static void test_sriov(void **state)
{
	(void)state;
	struct audit_in *in = take();
	assert_int_equal(in->pfs, 1);
	const struct audit_sriov *s = &in->pf[0];
	assert_true(s->pf.rid == 0x100 && s->total == 8 && s->initial == 7 && s->num == 0 && !s->enabled);
	assert_true(s->ari_forwards && !s->ari && s->page_sizes == cm_get(nvme, 0x13c, 4));
	assert_true(s->routing[0].known && s->routing[0].offset == 0x10 && s->routing[0].stride == 3);
	assert_true(s->routing[1].known && s->routing[1].offset == 0x20 && s->routing[1].stride == 2);
	assert_int_equal(s->backed, -1);
	nvme->offset[1] = 0; /* while NumVFs is 0 that says nothing */
	take();
	assert_true(s->routing[0].known && !s->routing[1].known);
	ma.pf = pci_find(&ma.pci, (bdf_t){0, 0x100});
	static const struct {
		bool vq, vi;
		uint32_t free_vq, free_vi;
		int32_t backed;
	} row[] = {{true, true, 9, 7, 4},  {true, true, 9, 3, 3},    {true, false, 9, 1, 4},
		   {false, true, 0, 7, 7}, {false, false, 9, 7, -1}, {true, true, 1, 7, 0}};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		pf_nvme.flexible_vq = row[i].vq;
		pf_nvme.flexible_vi = row[i].vi;
		pf_nvme.free_vq = row[i].free_vq;
		pf_nvme.free_vi = row[i].free_vi;
		ma.pf_open = false;
		take();
		assert_int_equal(s->backed, -1);
		ma.pf_open = true;
		take();
		assert_int_equal(s->backed, row[i].backed);
		ma.pf = pci_find(&ma.pci, (bdf_t){0, 0x10}); /* of another one nothing is known */
		take();
		assert_int_equal(s->backed, -1);
		ma.pf = pci_find(&ma.pci, (bdf_t){0, 0x100});
	}
	struct sriov on;
	nvme->offset[1] = 0x20;
	assert_int_equal(sriov_enable(&ma.pci, ma.pf, 2, &on), SL_OK); /* VFs are no PFs */
	take();
	assert_true(in->pfs == 1 && in->fns == 5 && s->enabled && s->num == 2);
	assert_true(s->routing[0].known && s->routing[1].known); /* as they were read before */
	assert_int_equal(sriov_disable(&ma.pci, ma.pf), SL_OK);
}

static const struct audit_live *live(void)
{
	audit_take_live(&ma);
	return audit_live();
}

static void attached(const struct audit_live *l, uint16_t rid, unsigned unit, unsigned domain, unsigned mode)
{
	for (unsigned i = 0; i < l->attached; i++)
		if (l->attach[i].bdf.rid == rid) {
			assert_int_equal(l->attach[i].unit, unit);
			assert_int_equal(l->attach[i].domain, domain);
			assert_int_equal(l->attach[i].mode, mode);
			return;
		}
	fail_msg("%x is not there", rid);
}

static void run(const struct audit_live *l, unsigned i, uint64_t iova, uint64_t len, bool read, bool write)
{
	assert_true(l->run[i].iova == iova && l->run[i].len == len);
	assert_true(l->run[i].read == read && l->run[i].write == write);
}

static struct domain *domain(const char *name)
{
	struct domain *d;
	assert_int_equal(domain_create(&ma.iommu, name, &d), SL_OK);
	return d;
}

static void map(struct domain *d, uint64_t iova, uint64_t len, unsigned perm)
{
	assert_int_equal(domain_map(d, IOVA(iova), PHYS(0x100000000 + iova % PAGE_1G), len, perm), SL_OK);
}

/* Ranges that go on with the same permission, and others. */
static void map_pieces(struct domain *a)
{
	map(a, 0, PAGE_SIZE, DOMAIN_RW); /* from the first address to the last */
	map(a, PAGE_SIZE, PAGE_SIZE, DOMAIN_RW);
	map(a, WINDOW, PAGE_2M, DOMAIN_RW);
	map(a, WINDOW + PAGE_2M, 2 * PAGE_SIZE, DOMAIN_RW);
	map(a, WINDOW + PAGE_2M + 2 * PAGE_SIZE, PAGE_SIZE, DOMAIN_R);
	map(a, WINDOW + PAGE_2M + 3 * PAGE_SIZE, PAGE_SIZE, DOMAIN_W);
	map(a, WINDOW + PAGE_2M + 4 * PAGE_SIZE, PAGE_SIZE, DOMAIN_RW);
	map(a, WINDOW + PAGE_2M + 6 * PAGE_SIZE, PAGE_SIZE, DOMAIN_RW);
	map(a, BIT(ma.iommu.width) - PAGE_SIZE, PAGE_SIZE, DOMAIN_R);
}

/* The same, as runs of domain i. */
static void expect_pieces(const struct audit_live *l, unsigned i)
{
	unsigned at = l->domain[i].first;
	assert_int_equal(l->domain[i].runs, 7);
	run(l, at, 0, 2 * PAGE_SIZE, true, true);
	run(l, at + 1, WINDOW, PAGE_2M + 2 * PAGE_SIZE, true, true);
	run(l, at + 2, WINDOW + PAGE_2M + 2 * PAGE_SIZE, PAGE_SIZE, true, false);
	run(l, at + 3, WINDOW + PAGE_2M + 3 * PAGE_SIZE, PAGE_SIZE, false, true);
	run(l, at + 4, WINDOW + PAGE_2M + 4 * PAGE_SIZE, PAGE_SIZE, true, true);
	run(l, at + 5, WINDOW + PAGE_2M + 6 * PAGE_SIZE, PAGE_SIZE, true, true);
	run(l, at + 6, BIT(ma.iommu.width) - PAGE_SIZE, PAGE_SIZE, true, false);
}

/* What the tables let through, joined where it goes on with the same permission. */
static void test_live(void **state)
{
	(void)state;
	const struct audit_live *l = live();
	assert_true(l->attached == 3 && l->domains == 0);
	attached(l, 0x100, 1, 0, LIVE_OFF);
	ma.translating = true;
	assert_int_equal(iommu_enable(&ma.iommu), SL_OK);
	l = live();
	attached(l, 0x100, 1, 0, LIVE_BLOCKED);
	attached(l, 0x10, 0, 0, LIVE_BLOCKED);
	struct domain *a = domain("first"), *b = domain("second");
	assert_int_equal(domain_attach(a, (bdf_t){0, 0x10}), SL_OK);
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x100}), SL_OK);
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x08}), SL_OK);
	map_pieces(a);
	map(b, BIT(ma.iommu.width) - PAGE_SIZE, PAGE_SIZE, DOMAIN_R);
	l = live();
	attached(l, 0x10, 0, domain_id(a), LIVE_DOMAIN);
	attached(l, 0x100, 1, domain_id(b), LIVE_DOMAIN);
	attached(l, 0x08, 1, domain_id(b), LIVE_DOMAIN);
	assert_int_equal(l->domains, 2); /* once, however many functions are in it */
	unsigned first = l->domain[0].id == domain_id(a) ? 0 : 1;
	assert_string_equal(l->domain[first].name, "first");
	assert_string_equal(l->domain[!first].name, "second");
	expect_pieces(l, first);
	assert_true(l->domain[!first].runs == 1 && l->runs == 8); /* two domains' runs are not joined */
	assert_int_equal(l->domain[!first].first, first ? 0 : 7);
	/* Domains that let everything pass have no table to walk. */
	struct domain *pass;
	assert_int_equal(domain_detach(b, (bdf_t){0, 0x08}), SL_OK);
	assert_int_equal(domain_create_passthrough(&ma.iommu, "open", &pass), SL_OK);
	assert_int_equal(domain_attach(pass, (bdf_t){0, 0x08}), SL_OK);
	l = live();
	attached(l, 0x08, 1, domain_id(pass), LIVE_PASS_THROUGH);
	assert_int_equal(l->domains, 3);
	assert_int_equal(l->runs, 8);
	/* More runs than there is room for: as many as fit. */
	for (unsigned i = 0; i < LIVE_RUNS + 9; i++)
		map(b, WINDOW + 2 * i * PAGE_SIZE, PAGE_SIZE, DOMAIN_RW);
	l = live();
	assert_int_equal(l->runs, LIVE_RUNS);
	unsigned sum = 0;
	for (unsigned i = 0; i < l->domains; i++)
		sum += l->domain[i].runs;
	assert_int_equal(sum, LIVE_RUNS);
	ma.iommu.unit_count = 0; /* nothing is under a unit */
	l = live();
	attached(l, 0x100, LIVE_NONE, 0, LIVE_OFF);
	ma.iommu.unit_count = 2;
}

/* What the proof came to, when it did not say so itself. */
static void test_proof(void **state)
{
	(void)state;
	struct proof_case c = {.who = "VF0", .outcome = CASE_SUCCEEDED};
	struct audit_in *in = audit_take(&ma);
	ma.audit.proof = AUDIT_PROOF_DONE;
	ma.translating = true;
	assert_int_equal(audit_take(&ma)->proof, AUDIT_PROOF_NOT_ASKED);
	ma.translating = false;
	assert_int_equal(audit_take(&ma)->proof, AUDIT_PROOF_NO_UNIT);
	boot.cfg.iommu = CONFIG_IOMMU_PT;
	assert_int_equal(audit_take(&ma)->proof, AUDIT_PROOF_OFF);
	boot.cfg.iommu = CONFIG_IOMMU_OFF;
	assert_int_equal(audit_take(&ma)->proof, AUDIT_PROOF_OFF);
	ma.audit.proof = AUDIT_PROOF_BROKEN;
	assert_int_equal(audit_take(&ma)->proof, AUDIT_PROOF_BROKEN);
	ma.audit.proof = AUDIT_PROOF_DONE;
	cases_add(proof_cases(), &c);
	cases_add(proof_cases(), &c);
	assert_int_equal(audit_take(&ma)->proof, AUDIT_PROOF_DONE);
	assert_true(in->cases.n == 2 && in->cases.tried[1].outcome == CASE_SUCCEEDED);
	assert_int_equal(cases_count(&in->cases, CASE_SUCCEEDED), 2);
	proof_cases()->left_out[CASE_REFUSED] = 7;
	assert_int_equal(cases_count(&audit_take(&ma)->cases, CASE_REFUSED), 7);
	cases_clear(proof_cases());
	assert_int_equal(audit_take(&ma)->proof, AUDIT_PROOF_OFF);
	assert_true(in->cases.n == 0 && cases_count(&in->cases, CASE_REFUSED) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_processor), T(test_tables), T(test_units), T(test_amd_units), T(test_functions),
		T(test_routes),    T(test_sriov),  T(test_live),  T(test_proof)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
