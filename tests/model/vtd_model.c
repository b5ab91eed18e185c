#include "iommu/vtd/backend.h"
#include "tests/model/device_tlb.h"
#include "tests/model/vtd_model.h"
#include "tests/model/vtd_scalable_model.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64u

/* VT-d §11.4.4: bits of GCMD and GSTS */
#define B_TE    (1u << 31)
#define B_RTP   (1u << 30)
#define B_WBF   (1u << 27)
#define B_QIE   (1u << 26)
#define B_IRE   (1u << 25)
#define B_IRTP  (1u << 24)
#define B_CFI   (1u << 23)
#define LASTING (B_TE | B_QIE | B_IRE | B_CFI)
#define SHOTS   (B_RTP | B_WBF | B_IRTP)
/* VT-d §11.4.7.1 */
#define S_PFO   1u
#define S_PPF   2u
#define S_IQE   16u
#define S_ICE   32u
#define S_ITE   64u

static uint64_t field(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & (~0ull >> (63 - (hi - lo)));
}

#define complain model_complain

void model_complain(struct model_unit *m, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "model: unit 0x%llx: ", (unsigned long long)m->base);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	m->complaints++;
}

/* ---- memory ---- */

void model_mem_init(struct model_mem *mem, phys_t base, uint64_t bytes)
{
	*mem = (struct model_mem){
		.base = base.v, .bytes = bytes, .seen = malloc(bytes), .buffered = calloc(1, bytes / LINE)};
	if (!mem->seen || !mem->buffered)
		abort();
	memset(mem->seen, 0xa5, bytes); /* looks present, with reserved bits set */
}

static void see_line(struct model_mem *mem, uint64_t line)
{
	memcpy(mem->seen + line * LINE, phys_va(PHYS(mem->base + line * LINE)), LINE);
	mem->buffered[line] = 0;
}

static void drain_write_buffer(struct model_mem *mem)
{
	for (uint64_t i = 0; mem->write_buffer && i < mem->bytes / LINE; i++)
		if (mem->buffered[i])
			see_line(mem, i);
}

void model_drain(struct model_unit *m)
{
	drain_write_buffer(m->mem);
}

static bool in_ram(const struct model_mem *mem, uint64_t phys)
{
	return phys >= mem->base && phys - mem->base <= mem->bytes - 8;
}

#define fetch model_fetch

bool model_fetch(const struct model_unit *m, uint64_t phys, uint64_t *v)
{
	return model_fetch_as(m, phys, m->ecap & MODEL_COHERENT, v);
}

bool model_fetch_as(const struct model_unit *m, uint64_t phys, bool snoop, uint64_t *v)
{
	if (!in_ram(m->mem, phys))
		return false;
	if (snoop)
		memcpy(v, phys_va(PHYS(phys)), 8);
	else
		memcpy(v, m->mem->seen + (phys - m->mem->base), 8);
	return true;
}

static void io_flush(void *ctx, const void *p, size_t n)
{
	struct model_unit *m = ctx;
	uint64_t from = va_phys(p).v, to = from + n;
	if (!n || !in_ram(m->mem, from) || !in_ram(m->mem, to - 8)) {
		complain(m, "flush of 0x%llx, %zu bytes: not in RAM", (unsigned long long)from, n);
		return;
	}
	for (uint64_t i = (from - m->mem->base) / LINE; i <= (to - 1 - m->mem->base) / LINE; i++) {
		if (m->mem->write_buffer)
			m->mem->buffered[i] = 1;
		else
			see_line(m->mem, i);
	}
}

/* ---- caches ---- */

static void context_drop(struct model_unit *m, unsigned g, uint16_t did, uint16_t sid, unsigned fm)
{
	static const uint16_t mask[] = {0, 4, 6, 7};
	drain_write_buffer(m->mem); /* §6.8 */
	m->cc[g]++;
	bool any = model_scalable(m); /* its context entries have no domain id */
	for (unsigned i = 0; i < 65536; i++) {
		struct model_context *c = &m->context[i];
		bool hit = g == 1 || (g == 2 && (any || c->did == did)) ||
			   (g == 3 && (any || c->did == did) &&
			    (i & ~(unsigned)mask[fm]) == (sid & ~(unsigned)mask[fm]));
		if (hit)
			c->valid = false;
	}
	if (g == 1)
		m->need_cc = false;
}

static bool overlap(uint64_t a, uint64_t an, uint64_t b, uint64_t bn)
{
	return a < b + bn && b < a + an;
}

static void tlb_drop(struct model_unit *m, unsigned g, uint16_t did, uint64_t iova, uint64_t size,
		     bool leaf_only)
{
	drain_write_buffer(m->mem);
	m->iotlb_inv[g]++;
	for (unsigned i = 0; i < MODEL_TLB; i++) {
		struct model_tlb *t = &m->tlb[i];
		if (g == 1 || (t->did == did && !t->tag && (g == 2 || overlap(t->iova, t->size, iova, size))))
			t->valid = false;
	}
	for (unsigned i = 0; i < MODEL_PSC; i++) {
		struct model_walk *w = &m->psc[i];
		if (g == 1 || (w->did == did && !w->tag &&
			       (g == 2 || (!leaf_only && overlap(w->iova, w->size, iova, size)))))
			w->valid = false;
	}
	if (g == 1 && !m->need_cc && !m->need_pasid)
		m->need_iotlb = false;
}

static void drop_all(struct model_unit *m)
{
	for (unsigned i = 0; i < 65536; i++)
		m->context[i].valid = false;
	memset(m->tlb, 0, sizeof(m->tlb));
	memset(m->psc, 0, sizeof(m->psc));
	memset(m->pasid, 0, sizeof(m->pasid));
	m->need_cc = m->need_pasid = m->need_iotlb = false;
}

/* ---- invalidation queue: §6.5.2 ---- */

static void queue_error(struct model_unit *m, unsigned info)
{
	m->fsts |= S_IQE;
	m->iqercd = info;
}

static bool run_cc(struct model_unit *m, uint64_t lo, uint64_t hi)
{
	unsigned g = (unsigned)field(lo, 5, 4);
	if (!g || hi || field(lo, 8, 6) || field(lo, 15, 12) || field(lo, 63, 50))
		return false;
	context_drop(m, g, (uint16_t)field(lo, 31, 16), (uint16_t)field(lo, 47, 32),
		     (unsigned)field(lo, 49, 48));
	return true;
}

static bool run_iotlb(struct model_unit *m, uint64_t lo, uint64_t hi)
{
	unsigned g = (unsigned)field(lo, 5, 4), am = (unsigned)field(hi, 5, 0);
	if (!g || field(lo, 8, 8) || field(lo, 15, 12) || field(lo, 63, 32) || field(hi, 11, 7))
		return false;
	if (g == 3 && (!(m->cap & MODEL_PSI) || am > field(m->cap, 53, 48))) {
		complain(m, "page-selective invalidation with mask %u, which the unit lacks", am);
		return false;
	}
	uint64_t size = 4096ull << am, iova = hi & ~0xfffull;
	if (g == 3 && iova & (size - 1))
		complain(m, "invalidation of 0x%llx with mask %u: not aligned", (unsigned long long)iova, am);
	if ((field(m->cap, 54, 54) && !(lo & 0x40)) || (field(m->cap, 55, 55) && !(lo & 0x80)))
		complain(m, "invalidation without the draining that the unit has");
	tlb_drop(m, g, (uint16_t)field(lo, 31, 16), iova & ~(size - 1), size, hi & 0x40);
	return true;
}

static bool run_wait(struct model_unit *m, uint64_t lo, uint64_t hi)
{
	bool status = lo & 0x20, interrupt = lo & 0x10;
	if (status && interrupt)
		complain(m, "wait descriptor with SW and IF");
	if (status == interrupt || field(lo, 8, 7) || field(lo, 31, 12) || hi & 3 ||
	    !in_ram(m->mem, hi & ~7ull))
		return false;
	if (m->on_wait)
		m->on_wait(m->on_wait_ctx);
	m->waits++;
	uint32_t data = (uint32_t)(lo >> 32);
	if (status)
		memcpy(phys_va(PHYS(hi)), &data, 4);
	return true;
}

/* A device that does not answer: FSTS.ITE, which aborts the waits that follow. */
static bool run_device_tlb(struct model_unit *m, const uint64_t *d)
{
	bool silent = false, ok = device_tlb_run(m, d[0], d[1], &silent);
	m->time_out |= ok && silent;
	return ok;
}

/* One descriptor; 0, or the number of the error. Those by PASID exist with 256 bits only. */
static unsigned run_one(struct model_unit *m, const uint64_t *d, bool wide)
{
	bool ok = false;
	if (wide && (d[2] || d[3]))
		return 4;
	switch (field(d[0], 3, 0) | field(d[0], 11, 9) << 4) {
	case 1:
		ok = run_cc(m, d[0], d[1]);
		break;
	case 2:
		ok = run_iotlb(m, d[0], d[1]);
		break;
	case 3:
		ok = run_device_tlb(m, d);
		break;
	case 4:
		ok = model_ir_invalidate(m, d[0], d[1]);
		break;
	case 5:
		ok = run_wait(m, d[0], d[1]);
		break;
	case 6:
		ok = wide && model_run_piotlb(m, d[0], d[1]);
		break;
	case 7:
		ok = wide && model_run_pasid(m, d[0], d[1]);
		break;
	case 8:
		ok = wide && run_device_tlb(m, d);
		break;
	case 9:
		ok = wide && device_tlb_answer(m, d[0], d[1]);
		break;
	default:
		return 3;
	}
	return ok ? 0 : 4;
}

static void queue_run(struct model_unit *m)
{
	uint64_t size = 4096ull << field(m->iqa, 2, 0);
	bool wide = m->iqa & 0x800;
	if (!(m->gsts & B_QIE))
		return;
	if (m->iqt >= size || (wide && m->iqt & 16))
		queue_error(m, 1);
	while (m->iqh != m->iqt && !(m->fsts & (S_IQE | S_ITE))) {
		uint64_t d[4] = {0};
		if (!in_ram(m->mem, (m->iqa & ~0xfffull) + m->iqh + 8)) {
			queue_error(m, 2);
			return;
		}
		memcpy(d, phys_va(PHYS((m->iqa & ~0xfffull) + m->iqh)), wide ? 32 : 16); /* always snooped */
		bool lost = m->time_out && (field(d[0], 3, 0) | field(d[0], 11, 9) << 4) == 5;
		if (lost) { /* §6.5.2.11: waits are aborted */
			m->time_out = false;
			m->fsts |= S_ITE;
		} else {
			bool forgotten = m->on_descriptor && m->on_descriptor(m->on_descriptor_ctx, d);
			unsigned wrong = forgotten ? 0 : run_one(m, d, wide);
			if (wrong) {
				queue_error(m, wrong);
				return;
			}
		}
		m->iqh = (m->iqh + (wide ? 32 : 16)) % size;
	}
}

/* ---- commands: §11.4.4 ---- */

static void command_done(struct model_unit *m, uint32_t bit)
{
	switch (bit) {
	case B_RTP:
		m->root = m->rtaddr;
		m->gsts |= B_RTP;
		if (m->cap & MODEL_ESRTPS)
			drop_all(m);
		else
			m->need_cc = m->need_pasid = m->need_iotlb = true;
		if (!model_scalable(m))
			m->need_pasid = false;
		else if (!(m->ecap >> 43 & 1))
			complain(m, "scalable mode on a unit without it");
		break;
	case B_WBF:
		drain_write_buffer(m->mem);
		m->gsts &= ~B_WBF;
		break;
	case B_IRTP:
		m->gsts |= B_IRTP;
		model_ir_latch(m);
		break;
	default:
		m->gsts ^= bit;
		if (bit == B_QIE)
			m->iqh = 0;
		break;
	}
}

static void check_command(struct model_unit *m, uint32_t v, uint32_t bit)
{
	bool set = v & bit;
	if (bit == B_TE && set && !(m->gsts & B_RTP))
		complain(m, "TE set without a root table pointer");
	if (bit == B_TE && set && (m->need_cc || m->need_pasid || m->need_iotlb))
		complain(
			m,
			"TE set before context cache, PASID cache and IOTLB were invalidated globally, in that order");
	if (bit == B_QIE && !(m->ecap & MODEL_QI))
		complain(m, "QIE on a unit without a queue");
	if (bit == B_QIE && set && m->iqt)
		complain(m, "QIE set with IQT 0x%llx", (unsigned long long)m->iqt);
	/* §6.5.2: only an empty queue may be ended; one that cannot get empty is ended all the same */
	if (bit == B_QIE && !set && m->iqh != m->iqt && !m->queue_stuck && !(m->fsts & S_IQE))
		complain(m, "QIE cleared while the queue is not empty");
	if (bit == B_IRE && set && !(m->gsts & B_IRTP))
		complain(m, "IRE set without a table pointer");
	model_ir_check_command(m, bit, set);
	if (bit == B_WBF && !(m->cap & MODEL_RWBF))
		complain(m, "WBF on a unit without CAP.RWBF");
}

static void write_gcmd(struct model_unit *m, uint32_t v)
{
	uint32_t todo = ((v ^ m->gsts) & LASTING) | (v & SHOTS);
	if (m->commands < 64)
		m->command[m->commands] = v;
	m->commands++;
	if (m->pending)
		complain(m, "GCMD 0x%x written while a command is pending", v);
	if (v & ~(LASTING | SHOTS))
		complain(m, "GCMD 0x%x has reserved bits set", v);
	if (__builtin_popcount(todo) != 1) {
		complain(m, "GCMD 0x%x with GSTS 0x%x is %d commands, not one", v, m->gsts,
			 __builtin_popcount(todo));
		return;
	}
	check_command(m, v, todo);
	if (todo == B_RTP || todo == B_IRTP)
		m->gsts &= ~todo;
	if (todo == B_WBF)
		m->gsts |= B_WBF;
	m->pending = todo;
	m->pending_left = m->lag;
}

static void tick(struct model_unit *m)
{
	m->clock++;
	if (m->pending && !(m->pending & m->stuck) && (m->pending_left == 0 || --m->pending_left == 0)) {
		command_done(m, m->pending);
		m->pending = 0;
	}
	if ((m->pmen >> 31) != (m->pmen & 1) && !(m->stuck & 1))
		m->pmen ^= 1;
	if (!m->queue_stuck && (m->queue_left == 0 || --m->queue_left == 0))
		queue_run(m);
}

/* ---- registers ---- */

static uint32_t frcd_base(const struct model_unit *m)
{
	return (uint32_t)field(m->cap, 33, 24) * 16;
}

static uint32_t frcd_bytes(const struct model_unit *m)
{
	return ((uint32_t)field(m->cap, 47, 40) + 1) * 16;
}

static bool in_frcd(const struct model_unit *m, uint32_t off)
{
	return off >= frcd_base(m) && off < frcd_base(m) + frcd_bytes(m);
}

static uint32_t iva_base(const struct model_unit *m)
{
	return (uint32_t)field(m->ecap, 17, 8) * 16;
}

static void update_ppf(struct model_unit *m)
{
	m->fsts &= ~S_PPF;
	for (uint32_t i = 0; i < frcd_bytes(m) / 16; i++)
		if (m->frcd[i][1] >> 63)
			m->fsts |= S_PPF;
	model_event_check(m);
}

static void check_window(struct model_unit *m, uint32_t off, unsigned width)
{
	if (m->window && off + width > m->window)
		complain(m, "register 0x%x is outside the %llu bytes mapped", off,
			 (unsigned long long)m->window);
}

static uint32_t io_rd32(void *ctx, uint32_t off)
{
	struct model_unit *m = ctx;
	uint64_t v;
	check_window(m, off, 4);
	if (page_request_rd(m, off, 4, &v))
		return (uint32_t)v;
	switch (off) {
	case 0x00:
		return m->ver;
	case 0x1c:
		return m->gsts;
	case 0x34:
		return m->fsts;
	case 0x38:
		return m->fectl;
	case 0x3c:
	case 0x40:
	case 0x44:
		return m->fe[(off - 0x3c) / 4];
	case 0x64:
		return m->pmen;
	case 0x68:
	case 0x6c:
		if (m->cap >> 5 & 1)
			return m->plm[(off - 0x68) / 4];
		/* fall through */
	default:
		complain(m, "4-byte read at 0x%x", off);
		return 0;
	}
}

static uint64_t io_rd64(void *ctx, uint32_t off)
{
	struct model_unit *m = ctx;
	uint64_t v;
	check_window(m, off, 8);
	if (page_request_rd(m, off, 8, &v))
		return v;
	if (in_frcd(m, off) && off % 8 == 0)
		return m->frcd[(off - frcd_base(m)) / 16][off / 8 % 2];
	switch (off) {
	case 0x08:
		return m->cap;
	case 0x10:
		return m->ecap;
	case 0x20:
		return m->rtaddr;
	case 0x28:
		return m->ccmd;
	case 0x80:
		return m->iqh;
	case 0x88:
		return m->iqt;
	case 0x90:
		return m->iqa;
	case 0xb0:
		return m->iqercd;
	case 0xb8:
		return m->irta;
	case 0x70:
	case 0x78:
		if (m->cap >> 6 & 1)
			return m->phm[(off - 0x70) / 8];
		/* fall through */
	default:
		if (off == iva_base(m) + 8)
			return m->iotlb;
		complain(m, "8-byte read at 0x%x", off);
		return 0;
	}
}

static void io_wr32(void *ctx, uint32_t off, uint32_t v)
{
	struct model_unit *m = ctx;
	check_window(m, off, 4);
	if (page_request_wr(m, off, 4, v))
		return;
	if (in_frcd(m, off) && off % 16 == 12) {
		if (v & ~(1u << 31))
			complain(m, "fault record written with 0x%x: only F can be", v);
		m->frcd[(off - frcd_base(m)) / 16][1] &= ~((uint64_t)(v & 1u << 31) << 32);
		update_ppf(m);
		return;
	}
	switch (off) {
	case 0x18:
		write_gcmd(m, v);
		break;
	case 0x34:
		m->fsts &= ~(v & (S_PFO | S_IQE | S_ICE | S_ITE));
		model_event_check(m);
		break;
	case 0x38:
		m->fectl = (m->fectl & ~(1u << 31)) | (v & 1u << 31);
		model_event_unmask(m);
		break;
	case 0x3c:
	case 0x40:
	case 0x44:
		m->fe[(off - 0x3c) / 4] = v;
		break;
	case 0x64:
		if (!(m->cap & MODEL_PMR))
			complain(m, "PMEN written on a unit without protected regions");
		m->pmen = (v & ~1u) | (m->pmen & 1);
		break;
	default:
		complain(m, "4-byte write of 0x%x at 0x%x", v, off);
	}
}

/* §11.4.6: not while the queue is on, nothing from version 6 on; one command at a time. */
static bool register_allowed(struct model_unit *m, uint32_t off, uint64_t was)
{
	if (m->gsts & B_QIE || m->ver >= 0x60)
		complain(m, "register-based invalidation at 0x%x (queue %s, version %u)", off,
			 m->gsts & B_QIE ? "on" : "off", m->ver >> 4);
	else if (was >> 63)
		complain(m, "register 0x%x written while its command is pending", off);
	else
		return true;
	return false;
}

static void write_ccmd(struct model_unit *m, uint64_t v)
{
	if (!register_allowed(m, 0x28, m->ccmd))
		return;
	if (field(v, 60, 34))
		complain(m, "CCMD written with reserved bits: 0x%llx", (unsigned long long)v);
	m->ccmd = v;
	m->ccmd_left = m->lag;
}

static void write_iotlb(struct model_unit *m, uint64_t v)
{
	if (!register_allowed(m, iva_base(m) + 8, m->iotlb))
		return;
	if (field(v, 62, 62) || field(v, 59, 50) || field(v, 31, 0))
		complain(m, "IOTLB register written with reserved bits: 0x%llx", (unsigned long long)v);
	if ((field(m->cap, 54, 54) && !field(v, 48, 48)) || (field(m->cap, 55, 55) && !field(v, 49, 49)))
		complain(m, "invalidation without the draining that the unit has");
	m->iotlb = v;
	m->iotlb_left = m->lag;
}

/* CAIG: what was done; 0 when it was refused. */
static void run_ccmd(struct model_unit *m)
{
	unsigned g = (unsigned)field(m->ccmd, 62, 61);
	if (g && !m->refuse)
		context_drop(m, g, (uint16_t)m->ccmd, (uint16_t)field(m->ccmd, 31, 16),
			     (unsigned)field(m->ccmd, 33, 32));
	m->ccmd = (m->ccmd & ~(1ull << 63 | 3ull << 59)) | (uint64_t)(m->refuse ? 0 : g) << 59;
}

static void run_iotlb_register(struct model_unit *m)
{
	unsigned g = (unsigned)field(m->iotlb, 61, 60), am = (unsigned)field(m->iva, 5, 0);
	uint64_t size = 4096ull << am, iova = m->iva & ~0xfffull;
	bool bad = m->refuse || !g;
	if (g == 3 && (!(m->cap & MODEL_PSI) || am > field(m->cap, 53, 48) || iova & (size - 1))) {
		complain(m, "page-selective invalidation by register of 0x%llx with mask %u",
			 (unsigned long long)iova, am);
		bad = true;
	}
	if (!bad)
		tlb_drop(m, g, (uint16_t)field(m->iotlb, 47, 32), iova, size, m->iva & 0x40);
	if (m->on_wait)
		m->on_wait(m->on_wait_ctx);
	m->iotlb = (m->iotlb & ~(1ull << 63 | 3ull << 57)) | (uint64_t)(bad ? 0 : g) << 57;
}

static void tick_registers(struct model_unit *m)
{
	if (m->queue_stuck)
		return;
	if (m->ccmd >> 63 && (m->ccmd_left == 0 || --m->ccmd_left == 0))
		run_ccmd(m);
	if (m->iotlb >> 63 && (m->iotlb_left == 0 || --m->iotlb_left == 0))
		run_iotlb_register(m);
}

static void io_wr64(void *ctx, uint32_t off, uint64_t v)
{
	struct model_unit *m = ctx;
	check_window(m, off, 8);
	if (page_request_wr(m, off, 8, v))
		return;
	switch (off) {
	case 0x20:
		if (v & 0x37f)
			complain(m, "RTADDR written with reserved bits: 0x%llx", (unsigned long long)v);
		if (m->gsts & B_TE && !(m->cap & MODEL_ESRTPS) &&
		    field(v, 11, 10) != field(m->rtaddr, 11, 10))
			complain(m, "table mode changed while translation is on");
		m->rtaddr = v;
		break;
	case 0x88:
		m->iqt = v & 0x7fff0;
		m->queue_left = m->lag;
		break;
	case 0x90:
		if (!(m->ecap & MODEL_QI))
			complain(m, "IQA written on a unit without a queue");
		if (m->gsts & B_QIE)
			complain(m, "IQA written while the queue is on");
		if (v & 0x800 && !(m->ecap >> 43 & 1))
			complain(m, "256-bit descriptors on a unit without scalable mode");
		m->iqa = v & ~0x7f8ull;
		break;
	case 0xb8:
		model_ir_write_irta(m, v);
		break;
	default:
		if (off == 0x28)
			write_ccmd(m, v);
		else if (off == iva_base(m) && register_allowed(m, off, m->iotlb))
			m->iva = v;
		else if (off == iva_base(m) + 8)
			write_iotlb(m, v);
		else
			complain(m, "8-byte write of 0x%llx at 0x%x", (unsigned long long)v, off);
	}
}

static uint64_t io_now(void *ctx)
{
	struct model_unit *m = ctx;
	tick(m);
	tick_registers(m);
	if (m->on_tick)
		m->on_tick(m->on_tick_ctx);
	if (m->pending & m->stuck || m->queue_stuck || m->stuck & 1)
		m->clock += 100000; /* so that deadlines pass soon */
	return m->clock;
}

/* ---- faults: §7.2.1 ---- */

static void fault(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t info, bool write,
		  uint8_t reason)
{
	uint64_t pv = pasid == MODEL_NO_PASID ? 0 : (uint64_t)pasid << 40 | 1ull << 31;
	unsigned n = frcd_bytes(m) / 16;
	if (m->fsts & S_PFO)
		return;
	for (unsigned i = 0; m->compress && i < n; i++)
		if (m->frcd[i][1] >> 63 && (uint16_t)m->frcd[i][1] == rid)
			return;
	if (m->frcd[m->frcd_next][1] >> 63) {
		m->fsts |= S_PFO;
		model_event_check(m);
		return;
	}
	if (!(m->fsts & S_PPF))
		m->fsts = (m->fsts & 0xff) | m->frcd_next << 8;
	m->frcd[m->frcd_next][0] = info & ~0xfffull;
	m->frcd[m->frcd_next][1] = 1ull << 63 | (write ? 0 : 1ull << 62) | (uint64_t)reason << 32 | rid | pv;
	m->frcd_next = (m->frcd_next + 1) % n;
	m->fsts |= S_PPF;
	model_event_check(m);
}

/* T1 T2: 01 */
void model_fault_of_page_request(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t info,
				 uint8_t reason)
{
	unsigned n = m->frcd_next;
	bool free_one = !(m->fsts & S_PFO) && !(m->frcd[n][1] >> 63);
	fault(m, rid, pasid, info, true, reason);
	if (free_one)
		m->frcd[n][1] |= 1ull << 28;
}

void model_fault(struct model_unit *m, uint16_t rid, uint64_t info, bool write, uint8_t reason)
{
	fault(m, rid, MODEL_NO_PASID, info, write, reason);
}

/* ---- translation: §3.4, §3.6, §3.7, §6.2 ---- */

static bool beyond(const struct model_unit *m, uint64_t v, unsigned top)
{
	return m->haw <= top && field(v, top, m->haw) != 0;
}

static uint8_t read_context(const struct model_unit *m, uint16_t rid, struct model_context *c)
{
	if (model_scalable(m))
		return model_scalable_context(m, rid, c);
	uint64_t lo, hi, clo, chi;
	uint64_t at = (m->root & ~0xfffull) + 16ull * (rid >> 8);
	if (!fetch(m, at, &lo) || !fetch(m, at + 8, &hi))
		return 0x8;
	if (!(lo & 1))
		return 0x1;
	if (field(lo, 11, 1) || hi || beyond(m, lo, 63))
		return 0xa;
	at = (lo & ~0xfffull) + 16ull * (rid & 0xff);
	if (!fetch(m, at, &clo) || !fetch(m, at + 8, &chi))
		return 0x9;
	c->fpd = clo & 2;
	c->snoop = m->ecap & MODEL_COHERENT;
	if (!(clo & 1))
		return 0x2;
	if (field(clo, 11, 4) || field(chi, 7, 7) || field(chi, 63, 24) || beyond(m, clo, 63))
		return 0xb;
	unsigned aw = (unsigned)field(chi, 2, 0), type = (unsigned)field(clo, 3, 2);
	c->pass = type == 2 && m->ecap & MODEL_PT;
	if (c->pass && field(m->cap, 12, 8) >> aw != 1) /* §9.3: the greatest that the unit has */
		return 0x3;
	if ((type && !c->pass) || aw < 1 || aw > 3 || !(field(m->cap, 12, 8) >> aw & 1))
		return 0x3;
	c->levels = aw + 2;
	c->did = (uint16_t)field(chi, 23, 8);
	c->table = clo & ~0xfffull;
	if (c->did >> (4 + 2 * field(m->cap, 2, 0)))
		return 0x3;
	return 0;
}

static struct model_context *get_context(struct model_unit *m, uint16_t rid, struct model_context *fresh)
{
	struct model_context *c = &m->context[rid];
	if (c->valid)
		return c;
	*fresh = (struct model_context){.valid = true};
	fresh->reason = read_context(m, rid, fresh);
	if (fresh->reason)
		fresh->did = 0; /* §6.1 */
	if (fresh->reason && !(m->cap & MODEL_CM))
		return fresh;
	*c = *fresh;
	return c;
}

static unsigned slot(const struct model_context *c, uint64_t iova, unsigned level, unsigned slots)
{
	uint64_t h = (iova >> 12) * 0x9e3779b97f4a7c15ull ^ c->did * 0x85ebca6bull ^ c->tag * 0x27d4eb2full ^
		     level * 0xc2b2ae35ull;
	return (unsigned)(h >> 20) % slots;
}

static uint64_t level_bytes(unsigned level)
{
	return 1ull << (12 + 9 * (level - 1));
}

static struct model_tlb *tlb_slot(struct model_unit *m, const struct model_context *c, uint64_t iova,
				  unsigned level)
{
	uint64_t page = iova & ~(level_bytes(level) - 1);
	return &m->tlb[slot(c, page, level, MODEL_TLB)];
}

static const struct model_tlb *tlb_find(struct model_unit *m, const struct model_context *c, uint64_t iova)
{
	for (unsigned level = 1; level <= 5; level++) {
		const struct model_tlb *t = tlb_slot(m, c, iova, level);
		if (t->valid && t->did == c->did && t->tag == c->tag && t->size == level_bytes(level) &&
		    iova - t->iova < t->size)
			return t;
	}
	return NULL;
}

/* What the table that an entry at this level points to covers. */
static struct model_walk *psc_slot(struct model_unit *m, const struct model_context *c, uint64_t iova,
				   unsigned level)
{
	uint64_t page = iova & ~(level_bytes(level + 1) - 1);
	return &m->psc[slot(c, page, level, MODEL_PSC)];
}

/* The reasons of a kind of tables: §7.1.3 */
struct codes {
	uint8_t top, lower, none, reserved, interrupts, width, no_write, no_read;
};
static const struct codes legacy_codes = {0x03, 0x07, 0, 0x0c, 0x0e, 0x04, 0x05, 0x06},
			  second_codes = {0x7b, 0x78, 0x79, 0x7a, 0x87, 0x84, 0x85, 0x86},
			  first_codes = {0x73, 0x70, 0x71, 0x72, 0x87, 0x80, 0x85, 0x86};

static const struct codes *codes_of(const struct model_unit *m, const struct model_context *c)
{
	return !model_scalable(m) ? &legacy_codes : c->first ? &first_codes : &second_codes;
}

/* §9.7, §9.8. In the first stage bit 63, XD, is reserved without NXE. */
static bool entry_reserved(const struct model_unit *m, const struct model_context *c, uint64_t e,
			   unsigned level, bool page)
{
	uint64_t zero = page && level > 1 ? (level_bytes(level) - 1) & ~0xfffull : 0;
	if (!page)
		zero |= 1u << 7;
	if (!c->first && (!page || !(m->ecap & MODEL_SC)))
		zero |= 1u << 11;
	if (c->first && page && level > 1)
		zero &= ~(1ull << 12); /* PAT */
	if (c->first)
		zero |= 1ull << 63;
	return e & zero || beyond(m, e, 51);
}

static bool large_pages(const struct model_unit *m, const struct model_context *c, unsigned level)
{
	if (c->first)
		return level == 2 || (level == 3 && m->cap & MODEL_FS1GP);
	return (level == 2 || level == 3) && field(m->cap, 37, 34) >> (level - 2) & 1;
}

/* From the nearest cached table down. */
static struct model_tlb walk(struct model_unit *m, const struct model_context *c, uint64_t iova)
{
	const struct codes *code = codes_of(m, c);
	struct model_walk at = {true, true, true, c->did, c->tag, c->levels, 0, 0, c->table};
	for (unsigned l = 1; l < c->levels; l++) {
		const struct model_walk *w = psc_slot(m, c, iova, l);
		if (w->valid && w->did == c->did && w->tag == c->tag && w->level == l &&
		    iova - w->iova < w->size) {
			at = *w;
			break;
		}
	}
	for (;;) {
		uint64_t size = level_bytes(at.level), e;
		struct model_tlb t = {true, false, false, 0, c->did, c->tag, iova & ~(size - 1), size, 0};
		if (!model_fetch_as(m, at.table + 8 * (iova / size % 512), c->snoop, &e)) {
			t.reason = at.level == c->levels ? code->top : code->lower;
			return t;
		}
		bool page = at.level == 1 || (e & 0x80 && large_pages(m, c, at.level));
		if (!(e & (c->first ? 1 : 3))) {
			t.reason = code->none;
			return t;
		}
		if (entry_reserved(m, c, e, at.level, page)) {
			t.reason = code->reserved;
			return t;
		}
		if (c->first && !(e & 4)) {
			t.reason = 0x81;
			return t;
		}
		if (c->first && (!(e & 0x20) || (page && e & 2 && !(e & 0x40)))) {
			t.reason = 0x90; /* accessed and dirty bits are not written by this model */
			return t;
		}
		at.r = at.r && e & 1;
		at.w = at.w && e & 2;
		if (page) {
			t.r = at.r;
			t.w = at.w;
			t.phys = e & 0xffffffffff000ull & ~(size - 1);
			if (overlap(t.phys, size, 0xfee00000, 0x100000))
				t.reason = code->interrupts;
			return t;
		}
		at = (struct model_walk){
			true, at.r, at.w, c->did, c->tag, at.level - 1, t.iova, size, e & 0xffffffffff000ull};
		*psc_slot(m, c, iova, at.level) = at;
	}
}

/* What a request's address goes through: the function's context entry, in scalable mode that of its PASID;
 * fresh is where an entry that is not cached lies. */
static const struct model_context *get_stage(struct model_unit *m, uint16_t rid, uint32_t pasid,
					     struct model_pasid *fresh)
{
	struct model_context ctx_fresh, *ctx = get_context(m, rid, &ctx_fresh);
	uint32_t used = pasid == MODEL_NO_PASID ? 0 : pasid;
	if (!ctx->reason && model_scalable(m)) {
		fresh->c = *ctx;
		if (pasid == MODEL_NO_PASID || ctx->paside) {
			fresh->c.reason = used >> (ctx->pdts + 13) ? 0x46 : 0;
			return fresh->c.reason ? &fresh->c : model_pasid_get(m, rid, used, ctx, fresh);
		}
		fresh->c.reason = 0x45;
		return &fresh->c;
	}
	fresh->c = *ctx;
	if (!ctx->reason && pasid != MODEL_NO_PASID)
		fresh->c.reason = 0x31; /* legacy mode */
	return &fresh->c;
}

static bool too_wide(const struct model_unit *m, const struct model_context *c, uint64_t iova)
{
	uint64_t width = 12 + 9 * c->levels, mgaw = field(m->cap, 21, 16) + 1;
	if (c->first) /* canonical: §3.6 */
		return iova >> 47 && iova >> 47 != 0x1ffff;
	return iova >> (width < mgaw ? width : mgaw) != 0;
}

uint8_t model_translate(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t iova, bool write,
			uint64_t *phys, bool *quiet)
{
	struct model_pasid fresh;
	const struct model_context *c = get_stage(m, rid, pasid, &fresh);
	*quiet = c->fpd;
	if (c->reason)
		return c->reason;
	if (too_wide(m, c, iova))
		return codes_of(m, c)->width;
	if (c->pass) {
		*phys = iova;
		return 0;
	}
	const struct model_tlb *hit = tlb_find(m, c, iova);
	struct model_tlb t = hit ? *hit : walk(m, c, iova);
	bool faulty = t.reason || !(t.r || t.w);
	if (!hit && (!faulty || m->cap & MODEL_CM)) {
		unsigned level = 1;
		while (level_bytes(level) != t.size)
			level++;
		*tlb_slot(m, c, iova, level) = t;
	}
	if (t.reason)
		return t.reason;
	if (write ? !t.w : !t.r)
		return write ? codes_of(m, c)->no_write : codes_of(m, c)->no_read;
	*phys = t.phys | (iova & (t.size - 1));
	return 0;
}

/* Legacy mode: no table here has TT = 1. */
static uint8_t allows(struct model_unit *m, uint16_t rid, bool *quiet, bool pages)
{
	struct model_context fresh, *c = get_context(m, rid, &fresh);
	if (!(m->gsts & B_TE))
		return 0;
	*quiet = c->fpd;
	if (c->reason)
		return c->reason;
	if (!model_scalable(m))
		return 0xd;
	return pages ? (c->pre ? 0 : 0x47) : c->dte ? 0 : 0x44;
}

uint8_t model_allows_ats(struct model_unit *m, uint16_t rid, bool *quiet)
{
	return allows(m, rid, quiet, false);
}

uint8_t model_allows_page_requests(struct model_unit *m, uint16_t rid, bool *quiet)
{
	return allows(m, rid, quiet, true);
}

bool model_cached(struct model_unit *m, uint16_t rid, uint64_t iova)
{
	const struct model_context *c = &m->context[rid];
	struct model_pasid fresh;
	if (!c->valid || c->reason)
		return false;
	if (model_scalable(m))
		c = get_stage(m, rid, MODEL_NO_PASID, &fresh);
	const struct model_tlb *t = c->reason ? NULL : tlb_find(m, c, iova);
	return t && !t->reason && (t->r || t->w);
}

unsigned model_dma_pasid(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t iova, bool write,
			 uint64_t *phys)
{
	bool quiet = false;
	if (pasid == MODEL_NO_PASID && iova >= 0xfee00000 && iova < 0xfef00000)
		return MODEL_INTERRUPT;
	if (!(m->gsts & B_TE)) {
		*phys = iova;
		return 0;
	}
	uint8_t reason = model_translate(m, rid, pasid, iova, write, phys, &quiet);
	if (reason && !quiet)
		fault(m, rid, pasid, iova, write, reason);
	return reason;
}

unsigned model_dma(struct model_unit *m, uint16_t rid, uint64_t iova, bool write, uint64_t *phys)
{
	return model_dma_pasid(m, rid, MODEL_NO_PASID, iova, write, phys);
}

/* ---- set-up ---- */

void model_init(struct model_unit *m, struct model_mem *mem, uint32_t ver, uint64_t cap, uint64_t ecap,
		unsigned haw)
{
	*m = (struct model_unit){
		.mem = mem, .ver = ver, .cap = cap, .ecap = ecap, .haw = haw, .fectl = 1u << 31, .lag = 3};
	m->context = calloc(65536, sizeof(*m->context));
	if (!m->context)
		abort();
	if (cap & MODEL_RWBF && cap != ~0ull) /* all ones: there is no unit */
		mem->write_buffer = true;
}

void model_fini(struct model_unit *m)
{
	free(m->context);
	m->context = NULL;
	model_ir_fini(m);
}

void model_firmware(struct model_unit *m, bool te, bool qi, bool ir, bool pmr)
{
	m->gsts |= (te ? B_TE | B_RTP : 0) | (qi ? B_QIE : 0) | (ir ? B_IRE | B_IRTP : 0);
	m->rtaddr = te ? 1ull << 10 : 0; /* scalable mode */
	m->iqh = m->iqt = qi ? 0x40 : 0;
	m->pmen = pmr ? 1u << 31 | 1 : 0;
	m->plm[0] = 0x100000, m->plm[1] = 0x2fffff;
	m->phm[0] = 0x100000000, m->phm[1] = 0x1001fffff;
}

struct vtd_io model_io(struct model_unit *m)
{
	return (struct vtd_io){m, io_rd32, io_rd64, io_wr32, io_wr64, io_flush, io_now};
}

/* ---- a machine: units, a DMAR table that names them, bridges and virtual functions ---- */

static void put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void model_machine_init(struct model_machine *mc, phys_t ram, uint64_t bytes)
{
	*mc = (struct model_machine){.len = 48};
	model_mem_init(&mc->mem, ram, bytes);
	memcpy(mc->dmar, "DMAR", 4);
	put_le(mc->dmar + 4, 48, 4);
	mc->dmar[36] = 47; /* 48 bits of host address */
}

static uint8_t *add_structure(struct model_machine *mc, uint16_t type, unsigned len)
{
	uint8_t *p = mc->dmar + mc->len;
	if (mc->len + len > sizeof(mc->dmar))
		abort();
	put_le(p, type, 2);
	put_le(p + 2, len, 2);
	mc->len += len;
	put_le(mc->dmar + 4, mc->len, 4);
	return p;
}

static void put_scope(uint8_t *p, bool bridge, uint16_t rid)
{
	const uint8_t scope[8] = {bridge ? 2 : 1, 8, 0, 0, 0, (uint8_t)(rid >> 8), rid >> 3 & 0x1f, rid & 7};
	memcpy(p, scope, sizeof(scope));
}

struct model_unit *model_machine_unit(struct model_machine *mc, uint32_t ver, uint64_t cap, uint64_t ecap,
				      int scope)
{
	struct model_unit *m = malloc(sizeof(*m));
	if (!m || mc->units == MODEL_UNITS)
		abort();
	model_init(m, &mc->mem, ver, cap, ecap, 48);
	m->base = 0xfed90000 + 0x10000ull * mc->units;
	mc->unit[mc->units++] = m;
	uint8_t *p = add_structure(mc, 0, scope < 0 ? 16 : 24);
	p[4] = scope < 0; /* INCLUDE_PCI_ALL */
	put_le(p + 8, m->base, 8);
	if (scope >= 0)
		put_scope(p + 16, scope & MODEL_BRIDGE, (uint16_t)scope);
	return m;
}

void model_machine_rmrr(struct model_machine *mc, uint64_t base, uint64_t limit, uint16_t rid)
{
	uint8_t *p = add_structure(mc, 1, 32);
	put_le(p + 8, base, 8);
	put_le(p + 16, limit, 8);
	put_scope(p + 24, false, rid);
}

static bool machine_bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	const struct model_machine *mc = ctx;
	for (unsigned i = 0; i < mc->bridges; i++) {
		if (mc->bridge[i].rid != fn.rid)
			continue;
		*sec = mc->bridge[i].sec;
		*sub = mc->bridge[i].sub;
		return true;
	}
	return false;
}

static bdf_t machine_pf_of(void *ctx, bdf_t fn)
{
	const struct model_machine *mc = ctx;
	for (unsigned i = 0; i < mc->vfs; i++)
		if (mc->vf[i].rid == fn.rid)
			return (bdf_t){fn.seg, mc->vf[i].pf};
	return fn;
}

struct dmar_topo model_machine_topo(struct model_machine *mc)
{
	return (struct dmar_topo){mc, machine_bridge, machine_pf_of};
}

static enum sl_err machine_map(void *ctx, phys_t base, uint64_t len, struct vtd_io *out)
{
	const struct model_machine *mc = ctx;
	for (unsigned i = 0; i < mc->units; i++) {
		if (mc->unit[i]->base != base.v)
			continue;
		mc->unit[i]->window = len;
		*out = model_io(mc->unit[i]);
		return SL_OK;
	}
	return SL_NOTFOUND;
}

struct iommu_regs model_machine_regs(struct model_machine *mc)
{
	return (struct iommu_regs){mc, machine_map};
}

unsigned model_machine_complaints(const struct model_machine *mc)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mc->units; i++)
		n += mc->unit[i]->complaints;
	return n;
}

void model_machine_fini(struct model_machine *mc)
{
	for (unsigned i = 0; i < mc->units; i++) {
		model_fini(mc->unit[i]);
		free(mc->unit[i]);
	}
	free(mc->mem.seen);
	free(mc->mem.buffered);
}
