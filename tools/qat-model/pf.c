// The physical function: SR-IOV, the PF's view of the banks and of the mailboxes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "qat.h"

enum { SRAM_BYTES = 0x80000, PMISC_BYTES = 0x40000, ETR_BYTES = 0x40000, BANK_BYTES = 0x1000 };
enum { ERRSOU3 = 0x3a00c, FIRST_VF = 9 }; /* from that bit on, messages of VFs */
enum { VECTORS = 17, VECTOR_MESSAGES = 16, MSIX_TABLE = 0x3e000, MSIX_PBA = 0x3f000 };
enum { ERRMSK3 = 0x3a01c, MAILBOXES = 0x3a280, MAILBOXES_END = MAILBOXES + 4 * QAT_VFS, ERRMSK3_RESET = ~0 };
enum { ARBITER = 0x30000 }; /* in the ETR BAR */

static struct qat_vf *vf(struct qat_pf *pf, uint64_t n)
{
	return n < QAT_VFS ? vf_of(pcie_sriov_get_vf_at_index(&pf->dev, (int)n)) : NULL;
}

// VFs whose message has not been taken.
static uint32_t messages(struct qat_pf *pf)
{
	uint32_t mask = 0;
	for (unsigned n = 0; n < QAT_VFS; n++) {
		struct qat_vf *v = vf(pf, n);
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
	if (now & ~pf->irq && msix_enabled(&pf->dev))
		msix_notify(&pf->dev, VECTOR_MESSAGES);
	pf->irq = now;
}

static uint64_t etr_read(void *opaque, hwaddr off, unsigned size)
{
	struct qat_vf *v = vf(opaque, off / BANK_BYTES);
	(void)size;
	if (off >= ARBITER)
		return boot_arbiter_read(opaque, (uint32_t)off - ARBITER);
	return v ? bank_read(v->bank, off % BANK_BYTES) : 0;
}

static void etr_write(void *opaque, hwaddr off, uint64_t value, unsigned size)
{
	struct qat_vf *v = vf(opaque, off / BANK_BYTES);
	(void)size;
	if (off >= ARBITER)
		boot_arbiter_write(opaque, (uint32_t)off - ARBITER, (uint32_t)value);
	else if (v)
		bank_write(v->bank, off % BANK_BYTES, (uint32_t)value);
}

static uint64_t pmisc_read(void *opaque, hwaddr off, unsigned size)
{
	struct qat_pf *pf = opaque;
	(void)size;
	if (off == ERRMSK3)
		return pf->vf_mask;
	if (off == ERRSOU3)
		return messages(pf);
	if (off < MAILBOXES || off >= MAILBOXES_END)
		return boot_read(pf, (uint32_t)off);
	struct qat_vf *v = vf(pf, (off - MAILBOXES) / 4);
	return v ? v->mailbox.reg : 0;
}

static void pmisc_write(void *opaque, hwaddr off, uint64_t value, unsigned size)
{
	struct qat_pf *pf = opaque;
	(void)size;
	if (off == ERRMSK3) {
		pf->vf_mask = (uint32_t)value;
		pf->vf_taken |= ~pf->vf_mask;
		pf_irq(pf);
		return;
	}
	if (off < MAILBOXES || off >= MAILBOXES_END) {
		boot_write(pf, (uint32_t)off, (uint32_t)value);
		return;
	}
	struct qat_vf *v = vf(pf, (off - MAILBOXES) / 4);
	if (v)
		mailbox_write(v, (uint32_t)value, false);
}

static uint64_t sram_read(void *opaque, hwaddr off, unsigned size)
{
	(void)opaque, (void)off, (void)size;
	return 0;
}

static void sram_write(void *opaque, hwaddr off, uint64_t value, unsigned size)
{
	(void)opaque, (void)off, (void)value, (void)size;
}

static const MemoryRegionOps sram_ops = {
	.read = sram_read, .write = sram_write, .endianness = DEVICE_LITTLE_ENDIAN, .impl = {4, 4, false}};
static const MemoryRegionOps pmisc_ops = {
	.read = pmisc_read, .write = pmisc_write, .endianness = DEVICE_LITTLE_ENDIAN, .impl = {4, 4, false}};
static const MemoryRegionOps etr_ops = {
	.read = etr_read, .write = etr_write, .endianness = DEVICE_LITTLE_ENDIAN, .impl = {4, 4, false}};

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

static const struct pf_kind *kind_of(const PCIDevice *dev)
{
	uint16_t id = ((PCIDeviceClass *)object_get_class(OBJECT(dev)))->device_id;
	return id == pf_gen4.id ? &pf_gen4 : &pf_gen2;
}

static void reset(DeviceState *d)
{
	struct qat_pf *pf = (struct qat_pf *)d;
	pf->vf_mask = pf->kind->vf_mask;
	pf->irq = pf->vf_taken = 0;
	boot_reset(pf);
}

static void realize(PCIDevice *dev, Error **errp)
{
	struct qat_pf *pf = (struct qat_pf *)dev;
	uint8_t type = PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64;
	if (!fault_parse(&pf->fault)) {
		error_setg(errp,
			   "fault=%s: known are none, dma, status, stuck, late, extra, opaque, pointer, flip, verify",
			   pf->fault.name);
		return;
	}
	const struct pf_kind *k = pf->kind = kind_of(dev);
	if (pf->ring_map && !vf_ring_map_is_good(k->vf, pf->ring_map)) {
		error_setg(errp,
			   "ring-map=0x%x: it is for %s, three bits a bank: 0 unused, 2 compression, 3 sym, "
			   "4 asym",
			   pf->ring_map, TYPE_PF_4);
		return;
	}
	if (!pf->ring_map)
		pf->ring_map = k->vf->ring_map;
	memory_region_init_io(&pf->sram, OBJECT(pf), &sram_ops, pf, "qat-sram", k->sram_bytes);
	memory_region_init_io(&pf->pmisc, OBJECT(pf), k->pmisc, pf, "qat-pmisc", k->pmisc_bytes);
	memory_region_init_io(&pf->etr, OBJECT(pf), k->etr, pf, "qat-etr", k->etr_bytes);
	pci_register_bar(dev, 0, type | PCI_BASE_ADDRESS_MEM_PREFETCH, &pf->sram);
	pci_register_bar(dev, 2, type, &pf->pmisc);
	pci_register_bar(dev, 4, type, &pf->etr);
	if (pcie_endpoint_cap_init(dev, CAP_EXPRESS) < 0) {
		error_setg(errp, "QAT wants a PCI Express port: bus=<a pcie-root-port>");
		return;
	}
	pcie_cap_flr_init(dev);
	pcie_ari_init(dev, CAP_ARI);
	if (k == &pf_gen2) {
		if (msix_init(dev, VECTORS, &pf->pmisc, 2, MSIX_TABLE, &pf->pmisc, 2, MSIX_PBA, CAP_MSIX,
			      errp) < 0)
			return;
		for (unsigned i = 0; i < VECTORS; i++)
			msix_vector_use(dev, i);
	}
	boot_init(pf);
	if (!pcie_sriov_pf_init(dev, CAP_SRIOV, k->vf->type, k->vf->id, QAT_VFS, QAT_VFS, 8, 1, errp))
		return;
	pcie_sriov_pf_init_vf_bar(dev, 0, type, k->vf->etr_bytes);
	pcie_sriov_pf_init_vf_bar(dev, 2, type, k->vf->pmisc_bytes);
}

static void leave(PCIDevice *dev)
{
	struct qat_pf *pf = (struct qat_pf *)dev;
	boot_exit(pf);
	if (pf->kind == &pf_gen2)
		msix_uninit(dev, &pf->pmisc, &pf->pmisc);
	pcie_sriov_pf_exit(dev);
	pcie_cap_exit(dev);
}

// The VFs that come or go start anew. QEMU gives away only those that are there, so: before and after.
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
			device_cold_reset(DEVICE(vf));
	}
}

static const Property properties[] = {
	DEFINE_PROP_BOOL("booted", struct qat_pf, boot.booted, true),
	DEFINE_PROP_UINT32("fuses", struct qat_pf, boot.fuses, 0),
	DEFINE_PROP_UINT32("straps", struct qat_pf, boot.straps, 0),
	DEFINE_PROP_STRING("fault", struct qat_pf, fault.name),
	DEFINE_PROP_UINT32("fault-vf", struct qat_pf, fault.vf, FAULT_ALL_VFS),
	DEFINE_PROP_UINT32("fault-after", struct qat_pf, fault.after, 0),
	DEFINE_PROP_UINT32("fault-count", struct qat_pf, fault.count, 1),
	DEFINE_PROP_UINT32("fault-ms", struct qat_pf, fault.ms, 100),
	DEFINE_PROP_BOOL("log", struct qat_pf, log, false),
	DEFINE_PROP_UINT16("ring-map", struct qat_pf, ring_map, 0),
};

static void class_init(ObjectClass *klass, void *data)
{
	DeviceClass *dc = (DeviceClass *)klass;
	PCIDeviceClass *pc = (PCIDeviceClass *)klass;
	const struct pf_kind *k = data;
	pc->realize = realize;
	pc->exit = leave;
	pc->config_write = config_write;
	pc->vendor_id = 0x8086;
	pc->device_id = k->id;
	pc->class_id = 0x0b40;
	dc->desc = k->name;
	device_class_set_legacy_reset(dc, reset);
	device_class_set_props(dc, properties);
}

void pf_register(void)
{
	static const InterfaceInfo interfaces[] = {{INTERFACE_PCIE_DEVICE}, {0}};
	static TypeInfo info[ARRAY_SIZE(kinds)];
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		info[i] = (TypeInfo){.name = kinds[i]->type,
				     .parent = TYPE_PCI_DEVICE,
				     .instance_size = sizeof(struct qat_pf),
				     .class_init = class_init,
				     .class_data = (void *)(uintptr_t)kinds[i],
				     .interfaces = (InterfaceInfo *)interfaces};
		type_register_static(&info[i]);
	}
}
