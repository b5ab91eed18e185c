// The virtual function: banks of rings, a mailbox, one MSI. And the registers of gen2's; gen4's are in
// gen4.c. SPDX-License-Identifier: GPL-2.0-or-later
#include "qat.h"

enum {
	MAILBOX = 0x200,
	VINTSOU = 0x204,
	VINTMSK = 0x208,
	SOURCE_BUNDLE = 1,
	SOURCE_PF = 2,
};

struct qat_vf *pf_vf(struct qat_pf *pf, uint64_t n)
{
	return n < QAT_VFS ? fn_of(pcie_sriov_get_vf_at_index(pf->fn.dev, (int)n)) : NULL;
}

struct bank *vf_bank(struct qat_vf *v, uint64_t off)
{
	return &v->bank[off / v->kind->bank_bytes];
}

uint32_t vf_pending(const struct qat_vf *v)
{
	uint32_t mask = 0;
	for (unsigned i = 0; i < v->kind->banks; i++)
		mask |= (uint32_t)(bank_pending(&v->bank[i]) != 0) << i;
	return mask;
}

static uint32_t sources(const struct qat_vf *v)
{
	return (vf_pending(v) ? SOURCE_BUNDLE : 0) | (v->mailbox.reg & 1 ? SOURCE_PF : 0);
}

static uint32_t irq_gen2(const struct qat_vf *v)
{
	return sources(v) & ~v->int_mask;
}

// An MSI when an unmasked source rises.
void vf_irq(struct qat_vf *v)
{
	uint32_t now = v->kind->irq(v);
	if (now & ~v->irq && msi_enabled(v->fn.dev))
		msi_notify(v->fn.dev, 0);
	v->irq = now;
}

static void bank_irq(void *fn)
{
	vf_irq(fn);
}

static bool served(const struct bank *b, unsigned ring)
{
	const struct qat_vf *v = b->mem.fn;
	return boot_serves(v->pf, b->kind->gen == 2 ? ring / 2 : (unsigned)(b - v->bank), b->service[ring]);
}

static bool dma(void *fn, uint64_t addr, void *buf, size_t len, bool write)
{
	return fn_dma(fn, addr, buf, len, write);
}

static uint32_t etr_read(void *fn, uint32_t off)
{
	struct qat_vf *v = fn;
	return bank_read(vf_bank(v, off), off % v->kind->bank_bytes);
}

static void etr_write(void *fn, uint32_t off, uint32_t value)
{
	struct qat_vf *v = fn;
	bank_write(vf_bank(v, off), off % v->kind->bank_bytes, value);
}

static uint32_t pmisc_read(void *fn, uint32_t off)
{
	struct qat_vf *v = fn;
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

static void pmisc_write(void *fn, uint32_t off, uint32_t value)
{
	struct qat_vf *v = fn;
	if (off == MAILBOX)
		mailbox_write(v, value, true);
	if (off == VINTMSK) {
		v->int_mask = value;
		vf_irq(v);
	}
}

static const struct region_ops etr_ops = {.read = etr_read, .write = etr_write};
static const struct region_ops pmisc_ops = {.read = pmisc_read, .write = pmisc_write};

/* Ring pairs of two rings: asym, sym, none, compression. */
static const uint8_t services_gen2[8] = {RING_ASYM, RING_ASYM, RING_SYM,  RING_SYM,
					 0,         0,         RING_COMP, RING_COMP};

const struct vf_kind vf_gen2 = {.type = TYPE_VF,
				.name = "Intel QuickAssist C62x, virtual function (model)",
				.id = 0x37c9,
				.bank = &bank_gen2,
				.banks = 1,
				.bank_bytes = 0x1000,
				.etr_bytes = 0x1000,
				.pmisc_bytes = 0x1000,
				.pmisc = &pmisc_ops,
				.irq = irq_gen2,
				.answer = mailbox_answer,
				.services = services_gen2,
				.ring_map = 0x0409,
				.capabilities = 0x2f};

bool vf_ring_map_is_good(const struct vf_kind *k, uint16_t map)
{
	for (unsigned i = 0; i < k->banks; i++) {
		unsigned s = map >> 3 * i & 7;
		if (s != RING_UNUSED && s != RING_COMP && s != RING_SYM && s != RING_ASYM)
			return false;
	}
	return !k->services && !(map >> 3 * k->banks);
}

static void reset(DeviceState *d)
{
	struct qat_vf *v = fn_of(d);
	uint16_t map = boot_ring_map(v->pf);
	v->ring_map = map ? map : v->pf->ring_map;
	for (unsigned i = 0; i < v->kind->banks; i++) {
		if (!v->kind->services)
			v->bank[i].service[0] = v->ring_map >> 3 * i & 7;
		bank_reset(&v->bank[i]);
	}
	mailbox_reset(v);
	v->int_mask = v->int_mask_pf = 0xf; /* masked, all that a generation has */
	v->irq = 0;
}

static void realize(PCIDevice *dev, Error **errp)
{
	struct qat_vf *v = fn_of(dev);
	struct qat_pf *pf = v->pf = fn_of(pcie_sriov_get_pf(dev));
	if (!pf) {
		qemu_fail(errp, "a VF of QAT comes with its PF and is not made by itself");
		return;
	}
	const struct vf_kind *k = v->kind = pf->kind->vf;
	v->ring_map = pf->ring_map;
	region_init(&v->etr, &v->fn, &etr_ops, "qat-vf-etr", k->etr_bytes);
	region_init(&v->pmisc, &v->fn, k->pmisc, "qat-vf-pmisc", k->pmisc_bytes);
	vf_register_bar(dev, 0, &v->etr);
	vf_register_bar(dev, 2, &v->pmisc);
	if (pcie_endpoint_cap_init(dev, CAP_EXPRESS) < 0 || msi_init(dev, CAP_MSI, 1, true, false, errp) < 0)
		return;
	pcie_cap_flr_init(dev);
	pcie_ari_init(dev, CAP_ARI);
	mailbox_init(v);
	for (unsigned i = 0; i < k->banks; i++) {
		struct bank *b = &v->bank[i];
		b->mem = (struct mem){v, dma};
		b->irq = bank_irq;
		b->served = served;
		b->fault = &pf->fault;
		b->log = pf->log;
		b->vf = pcie_sriov_vf_number(dev);
		b->number = i;
		if (k->services)
			memcpy(b->service, k->services, k->bank->rx_gap);
		else
			b->service[0] = v->ring_map >> 3 * i & 7;
		bank_init(b, k->bank);
	}
}

static void leave(PCIDevice *dev)
{
	struct qat_vf *v = fn_of(dev);
	for (unsigned i = 0; i < v->kind->banks; i++)
		bank_exit(&v->bank[i]);
	mailbox_exit(v);
	msi_uninit(dev);
	pcie_cap_exit(dev);
}

static void config_write(PCIDevice *dev, uint32_t addr, uint32_t value, int len)
{
	pci_default_write_config(dev, addr, value, len);
	pcie_cap_flr_write_config(dev, addr, value, len);
}

static void class_init(ObjectClass *klass, const void *data)
{
	const struct vf_kind *k = data;
	const struct fn_class class = {.name = k->name,
				       .device = k->id,
				       .class = 0x0b40,
				       .realize = realize,
				       .exit = leave,
				       .config_read = pci_default_read_config,
				       .config_write = config_write,
				       .reset = reset};
	fn_class_init(klass, &class);
}

static void come(Object *obj)
{
	fn_new(obj, sizeof(struct qat_vf));
}

void vf_register(void)
{
	static const struct vf_kind *const kinds[] = {&vf_gen2, &vf_gen4};
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		fn_register(kinds[i]->type, come, fn_free, class_init, kinds[i]);
}
