#include <stdlib.h>
#include "tests/model/vtd_model.h"

#define B_IRE  (1u << 25)
#define B_IRTP (1u << 24)
#define B_CFI  (1u << 23)
#define B_QIE  (1u << 26)
#define IM     (1u << 31)
#define IP     (1u << 30)

static uint64_t cut(uint64_t v, unsigned hi, unsigned lo)
{
	return v << (63 - hi) >> (63 - hi + lo);
}

/* ---- table and cache ---- */

void model_ir_write_irta(struct model_unit *m, uint64_t v)
{
	uint64_t bytes = 32ull << (v & 15);
	if (!(m->ecap & MODEL_IR))
		model_complain(m, "IRTA written on a unit without interrupt remapping");
	if (cut(v, 10, 4) || (v & 1 << 11 && !(m->ecap & MODEL_EIM)))
		model_complain(m, "IRTA written with reserved bits: 0x%llx", (unsigned long long)v);
	if (bytes > 4096 && (v & ~0xfffull) & (bytes - 1)) /* the table is aligned to its size */
		model_complain(m, "interrupt table at 0x%llx is not aligned to 0x%llx", (unsigned long long)v,
			       (unsigned long long)bytes);
	m->irta = v;
}

static void forget_all(struct model_unit *m)
{
	for (unsigned i = 0; m->ir.cache && i < 65536; i++)
		m->ir.cache[i].valid = false;
	m->ir.need_iec = false;
}

void model_ir_latch(struct model_unit *m)
{
	m->ir.table = m->irta;
	m->ir.need_iec = true;
	if (m->cap & MODEL_ESIRTPS)
		forget_all(m);
}

void model_ir_check_command(struct model_unit *m, uint32_t bit, bool set)
{
	if ((bit == B_IRE || bit == B_IRTP || bit == B_CFI) && !(m->ecap & MODEL_IR))
		model_complain(m, "interrupt remapping command on a unit without it");
	if (bit == B_IRTP && m->gsts & B_IRE)
		model_complain(m, "interrupt table changed while remapping is on");
	if (bit == B_IRE && set && m->ir.need_iec)
		model_complain(m, "IRE set before the interrupt entry cache was invalidated globally");
	if (bit == B_CFI && set)
		model_complain(m, "compatibility format let through");
	if (bit == B_QIE && !set && m->gsts & B_IRE)
		model_complain(m, "invalidation queue turned off while interrupts are remapped");
}

/* §6.5.2.8 */
bool model_ir_invalidate(struct model_unit *m, uint64_t lo, uint64_t hi)
{
	unsigned im = (unsigned)cut(lo, 31, 27), index = (unsigned)cut(lo, 47, 32);
	if (!(m->ecap & MODEL_IR) || hi || cut(lo, 8, 5) || cut(lo, 26, 12) || cut(lo, 63, 48))
		return false;
	model_drain(m);
	if (!(lo & 0x10)) {
		m->ir.iec_all++;
		forget_all(m);
		return true;
	}
	if (im > cut(m->ecap, 23, 20))
		model_complain(m, "interrupt entry cache invalidation with mask %u, which the unit lacks",
			       im);
	if (index & ((1u << im) - 1))
		model_complain(m, "invalidation of entry %u with mask %u: not aligned", index, im);
	m->ir.iec_index++;
	for (unsigned i = 0; m->ir.cache && i < 65536; i++)
		if (i >> im == index >> im)
			m->ir.cache[i].valid = false;
	return true;
}

void model_ir_fini(struct model_unit *m)
{
	free(m->ir.cache);
	m->ir.cache = NULL;
}

/* Only entries that are present are cached, unless the unit caches the others too (CAP.CM). */
static uint8_t entry_get(struct model_unit *m, uint32_t index, struct model_irte *e)
{
	if (!m->ir.cache)
		m->ir.cache = calloc(65536, sizeof(*m->ir.cache));
	if (!m->ir.cache)
		abort();
	*e = m->ir.cache[index];
	if (e->valid)
		return 0;
	uint64_t at = (m->ir.table & ~0xfffull) + 16ull * index;
	if (!model_fetch(m, at, &e->lo) || !model_fetch(m, at + 8, &e->hi))
		return 0x23;
	e->valid = true;
	if (e->lo & 1 || m->cap & MODEL_CM)
		m->ir.cache[index] = *e;
	return 0;
}

/* ---- requests: §5.1.4 ---- */

static bool reserved(const struct model_unit *m, const struct model_irte *e)
{
	uint64_t zero = 0xff007000ull;
	if (!(m->ir.table & 1 << 11))
		zero |= 0xffff00ff00000000ull;
	if (!(m->cap & MODEL_PI))
		zero |= 0x8000;
	unsigned mode = (unsigned)cut(e->lo, 7, 5), svt = (unsigned)cut(e->hi, 19, 18);
	return e->lo & zero || e->hi >> 20 || svt == 3 || mode == 3 || mode == 6;
}

static bool from_owner(const struct model_irte *e, uint16_t rid)
{
	uint16_t compared = 0xffff;
	switch (cut(e->hi, 17, 16)) {
	case 1:
		compared = 0xfffb;
		break;
	case 2:
		compared = 0xfff9;
		break;
	case 3:
		compared = 0xfff8;
		break;
	}
	if (cut(e->hi, 19, 18) == 1)
		return (rid & compared) == (cut(e->hi, 15, 0) & compared);
	if (cut(e->hi, 19, 18) == 2)
		return rid >> 8 >= cut(e->hi, 15, 8) && rid >> 8 <= cut(e->hi, 7, 0);
	return true;
}

static unsigned refuse(struct model_unit *m, uint16_t rid, uint32_t index, uint8_t reason)
{
	model_fault(m, rid, (uint64_t)index << 48, true, reason);
	return reason;
}

static unsigned remap(struct model_unit *m, uint16_t rid, uint32_t index, struct model_delivery *out)
{
	struct model_irte e;
	uint8_t reason = 0;
	if (index >= 2u << cut(m->ir.table, 3, 0))
		return refuse(m, rid, index, 0x21);
	reason = entry_get(m, index, &e);
	if (reason)
		return refuse(m, rid, index, reason);
	if (!(e.lo & 1))
		reason = 0x22;
	else if (reserved(m, &e))
		reason = 0x24;
	else if (!from_owner(&e, rid))
		reason = 0x26;
	if (reason)
		return e.lo & 2 ? reason : refuse(m, rid, index, reason); /* FPD */
	*out = (struct model_delivery){
		.vector = (uint8_t)cut(e.lo, 23, 16),
		.mode = (uint8_t)cut(e.lo, 7, 5),
		.dest = (uint32_t)(m->ir.table & 1 << 11 ? e.lo >> 32 : cut(e.lo, 47, 40)),
		.level = e.lo & 0x10,
		.remapped = true,
	};
	return 0;
}

unsigned model_interrupt(struct model_unit *m, uint16_t rid, uint64_t addr, uint32_t data,
			 struct model_delivery *out)
{
	bool compat = !(addr & 0x10), eim = m->ir.table & 1 << 11;
	if (!(m->gsts & B_IRE) || (compat && !eim && m->gsts & B_CFI)) {
		*out = (struct model_delivery){.vector = (uint8_t)data,
					       .mode = data >> 8 & 7,
					       .dest = addr >> 12 & 0xff,
					       .level = data >> 15 & 1};
		return 0;
	}
	if (compat)
		return refuse(m, rid, 0, 0x25);
	uint32_t index = (uint32_t)(cut(addr, 19, 5) | cut(addr, 2, 2) << 15);
	if (addr & 8) {
		if (data >> 16)
			return refuse(m, rid, index, 0x20);
		index += data & 0xffff;
	}
	return remap(m, rid, index, out);
}

/* ---- fault events: §7.3 ---- */

static void send(struct model_unit *m)
{
	m->ir.events++;
	m->ir.event_data = m->fe[0];
	m->ir.event_addr = m->fe[1] | (uint64_t)m->fe[2] << 32;
	m->fectl &= ~IP;
}

/* One event when something becomes pending and nothing was. */
void model_event_check(struct model_unit *m)
{
	bool pending = m->fsts & 0x73;
	if (pending && !m->ir.event_was) {
		m->fectl |= IP;
		if (!(m->fectl & IM))
			send(m);
	}
	if (!pending)
		m->fectl &= ~IP;
	m->ir.event_was = pending;
}

void model_event_unmask(struct model_unit *m)
{
	if (!(m->fectl & IM) && m->fectl & IP)
		send(m);
}
