// The physical function: SR-IOV, the PF's view of the banks and of the mailboxes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "qat.h"

enum { SRAM_BYTES = 0x80000, PMISC_BYTES = 0x40000, ETR_BYTES = 0x40000, BANK_BYTES = 0x1000 };
enum { ERRSOU3 = 0x3a00c, FIRST_VF = 9 }; /* from that bit on, messages of VFs */
enum { VECTORS = 17, VECTOR_MESSAGES = 16, MSIX_TABLE = 0x3e000, MSIX_PBA = 0x3f000 };
enum { ERRMSK3 = 0x3a01c, MAILBOXES = 0x3a280, MAILBOXES_END = MAILBOXES + 4 * QAT_VFS, ERRMSK3_RESET = ~0 };
enum { ARBITER = 0x30000 }; /* in the ETR BAR */

// VFs whose message has not been taken.
static uint32_t messages(struct qat_pf *pf)
{
	uint32_t mask = 0;
	for (unsigned n = 0; n < QAT_VFS; n++) {
		struct qat_vf *v = pf_vf(pf, n);
		mask |= (uint32_t)(v && v->mailbox.reg >> 16 & 1) << (FIRST_VF + n);
	}
	return mask;
}

static const struct pf_kind pf_gen2;

void pf_irq(struct qat_pf *pf)
{
	if (pf->kind != &pf_gen2)
		return;
	uint32_t now = messages(pf) & ~pf->vf_mask;
	if (now & ~pf->irq && msix_enabled(pf->fn.dev))
		msix_notify(pf->fn.dev, VECTOR_MESSAGES);
	pf->irq = now;
}

static uint32_t etr_read(void *fn, uint32_t off)
{
	struct qat_vf *v = pf_vf(fn, off / BANK_BYTES);
	if (off >= ARBITER)
		return boot_arbiter_read(fn, off - ARBITER);
	return v ? bank_read(v->bank, off % BANK_BYTES) : 0;
}

static void etr_write(void *fn, uint32_t off, uint32_t value)
{
	struct qat_vf *v = pf_vf(fn, off / BANK_BYTES);
	if (off >= ARBITER)
		boot_arbiter_write(fn, off - ARBITER, value);
	else if (v)
		bank_write(v->bank, off % BANK_BYTES, value);
}

static uint32_t pmisc_read(void *fn, uint32_t off)
{
	struct qat_pf *pf = fn;
	if (off == ERRMSK3)
		return pf->vf_mask;
	if (off == ERRSOU3)
		return messages(pf);
	if (off < MAILBOXES || off >= MAILBOXES_END)
		return boot_read(pf, off);
	struct qat_vf *v = pf_vf(pf, (off - MAILBOXES) / 4);
	return v ? v->mailbox.reg : 0;
}

static void pmisc_write(void *fn, uint32_t off, uint32_t value)
{
	struct qat_pf *pf = fn;
	if (off == ERRMSK3) {
		pf->vf_mask = value;
		pf->vf_taken |= ~pf->vf_mask;
		pf_irq(pf);
		return;
	}
	if (off < MAILBOXES || off >= MAILBOXES_END) {
		boot_write(pf, off, value);
		return;
	}
	struct qat_vf *v = pf_vf(pf, (off - MAILBOXES) / 4);
	if (v)
		mailbox_write(v, value, false);
}

static uint32_t sram_read(void *fn, uint32_t off)
{
	(void)fn, (void)off;
	return 0;
}

static void sram_write(void *fn, uint32_t off, uint32_t value)
{
	(void)fn, (void)off, (void)value;
}

static const struct region_ops sram_ops = {.read = sram_read, .write = sram_write};
static const struct region_ops pmisc_ops = {.read = pmisc_read, .write = pmisc_write};
static const struct region_ops etr_ops = {.read = etr_read, .write = etr_write};

static const struct pf_kind pf_gen2 = {.vf = &vf_gen2,
				       .type = TYPE_PF,
				       .name = "Intel QuickAssist C62x (model)",
				       .id = 0x37c8,
				       .sram_bytes = SRAM_BYTES,
				       .pmisc_bytes = PMISC_BYTES,
				       .etr_bytes = ETR_BYTES,
				       .pmisc = &pmisc_ops,
				       .etr = &etr_ops,
				       .vf_mask = (uint32_t)ERRMSK3_RESET,
				       .boot = &boot_gen2};
static const struct pf_kind *const kinds[] = {&pf_gen2, &pf_gen4};

static void come(Object *obj)
{
	struct qat_pf *pf = fn_new(obj, sizeof *pf);
	pf->kind = !strcmp(object_get_typename(obj), pf_gen4.type) ? &pf_gen4 : &pf_gen2;
	pf->boot.booted = true;
	pf->fault.vf = FAULT_ALL_VFS;
	pf->fault.count = 1;
	pf->fault.ms = 100;
}

static void go(Object *obj)
{
	struct qat_pf *pf = fn_of(obj);
	g_free(pf->fault.name);
	fn_free(obj);
}

static void reset(DeviceState *d)
{
	struct qat_pf *pf = fn_of(d);
	pf->vf_mask = pf->kind->vf_mask;
	pf->irq = pf->vf_taken = 0;
	boot_reset(pf);
}

static void realize(PCIDevice *dev, Error **errp)
{
	struct qat_pf *pf = fn_of(dev);
	const struct pf_kind *k = pf->kind;
	if (!fault_parse(&pf->fault)) {
		qemu_fail(errp,
		     "fault=%s: known are none, dma, status, stuck, late, extra, opaque, pointer, flip, "
		     "verify",
		     pf->fault.name);
		return;
	}
	if (pf->ring_map && !vf_ring_map_is_good(k->vf, pf->ring_map)) {
		qemu_fail(errp,
		     "ring-map=0x%x: it is for %s, three bits a bank: 0 unused, 2 compression, 3 sym, "
		     "4 asym",
		     pf->ring_map, TYPE_PF_4);
		return;
	}
	if (!pf->ring_map)
		pf->ring_map = k->vf->ring_map;
	region_init(&pf->sram, &pf->fn, &sram_ops, "qat-sram", k->sram_bytes);
	region_init(&pf->pmisc, &pf->fn, k->pmisc, "qat-pmisc", k->pmisc_bytes);
	region_init(&pf->etr, &pf->fn, k->etr, "qat-etr", k->etr_bytes);
	pci_register_bar(dev, 0, BAR_64 | BAR_PREFETCH, region_of_qemu(&pf->sram));
	pci_register_bar(dev, 2, BAR_64, region_of_qemu(&pf->pmisc));
	pci_register_bar(dev, 4, BAR_64, region_of_qemu(&pf->etr));
	if (pcie_endpoint_cap_init(dev, CAP_EXPRESS) < 0) {
		qemu_fail(errp, "QAT wants a PCI Express port: bus=<a pcie-root-port>");
		return;
	}
	pcie_cap_flr_init(dev);
	pcie_ari_init(dev, CAP_ARI);
	if (k == &pf_gen2) {
		MemoryRegion *mr = region_of_qemu(&pf->pmisc);
		if (msix_init(dev, VECTORS, mr, 2, MSIX_TABLE, mr, 2, MSIX_PBA, CAP_MSIX, errp) < 0)
			return;
		for (unsigned i = 0; i < VECTORS; i++)
			msix_vector_use(dev, i);
	}
	boot_init(pf);
	if (!pcie_sriov_pf_init(dev, CAP_SRIOV, k->vf->type, k->vf->id, QAT_VFS, QAT_VFS, 8, 1, errp))
		return;
	pcie_sriov_pf_init_vf_bar(dev, 0, BAR_64, k->vf->etr_bytes);
	pcie_sriov_pf_init_vf_bar(dev, 2, BAR_64, k->vf->pmisc_bytes);
}

static void leave(PCIDevice *dev)
{
	struct qat_pf *pf = fn_of(dev);
	boot_exit(pf);
	if (pf->kind == &pf_gen2)
		msix_uninit(dev, region_of_qemu(&pf->pmisc), region_of_qemu(&pf->pmisc));
	pcie_sriov_pf_exit(dev);
	pcie_cap_exit(dev);
}

// The VFs that come or go start anew. QEMU names only those that are there, so: before and after.
static void config_write(PCIDevice *dev, uint32_t addr, uint32_t value, int len)
{
	PCIDevice *vfs[QAT_VFS];
	unsigned before = pcie_sriov_num_vfs(dev);
	for (unsigned i = 0; i < QAT_VFS; i++)
		vfs[i] = pcie_sriov_get_vf_at_index(dev, (int)i);
	pci_default_write_config(dev, addr, value, len);
	pcie_cap_flr_write_config(dev, addr, value, len);
	if (pcie_sriov_num_vfs(dev) == before)
		return;
	for (unsigned i = 0; i < QAT_VFS; i++) {
		PCIDevice *vf = vfs[i] ? vfs[i] : pcie_sriov_get_vf_at_index(dev, (int)i);
		if (vf)
			device_cold_reset((DeviceState *)vf);
	}
}

static uint32_t config_read(PCIDevice *dev, uint32_t addr, int len)
{
	return boot_config(fn_of(dev), addr, len, pci_default_read_config(dev, addr, len));
}

static const struct property properties[] = {
	{"booted", PROPERTY_BOOL, offsetof(struct qat_pf, boot.booted)},
	{"fuses", PROPERTY_U32, offsetof(struct qat_pf, boot.fuses)},
	{"straps", PROPERTY_U32, offsetof(struct qat_pf, boot.straps)},
	{"fault", PROPERTY_STRING, offsetof(struct qat_pf, fault.name)},
	{"fault-vf", PROPERTY_U32, offsetof(struct qat_pf, fault.vf)},
	{"fault-after", PROPERTY_U32, offsetof(struct qat_pf, fault.after)},
	{"fault-count", PROPERTY_U32, offsetof(struct qat_pf, fault.count)},
	{"fault-ms", PROPERTY_U32, offsetof(struct qat_pf, fault.ms)},
	{"log", PROPERTY_BOOL, offsetof(struct qat_pf, log)},
	{"ring-map", PROPERTY_U16, offsetof(struct qat_pf, ring_map)},
};

static void class_init(ObjectClass *klass, const void *data)
{
	const struct pf_kind *k = data;
	const struct fn_class class = {.name = k->name,
				       .device = k->id,
				       .class = 0x0b40,
				       .user_creatable = true,
				       .realize = realize,
				       .exit = leave,
				       .config_read = config_read,
				       .config_write = config_write,
				       .reset = reset,
				       .properties = properties,
				       .n = ARRAY_SIZE(properties)};
	fn_class_init(klass, &class);
}

void pf_register(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		fn_register(kinds[i]->type, come, go, class_init, kinds[i]);
}
