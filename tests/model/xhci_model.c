#include <string.h>
#include "kernel/time.h"
#include "tests/model/xhci_model.h"

enum {
	SUCCESS = 1,
	TRANSACTION = 4,
	STALL = 6,
	NO_SLOTS = 9,
	SLOT_OFF = 11,
	SHORT = 13,
	PARAMETER = 17,
	STOPPED_RING = 24,
	ABORTED = 25
};

static void wrong(struct xhci_model *m, const char *what)
{
	m->errors++;
	m->error = what;
}

static uint64_t get(struct xhci_model *m, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;
	if (m->access) {
		if (!m->access(m->ctx, at, &v, bytes, false)) {
			m->sts |= 4 | 1;
			m->cmd &= ~1u;
			v = 0;
		}
		return v;
	}
	const uint8_t *p = m->reach(m->ctx, at, bytes);
	for (unsigned i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	if (!p)
		wrong(m, "a read beyond its memory");
	return v;
}

static uint32_t get32(struct xhci_model *m, uint64_t at)
{
	return (uint32_t)get(m, at, 4);
}

static void put(struct xhci_model *m, uint64_t at, unsigned bytes, uint64_t v)
{
	if (m->access) {
		(void)m->access(m->ctx, at, &v, bytes, true);
		return;
	}
	uint8_t *p = m->reach(m->ctx, at, bytes);
	for (unsigned i = 0; p && i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	if (!p)
		wrong(m, "a write beyond its memory");
}

void xm_event(struct xhci_model *m, uint64_t param, uint32_t status, uint32_t control)
{
	uint64_t at = m->event_base + 16u * m->event_at;
	if (!(m->cmd & 1) || !m->event_entries)
		return;
	put(m, at, 8, param);
	put(m, at + 8, 4, status);
	put(m, at + 12, 4, (control & ~1u) | m->event_cycle);
	m->events++;
	m->sts |= 8;
	m->iman |= 1;
	m->irqs += m->iman & 2 && m->cmd & 4;
	if (++m->event_at == m->event_entries) {
		m->event_at = 0;
		m->event_cycle = !m->event_cycle;
	}
}

static void port_event(struct xhci_model *m, unsigned port)
{
	xm_event(m, (uint64_t)port << 24, 1u << 24, 34u << 10);
}

void xm_plug(struct xhci_model *m, unsigned port, struct xm_device *d)
{
	m->plugged[port] = d;
	m->portsc[port] = 0x200 | 1u << 17;
	if (d)
		m->portsc[port] |= (uint32_t)d->speed << 10 | 1u | (d->speed == 4 ? 2u : 0);
	port_event(m, port);
}

/* Which device a place in the tree has; NULL: none, or a port above it is not enabled. */
static struct xm_device *find(struct xhci_model *m, unsigned root, uint32_t route)
{
	struct xm_device *d = root <= XM_PORTS && m->portsc[root] & 2 ? m->plugged[root] : NULL;
	for (; d && route; route >>= 4) {
		unsigned port = route & 0xf;
		d = port <= d->ports && d->status[port] & 2 ? d->child[port] : NULL;
	}
	return d;
}

static unsigned enable_slot(struct xhci_model *m, unsigned *slot)
{
	unsigned most = m->config & 0xff;
	if (m->slot_says >= 0) {
		*slot = (unsigned)m->slot_says;
		return SUCCESS;
	}
	for (unsigned i = 1; i <= most && i <= XM_SLOTS; i++)
		if (!m->slot[i].on) {
			m->slot[i] = (struct xm_slot){.on = true};
			*slot = i;
			return SUCCESS;
		}
	return NO_SLOTS;
}

static unsigned bytes_of_context(const struct xhci_model *m)
{
	return m->hcc1 & 4 ? 64 : 32;
}

/* §6.2.3: CErr 3; the average of a TRB, and for a periodic endpoint the bytes of an interval; the rest is 0.
 */
static bool sound_endpoint(struct xhci_model *m, unsigned which, uint64_t context)
{
	uint32_t second = get32(m, context + 4), last = get32(m, context + 16);
	if ((second >> 1 & 3) != 3 || (last & 0xffff) != 8 || last >> 16 != (which ? second >> 16 : 0) ||
	    (!which && get32(m, context)))
		return false;
	return !get32(m, context + 20) && !get32(m, context + 24) && !get32(m, context + 28);
}

static void set_endpoint(struct xhci_model *m, struct xm_slot *s, unsigned which, uint64_t context)
{
	uint64_t at = get(m, context + 8, 8);
	unsigned type = get32(m, context + 4) >> 3 & 7;
	if (type != (which ? 7u : 4u) || at & 0xe || !sound_endpoint(m, which, context))
		wrong(m, "an endpoint context");
	s->at[which] = at & ~0xfull;
	s->cycle[which] = at & 1;
	s->halted[which] = false;
}

/* §4.3.3: software clears the device context before the command. */
static bool cleared(struct xhci_model *m, uint64_t context)
{
	for (unsigned i = 0; i < 32 * bytes_of_context(m); i += 8)
		if (get(m, context + i, 8))
			return false;
	return true;
}

static unsigned address(struct xhci_model *m, unsigned n, uint64_t in)
{
	unsigned size = bytes_of_context(m);
	struct xm_slot *s = &m->slot[n];
	uint64_t slot = in + size;
	s->out = get(m, m->dcbaap + 8 * n, 8);
	s->route = get32(m, slot) & 0xfffff;
	s->speed = get32(m, slot) >> 20 & 0xf;
	s->root = get32(m, slot + 4) >> 16 & 0xff;
	s->tt_slot = get32(m, slot + 8) & 0xff;
	s->tt_port = get32(m, slot + 8) >> 8 & 0xff;
	s->dev = find(m, s->root, s->route);
	if (get32(m, in) || get32(m, in + 4) != 3 || get32(m, slot) >> 27 != 1 || s->out & 63 || !s->out)
		wrong(m, "the input context of Address Device");
	if (!cleared(m, s->out))
		wrong(m, "a device context that is not cleared");
	set_endpoint(m, s, 0, slot + size);
	s->mps0 = get32(m, slot + size + 4) >> 16;
	if (s->mps0 != (s->speed == 3 ? 64 : 8))
		wrong(m, "the first packet size of endpoint 0");
	if (!s->dev || s->dev->mute)
		return TRANSACTION;
	if (s->dev->speed != s->speed)
		wrong(m, "the speed of a slot");
	put(m, s->out, 4, get32(m, slot));
	put(m, s->out + 12, 4, 2u << 27 | n);
	return SUCCESS;
}

static unsigned configure(struct xhci_model *m, struct xm_slot *s, uint64_t in)
{
	unsigned size = bytes_of_context(m);
	uint32_t add = get32(m, in + 4), slot0 = get32(m, in + size);
	s->dci = (unsigned)__builtin_ctz(add & ~1u);
	if (!(add & 1) || add != (1u | 1u << s->dci) || s->dci < 3 || !(s->dci & 1) || slot0 >> 27 != s->dci)
		wrong(m, "the input context of Configure Endpoint");
	s->ttt = get32(m, in + size + 8) >> 16 & 3;
	s->hub_ports = slot0 & 1u << 26 ? get32(m, in + size + 4) >> 24 : 0;
	set_endpoint(m, s, 1, in + (1 + s->dci) * size);
	s->interval = get32(m, in + (1 + s->dci) * size) >> 16 & 0xff;
	return SUCCESS;
}

static unsigned set_dequeue(struct xm_slot *s, unsigned ep, uint64_t at)
{
	unsigned which = ep != 1;
	if (s->halted[which])
		return 19; /* Context State Error: the endpoint has to be reset first */
	s->at[which] = at & ~0xfull;
	s->cycle[which] = at & 1;
	return SUCCESS;
}

static unsigned command(struct xhci_model *m, unsigned type, uint64_t param, uint32_t control, unsigned *slot)
{
	unsigned n = control >> 24, ep = control >> 16 & 0x1f;
	struct xm_slot *s = &m->slot[n <= XM_SLOTS ? n : 0];
	if (param && (type == 9 || type == 10 || type == 14 || type == 23))
		wrong(m, "a parameter of a command that has none");
	if (type == m->fail_command)
		return m->fail_code;
	if (type == 9)
		return enable_slot(m, slot);
	if (type == 23)
		return SUCCESS;
	if (!s->on) {
		if (m->slot_says < 0)
			wrong(m, "a command for a slot that is not enabled");
		return SLOT_OFF;
	}
	*slot = n;
	switch (type) {
	case 10:
		*s = (struct xm_slot){0};
		return SUCCESS;
	case 11:
		return address(m, n, param);
	case 12:
		return configure(m, s, param);
	case 13:
		if (get32(m, param) || get32(m, param + 4) != 2)
			wrong(m, "the input context of Evaluate Context");
		s->mps0 = get32(m, param + 2 * bytes_of_context(m) + 4) >> 16;
		return SUCCESS;
	case 14:
		s->halted[ep != 1] = false;
		return SUCCESS;
	case 16:
		return set_dequeue(s, ep, param);
	default:
		wrong(m, "an unknown command");
		return PARAMETER;
	}
}

struct trb {
	uint64_t param;
	uint32_t status, control;
};

/* The next TRB of a ring, behind Link TRBs; *at is its address. */
static bool next(struct xhci_model *m, uint64_t *at, bool *cycle, struct trb *t)
{
	for (unsigned links = 0; links < 4; links++) {
		*t = (struct trb){get(m, *at, 8), get32(m, *at + 8), get32(m, *at + 12)};
		if ((t->control & 1) != *cycle)
			return false;
		if ((t->control >> 10 & 0x3f) != 6)
			return true;
		if (t->status || t->param & 0xf)
			wrong(m, "a Link TRB");
		*at = t->param;
		*cycle ^= t->control >> 1 & 1;
	}
	return false;
}

static void run_commands(struct xhci_model *m)
{
	struct trb t;
	m->crr = true;
	while (m->cmd & 1 && next(m, &m->command_at, &m->command_cycle, &t)) {
		unsigned type = t.control >> 10 & 0x3f, slot = t.control >> 24;
		if (t.status)
			wrong(m, "the status of a command");
		m->commands[type]++;
		if (type == m->deaf_to)
			return; /* stays at it */
		uint64_t where = m->command_at;
		m->command_at += 16;
		if (m->lies)
			xm_event(m, where + 32, PARAMETER << 24, 33u << 10 | slot << 24);
		unsigned code = command(m, type, t.param, t.control, &slot);
		xm_event(m, where, code << 24, 33u << 10 | slot << 24);
	}
}

static void abort_command(struct xhci_model *m)
{
	m->aborts++;
	if (m->deaf_to_abort || !m->crr)
		return;
	m->crr = false;
	xm_event(m, m->command_at, ABORTED << 24, 33u << 10);
	m->command_at += 16;
	xm_event(m, m->command_at, STOPPED_RING << 24, 33u << 10);
}

/* Requests of hubs: USB 2.0 §11.24. */
static int hub_request(struct xm_device *d, unsigned request, unsigned value, unsigned index, uint8_t *out)
{
	uint32_t *st = index < XM_CHILD && index <= d->ports ? &d->status[index] : NULL;
	if (!st)
		return -1;
	if (request == 0) {
		for (unsigned i = 0; i < 4; i++)
			out[i] = (uint8_t)(*st >> 8 * i);
		return d->short_status ? 2 : 4;
	}
	if (request == 1 && value >= 16 && value <= 20)
		*st &= ~(1u << value);
	if (request == 3 && value == 8)
		*st |= 0x100; /* PORT_POWER */
	if (request == 3 && value == 4 && !d->never_reset) {
		static const uint32_t speeds[] = {0, 0, 1u << 9, 1u << 10, 0};
		d->resets++;
		*st |= 1u << 20;
		if (*st & 1 && d->child[index])
			*st |= 2 | speeds[d->child[index]->speed];
	}
	return 0;
}

/* Bytes that the device sends; -1: a stall. */
static int request(struct xm_device *d, const uint8_t *s, uint8_t *out)
{
	unsigned value = s[2] | (unsigned)s[3] << 8, index = s[4] | (unsigned)s[5] << 8;
	if (s[1] == d->stalls)
		return -1;
	if (s[0] == 0xa3 || s[0] == 0x23)
		return hub_request(d, s[1], value, index, out);
	if (s[1] == 6 && value >> 8 == 1) {
		memcpy(out, d->device, sizeof d->device);
		return sizeof d->device;
	}
	if (s[1] == 6 && value >> 8 == 2) {
		memcpy(out, d->config, sizeof d->config);
		return (int)(d->config_bytes ? d->config_bytes
					     : (unsigned)(d->config[2] | d->config[3] << 8));
	}
	if (s[1] == 6 && value >> 8 == 0x29) {
		memcpy(out, d->hub, sizeof d->hub);
		return d->hub[0];
	}
	if (s[1] == 9)
		d->configuration = index || s[0] ? 0x100 : value; /* 100h: no sound request */
	d->idle_sets += s[0] == 0x21 && s[1] == 10;
	d->protocol_sets += s[0] == 0x21 && s[1] == 11 && !value;
	return 0;
}

static void transfer_event(struct xhci_model *m, unsigned n, unsigned ep, uint64_t at, unsigned code,
			   unsigned left)
{
	xm_event(m, at, code << 24 | left, 32u << 10 | ep << 16 | n << 24);
}

/* A whole control transfer, from its Setup Stage on. */
static void control(struct xhci_model *m, unsigned n, const struct trb *setup)
{
	struct xm_slot *s = &m->slot[n];
	uint8_t bytes[8], out[256] = {0};
	uint64_t where = s->at[0];
	struct trb t;
	memcpy(bytes, &setup->param, 8);
	unsigned want = bytes[6] | (unsigned)bytes[7] << 8;
	s->at[0] += 16;
	if (!(setup->control & 0x40) || setup->status != 8 || (setup->control >> 16 & 3) != (want ? 3u : 0u))
		wrong(m, "a Setup Stage");
	if (m->lies)
		transfer_event(m, n, 1, where + 64, STALL, 0);
	bool bad = s->dev->bad_bits && s->dev->bad_bits--;
	int got = bad ? 0 : request(s->dev, bytes, out);
	if (bad || got < 0) {
		s->halted[0] = true;
		transfer_event(m, n, 1, where, bad ? TRANSACTION : STALL, 0);
		return;
	}
	if (want) {
		if (!next(m, &s->at[0], &s->cycle[0], &t) || (t.control >> 10 & 0x3f) != 3 ||
		    t.status != want)
			wrong(m, "a Data Stage");
		unsigned send = (unsigned)got < want ? (unsigned)got : want;
		for (unsigned i = 0; i < send && i < sizeof out; i++)
			put(m, t.param + i, 1, out[i]);
		if (send < want)
			transfer_event(m, n, 1, s->at[0], SHORT, want - send);
		s->at[0] += 16;
	}
	if (!next(m, &s->at[0], &s->cycle[0], &t) || (t.control >> 10 & 0x3f) != 4 || t.param || t.status)
		wrong(m, "a Status Stage");
	transfer_event(m, n, 1, s->at[0], SUCCESS, 0);
	s->at[0] += 16;
}

static void run_control(struct xhci_model *m, unsigned n)
{
	struct xm_slot *s = &m->slot[n];
	struct trb t;
	while (!s->halted[0] && s->dev && !s->dev->mute && next(m, &s->at[0], &s->cycle[0], &t)) {
		if ((t.control >> 10 & 0x3f) != 2) {
			wrong(m, "a control transfer without a Setup Stage");
			return;
		}
		control(m, n, &t);
	}
}

/* Waiting reports go into TRBs that are there. */
static void run_reports(struct xhci_model *m, unsigned n)
{
	struct xm_slot *s = &m->slot[n];
	struct trb t;
	while (s->queued && !s->halted[1] && next(m, &s->at[1], &s->cycle[1], &t)) {
		unsigned len = s->queue_len[0], send = len < t.status ? len : t.status;
		for (unsigned i = 0; i < send; i++)
			put(m, t.param + i, 1, s->queue[0][i]);
		unsigned code = s->dev->bad_bits ? TRANSACTION : send < t.status ? SHORT : SUCCESS;
		if (s->dev->bad_bits)
			s->dev->bad_bits--;
		s->halted[1] = code == TRANSACTION;
		transfer_event(m, n, s->dci, s->at[1], code, t.status - send);
		s->at[1] += 16;
		memmove(s->queue, s->queue + 1, sizeof s->queue - sizeof s->queue[0]);
		memmove(s->queue_len, s->queue_len + 1, sizeof s->queue_len - sizeof s->queue_len[0]);
		s->queued--;
	}
}

void xm_report(struct xhci_model *m, const struct xm_device *d, const void *report, unsigned len)
{
	for (unsigned n = 1; n <= XM_SLOTS; n++) {
		struct xm_slot *s = &m->slot[n];
		if (!s->on || s->dev != d || !s->dci || s->queued == 64)
			continue;
		memcpy(s->queue[s->queued], report, len);
		s->queue_len[s->queued++] = len;
		run_reports(m, n);
	}
}

static void doorbell(struct xhci_model *m, unsigned n, uint32_t target)
{
	if (m->idle)
		m->sts |= 8;
	if (!(m->cmd & 1) || m->sts & 1 || m->idle)
		return;
	if (!n) {
		if (target)
			wrong(m, "a target of the command doorbell");
		run_commands(m);
		return;
	}
	if (n > XM_SLOTS || !m->slot[n].on || !target) {
		wrong(m, "a doorbell of nothing");
		return;
	}
	if (target == 1)
		run_control(m, n);
	else
		run_reports(m, n);
}

static void reset(struct xhci_model *m)
{
	memset(m->slot, 0, sizeof m->slot);
	m->cmd = m->config = m->iman = 0;
	m->sts = 1;
	m->event_entries = m->event_at = 0;
	m->crr = false;
	for (unsigned p = 1; p <= XM_PORTS; p++)
		m->portsc[p] = m->plugged[p] ? (uint32_t)m->plugged[p]->speed << 10 | 1u | 1u << 17 : 0;
}

/* §4.20: as many pages as it asks for, and no array where it asks for none. */
static void check_scratchpad(struct xhci_model *m)
{
	unsigned pages = (m->hcs2 >> 21 & 0x1f) << 5 | m->hcs2 >> 27;
	uint64_t array = get(m, m->dcbaap, 8);
	if (m->sts & 4) /* it may not read that */
		return;
	if (!pages != !array)
		wrong(m, "the array of scratchpad pages");
	for (unsigned i = 0; i < pages; i++) {
		uint64_t page = get(m, array + 8 * i, 8);
		if (!page || page % 4096 || (i && page == get(m, array, 8)))
			wrong(m, "a scratchpad page");
	}
}

static void write_cmd(struct xhci_model *m, uint32_t v)
{
	if (v & 2 && !m->never_resets)
		reset(m);
	else
		m->cmd = v;
	bool starts = m->cmd & 1 && m->sts & 1 && !m->never_starts;
	if (starts) {
		check_scratchpad(m);
		m->sts &= ~1u;
	}
	for (unsigned p = 1; starts && m->tells_ports && p <= XM_PORTS; p++)
		if (m->portsc[p] & 1u << 17)
			port_event(m, p);
	if (!(m->cmd & 1) && !m->never_halts)
		m->sts |= 1;
}

static void write_port(struct xhci_model *m, unsigned port, uint32_t v)
{
	uint32_t *sc = &m->portsc[port];
	if (v & 2)
		wrong(m, "a port that was disabled by writing PED");
	*sc &= ~(v & 0xfe0000);
	*sc = (*sc & ~0x200u) | (v & 0x200);
	if (v & 0x10) {
		*sc |= 1u << 21;
		if (m->plugged[port] && !m->never_enables) {
			*sc |= 2;
			m->plugged[port]->resets++;
		}
		port_event(m, port);
	}
}

static void half(uint64_t *reg, uint32_t off, uint32_t v)
{
	unsigned at = off & 4 ? 32 : 0;
	*reg = (*reg & ~(0xffffffffull << at)) | (uint64_t)v << at;
}

static void write_runtime(struct xhci_model *m, uint32_t off, uint32_t v)
{
	if (off == 0x20)
		m->iman = v & 2;
	if (off == 0x38 || off == 0x3c)
		half(&m->erdp, off, v);
	if (off == 0x30 || off == 0x34)
		half(&m->erst, off, v);
	if (off == 0x28)
		m->erst_size = v;
	if (off == 0x34) { /* the table is read */
		if (m->erst_size != 1)
			wrong(m, "the size of the event ring's table");
		m->event_base = get(m, m->erst, 8);
		m->event_entries = get32(m, m->erst + 8);
		m->event_at = 0;
		m->event_cycle = true;
	}
}

static void write_crcr(struct xhci_model *m, uint32_t off, uint32_t v)
{
	if (off == 0x18 && v & 4) {
		abort_command(m);
		return;
	}
	half(&m->crcr, off, v);
	m->command_at = m->crcr & ~0x3full;
	m->command_cycle = m->crcr & 1;
}

static void flood(struct xhci_model *m)
{
	for (unsigned i = 0; m->flood && i < m->event_entries; i++)
		xm_event(m, i, 1u << 24, 32u << 10 | (i & 0xff) << 24 | (i & 0x1f) << 16);
}

static void write_legacy(struct xhci_model *m, uint32_t v)
{
	m->os_owned = v & 1u << 24;
	if (m->os_owned && !m->bios_keeps)
		m->bios_owned = false;
	if (!(v & 1u << 16))
		m->bios_owned = false;
}

static void wr32(const struct xhci_io *io, uint32_t off, uint32_t v)
{
	struct xhci_model *m = io->ctx;
	uint32_t op = off - (m->caplength & 0xff);
	if (m->gone)
		return;
	m->writes++;
	flood(m);
	if (off >= m->dboff)
		doorbell(m, (off - m->dboff) / 4, v);
	else if (off >= m->rtsoff)
		write_runtime(m, off - m->rtsoff, v);
	else if (m->legacy && off == 0x800)
		write_legacy(m, v);
	else if (m->legacy && off == 0x804)
		m->legctl = v;
	else if (op >= 0x410 - 0x10 && op < 0x400 + 16 * XM_PORTS)
		write_port(m, (op - 0x400) / 16 + 1, v);
	else if (op == 0)
		write_cmd(m, v);
	else if (op == 0x18 || op == 0x1c)
		write_crcr(m, op, v);
	else if (op == 0x30 || op == 0x34)
		half(&m->dcbaap, op, v);
	else if (op == 0x38)
		m->config = v;
	else
		wrong(m, "a write to a register that is not there");
}

static uint32_t rd_extended(const struct xhci_model *m, uint32_t off)
{
	uint32_t next_cap = m->debug ? 0x10 << 8 : 0;
	uint32_t owners = (m->bios_owned ? 1u << 16 : 0) | (m->os_owned ? 1u << 24 : 0);
	switch (off) {
	case 0x800:
		return (m->legacy ? 1u | owners : 2u) | next_cap;
	case 0x804:
		return 0xffffffff;
	case 0x840:
		return 10;
	case 0x860:
		return 1;
	default:
		return 0;
	}
}

static uint32_t rd32(const struct xhci_io *io, uint32_t off)
{
	struct xhci_model *m = io->ctx;
	uint32_t op = off - (m->caplength & 0xff);
	const uint32_t caps[] = {m->caplength, m->hcs1, m->hcs2, 0, m->hcc1, m->dboff, m->rtsoff, 0};
	if (m->gone)
		return 0xffffffff;
	if (off % 4)
		wrong(m, "a read that is not aligned");
	if (off < 0x20)
		return caps[off / 4];
	if (off >= 0x800 && off < m->rtsoff)
		return rd_extended(m, off);
	if (op >= 0x400 && op < 0x400 + 16 * XM_PORTS)
		return m->portsc[(op - 0x400) / 16 + 1];
	switch (op) {
	case 0:
		return m->cmd;
	case 4:
		flood(m);
		return m->sts;
	case 8:
		return m->pagesize;
	case 0x18:
		return m->crr ? 8 : 0;
	default:
		return 0;
	}
}

void xm_init(struct xhci_model *m, void *(*reach)(void *, uint64_t, uint64_t), void *ctx)
{
	static const struct xhci_io_ops ops = {rd32, wr32};
	memset(m, 0, sizeof *m);
	m->io = (struct xhci_io){.ops = &ops, .len = 0x4000, .ctx = m};
	m->reach = reach;
	m->ctx = ctx;
	m->caplength = 0x01000020;
	m->hcs1 = XM_PORTS << 24 | 1u << 8 | XM_SLOTS;
	m->hcc1 = 0x800 / 4 << 16 | 1;
	m->rtsoff = 0x1000;
	m->dboff = 0x2000;
	m->pagesize = 1;
	m->slot_says = -1;
	m->sts = 1;
	m->cmd = 0;
}

static void describe(struct xm_device *d, unsigned speed, unsigned class, const uint8_t *config, unsigned n)
{
	static const uint8_t device[18] = {18, 1, 0, 2, 0, 0, 0, 8, 0x27, 0x06, 0x01, 0x00, 0, 1, 0, 0, 0, 1};
	memset(d, 0, sizeof *d);
	memcpy(d->device, device, sizeof device);
	d->device[4] = (uint8_t) class;
	d->device[7] = speed == 3 ? 64 : 8;
	memcpy(d->config, config, n);
	d->config[2] = (uint8_t)n;
	d->speed = (uint8_t)speed;
	d->stalls = -1;
}

static void hid(struct xm_device *d, unsigned speed, uint8_t protocol)
{
	const uint8_t config[] = {9, 2, 0,    0,    1, 1, 0, 0xa0, 50,   9, 4, 0, 0,    1, 3, 1, protocol,
				  0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 0x3f, 0, 7, 5, 0x81, 3, 8, 0, 10};
	describe(d, speed, 0, config, sizeof config);
}

void xm_keyboard(struct xm_device *d, unsigned speed)
{
	hid(d, speed, 1);
}

void xm_mouse(struct xm_device *d, unsigned speed)
{
	hid(d, speed, 2);
}

void xm_hub(struct xm_device *d, unsigned speed, unsigned ports)
{
	static const uint8_t config[] = {9, 2, 0, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0, 0,
					 1, 9, 0, 0, 0, 7, 5, 0x81, 3, 2, 0, 12};
	describe(d, speed, 9, config, sizeof config);
	d->hub[0] = 9;
	d->hub[1] = 0x29;
	d->hub[2] = (uint8_t)ports;
	d->hub[3] = 0x20;
	d->hub[5] = 50;
	d->ports = ports < XM_CHILD - 1 ? ports : XM_CHILD - 1;
}

void xm_hub_plug(struct xhci_model *m, struct xm_device *hub, unsigned port, struct xm_device *child)
{
	uint8_t bits[2] = {(uint8_t)(1u << port), (uint8_t)(1u << port >> 8)};
	hub->child[port] = child;
	hub->status[port] = 1u << 16 | (child ? 1 : 0);
	xm_report(m, hub, bits, 2);
}
