#include "drivers/qat/vf.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

static struct qat_vf *of(struct queue *q)
{
	return (struct qat_vf *)q;
}

static enum sl_err vf_session(struct compute *c, const struct compute_session *s, uint32_t *id)
{
	struct qat_vf *vf = of(&c->q);
	if (vf->sessions == QAT_SESSIONS)
		return SL_NOSPACE;
	if (s->service >= COMPUTE_SERVICES)
		return SL_BADVAL;
	if (!(c->services & BIT(s->service)))
		return SL_UNSUPPORTED;
	uint32_t off = QAT_MEM_CD + vf->sessions * QAT_CD_BYTES;
	enum sl_err e = qat_session_make(vf->gen, s, (uint8_t *)vf->mem.va + off, IOVA(vf->mem.iova.v + off),
					 &vf->session[vf->sessions]);
	if (!e)
		*id = vf->sessions++;
	return e;
}

void qat_vf_tweak(uint64_t *m, const struct qat_session *s)
{
	uint8_t t[AES_BLOCK];
	memcpy(t, m + 8, sizeof t);
	aes_block(&s->tweak, t, t);
	memcpy(m + 8, t, sizeof t);
}

static unsigned vf_submit(struct compute *c, const struct compute_job *job, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		enum sl_err e = qat_vf_put(of(&c->q), &job[i]);
		if (UNLIKELY(e)) {
			c->q.refused = e;
			return i;
		}
	}
	return n;
}

static void vf_ring(struct queue *q)
{
	struct qat_vf *vf = of(q);
	qat_ring_ring(&vf->ring[QAT_SYM]);
	qat_ring_ring(&vf->ring[QAT_DC]);
	q->stats.doorbells = vf->ring[QAT_SYM].doorbells + vf->ring[QAT_DC].doorbells;
}

/* Dropped responses count against max too, so that a device cannot hold us here. */
static __attribute__((noinline)) unsigned take_some(struct qat_vf *vf, unsigned service,
						    struct queue_done *done, unsigned max)
{
	unsigned n = 0;
	for (unsigned seen = 0; seen < max; seen++) {
		enum qat_took took = qat_vf_take(vf, service, &done[n]);
		if (took == QAT_NONE)
			break;
		n += took == QAT_TOOK;
	}
	qat_ring_release(&vf->ring[service]);
	return n;
}

static unsigned vf_poll(struct queue *q, struct queue_done *done, unsigned max)
{
	struct qat_vf *vf = of(q);
	const struct qat_ring *sym = &vf->ring[QAT_SYM], *dc = &vf->ring[QAT_DC];
	unsigned n = 0;
	q->stats.polls++;
	if (sym->bank && qat_ring_ready(sym))
		n = take_some(vf, QAT_SYM, done, max);
	if (dc->bank && n < max && qat_ring_ready(dc))
		n += take_some(vf, QAT_DC, done + n, max - n);
	q->stats.empty_polls += !n;
	q->stats.ops += n;
	q->stats.bad = sym->bad + dc->bad;
	q->stats.doorbells = sym->doorbells + dc->doorbells;
	return n;
}

static uint32_t vf_produced(const struct compute *c, uint32_t tag)
{
	const struct qat_vf *vf = (const struct qat_vf *)c;
	return tag < c->q.depth ? vf->made[tag] : 0;
}

static const char *status_text(uint16_t status, char *buf, size_t n)
{
	const char *what = status & STATUS_CRYPTO       ? "crypto error, or a digest that differs"
			   : status & STATUS_COMP       ? "compression error"
			   : status & STATUS_XLAT       ? "translation error"
			   : status & STATUS_PKE        ? "public key error"
			   : status & QAT_STATUS_LENGTH ? "device claims more bytes than there is room for"
							: "success";
	fmt_print(buf, n, "%s (status %02x, code %d)", what, (unsigned)(status & 0xff),
		  (int)(int8_t)FGET(status, QAT_STATUS_CODE));
	return buf;
}

/* The device has one bit for all that goes wrong in crypto. */
static bool is_mismatch(uint16_t status)
{
	return (status & QAT_STATUS_BITS) == STATUS_CRYPTO;
}

/* A function that is gone from the bus reads all ones. */
static enum sl_err vf_health(struct queue *q)
{
	const struct qat_vf *vf = of(q);
	for (unsigned i = 0; i < QAT_SERVICES; i++)
		if (vf->ring[i].bank && !qat_ring_is_open(&vf->ring[i]))
			return SL_DEVICE;
	return SL_OK;
}

static const char *const ring_names[QAT_SERVICES] = {[QAT_SYM] = "crypto", [QAT_DC] = "compression"};

/* How much a ring has to do with it: what came that cannot be before what stays away. */
enum guilt { NONE, WAITS, POINTS_OUTSIDE, GONE, ANSWERS_NOBODY };

static enum guilt guilt_of(const struct qat_ring *r)
{
	struct qat_ring_seen seen;
	if (!r->bank)
		return NONE;
	qat_ring_look(r, &seen);
	return r->bad                  ? ANSWERS_NOBODY
	       : !seen.there           ? GONE
	       : !seen.sane            ? POINTS_OUTSIDE
	       : qat_ring_in_flight(r) ? WAITS
				       : NONE;
}

static void explain_ring(const struct qat_ring *r, enum guilt guilt, const char *name, char *buf, size_t n)
{
	struct qat_ring_seen seen;
	unsigned flight = qat_ring_in_flight(r);
	qat_ring_look(r, &seen);
	if (guilt == ANSWERS_NOBODY)
		fmt_print(
			buf, n,
			"%s ring: responses that belong to no request: %llu, the last with opaque value %016llx; %u in flight",
			name, (unsigned long long)r->bad, (unsigned long long)r->odd, flight);
	else if (guilt == GONE)
		fmt_print(buf, n, "%s ring: its registers do not have it any more", name);
	else if (guilt == POINTS_OUTSIDE)
		fmt_print(
			buf, n,
			"%s ring: registers out of range: fetched %x, told %x of %x, answered %x of %x; %u in flight",
			name, seen.head, seen.tail, QAT_TX_BYTES, seen.answers, QAT_RX_BYTES, flight);
	else
		fmt_print(buf, n, "%s ring: %u in flight, fetched up to %x of %x, answered up to %x", name,
			  flight, seen.head, seen.tail, seen.answers);
}

static const char *vf_explain(struct queue *q, char *buf, size_t n)
{
	const struct qat_vf *vf = of(q);
	enum guilt most = NONE;
	fmt_print(buf, n, "nothing is in flight, and the rings are as they were set up");
	for (unsigned i = 0; i < QAT_SERVICES; i++) {
		enum guilt guilt = guilt_of(&vf->ring[i]);
		if (guilt <= most)
			continue;
		explain_ring(&vf->ring[i], guilt, ring_names[i], buf, n);
		most = guilt;
	}
	return buf;
}

static bool vf_ready(const struct queue *q)
{
	const struct qat_vf *vf = (const struct qat_vf *)q;
	const struct qat_ring *sym = &vf->ring[QAT_SYM], *dc = &vf->ring[QAT_DC];
	return (sym->bank && qat_ring_ready(sym)) || (dc->bank && qat_ring_ready(dc));
}

static const struct queue_ops queue_ops = {
	.name = "qat",
	.ring = vf_ring,
	.poll = vf_poll,
	.ready = vf_ready,
	.status_text = status_text,
	.health = vf_health,
	.explain = vf_explain,
};

static const struct compute_ops compute_ops = {
	.session = vf_session, .submit = vf_submit, .produced = vf_produced, .is_mismatch = is_mismatch};

static enum sl_err open_pair(struct qat_vf *vf, const struct qat_vf_cfg *cfg, unsigned service,
			     struct qat_pair pair)
{
	uint64_t tx = QAT_MEM_TX + service * QAT_TX_BYTES, rx = QAT_MEM_RX + service * QAT_RX_BYTES;
	uint8_t *va = cfg->mem.va;
	enum sl_err e = qat_ring_open(&vf->ring[service],
				      &(struct qat_ring_cfg){.gen = cfg->gen,
							     .pair = pair,
							     .number = (uint8_t)service,
							     .regs = cfg->regs,
							     .tx = va + tx,
							     .rx = va + rx,
							     .tx_iova = IOVA(cfg->mem.iova.v + tx),
							     .rx_iova = IOVA(cfg->mem.iova.v + rx),
							     .depth = cfg->depth,
							     .flight = vf->flight,
							     .serial = vf->ring[service].serial});
	if (e)
		return e;
	vf->compute.services |= qat_services((enum qat_service)service);
	return qat_ring_is_open(&vf->ring[service]) ? SL_OK : SL_DEVICE;
}

enum sl_err qat_vf_open(struct qat_vf *vf, const struct qat_vf_cfg *cfg)
{
	const struct qat_gen *g = cfg->gen;
	const struct qat_pair *pair = g->pair_is_fixed ? g->pair : cfg->pair;
	enum sl_err e = SL_OK;
	uint64_t serial[QAT_SERVICES];
	for (unsigned i = 0; i < QAT_SERVICES; i++)
		serial[i] = vf->ring[i].serial;
	memset(vf, 0, sizeof *vf);
	for (unsigned i = 0; i < QAT_SERVICES; i++)
		vf->ring[i].serial = serial[i];
	if (!pair)
		return SL_NOTFOUND;
	if (cfg->mem.len < QAT_MEM_SIZE || cfg->regs_len < (uint64_t)g->banks * g->stride)
		return SL_NOSPACE;
	vf->compute.q.ops = &queue_ops;
	vf->compute.ops = &compute_ops;
	vf->compute.q.depth = cfg->depth;
	vf->gen = g;
	vf->mem = cfg->mem;
	for (unsigned i = 0; i < QAT_SERVICES && !e; i++)
		if (pair[i].there)
			e = open_pair(vf, cfg, i, pair[i]);
	if (!e && !vf->compute.services)
		e = SL_NOTFOUND;
	if (e)
		qat_vf_close(vf);
	return e;
}

void qat_vf_close(struct qat_vf *vf)
{
	for (unsigned i = 0; i < QAT_SERVICES; i++)
		qat_ring_close(&vf->ring[i]);
	vf->compute.services = 0;
	vf->sessions = 0;
}
