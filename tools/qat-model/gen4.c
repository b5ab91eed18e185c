// 4xxx: the registers of its PF and of its VFs outside of the rings. Offsets are those of the drivers that
// Intel publishes. SPDX-License-Identifier: GPL-2.0-or-later
#include "qat.h"

enum { PF_BANKS = 0x100000, BANK_BYTES = 0x2000, BANKS = 4 };
enum { PF_BLOCKS = 0x40b000, BLOCK_BYTES = 0x20, PF_BLOCKS_END = PF_BLOCKS + QAT_VFS * BLOCK_BYTES };
enum { ARBITER_BYTES = 0x600 }; /* at the start of the ETR BAR */
enum { PF_VM2PF_SOU = 0x41a180, PF_VM2PF_MSK = 0x41a1c0 };
enum { PF_RESET = 0x6000, RESET_START = 1, RESET_DONE = 1 }; /* of bank n: start at 8n, done at 8n + 4 */
enum { VF_MESSAGES = 0x1000 };                               /* the rest of the block, as a VF sees it */
enum { INT = 1u << 0, ORIGIN = 1u << 1, ANSWER_NS = 20000 };

/* A VF's block of registers, in the PF's order: sources and mask of banks, sources and mask of messages, the
 * messages. */
enum reg { SOU, MSK, SOU_PF, MSK_PF, PF2VM, VM2PF, NONE };

static uint32_t block_read(const struct qat_vf *v, enum reg r)
{
	switch (r) {
	case SOU:
		return vf_pending(v);
	case MSK:
		return v->int_mask;
	case SOU_PF:
		return v->mailbox.to_vf & INT;
	case MSK_PF:
		return v->int_mask_pf;
	case PF2VM:
		return v->mailbox.to_vf;
	case VM2PF:
		return v->mailbox.reg;
	default:
		return 0;
	}
}

// Either side writes a message with INT set, and the other takes it by clearing INT.
static void block_write(struct qat_vf *v, enum reg r, uint32_t value, bool by_vf)
{
	switch (r) {
	case MSK:
		v->int_mask = value & 0xf;
		break;
	case MSK_PF:
		v->int_mask_pf = value & 1;
		break;
	case PF2VM:
		v->mailbox.to_vf = value;
		break;
	case VM2PF:
		v->mailbox.reg = value;
		if (by_vf && value & INT && !(v->pf->vf_taken >> v->bank[0].vf & 1)) {
			v->mailbox.message = value;
			timer_after(v->mailbox.answer, ANSWER_NS);
		}
		break;
	default:
		return;
	}
	vf_irq(v);
}

// The reply is there when the message counts as taken: there are drivers that look no later.
static void answer(void *opaque)
{
	struct qat_vf *v = opaque;
	unsigned type = v->mailbox.message >> 2 & 63;
	uint32_t data = v->mailbox.message >> 8;
	if (pfvf_reply(v, &type, &data))
		v->mailbox.to_vf = data << 8 | type << 2 | ORIGIN | INT;
	v->mailbox.reg &= ~(uint32_t)INT;
	vf_irq(v);
}

static uint32_t irq(const struct qat_vf *v)
{
	return (vf_pending(v) & ~v->int_mask) | (v->mailbox.to_vf & INT & ~v->int_mask_pf) << BANKS;
}

static enum reg vf_reg(uint64_t off)
{
	if (off < 8)
		return off / 4;
	return off >= VF_MESSAGES && off < VF_MESSAGES + 16 ? SOU_PF + (off - VF_MESSAGES) / 4 : NONE;
}

static uint32_t vf_pmisc_read(void *fn, uint32_t off)
{
	return block_read(fn, vf_reg(off));
}

static void vf_pmisc_write(void *fn, uint32_t off, uint32_t value)
{
	block_write(fn, vf_reg(off), value, true);
}

static struct qat_vf *pf_block(struct qat_pf *pf, uint64_t off)
{
	return off >= PF_BLOCKS ? pf_vf(pf, (off - PF_BLOCKS) / BLOCK_BYTES) : NULL;
}

static uint32_t pmisc_read(void *fn, uint32_t off)
{
	struct qat_pf *pf = fn;
	uint32_t sources = 0;
	struct qat_vf *v;
	if (off == PF_VM2PF_MSK)
		return pf->vf_mask;
	if (off == PF_VM2PF_SOU) {
		for (unsigned n = 0; n < QAT_VFS; n++)
			sources |= (uint32_t)((v = pf_vf(pf, n)) && v->mailbox.reg & INT) << n;
		return sources;
	}
	if (off < PF_BLOCKS || off >= PF_BLOCKS_END)
		return boot_read(pf, off);
	v = pf_block(pf, off);
	return v ? block_read(v, off % BLOCK_BYTES / 4) : 0;
}

static void pmisc_write(void *fn, uint32_t off, uint32_t value)
{
	struct qat_pf *pf = fn;
	struct qat_vf *v = pf_block(pf, off);
	if (off == PF_VM2PF_MSK)
		pf->vf_taken |= ~(pf->vf_mask = value & 0xffff);
	else if (off < PF_BLOCKS || off >= PF_BLOCKS_END)
		boot_write(pf, off, value);
	if (v)
		block_write(v, off % BLOCK_BYTES / 4, value, false);
}

// Banks 4n to 4n + 3 are those of VF n.
static struct bank *pf_bank(struct qat_pf *pf, uint64_t bank)
{
	struct qat_vf *v = pf_vf(pf, bank / BANKS);
	return v ? &v->bank[bank % BANKS] : NULL;
}

static uint32_t etr_read(void *fn, uint32_t off)
{
	struct qat_pf *pf = fn;
	struct bank *b = off >= PF_BANKS ? pf_bank(pf, (off - PF_BANKS) / BANK_BYTES) : NULL;
	uint64_t n = (off - PF_RESET) / 8;
	if (off < ARBITER_BYTES)
		return boot_arbiter_read(pf, off);
	if (off >= PF_RESET && n < QAT_VFS * BANKS)
		return off % 8 == 4 && pf->reset_done >> n & 1 ? RESET_DONE : 0;
	return b ? bank_read(b, off % BANK_BYTES) : 0;
}

static void etr_write(void *fn, uint32_t off, uint32_t value)
{
	struct qat_pf *pf = fn;
	struct bank *b = off >= PF_BANKS ? pf_bank(pf, (off - PF_BANKS) / BANK_BYTES) : NULL;
	uint64_t n = (off - PF_RESET) / 8;
	if (off < ARBITER_BYTES) {
		boot_arbiter_write(pf, off, value);
	} else if (off >= PF_RESET && n < QAT_VFS * BANKS) {
		if (off % 8 == 4 && value & RESET_DONE)
			pf->reset_done &= ~(1ull << n);
		if (off % 8 == 0 && value & RESET_START) {
			if ((b = pf_bank(pf, n))) {
				bank_reset(b);
				vf_irq(pf_vf(pf, n / BANKS));
			}
			pf->reset_done |= 1ull << n;
		}
	} else if (b) {
		bank_write(b, off % BANK_BYTES, value);
	}
}

static const struct region_ops vf_pmisc_ops = {.read = vf_pmisc_read, .write = vf_pmisc_write};
static const struct region_ops pmisc_ops = {.read = pmisc_read, .write = pmisc_write};
static const struct region_ops etr_ops = {.read = etr_read, .write = etr_write};

const struct vf_kind vf_gen4 = {
	.type = TYPE_VF_4,
	.name = "Intel QuickAssist 4xxx, virtual function (model)",
	.id = 0x4941,
	.bank = &bank_gen4,
	.banks = BANKS,
	.bank_bytes = BANK_BYTES,
	.etr_bytes = BANKS * BANK_BYTES,
	.pmisc_bytes = 0x2000,
	.pmisc = &vf_pmisc_ops,
	.irq = irq,
	.answer = answer,
	.ring_map = RING_SYM | RING_COMP << 3 | RING_SYM << 6 | RING_COMP << 9,
	.capabilities = 0x2f | 1u << 16 | 1u << 26, /* as C62x, single-pass GCM, AES v2 */
};

const struct pf_kind pf_gen4 = {
	.vf = &vf_gen4,
	.type = TYPE_PF_4,
	.name = "Intel QuickAssist 4xxx (model)",
	.id = 0x4940,
	.sram_bytes = 0x80000,
	.pmisc_bytes = 0x800000,
	.etr_bytes = 0x200000,
	.pmisc = &pmisc_ops,
	.etr = &etr_ops,
	.vf_mask = 0xffff,
	.boot = &boot_gen4,
};
