// The virtual function: one bank, a mailbox, one MSI.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "qat.h"

enum {
	MAILBOX = 0x200,
	VINTSOU = 0x204,
	VINTMSK = 0x208,
	SOURCE_BUNDLE = 1,
	SOURCE_PF = 2,
	BAR_BYTES = 0x1000
};

struct qat_vf *vf_of(PCIDevice *dev)
{
	return (struct qat_vf *)dev;
}

static uint32_t sources(const struct qat_vf *v)
{
	return (bank_pending(&v->bank) ? SOURCE_BUNDLE : 0) | (v->mailbox.reg & 1 ? SOURCE_PF : 0);
}

// An MSI at each rise of an unmasked source.
void vf_irq(struct qat_vf *v)
{
	bool level = sources(v) & ~v->int_mask;
	if (level && !v->irq_level && msi_enabled(&v->dev))
		msi_notify(&v->dev, 0);
	v->irq_level = level;
}

static void bank_irq(void *fn)
{
	vf_irq(fn);
}

static bool served(void *fn, unsigned ring)
{
	struct qat_vf *v = fn;
	return boot_serves((struct qat_pf *)pcie_sriov_get_pf(&v->dev), ring);
}

static bool dma(void *fn, uint64_t addr, void *buf, size_t len, bool write)
{
	struct qat_vf *v = fn;
	return pci_dma_rw(&v->dev, addr, buf, len,
			  write ? DMA_DIRECTION_FROM_DEVICE : DMA_DIRECTION_TO_DEVICE,
			  MEMTXATTRS_UNSPECIFIED) == MEMTX_OK;
}

static uint64_t etr_read(void *opaque, hwaddr off, unsigned size)
{
	(void)size;
	return bank_read(&((struct qat_vf *)opaque)->bank, (uint32_t)off);
}

static void etr_write(void *opaque, hwaddr off, uint64_t value, unsigned size)
{
	(void)size;
	bank_write(&((struct qat_vf *)opaque)->bank, (uint32_t)off, (uint32_t)value);
}

static uint64_t pmisc_read(void *opaque, hwaddr off, unsigned size)
{
	struct qat_vf *v = opaque;
	(void)size;
	switch (off) {
	case MAILBOX:
		return v->mailbox.reg;
	case VINTSOU:
		return sources(v);
	case VINTMSK:
		return v->int_mask;
	default:
		return 0;
	}
}

static void pmisc_write(void *opaque, hwaddr off, uint64_t value, unsigned size)
{
	struct qat_vf *v = opaque;
	(void)size;
	if (off == MAILBOX)
		mailbox_write(v, (uint32_t)value, true);
	if (off == VINTMSK) {
		v->int_mask = (uint32_t)value;
		vf_irq(v);
	}
}

static const MemoryRegionOps etr_ops = {
	.read = etr_read, .write = etr_write, .endianness = DEVICE_LITTLE_ENDIAN, .impl = {4, 4, false}};
static const MemoryRegionOps pmisc_ops = {
	.read = pmisc_read, .write = pmisc_write, .endianness = DEVICE_LITTLE_ENDIAN, .impl = {4, 4, false}};

static void reset(DeviceState *d)
{
	struct qat_vf *v = (struct qat_vf *)d;
	bank_reset(&v->bank);
	mailbox_reset(v);
	v->int_mask = SOURCE_BUNDLE | SOURCE_PF;
	v->irq_level = false;
}

static void realize(PCIDevice *dev, Error **errp)
{
	/* Ring pairs of two rings: asym, sym, none, compression. */
	static const uint8_t services[8] = {RING_ASYM, RING_ASYM, RING_SYM,  RING_SYM,
					    0,         0,         RING_COMP, RING_COMP};
	struct qat_vf *v = vf_of(dev);
	struct qat_pf *pf = (struct qat_pf *)pcie_sriov_get_pf(dev);
	if (!pf) {
		error_setg(errp, TYPE_VF " comes with " TYPE_PF " and is not made by itself");
		return;
	}
	memory_region_init_io(&v->etr, OBJECT(v), &etr_ops, v, "qat-vf-etr", BAR_BYTES);
	memory_region_init_io(&v->pmisc, OBJECT(v), &pmisc_ops, v, "qat-vf-pmisc", BAR_BYTES);
	pcie_sriov_vf_register_bar(dev, 0, &v->etr);
	pcie_sriov_vf_register_bar(dev, 2, &v->pmisc);
	if (pcie_endpoint_cap_init(dev, CAP_EXPRESS) < 0 || msi_init(dev, CAP_MSI, 1, true, false, errp) < 0)
		return;
	pcie_cap_flr_init(dev);
	pcie_ari_init(dev, CAP_ARI);
	v->bank.mem = (struct mem){v, dma};
	v->bank.irq = bank_irq;
	v->bank.served = served;
	v->bank.fault = &pf->fault;
	v->bank.vf = pcie_sriov_vf_number(dev);
	memcpy(v->bank.service, services, sizeof services);
	mailbox_init(v);
	bank_init(&v->bank, &bank_gen2, DEVICE(dev));
}

static void leave(PCIDevice *dev)
{
	struct qat_vf *v = vf_of(dev);
	bank_exit(&v->bank);
	mailbox_exit(v);
	msi_uninit(dev);
	pcie_cap_exit(dev);
}

static void config_write(PCIDevice *dev, uint32_t addr, uint32_t value, int len)
{
	pci_default_write_config(dev, addr, value, len);
	pcie_cap_flr_write_config(dev, addr, value, len);
}

static void class_init(ObjectClass *klass, void *data)
{
	DeviceClass *dc = (DeviceClass *)klass;
	PCIDeviceClass *pc = (PCIDeviceClass *)klass;
	(void)data;
	pc->realize = realize;
	pc->exit = leave;
	pc->config_write = config_write;
	pc->vendor_id = 0x8086;
	pc->device_id = 0x37c9;
	pc->class_id = 0x0b40;
	dc->desc = "Intel QuickAssist C62x, virtual function (model)";
	dc->user_creatable = false;
	device_class_set_legacy_reset(dc, reset);
}

void vf_register(void)
{
	static const InterfaceInfo interfaces[] = {{INTERFACE_PCIE_DEVICE}, {0}};
	static const TypeInfo info = {.name = TYPE_VF,
				      .parent = TYPE_PCI_DEVICE,
				      .instance_size = sizeof(struct qat_vf),
				      .class_init = class_init,
				      .interfaces = (InterfaceInfo *)interfaces};
	type_register_static(&info);
}
