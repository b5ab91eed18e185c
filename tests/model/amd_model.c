#include "tests/model/amd_model.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Control and Status */
#define C_IOMMU   1ull
#define C_LOG     4ull
#define C_LOGINT  8ull
#define C_CMD     (1ull << 12)
#define C_GA      (1ull << 17)
#define C_XT      (1ull << 50)
#define S_OVER    1ull
#define S_LOGINT  2ull
#define S_LOGRUN  8ull
#define S_CMDRUN  16ull
#define S_W1C     0x67ull
#define ALL_PAGES 0x7ffffffffffff000ull

static uint64_t field(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & (~0ull >> (63 - (hi - lo)));
}

static __attribute__((format(printf, 2, 3))) void complain(struct amd_unit *m, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "model: unit 0x%llx: ", (unsigned long long)m->base);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	m->complaints++;
}

static bool in_ram(const struct amd_unit *m, uint64_t phys)
{
	return phys >= m->mc->ram && phys - m->mc->ram <= m->mc->bytes - 8;
}

static bool fetch(const struct amd_unit *m, uint64_t phys, uint64_t *v)
{
	if (!in_ram(m, phys))
		return false;
	memcpy(v, phys_va(PHYS(phys)), 8);
	return true;
}

static void put(struct amd_unit *m, uint64_t phys, uint64_t v)
{
	if (in_ram(m, phys))
		memcpy(phys_va(PHYS(phys)), &v, 8);
	else
		complain(m, "store to 0x%llx: not in RAM", (unsigned long long)phys);
}

/* ---- event log ---- */

static uint64_t ring_bytes(uint64_t base)
{
	return 16ull << field(base, 59, 56);
}

static void write_event(struct amd_unit *m)
{
	if (m->log_never)
		return;
	put(m, m->event_at + 8, m->event[1]);
	put(m, m->event_at, m->event[0]);
	m->pending_event = false;
}

void amd_event(struct amd_unit *m, uint64_t lo, uint64_t hi)
{
	uint64_t bytes = ring_bytes(m->logbuf), next = (m->log_tail + 16) % bytes, old;
	if (!(m->control & C_LOG) || !(m->status & S_LOGRUN))
		return;
	if (m->pending_event)
		write_event(m);
	if (next == m->log_head) {
		m->status |= S_OVER;
		m->status &= ~S_LOGRUN;
		return;
	}
	m->event_at = field(m->logbuf, 51, 12) * 4096 + m->log_tail;
	if (fetch(m, m->event_at, &old) && old)
		complain(m, "the entry of an event that was taken is not 0 (erratum 732)");
	m->event[0] = lo;
	m->event[1] = hi;
	m->pending_event = true;
	m->event_left = m->log_lag;
	m->log_tail = m->log_dead ? m->log_tail : next;
	if (!m->log_lag)
		write_event(m);
	if (m->control & C_LOGINT && !(m->status & S_LOGINT))
		m->interrupts++;
	m->status |= S_LOGINT;
}

static unsigned record(struct amd_unit *m, unsigned code, uint16_t rid, uint16_t did, uint64_t flags,
		       uint64_t address)
{
	uint64_t lo = (uint64_t)code << 60 | flags | (uint64_t)did << 32 | rid;
	if (m->vague && code == 2 && !(flags & 1ull << 51)) {
		lo = (uint64_t)code << 60 | 1ull << 51 | (flags & 1ull << 53 ? 1ull << 49 : 1ull << 48) |
		     (rid & 0xff);
		address = 0;
	}
	amd_event(m, lo, address);
	return code;
}

/* ---- caches ---- */

static void drop_pages(struct amd_unit *m, uint16_t did, uint64_t from, uint64_t len, bool tables)
{
	for (unsigned i = 0; i < AMD_TLB; i++) {
		struct amd_tlb *t = &m->tlb[i];
		if (t->did == did && t->page - from < len)
			t->valid = false;
	}
	for (unsigned l = 0; tables && l < 2; l++)
		for (unsigned i = 0; i < AMD_PSC; i++) {
			struct amd_table *t = &m->psc[l][i];
			uint64_t size = 1ull << (21 + 9 * l), at = t->tag * size;
			if (t->did == did && at < from + len && from < at + size)
				t->valid = false;
		}
}

static void drop_all(struct amd_unit *m)
{
	memset(m->tlb, 0, sizeof m->tlb);
	memset(m->psc, 0, sizeof m->psc);
	memset(m->dte, 0, 65536 * sizeof *m->dte);
	memset(m->irte, 0, 65536 * 16 * sizeof *m->irte);
}

/* ---- commands ---- */

/* Bits that must be 0, by opcode. */
static bool illegal(const uint64_t *c)
{
	static const uint64_t zero[16][2] = {
		[1] = {0x0ff0000000000000ull, 0},        [2] = {0x0fffffffffff0000ull, ~0ull},
		[3] = {0x0fff0000fff00000ull, 0xff8ull}, [4] = {0x0fff000000000000ull, 0xff8ull},
		[5] = {0x0fffffffffff0000ull, ~0ull},    [8] = {0x0fffffffffffffffull, ~0ull},
	};
	unsigned op = (unsigned)field(c[0], 63, 60);
	return !zero[op][0] || c[0] & zero[op][0] || c[1] & zero[op][1];
}

static void invalidate_pages(struct amd_unit *m, const uint64_t *c)
{
	uint16_t did = (uint16_t)field(c[0], 47, 32);
	uint64_t at = c[1] & ~0xfffull, pages = 1;
	if (c[1] & 1) /* S: the lowest 0 from bit 12 on ends the size */
		for (unsigned bit = 12; pages *= 2, bit < 62 && at >> bit & 1;)
			bit++;
	uint64_t len = pages << 12;
	if (c[1] & 1 && at == ALL_PAGES) {
		at = 0;
		len = ~0ull;
	}
	drop_pages(m, did, len == ~0ull ? 0 : at & ~(len - 1), len, c[1] & 2);
}

static void run(struct amd_unit *m, const uint64_t *c)
{
	unsigned op = (unsigned)field(c[0], 63, 60);
	uint16_t rid = (uint16_t)c[0];
	m->commands[op]++;
	switch (op) {
	case 1:
		if (m->on_wait)
			m->on_wait(m);
		m->waits++;
		if (c[0] & 1)
			put(m, c[0] & 0xffffffffffff8ull, c[1]);
		break;
	case 2:
		m->dte[rid].valid = false;
		break;
	case 3:
		invalidate_pages(m, c);
		break;
	case 5:
		memset(&m->irte[rid * 16], 0, 16 * sizeof *m->irte);
		break;
	case 8:
		if (!(m->efr & AMD_IA))
			complain(m, "INVALIDATE_IOMMU_ALL without EFR.IASup");
		drop_all(m);
		break;
	}
}

static void run_commands(struct amd_unit *m)
{
	uint64_t c[2], bytes = ring_bytes(m->cmdbuf), base = field(m->cmdbuf, 51, 12) * 4096;
	while (m->status & S_CMDRUN && !m->mute && m->cmd_head != m->cmd_tail) {
		if (!fetch(m, base + m->cmd_head, &c[0]) || !fetch(m, base + m->cmd_head + 8, &c[1])) {
			complain(m, "the command buffer is not in RAM");
			return;
		}
		bool bad = illegal(c);
		if (bad && m->vague) { /* it goes on */
			record(m, 5, 0, 0, 0, base + m->cmd_head);
			m->cmd_head = (m->cmd_head + 16) % bytes;
			continue;
		}
		if (bad)
			complain(m, "illegal command 0x%llx 0x%llx", (unsigned long long)c[0],
				 (unsigned long long)c[1]);
		if (bad || m->halt_next) {
			m->status &= ~S_CMDRUN;
			record(m, 5, 0, 0, 0, base + m->cmd_head);
			return;
		}
		m->cmd_head = (m->cmd_head + 16) % bytes;
		run(m, c);
	}
}

/* ---- registers ---- */

static void write_control(struct amd_unit *m, uint64_t v)
{
	uint64_t was = m->control;
	m->control = v;
	if (v & C_XT && !(v & C_GA))
		complain(m, "XTEn without GAEn");
	if ((v & C_GA && !(m->efr & AMD_GA)) || (v & C_XT && !(m->efr & AMD_XT)))
		complain(m, "GAEn or XTEn that EFR does not have");
	if (m->deaf)
		return;
	if (!(v & C_CMD) || !(v & C_IOMMU))
		m->status &= ~S_CMDRUN;
	else if (!(was & C_CMD) || !(was & C_IOMMU))
		m->status |= S_CMDRUN;
	if (!(v & C_LOG) || !(v & C_IOMMU))
		m->status &= ~S_LOGRUN;
	else if (!(was & C_LOG) || !(was & C_IOMMU))
		m->status |= S_LOGRUN;
	if (!(was & C_IOMMU) && v & C_IOMMU && !(m->status & S_CMDRUN))
		complain(m, "translation goes on without a command buffer");
}

static void write_base(struct amd_unit *m, uint64_t *reg, uint64_t v, uint64_t running)
{
	if (m->status & running || (reg == &m->devtab && m->control & C_IOMMU))
		complain(m, "a base changes while it is used");
	*reg = v;
}

static void write_ack(struct amd_unit *m, uint64_t v)
{
	m->status &= ~(v & S_W1C);
	if (v & S_LOGINT && m->on_ack) {
		uint64_t before = m->status;
		unsigned interrupts = m->interrupts;
		m->on_ack(m);
		m->interrupts = interrupts;
		m->status = (m->status & ~S_LOGINT) | (before & S_LOGINT);
	}
}

static void wr(void *ctx, uint32_t off, uint64_t v)
{
	struct amd_unit *m = ctx;
	switch (off) {
	case 0x00:
		write_base(m, &m->devtab, v, 0);
		return;
	case 0x08:
		write_base(m, &m->cmdbuf, v, S_CMDRUN);
		return;
	case 0x10:
		write_base(m, &m->logbuf, v, S_LOGRUN);
		return;
	case 0x18:
		write_control(m, v);
		return;
	case 0x20:
	case 0x28:
		m->excl[(off - 0x20) / 8] = v;
		return;
	case 0x2000:
		write_base(m, &m->cmd_head, v, S_CMDRUN);
		return;
	case 0x2008:
		if (v >= ring_bytes(m->cmdbuf) || v % 16)
			complain(m, "command tail 0x%llx", (unsigned long long)v);
		m->cmd_tail = v;
		m->left = m->lag;
		if (!m->lag)
			run_commands(m);
		return;
	case 0x2010:
		m->log_head = v;
		return;
	case 0x2018:
		write_base(m, &m->log_tail, v, S_LOGRUN);
		return;
	case 0x2020:
		write_ack(m, v);
		return;
	default:
		complain(m, "write to register 0x%x", off);
	}
}

static uint64_t rd(void *ctx, uint32_t off)
{
	struct amd_unit *m = ctx;
	switch (off) {
	case 0x00:
		return m->devtab;
	case 0x08:
		return m->cmdbuf;
	case 0x10:
		return m->logbuf;
	case 0x18:
		return m->control;
	case 0x20:
	case 0x28:
		return m->excl[(off - 0x20) / 8];
	case 0x30:
		return m->efr;
	case 0x1a0: /* it has none of the features */
		return 0;
	case 0x2000:
		return m->cmd_head;
	case 0x2018:
		return m->log_tail;
	case 0x2020:
		return m->status;
	default:
		complain(m, "read of register 0x%x", off);
		return 0;
	}
}

static uint64_t model_now(void *ctx)
{
	struct amd_unit *m = ctx;
	if (m->left && !--m->left)
		run_commands(m);
	if (m->pending_event && (!m->event_left || !--m->event_left))
		write_event(m);
	m->clock += m->mute || m->deaf || m->log_never ? 5000 : 1;
	return m->clock;
}

/* ---- translation ---- */

/* The entry as it was when it was first used since it was invalidated. */
static unsigned entry_of(struct amd_unit *m, uint16_t rid, const uint64_t **q)
{
	struct amd_dte *d = &m->dte[rid];
	uint64_t at = field(m->devtab, 51, 12) * 4096 + 32ull * rid;
	if (rid >= (field(m->devtab, 8, 0) + 1) * 128)
		return record(m, 1, rid, 0, 0, 0);
	for (unsigned i = 0; !d->valid && i < 4; i++)
		if (!fetch(m, at + 8 * i, &d->q[i]))
			return record(m, 3, rid, 0, 0, at);
	d->valid = true;
	*q = d->q;
	return 0;
}

static bool entry_illegal(const uint64_t *q)
{
	return field(q[0], 6, 2) || q[0] >> 63 || field(q[0], 11, 9) == 7 || field(q[2], 53, 52) ||
	       field(q[3], 14, 0);
}

static uint64_t flags_of(bool write, bool present, bool permission, bool reserved)
{
	return (write ? 1ull << 53 : 0) | (present ? 1ull << 52 : 0) | (permission ? 1ull << 54 : 0) |
	       (reserved ? 1ull << 55 : 0);
}

/* One entry of a table; result of walk(), or 1: go on. */
enum { FOUND, ON, ABSENT, WRONG, UNREADABLE };

static int step(struct amd_unit *m, uint64_t iova, uint64_t *table, unsigned *level, struct amd_tlb *t)
{
	uint64_t e;
	unsigned shift = 12 + 9 * (*level - 1);
	if (!fetch(m, *table + 8 * field(iova, shift + 8, shift), &e))
		return UNREADABLE;
	if (!(e & 1))
		return ABSENT;
	unsigned next = (unsigned)field(e, 11, 9);
	if (field(e, 58, 52) || (next && next != 7 && next >= *level))
		return WRONG;
	t->r = t->r && e >> 61 & 1;
	t->w = t->w && e >> 62 & 1;
	uint64_t address = e & 0xffffffffff000ull, size = 1ull << shift;
	if (next == 7)
		for (size = 8192; address & size / 2;)
			size *= 2;
	if (!next || next == 7) {
		if (!next && address & (size - 1))
			complain(m, "a page at level %u is not aligned: 0x%llx", *level,
				 (unsigned long long)e);
		t->phys = (address & ~(size - 1)) | (iova & (size - 1) & ~0xfffull);
		return FOUND;
	}
	for (unsigned l = next + 1; l < *level; l++)
		if (field(iova, 12 + 9 * l - 1, 12 + 9 * (l - 1)))
			return WRONG;
	*table = address;
	*level = next;
	return ON;
}

static struct amd_table *psc_of(struct amd_unit *m, uint16_t did, unsigned level, uint64_t iova)
{
	uint64_t tag = iova >> (12 + 9 * level);
	return &m->psc[level - 1][(tag + did * 7u) % AMD_PSC];
}

/* Starts at the lowest table that is cached. */
static int walk(struct amd_unit *m, const uint64_t *q, uint64_t iova, struct amd_tlb *t)
{
	unsigned level = (unsigned)field(q[0], 11, 9);
	uint64_t table = field(q[0], 51, 12) * 4096;
	t->r = t->w = true;
	for (unsigned l = 2; l; l--) {
		struct amd_table *p = psc_of(m, t->did, l, iova);
		if (l >= level || !p->valid || p->did != t->did || p->tag != iova >> (12 + 9 * l))
			continue;
		level = l;
		table = p->table;
		t->r = p->r;
		t->w = p->w;
	}
	int s;
	while ((s = step(m, iova, &table, &level, t)) == ON)
		if (level <= 2)
			*psc_of(m, t->did, level, iova) =
				(struct amd_table){true, t->r, t->w, t->did, iova >> (12 + 9 * level), table};
	return s;
}

static unsigned answer(struct amd_unit *m, uint16_t rid, const uint64_t *q, const struct amd_tlb *t,
		       uint64_t iova, bool write, uint64_t *phys)
{
	bool may = (write ? t->w : t->r) && q[0] >> (write ? 62 : 61) & 1;
	if (t->present && may) {
		*phys = t->phys | (iova & 0xfff);
		return AMD_ALLOWED;
	}
	if (q[1] >> 34 & 1)
		return AMD_ABORT;
	return record(m, 2, rid, t->did, flags_of(write, t->present, t->present, false), iova);
}

static unsigned translate(struct amd_unit *m, uint16_t rid, const uint64_t *q, uint64_t iova, bool write,
			  uint64_t *phys)
{
	uint16_t did = (uint16_t)q[1];
	unsigned mode = (unsigned)field(q[0], 11, 9);
	struct amd_tlb *t = &m->tlb[((iova >> 12) + did * 37u) % AMD_TLB];
	struct amd_tlb made = {.valid = true, .did = did, .page = iova & ~0xfffull};
	if (!mode) {
		made.present = made.r = made.w = true;
		made.phys = made.page;
		return answer(m, rid, q, &made, iova, write, phys);
	}
	if (mode < 6 && iova >> (12 + 9 * mode))
		return answer(m, rid, q, &made, iova, write, phys);
	if (t->valid && t->did == did && t->page == made.page)
		return answer(m, rid, q, t, iova, write, phys);
	switch (walk(m, q, iova, &made)) {
	case UNREADABLE:
		return record(m, 4, rid, did, flags_of(write, false, false, false), iova);
	case WRONG:
		return record(m, 2, rid, did, flags_of(write, true, false, true), iova);
	case FOUND:
		made.present = true;
	}
	if (made.present || m->np_cache)
		*t = made;
	return answer(m, rid, q, &made, iova, write, phys);
}

unsigned amd_dma(struct amd_unit *m, uint16_t rid, uint64_t iova, bool write, uint64_t *phys)
{
	const uint64_t *q;
	*phys = iova;
	if (iova >= 0xfee00000 && iova < 0xfef00000 && write)
		return AMD_INTERRUPT;
	if (!(m->control & C_IOMMU))
		return AMD_ALLOWED;
	unsigned bad = entry_of(m, rid, &q);
	if (bad)
		return bad;
	if (!(q[0] & 1))
		return AMD_ALLOWED;
	if (entry_illegal(q)) {
		complain(m, "illegal device table entry of %04x: %llx", rid, (unsigned long long)q[0]);
		return record(m, 1, rid, 0, flags_of(write, false, false, true), iova);
	}
	if (iova >= 0xfd00000000ull && iova <= 0xffffffffffull)
		return record(m, 8, rid, 0, flags_of(write, false, false, false), iova);
	if (!(q[0] & 2))
		return AMD_ABORT;
	return translate(m, rid, q, iova, write, phys);
}

bool amd_cached(struct amd_unit *m, uint16_t rid, uint64_t iova)
{
	uint16_t did = (uint16_t)m->dte[rid].q[1];
	const struct amd_tlb *t = &m->tlb[((iova >> 12) + did * 37u) % AMD_TLB];
	return m->dte[rid].valid && t->valid && t->did == did && t->page == (iova & ~0xfffull) && t->present;
}

/* ---- interrupts ---- */

static unsigned no_interrupt(struct amd_unit *m, uint16_t rid, uint32_t data)
{
	return record(m, 2, rid, 0, 1ull << 51, 0xfee00000ull | data);
}

static bool entry_at(struct amd_unit *m, const uint64_t *q, uint16_t rid, uint32_t index, uint64_t *lo,
		     uint64_t *hi)
{
	bool wide = m->control & C_GA;
	uint64_t at = (q[2] & 0xfffffffffffc0ull) + (wide ? 16ull : 4ull) * index;
	struct amd_irte *c = index < 16 ? &m->irte[rid * 16 + index] : NULL;
	if (c && c->valid) {
		*lo = c->lo;
		*hi = c->hi;
		return true;
	}
	*hi = 0;
	if (!fetch(m, at & ~7ull, lo) || (wide && !fetch(m, at + 8, hi)))
		return false;
	if (!wide)
		*lo = at & 4 ? *lo >> 32 : field(*lo, 31, 0);
	if (c)
		*c = (struct amd_irte){true, *lo, *hi};
	return true;
}

unsigned amd_message(struct amd_unit *m, uint16_t rid, uint32_t data, uint8_t *vector, uint32_t *apic)
{
	const uint64_t *q;
	uint64_t lo, hi;
	unsigned bad = m->control & C_IOMMU ? entry_of(m, rid, &q) : 0;
	*vector = (uint8_t)data;
	*apic = 0;
	if (bad || !(m->control & C_IOMMU) || !(q[2] & 1) || field(q[2], 61, 60) == 1)
		return bad;
	uint32_t index = data & 0x7ff;
	if (field(q[2], 61, 60) != 2 || index >= 1u << field(q[2], 4, 1) ||
	    !entry_at(m, q, rid, index, &lo, &hi) || !(lo & 1) || field(lo, 4, 2) > 1)
		return no_interrupt(m, rid, data);
	if (m->control & C_GA) {
		*vector = (uint8_t)hi;
		*apic = (uint32_t)(m->control & C_XT ? field(lo, 31, 8) | field(hi, 63, 56) << 24
						     : field(lo, 15, 8));
	} else {
		*vector = (uint8_t)field(lo, 23, 16);
		*apic = (uint32_t)field(lo, 15, 8);
	}
	return AMD_ALLOWED;
}

/* ---- a machine and its table ---- */

static void le(struct amd_machine *mc, uint64_t v, unsigned bytes)
{
	if (mc->len + bytes > sizeof mc->ivrs)
		abort();
	for (unsigned i = 0; i < bytes; i++)
		mc->ivrs[mc->len++] = (uint8_t)(v >> 8 * i);
	for (unsigned i = 0; i < 4; i++)
		mc->ivrs[4 + i] = (uint8_t)(mc->len >> 8 * i);
}

static size_t last_block; /* of the table: entries are added to it */

static void grow(struct amd_machine *mc)
{
	size_t n = mc->len - last_block;
	mc->ivrs[last_block + 2] = (uint8_t)n;
	mc->ivrs[last_block + 3] = (uint8_t)(n >> 8);
}

void amd_machine_init(struct amd_machine *mc, phys_t ram, uint64_t bytes)
{
	memset(mc, 0, sizeof *mc);
	mc->ram = ram.v;
	mc->bytes = bytes;
	memcpy(mc->ivrs, "IVRS", 4);
	mc->len = 36;
	mc->ivrs[8] = 2;
	le(mc, 0x203041, 4); /* IVinfo: EFRSup, 48-bit physical addresses */
	le(mc, 0, 8);
}

struct amd_unit *amd_machine_unit(struct amd_machine *mc, uint16_t seg, uint64_t efr, uint16_t first,
				  uint16_t last)
{
	struct amd_unit *m = calloc(1, sizeof *m);
	if (!m || mc->units == AMD_UNITS)
		abort();
	m->mc = mc;
	m->efr = efr;
	m->base = 0xfd000000ull + 0x80000ull * mc->units;
	m->rid = (uint16_t)(first + 2);
	m->dte = calloc(65536, sizeof *m->dte);
	m->irte = calloc(65536 * 16, sizeof *m->irte);
	mc->unit[mc->units++] = m;
	last_block = mc->len;
	le(mc, 0x11, 1);
	le(mc, 0xb0, 1);
	le(mc, 0, 2);
	le(mc, m->rid, 2);
	le(mc, 0x40, 2);
	le(mc, m->base, 8);
	le(mc, seg, 2);
	le(mc, 0, 2);
	le(mc, 0, 4);
	le(mc, efr, 8);
	le(mc, 0, 8);
	le(mc, 3 | (uint32_t)first << 8, 4);
	le(mc, 4 | (uint32_t)last << 8, 4);
	grow(mc);
	return m;
}

void amd_machine_alias(struct amd_machine *mc, uint16_t first, uint16_t last, uint16_t source)
{
	le(mc, 0x43 | (uint32_t)first << 8, 4);
	le(mc, (uint32_t)source << 8, 4);
	le(mc, 4 | (uint32_t)last << 8, 4);
	grow(mc);
}

void amd_machine_ioapic(struct amd_machine *mc, uint8_t id, uint16_t source, uint8_t data)
{
	le(mc, 0x48 | (uint32_t)data << 24, 4);
	le(mc, id | (uint32_t)source << 8 | 1u << 24, 4);
	grow(mc);
}

void amd_machine_ivmd(struct amd_machine *mc, uint8_t type, uint8_t flags, uint16_t first, uint16_t last,
		      uint64_t base, uint64_t len)
{
	last_block = mc->len;
	le(mc, type, 1);
	le(mc, flags, 1);
	le(mc, 32, 2);
	le(mc, first, 2);
	le(mc, last, 2);
	le(mc, 0, 8);
	le(mc, base, 8);
	le(mc, len, 8);
}

static struct amd_unit *unit_at(struct amd_machine *mc, uint64_t base, unsigned *n)
{
	for (*n = 0; *n < mc->units; ++*n)
		if (mc->unit[*n]->base == base)
			return mc->unit[*n];
	return NULL;
}

static enum sl_err open_unit(void *ctx, const struct ivrs_ivhd *unit, struct amdvi_io *out,
			     bool *caches_empty)
{
	unsigned n;
	struct amd_unit *m = unit_at(ctx, unit->base, &n);
	if (!m || ((struct amd_machine *)ctx)->absent >> n & 1)
		return SL_RANGE;
	if (((struct amd_machine *)ctx)->elsewhere >> n & 1)
		return SL_NOTFOUND;
	*caches_empty = m->np_cache;
	*out = (struct amdvi_io){m, rd, wr, model_now};
	return SL_OK;
}

static enum sl_err interrupt(void *ctx, const struct ivrs_ivhd *unit, uint64_t addr, uint32_t data)
{
	unsigned n;
	struct amd_unit *m = unit_at(ctx, unit->base, &n);
	if (((struct amd_machine *)ctx)->no_interrupt >> n & 1)
		return SL_UNSUPPORTED;
	m->msis++;
	m->msi_addr = addr;
	m->msi_data = data;
	return SL_OK;
}

enum sl_err amd_machine_read(struct amd_machine *mc, struct iommu *out)
{
	mc->regs = (struct amdvi_regs){mc, mc->emulated, open_unit, interrupt};
	return amdvi_init(out, (struct span){mc->ivrs, mc->len}, &mc->regs);
}

unsigned amd_machine_complaints(const struct amd_machine *mc)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mc->units; i++)
		n += mc->unit[i]->complaints;
	return n;
}

void amd_machine_fini(struct amd_machine *mc)
{
	for (unsigned i = 0; i < mc->units; i++) {
		free(mc->unit[i]->dte);
		free(mc->unit[i]->irte);
		free(mc->unit[i]);
	}
	mc->units = 0;
}
