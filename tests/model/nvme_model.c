#include <string.h>
#include "kernel/time.h"
#include "tests/model/nvme_model.h"

static uint64_t get(const void *p, unsigned off, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)((const uint8_t *)p)[off + i] << (8 * i);
	return v;
}

static void put(void *p, unsigned off, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		((uint8_t *)p)[off + i] = (uint8_t)(v >> (8 * i));
}

static uint32_t doorbell(const struct nvme_model *m, unsigned qid, bool cq)
{
	unsigned at = (2 * qid + cq) * (4u << (m->cap >> 32 & 0xf));
	const uint8_t *shadow = m->shadow && qid ? m->reach(m->ctx, m->shadow + at, 4, false) : NULL;
	return (uint32_t)(shadow ? get(shadow, 0, 4) : get(m->bar, 0x1000 + at, 4));
}

/* The controller has looked as far as index. One that sleeps wants the register written from there on, one
 * that never does has an event index that the driver does not pass. */
static void set_event(struct nvme_model *m, unsigned qid, bool cq, uint32_t index)
{
	unsigned at = (2 * qid + cq) * (4u << (m->cap >> 32 & 0xf));
	uint8_t *event = m->event && qid ? m->reach(m->ctx, m->event + at, 4, true) : NULL;
	if (event)
		put(event, 0, 4, m->sleeps ? index : (index - 1) & 0xffff);
}

/* A controller that sleeps looks at its registers alone. */
static bool woken(struct nvme_model *m, unsigned qid)
{
	unsigned at = 0x1000 + 2 * qid * (4u << (m->cap >> 32 & 0xf));
	uint32_t reg = (uint32_t)get(m->bar, at, 4);
	bool is = !m->shadow || !qid || !m->sleeps || reg != m->q[qid].seen;
	m->q[qid].seen = reg;
	return is;
}

static void reset(struct nvme_model *m)
{
	memset(m->q, 0, sizeof m->q);
	memset(m->bar, 0, sizeof m->bar);
	m->csts = 0;
	m->shadow = m->event = 0;
	m->fatal &= m->fatal_stays;
}

static void write_cc(struct nvme_model *m, uint32_t v)
{
	bool was = m->cc & 1, is = v & 1;
	unsigned shn = v >> 14 & 3;
	if (is && shn && !(m->cc >> 14 & 3)) {
		for (unsigned i = 1; i < MODEL_QUEUES; i++)
			m->errors += m->q[i].sq_on || m->q[i].cq_on; /* §3.6.1: they are deleted before */
		m->errors += shn != 1;
		m->shutdowns++;
		m->csts |= m->no_shutdown ? 4 : 8;
	}
	if (was && !is) {
		m->disabled_at = now_us();
		if (!(m->csts & 1) && !m->fatal && !m->never_ready)
			m->errors++; /* §3.1.3.5: EN cleared before RDY was seen set */
		if (!m->never_stops && m->slow_us)
			m->ready_at = now_us() + m->slow_us;
		else if (!m->never_stops)
			reset(m);
	} else if (!was && is) {
		m->enables++;
		m->q[0].sq_on = m->q[0].cq_on = m->q[0].phase = true;
		m->q[0].sq = m->asq;
		m->q[0].cq = m->acq;
		m->q[0].sq_entries = (m->aqa & 0xfff) + 1;
		m->q[0].cq_entries = (m->aqa >> 16 & 0xfff) + 1;
		if ((v >> 16 & 0xf) != 6 || (v >> 20 & 0xf) != 4 || v & 0x7f0 || m->fatal_at_enable)
			m->fatal = true;
		if (!m->never_ready && m->slow_us)
			m->ready_at = now_us() + m->slow_us;
		else if (!m->never_ready)
			m->csts |= 1;
	}
	m->cc = v;
}

/* RDY follows EN when its time has come. */
static void follow(struct nvme_model *m)
{
	if (!m->ready_at || now_us() < m->ready_at)
		return;
	m->ready_at = 0;
	if (m->cc & 1)
		m->csts |= 1;
	else
		reset(m);
}

static uint32_t rd32(const struct nvme_io *io, uint32_t off)
{
	struct nvme_model *m = io->ctx;
	if (m->gone)
		return 0xffffffff;
	if (!m->online)
		return off == 0x1c ? 2 : 0;
	m->quiet_broken += m->disabled_at && now_us() - m->disabled_at < m->quiet_us;
	follow(m);
	if (off == 0x1c)
		nvme_model_step(m);
	switch (off) {
	case 0x08:
		return m->vs;
	case 0x14:
		return m->cc;
	case 0x1c:
		return m->csts | (m->fatal ? 2 : 0);
	case 0x24:
		return m->aqa;
	case 0x68:
		return m->crto;
	default:
		return 0;
	}
}

static uint64_t rd64(const struct nvme_io *io, uint32_t off)
{
	struct nvme_model *m = io->ctx;
	if (m->gone)
		return ~0ull;
	return !m->online ? 0 : off == 0 ? m->cap : off == 0x28 ? m->asq : off == 0x30 ? m->acq : 0;
}

static void wr32(const struct nvme_io *io, uint32_t off, uint32_t v)
{
	struct nvme_model *m = io->ctx;
	if (m->gone || !m->online)
		return;
	if (off == 0x14)
		write_cc(m, v);
	else if (off == 0x24)
		m->aqa = v;
	else
		m->errors++;
}

static void wr64(const struct nvme_io *io, uint32_t off, uint64_t v)
{
	struct nvme_model *m = io->ctx;
	if (m->gone || !m->online)
		return;
	if (off == 0x28)
		m->asq = v;
	else if (off == 0x30)
		m->acq = v;
	else
		m->errors++;
}

void nvme_model_init(struct nvme_model *m, uint16_t cntlid, void *(*reach)(void *, uint64_t, uint64_t, bool),
		     void *ctx)
{
	static const struct nvme_io_ops ops = {rd32, rd64, wr32, wr64};
	memset(m, 0, sizeof *m);
	m->io = (struct nvme_io){.ops = &ops, .regs = m->bar, .len = sizeof m->bar, .ctx = m};
	m->cntlid = cntlid;
	m->cap = 0x7ff | 1ull << 16 | 2ull << 24 | 1ull << 37;
	m->vs = 0x20000;
	m->oacs = 1u << 3;
	m->oncs = 0x1ff;
	m->ocfs = 1;
	m->mssrl = 32;
	m->mdts = 7;
	m->vsl = 7;
	m->lpa = 2;
	m->sgls = 1;
	m->max_queues = MODEL_QUEUES - 1;
	m->crt = 3;
	m->online = true;
	m->reach = reach;
	m->ctx = ctx;
	m->seed = 1;
}

/* ---- protection information: NVM §5.2, CRC-16 of T10, bit by bit ---- */

static uint16_t crc_bits(uint16_t crc, const uint8_t *p, size_t n)
{
	while (n--) {
		crc = (uint16_t)(crc ^ *p++ << 8);
		for (int i = 0; i < 8; i++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x8bb7 : crc << 1);
	}
	return crc;
}

static unsigned pi_at(const struct nvme_model_ns *ns)
{
	return ns->dps & 8 ? 0 : ns->ms - 8u;
}

static uint16_t guard(const struct nvme_model_ns *ns, const uint8_t *data, const uint8_t *meta)
{
	return crc_bits(crc_bits(0, data, 1u << ns->shift), meta, pi_at(ns));
}

static void pi_make(const struct nvme_model_ns *ns, const uint8_t *data, uint8_t *meta, uint32_t ref)
{
	uint8_t *pi = meta + pi_at(ns);
	uint16_t g = guard(ns, data, meta);
	uint8_t tuple[8] = {(uint8_t)(g >> 8),    (uint8_t)g,          0,           0, (uint8_t)(ref >> 24),
			    (uint8_t)(ref >> 16), (uint8_t)(ref >> 8), (uint8_t)ref};
	memcpy(pi, tuple, 8);
}

/* prchk: bit 2 guard, bit 0 reference tag. An application tag of all ones switches checking off. */
static uint16_t pi_check(const struct nvme_model_ns *ns, const uint8_t *data, const uint8_t *meta,
			 uint32_t ref, unsigned prchk)
{
	const uint8_t *pi = meta + pi_at(ns);
	if (pi[2] == 0xff && pi[3] == 0xff)
		return 0;
	if (prchk & 4 && guard(ns, data, meta) != (pi[0] << 8 | pi[1]))
		return 0x282;
	uint32_t have = (uint32_t)pi[4] << 24 | (uint32_t)pi[5] << 16 | (uint32_t)pi[6] << 8 | pi[7];
	return prchk & 1 && have != ref ? 0x284 : 0;
}

/* ---- I/O commands ---- */

static struct nvme_model_ns *find_ns(struct nvme_model *m, uint32_t nsid)
{
	for (unsigned i = 0; i < MODEL_NS; i++)
		if (m->ns[i] && m->ns[i]->nsid == nsid)
			return m->ns[i];
	return NULL;
}

/* Device address of byte at of a command's len bytes of data: NVMe §4.1.1 (PRPs), §4.1.2 (an SGL of one data
 * block). 0: none. */
static uint64_t data_address(struct nvme_model *m, const uint8_t *sqe, uint64_t len, uint64_t at)
{
	uint64_t p1 = get(sqe, 24, 8), p2 = get(sqe, 32, 8), first = 4096 - p1 % 4096;
	if (sqe[1] >> 6) {
		bool block = sqe[1] >> 6 == 1 && m->sgls & 3 && sqe[39] == 0 && get(sqe, 36, 3) == 0;
		return block && (uint32_t)p2 == len ? p1 + at : 0;
	}
	if (at < first)
		return p1 + at;
	at -= first;
	if (len <= first + 4096)
		return p2 + at;
	uint64_t entry =
		p2 + at / 4096 * 8; /* a list that goes on in another page is not part of this model */
	const uint8_t *list =
		p2 % 8 == 0 && entry / 4096 == p2 / 4096 ? m->reach(m->ctx, entry, 8, false) : NULL;
	if (list && get(list, 0, 8) % 4096)
		m->errors++; /* only PRP1 may have an offset */
	return list ? get(list, 0, 8) + at % 4096 : 0;
}

/* Moves len bytes between a block and the place off bytes into the total bytes of the command's memory. */
static bool move_part(struct nvme_model *m, const uint8_t *sqe, uint64_t total, uint64_t off, uint8_t *block,
		      size_t len, bool to_host)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t addr = data_address(m, sqe, total, off + i);
		uint8_t *host = addr ? m->reach(m->ctx, addr, 1, to_host) : NULL;
		if (!host)
			return false;
		if (to_host)
			*host = block[i];
		else
			block[i] = *host;
	}
	return true;
}

static bool move(struct nvme_model *m, const struct nvme_model_ns *ns, const uint8_t *sqe, uint64_t off,
		 uint8_t *block, size_t len, bool to_host)
{
	return move_part(m, sqe, (get(sqe, 48, 2) + 1) << ns->shift, off, block, len, to_host);
}

static bool mptr(struct nvme_model *m, const uint8_t *sqe, uint64_t off, uint8_t *meta, size_t len,
		 bool to_host)
{
	uint8_t *host = m->reach(m->ctx, get(sqe, 16, 8) + off, len, to_host);
	if (host)
		memcpy(to_host ? host : meta, to_host ? meta : host, len);
	return host;
}

static uint16_t write_block(struct nvme_model *m, struct nvme_model_ns *ns, const uint8_t *sqe, uint64_t lba,
			    uint32_t i, unsigned prinfo)
{
	uint8_t data[8192], meta[256] = {0};
	uint32_t ref = (uint32_t)get(sqe, 56, 4) + i;
	bool strip = prinfo & 8 && ns->ms == 8;
	if (!move(m, ns, sqe, (uint64_t)i << ns->shift, data, 1u << ns->shift, false))
		return 0x004;
	if (ns->ms && !strip && !mptr(m, sqe, (uint64_t)i * ns->ms, meta, ns->ms, false))
		return 0x004;
	if (ns->dps & 7) {
		if (prinfo & 8)
			pi_make(ns, data, meta, ref);
		else {
			uint16_t s = pi_check(ns, data, meta, ref, prinfo);
			if (s)
				return s;
		}
	}
	memcpy(ns->data + (lba << ns->shift), data, 1u << ns->shift);
	if (ns->ms)
		memcpy(ns->meta + lba * ns->ms, meta, ns->ms);
	return 0;
}

static uint16_t read_block(struct nvme_model *m, struct nvme_model_ns *ns, const uint8_t *sqe, uint64_t lba,
			   uint32_t i, unsigned prinfo)
{
	uint8_t *data = ns->data + (lba << ns->shift), *meta = ns->meta + lba * ns->ms;
	uint16_t s = ns->dps & 7 ? pi_check(ns, data, meta, (uint32_t)get(sqe, 56, 4) + i, prinfo) : 0;
	if (s || sqe[0] == 0x0c)
		return s;
	if (sqe[0] == 0x05) {
		uint8_t want[8192], want_meta[256];
		if (!move(m, ns, sqe, (uint64_t)i << ns->shift, want, 1u << ns->shift, false) ||
		    (ns->ms && !mptr(m, sqe, (uint64_t)i * ns->ms, want_meta, ns->ms, false)))
			return 0x004;
		bool same =
			!memcmp(want, data, 1u << ns->shift) && (!ns->ms || !memcmp(want_meta, meta, ns->ms));
		return same ? 0 : 0x285;
	}
	uint8_t out[8192];
	memcpy(out, data, 1u << ns->shift);
	if (m->spoil_after && !--m->spoil_after) {
		m->seed = m->seed * 1664525u + 1013904223u;
		out[(m->spoil_at ? m->spoil_at : m->seed >> 8) % (1u << ns->shift)] ^=
			(uint8_t)(1u << (m->seed >> 4 & 7));
	}
	if (!move(m, ns, sqe, (uint64_t)i << ns->shift, out, 1u << ns->shift, true) ||
	    (ns->ms && !(prinfo & 8) && !mptr(m, sqe, (uint64_t)i * ns->ms, meta, ns->ms, true)))
		return 0x004;
	return 0;
}

static uint16_t zero_block(struct nvme_model_ns *ns, const uint8_t *sqe, uint64_t lba, uint32_t i,
			   unsigned prinfo)
{
	uint8_t *data = ns->data + (lba << ns->shift), *meta = ns->meta + lba * ns->ms;
	memset(data, 0, 1u << ns->shift);
	if (ns->ms)
		memset(meta, 0, ns->ms);
	if (ns->dps & 7) {
		memset(meta + pi_at(ns), 0xff, 8); /* NVM §3.2.8, PRACT 0 */
		if (prinfo & 8)
			pi_make(ns, data, meta, (uint32_t)get(sqe, 56, 4) + i);
	}
	return 0;
}

static uint16_t copy(struct nvme_model *m, struct nvme_model_ns *ns, const uint8_t *sqe)
{
	uint32_t cdw12 = (uint32_t)get(sqe, 48, 4);
	uint64_t to = get(sqe, 40, 8);
	unsigned prinfor = cdw12 >> 12 & 0xf, prinfow = cdw12 >> 26 & 0xf;
	const uint8_t *range = m->reach(m->ctx, get(sqe, 24, 8), 32, false);
	if (!range)
		return 0x004;
	if (cdw12 & 0xfff || (prinfor & 8) != (prinfow & 8))
		return 0x002;
	uint64_t from = get(range, 8, 8);
	uint32_t n = (uint32_t)get(range, 16, 2) + 1, elbrt = (uint32_t)get(range, 24, 4),
		 ilbrt = (uint32_t)get(sqe, 56, 4);
	if (n > m->mssrl)
		return 0x183;
	if (from + n > ns->blocks || to + n > ns->blocks)
		return 0x080;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *src = ns->data + ((from + i) << ns->shift),
			*dst = ns->data + ((to + i) << ns->shift);
		uint8_t *src_meta = ns->meta + (from + i) * ns->ms, *dst_meta = ns->meta + (to + i) * ns->ms;
		uint16_t s = ns->dps & 7 ? pi_check(ns, src, src_meta, elbrt + i, prinfor) : 0;
		if (s)
			return s;
		memmove(dst, src, 1u << ns->shift);
		if (ns->ms)
			memmove(dst_meta, src_meta, ns->ms);
		if (ns->dps & 7 && prinfow & 8)
			pi_make(ns, dst, dst_meta, ilbrt + i);
	}
	return 0;
}

static uint16_t io_command(struct nvme_model *m, const uint8_t *sqe)
{
	struct nvme_model_ns *ns = find_ns(m, (uint32_t)get(sqe, 4, 4));
	uint64_t lba = get(sqe, 40, 8);
	uint32_t n = (uint32_t)get(sqe, 48, 2) + 1;
	unsigned prinfo = (unsigned)(get(sqe, 48, 4) >> 26 & 0xf);
	m->commands[sqe[0]]++;
	/* What this driver has no reason to set: reserved fields, expected tags, storage tags. */
	if (sqe[1] & 0xbf || get(sqe, 8, 8) || get(sqe, 52, 4) || get(sqe, 60, 4))
		return 0x002;
	if (!ns || !(ns->attached & BIT(m->cntlid)))
		return 0x002;
	if (sqe[0] == 0x19)
		return copy(m, ns, sqe);
	if (lba >= ns->blocks || n > ns->blocks - lba)
		return 0x080;
	if ((ns->dps & 7) == 1 && prinfo & 1 && (uint32_t)get(sqe, 56, 4) != (uint32_t)lba)
		return 0x181;
	if (prinfo & 8 && (sqe[0] == 0x05 || sqe[0] == 0x0c))
		return 0x181;
	uint16_t s = 0;
	for (uint32_t i = 0; i < n && !s; i++) {
		uint64_t at = ns->held ? (lba + i) % ns->held : lba + i;
		switch (sqe[0]) {
		case 0x01:
			s = write_block(m, ns, sqe, at, i, prinfo);
			break;
		case 0x02:
		case 0x05:
		case 0x0c:
			s = read_block(m, ns, sqe, at, i, prinfo);
			break;
		case 0x08:
			s = zero_block(ns, sqe, at, i, prinfo);
			break;
		default:
			return 0x001;
		}
	}
	return s;
}

/* ---- admin commands ---- */

static void text(uint8_t *to, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = *from ? (uint8_t)*from++ : ' ';
}

static void id_ctrl(struct nvme_model *m, uint8_t *p)
{
	text(p + 4, "SN 42", 20);
	text(p + 24, "Model of a controller", 40);
	text(p + 64, "1.0", 8);
	p[77] = m->mdts;
	put(p, 78, 2, m->cntlid);
	put(p, 80, 4, m->vs);
	put(p, 88, 4, m->rtd3e);
	put(p, 96, 4, m->ctratt);
	for (unsigned i = 0; i < 3; i++)
		put(p, 128 + 2 * i, 2, m->crdt[i]);
	put(p, 256, 2, m->oacs | (m->has_virt && !m->log_only ? 1u << 7 : 0));
	p[261] = m->lpa;
	p[512] = 0x66;
	p[513] = 0x44;
	put(p, 520, 2, m->log_only ? m->oncs & ~(1u << 7) : m->oncs);
	put(p, 534, 2, m->ocfs);
	put(p, 536, 4, m->sgls);
}

static void id_ns(const struct nvme_model *m, const struct nvme_model_ns *ns, uint8_t *p)
{
	put(p, 0, 8, ns->blocks);
	put(p, 8, 8, ns->blocks);
	p[25] = 3;
	p[26] = (uint8_t)(2 | (ns->extended ? 16 : 0));
	p[29] = ns->dps;
	p[30] = ns->nmic;
	put(p, 74, 2, m->mssrl);
	put(p, 76, 4, m->mssrl);
	put(p, 128 + 4 * 2, 4, ns->shift << 16 | ns->ms);
}

static void ns_list(struct nvme_model *m, uint32_t after, uint32_t attached, uint8_t *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < MODEL_NS; i++) /* the test lists them by rising id */
		if (m->ns[i] && m->ns[i]->nsid > after && (!attached || m->ns[i]->attached & attached))
			put(p, 4 * n++, 4, m->ns[i]->nsid);
}

static void ctrl_list(const struct nvme_model_ns *ns, unsigned from, uint8_t *p)
{
	unsigned n = 0;
	for (unsigned id = from; id < 32; id++)
		if (ns && ns->attached & BIT(id))
			put(p, 2 + 2 * n++, 2, id);
	put(p, 0, 2, n);
}

static void secondary_list(struct nvme_model *m, unsigned from, uint8_t *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < MODEL_VFS; i++) {
		struct nvme_model *v = m->vf[i];
		if (!v || v->cntlid < from)
			continue;
		uint8_t *e = p + 32 + 32 * n++;
		put(e, 0, 2, v->cntlid);
		put(e, 2, 2, m->cntlid);
		e[4] = v->online;
		put(e, 8, 2, i + 1);
		put(e, 10, 2, v->nvq);
		put(e, 12, 2, v->nvi);
	}
	p[0] = (uint8_t)n;
}

static void primary_caps(const struct nvme_model *m, uint8_t *p)
{
	put(p, 0, 2, m->cntlid);
	p[4] = m->crt;
	put(p, 32, 4, m->pool_vq);
	put(p, 42, 2, 2);
	put(p, 44, 2, m->vf_max_vq);
	put(p, 64, 4, m->pool_vi);
	put(p, 76, 2, m->pool_vi);
}

static uint16_t identify_page(struct nvme_model *m, const uint8_t *sqe, uint8_t *p)
{
	uint32_t nsid = (uint32_t)get(sqe, 4, 4), from = (uint32_t)get(sqe, 42, 2);
	struct nvme_model_ns *ns = find_ns(m, nsid);
	if ((sqe[40] == 5 || sqe[40] == 6) && m->vs < 0x20000 && !(m->cap >> 43 & 1)) {
		m->errors++; /* an entry in the Error Information log */
		return 0x002;
	}
	switch (sqe[40]) {
	case 0x00:
		if (ns && ns->attached & BIT(m->cntlid))
			id_ns(m, ns, p);
		return 0;
	case 0x01:
		id_ctrl(m, p);
		return 0;
	case 0x02:
		ns_list(m, nsid, (uint32_t)BIT(m->cntlid), p);
		return 0;
	case 0x05:
		if (ns)
			put(p, 12 + 4 * 2, 4, (uint32_t)ns->pif << 7);
		return 0;
	case 0x06:
		p[0] = m->vsl;
		return 0;
	case 0x10:
		ns_list(m, nsid, 0, p);
		return 0;
	case 0x11:
		if (ns)
			id_ns(m, ns, p);
		return 0;
	case 0x12:
		ctrl_list(ns, from, p);
		return 0;
	case 0x14:
		primary_caps(m, p);
		return m->has_virt ? 0 : 0x002;
	case 0x15:
		secondary_list(m, from, p);
		return m->has_virt ? 0 : 0x002;
	default:
		return 0x002;
	}
}

static uint16_t identify(struct nvme_model *m, const uint8_t *sqe)
{
	uint8_t page[4096] = {0};
	uint16_t s = identify_page(m, sqe, page);
	if (s)
		return s;
	if (m->spoil)
		m->spoil(m, sqe[40], page);
	if (m->idle_pages)
		return 0;
	return move_part(m, sqe, sizeof page, 0, page, sizeof page, true) ? 0 : 0x004;
}

/* Get Log Page, Firmware Slot and Commands Supported and Effects: NVMe §5.16.1.4, §5.16.1.6 */
static uint16_t get_log(struct nvme_model *m, const uint8_t *sqe)
{
	uint8_t page[4096] = {0};
	if (get(sqe, 4, 4) != 0xffffffff) /* NVMe 1.4 §5.14: of the controller as a whole */
		return 0x00b;
	if (sqe[40] == 3) {
		page[0] = 1;
		size_t len = 4 * (get(sqe, 42, 2) + 1);
		return len <= sizeof page && move_part(m, sqe, len, 0, page, len, true) ? 0 : 0x004;
	}
	if (sqe[40] != 5 || !(m->lpa & 2) || get(sqe, 42, 2) != sizeof page / 4 - 1)
		return 0x109;
	page[4 * 0x1c] = m->has_virt;
	page[1024 + 4 * 0x0c] = m->oncs >> 7 & 1;
	uint8_t *host = m->reach(m->ctx, get(sqe, 24, 8), sizeof page, true);
	if (!host)
		return 0x004;
	memcpy(host, page, sizeof page);
	return 0;
}

static uint16_t create_cq(struct nvme_model *m, const uint8_t *sqe)
{
	unsigned qid = (unsigned)get(sqe, 40, 2);
	uint32_t size = (uint32_t)get(sqe, 42, 2);
	if (!qid || qid > m->max_queues || m->q[qid].cq_on)
		return 0x101;
	if (!size || size > (m->cap & 0xffff))
		return 0x102;
	if (!(sqe[44] & 1) || sqe[44] & 0xfc || sqe[45] || (!(sqe[44] & 2) && get(sqe, 46, 2)))
		return 0x002;
	if (get(sqe, 46, 2) >= 4)
		return 0x108;
	m->q[qid].ien = sqe[44] & 2;
	m->q[qid].iv = (uint16_t)get(sqe, 46, 2);
	m->q[qid].cq_on = m->q[qid].phase = true;
	m->q[qid].cq = get(sqe, 24, 8);
	m->q[qid].cq_entries = size + 1;
	m->q[qid].tail = 0;
	return 0;
}

static uint16_t create_sq(struct nvme_model *m, const uint8_t *sqe)
{
	unsigned qid = (unsigned)get(sqe, 40, 2);
	uint32_t size = (uint32_t)get(sqe, 42, 2);
	if (!qid || qid > m->max_queues || m->q[qid].sq_on)
		return 0x101;
	if (get(sqe, 46, 2) != qid || !m->q[qid].cq_on)
		return 0x100;
	if (!size || size > (m->cap & 0xffff))
		return 0x102;
	m->q[qid].sq_on = true;
	m->q[qid].sq = get(sqe, 24, 8);
	m->q[qid].sq_entries = size + 1;
	m->q[qid].head = 0;
	return 0;
}

static uint16_t delete_queue(struct nvme_model *m, const uint8_t *sqe, bool cq)
{
	unsigned qid = (unsigned)get(sqe, 40, 2);
	if (!qid || qid > m->max_queues || !(cq ? m->q[qid].cq_on : m->q[qid].sq_on))
		return 0x101;
	if (cq && m->q[qid].sq_on)
		return 0x10c;
	if (cq)
		m->q[qid].cq_on = false;
	else
		m->q[qid].sq_on = false;
	return 0;
}

static void set_online(struct nvme_model *v, bool on)
{
	reset(v);
	v->cc = 0;
	v->online = on;
	if (!on)
		v->nvq = v->nvi = 0;
}

static uint16_t virt_mgmt(struct nvme_model *m, const uint8_t *sqe, uint32_t *dw0)
{
	unsigned act = sqe[40] & 0xf, rt = sqe[41] & 7, n = (unsigned)get(sqe, 44, 2);
	struct nvme_model *v = NULL;
	for (unsigned i = 0; i < MODEL_VFS; i++)
		if (m->vf[i] && m->vf[i]->cntlid == get(sqe, 42, 2))
			v = m->vf[i];
	if (!v)
		return 0x11f;
	switch (act) {
	case 7:
		m->pool_vq = (uint16_t)(m->pool_vq + v->nvq);
		m->pool_vi = (uint16_t)(m->pool_vi + v->nvi);
		set_online(v, false);
		return 0;
	case 8:
		if (v->online)
			return 0x120;
		if (rt > 1 || !(m->crt >> rt & 1))
			return 0x122;
		if (n > (rt ? m->pool_vi : m->pool_vq) || (!rt && n > m->vf_max_vq))
			return 0x121;
		n -= m->grant_less;
		*(rt ? &v->nvi : &v->nvq) = (uint16_t)n;
		*(rt ? &m->pool_vi : &m->pool_vq) = (uint16_t)((rt ? m->pool_vi : m->pool_vq) - n);
		*dw0 = n;
		return 0;
	case 9:
		if ((m->crt & 1 && v->nvq < 2) || (m->crt & 2 && !v->nvi))
			return 0x120;
		set_online(v, true);
		if (m->crt & 1)
			v->max_queues = (uint16_t)(v->nvq - 1);
		return 0;
	default:
		return 0x002;
	}
}

static uint16_t ns_attachment(struct nvme_model *m, const uint8_t *sqe)
{
	struct nvme_model_ns *ns = find_ns(m, (uint32_t)get(sqe, 4, 4));
	const uint8_t *list = m->reach(m->ctx, get(sqe, 24, 8), 4096, false);
	if (!ns)
		return 0x00b;
	if (!list || get(list, 0, 2) != 1 || get(list, 2, 2) >= 32)
		return 0x11c;
	uint32_t bit = (uint32_t)BIT(get(list, 2, 2));
	if (sqe[40] == 1) {
		ns->attached &= ~bit;
		return 0;
	}
	if (ns->attached & bit)
		return 0x118;
	if (ns->attached && !(ns->nmic & 1))
		return 0x119;
	ns->attached |= bit;
	return 0;
}

/* Features Timestamp: NVMe §5.27.1.11. 48 bits that go on, and their origin: set by the host. */
static uint16_t timestamp(struct nvme_model *m, const uint8_t *sqe, bool get_it)
{
	uint8_t data[8] = {0};
	uint64_t now = m->timestamp + (now_us() - m->timestamp_at) / 1000;
	if (!(m->oncs & 0x40))
		return 0x002;
	for (unsigned i = 0; i < 6; i++)
		data[i] = (uint8_t)(now >> 8 * i);
	data[6] = m->timestamp_at ? 2 : 0;
	if (!move_part(m, sqe, sizeof data, 0, data, sizeof data, get_it))
		return 0x004;
	if (!get_it) {
		m->timestamp = get(data, 0, 6);
		m->timestamp_at = now_us();
	}
	return 0;
}

static uint16_t admin_command(struct nvme_model *m, const uint8_t *sqe, uint32_t *dw0)
{
	m->admin_commands[sqe[0]]++;
	if (m->fail_status && sqe[0] == m->fail_opc && !m->fail_after--) {
		uint16_t status = m->fail_status;
		if (m->fail_more && m->fail_more--)
			m->fail_after = 0;
		else
			m->fail_status = 0;
		return status;
	}
	switch (sqe[0]) {
	case 0x00:
		return delete_queue(m, sqe, false);
	case 0x01:
		return create_sq(m, sqe);
	case 0x02:
		return get_log(m, sqe);
	case 0x04:
		return delete_queue(m, sqe, true);
	case 0x05:
		return create_cq(m, sqe);
	case 0x06:
		return identify(m, sqe);
	case 0x09:
	case 0x0a:
		if (sqe[40] == 0x0e)
			return timestamp(m, sqe, sqe[0] == 0x0a);
		*dw0 = (m->max_queues - 1u) * 0x10001u;
		return sqe[0] == 0x09 && sqe[40] == 7 ? 0 : 0x002;
	case 0x15:
		return ns_attachment(m, sqe);
	case 0x7c:
		if (!(m->oacs & 0x100) || get(sqe, 24, 8) % 4096 || get(sqe, 32, 8) % 4096)
			return 0x002;
		m->shadow = get(sqe, 24, 8);
		m->event = get(sqe, 32, 8);
		return 0;
	case 0x1c:
		return m->has_virt ? virt_mgmt(m, sqe, dw0) : 0x001;
	default:
		return 0x001;
	}
}

/* ---- queues ---- */

void nvme_model_post(struct nvme_model *m, unsigned qid, uint16_t cid, uint16_t status, uint16_t sqhd,
		     uint32_t dw0)
{
	struct nvme_model_queue *q = &m->q[qid];
	uint32_t cqe[4] = {dw0, 0, qid << 16 | sqhd, (uint32_t)status << 17 | (uint32_t)q->phase << 16 | cid};
	if (m->tamper && !m->tamper(m, qid, cqe))
		return;
	uint32_t *host = m->reach(m->ctx, q->cq + q->tail * 16, 16, true);
	if (!host) {
		m->fatal = true;
		return;
	}
	memcpy(host, cqe, 16);
	m->admin_irqs += !qid;
	if (q->ien && q->tail == doorbell(m, qid, true))
		m->irqs[q->iv]++;
	if (++q->tail == q->cq_entries) {
		q->tail = 0;
		q->phase = !q->phase;
	}
}

static bool cq_room(const struct nvme_model *m, unsigned qid)
{
	const struct nvme_model_queue *q = &m->q[qid];
	return (q->tail + 1) % q->cq_entries != doorbell(m, qid, true);
}

static void fetch(struct nvme_model *m, unsigned qid)
{
	struct nvme_model_queue *q = &m->q[qid];
	if (!woken(m, qid))
		return;
	uint32_t tail = doorbell(m, qid, false);
	set_event(m, qid, false, tail);
	if (tail >= q->sq_entries) {
		m->errors++;
		return;
	}
	if (tail != q->rung)
		q->rings++;
	q->rung = tail;
	while (q->head != tail && q->npending < MODEL_DEPTH) {
		const uint8_t *sqe = m->reach(m->ctx, q->sq + q->head * 64, 64, false);
		uint32_t dw0 = 0;
		uint16_t status;
		if (!sqe) {
			m->fatal = true;
			return;
		}
		q->head = (q->head + 1) % q->sq_entries;
		if (!qid && m->fatal_at_admin) {
			m->fatal = true;
			return;
		}
		if (!qid && m->deaf)
			continue;
		status = qid ? io_command(m, sqe) : admin_command(m, sqe, &dw0);
		q->pending[q->npending].cid = (uint16_t)get(sqe, 2, 2);
		q->pending[q->npending].status = status;
		q->pending[q->npending++].dw0 = dw0;
	}
}

void nvme_model_step(struct nvme_model *m)
{
	if (!(m->csts & 1) || m->fatal)
		return;
	for (unsigned qid = 0; qid < MODEL_QUEUES; qid++) {
		struct nvme_model_queue *q = &m->q[qid];
		if (!q->sq_on || !q->cq_on)
			continue;
		fetch(m, qid);
		set_event(m, qid, true, doorbell(m, qid, true));
		while (q->npending && cq_room(m, qid)) {
			m->seed = m->seed * 1664525 + 1013904223;
			uint32_t i = m->shuffle ? (m->seed >> 8) % q->npending : 0;
			nvme_model_post(m, qid, q->pending[i].cid, q->pending[i].status, (uint16_t)q->head,
					q->pending[i].dw0);
			q->npending--;
			memmove(&q->pending[i], &q->pending[i + 1], (q->npending - i) * sizeof q->pending[0]);
		}
	}
}
