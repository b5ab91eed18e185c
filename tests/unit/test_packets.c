/* Stage packets over VFs that are made up: which frames are sent, that every wrong one is noticed and has its
 * sentence, and the messages about a card that lets too much or too little through. */
#include <stdio.h>
#include <string.h>
#include "apps/vf/igb.h"
#include "apps/vf/workers.h"
#include "apps/work/packets.h"
#include "apps/work/pattern.h"
#include "drivers/igb/regs.h"
#include "tests/model/igb_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VFS 3u /* of most tests */

static unsigned vfs = VFS;

/* A VF: frames that have come lie in its receive buffers, from `first` on. */
static struct made {
	struct packet packet;
	uint8_t receive[PACKET_RING * PACKET_STRIDE], send[PACKET_RING * PACKET_STRIDE];
	uint16_t len[PACKET_RING];
	unsigned first, n, held;
	uint8_t done[PACKET_RING];
	unsigned n_done;
	unsigned vlans; /* BIT of: all, some */
	bool group;
} made[IGB_VFS];

/* What the card does wrong. */
static enum {
	NOTHING,
	DAMAGE,       /* a byte of a frame, */
	SHORTEN,      /* its length, */
	LOSE,         /* the frame */
	TWICE,        /* comes twice */
	STRANGER,     /* comes from nobody */
	NO_BROADCAST, /* is not copied to VF 2 */
	LEAK,         /* a tag of a VLAN that the receiver is not in passes */
	TO_ALL,       /* a frame for one comes to all, */
	SPOOF_TO_ALL, /* or only one with a false sender */
	COMES_BACK,   /* multicast comes to its sender, too */
	NOT_SENT,     /* no send is ever finished, */
	NO_ROOM,      /* or begun */
	SPOOF_HELD,   /* nothing wrong: false senders are held back, */
	STRAY_HELD,   /* tags of a VLAN that the sender is not in, */
	BOTH_HELD     /* or both */
} wrong;
static unsigned countdown; /* frames until it goes wrong */
static unsigned late;      /* looks at a VF's ring until the next frame is seen */

/* The frames that were sent last, one by one. */
#define LAST 20u
static struct sent {
	unsigned by, len;
	uint8_t head[18];
} last[LAST];
static unsigned n_sent;
static struct igb_pf card;

struct igb_pf *igb_card(void)
{
	return &card;
}

enum sl_err igb_join(struct vf *vf, unsigned vid)
{
	made[vf->index].vlans |= vid == FRAME_VLAN ? 1 : 2;
	return stages_call();
}

enum sl_err igb_group(struct vf *vf, const uint8_t mac[6])
{
	assert_true(mac[0] & 1);
	made[vf->index].group = true;
	return stages_call();
}

void core_progress(void) {}

enum sl_err workers_run(struct machine *m, core_fn *fn, uint64_t limit_us)
{
	static struct worker w;
	assert_true(limit_us > 1000000);
	w = (struct worker){.m = m}; /* core 0, which may have no VF: a round, and it is done */
	fn(&w);
	assert_true(!w.err && w.rounds == 1);
	w = (struct worker){.m = m, .core = 1, .n = m->vfs};
	fn(&w);
	return w.err;
}

static struct made *of(struct packet *p)
{
	return (struct made *)p;
}

static void put(struct made *v, const uint8_t *bytes, uint32_t len)
{
	assert_true(v->n + v->held < PACKET_RING); /* no sender overruns a receiver */
	unsigned slot = (v->first + v->n++) % PACKET_RING;
	memcpy(v->receive + slot * PACKET_STRIDE, bytes, len);
	v->len[slot] = (uint16_t)len;
}

static bool now(int what)
{
	return (int)wrong == what && countdown && !--countdown;
}

static bool allowed(unsigned to, const uint8_t *b)
{
	bool tagged = b[12] == 0x81 && b[13] == 0;
	unsigned vid = tagged ? (unsigned)b[14] << 8 | b[15] : 0;
	unsigned bit = vid == FRAME_VLAN ? 1 : vid == 200 ? 2 : 0;
	return !tagged || made[to].vlans & bit || (wrong == LEAK && vid == 200);
}

/* A card with anti-spoof: false senders, and tags of a VLAN that the sender is not in. */
static bool held_back(unsigned from, const uint8_t *b)
{
	bool strays = b[12] == 0x81 && b[15] == 200 && !(made[from].vlans & 2), spoofs = b[7] == 0xee;
	if (!(spoofs && (wrong == SPOOF_HELD || wrong == BOTH_HELD)) &&
	    !(strays && (wrong == STRAY_HELD || wrong == BOTH_HELD)))
		return false;
	igb_model.reg[WVBR / 4] |= 1u << from;
	return true;
}

static void deliver(unsigned from, unsigned to, const uint8_t *b, uint32_t len)
{
	static uint8_t copy[PACKET_STRIDE];
	bool group = b[0] & 1, broadcast = b[0] == 0xff;
	if (group && to == from && !broadcast && wrong != COMES_BACK)
		return;
	if (group && wrong == NO_BROADCAST && to == 2)
		return;
	if (group && !broadcast && !(made[to].group && b[5] == 0x34))
		return;
	bool all = wrong == TO_ALL || (wrong == SPOOF_TO_ALL && b[7] == 0xee);
	if (!group && memcmp(b, made[to].packet.mac, 6) != 0 && !all)
		return;
	if (!allowed(to, b) || held_back(from, b) || now(LOSE))
		return;
	memcpy(copy, b, len);
	if (now(DAMAGE))
		copy[len - 1] ^= 1;
	if (now(STRANGER))
		copy[11] ^= 1;
	put(&made[to], copy, len - now(SHORTEN));
	if (now(TWICE))
		put(&made[to], copy, len);
}

static unsigned made_send(struct packet *p, const struct packet_frame *f, unsigned n)
{
	struct made *v = of(p);
	if (wrong == NO_ROOM)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		assert_true(f[i].index >= PACKET_RING && f[i].len >= FRAME_LEAST && f[i].len <= FRAME_MOST);
		struct sent *now_sent = &last[n_sent++ % LAST];
		*now_sent = (struct sent){.by = (unsigned)(v - made), .len = f[i].len};
		memcpy(now_sent->head, packet_buffer(p, f[i].index), sizeof now_sent->head);
		for (unsigned to = 0; to < vfs; to++)
			deliver((unsigned)(v - made), to, packet_buffer(p, f[i].index), f[i].len);
		v->done[v->n_done++] = f[i].index;
		assert_true(v->n_done < PACKET_RING);
	}
	return n;
}

static unsigned made_receive(struct packet *p, struct packet_frame *f, unsigned max)
{
	struct made *v = of(p);
	unsigned n = v->n < max ? v->n : max;
	if (late && n_sent > 1200) { /* one by one */
		late--;
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned slot = (v->first + i) % PACKET_RING;
		f[i] = (struct packet_frame){.index = (uint8_t)slot, .len = v->len[slot]};
	}
	v->first = (v->first + n) % PACKET_RING;
	v->n -= n;
	v->held += n;
	return n;
}

static void made_release(struct packet *p, unsigned n)
{
	assert_true(n <= of(p)->held);
	of(p)->held -= n;
}

static unsigned made_poll(struct queue *q, struct queue_done *done, unsigned max)
{
	struct made *v = (struct made *)q;
	unsigned n = wrong == NOT_SENT ? 0 : v->n_done < max ? v->n_done : max;
	for (unsigned i = 0; i < n; i++)
		done[i] = (struct queue_done){.tag = v->done[i]};
	memmove(v->done, v->done + n, v->n_done - n);
	v->n_done -= n;
	return n;
}

static void made_ring(struct queue *q)
{
	(void)q;
}

static const char *made_explain(struct queue *q, char *buf, size_t n)
{
	(void)q;
	snprintf(buf, n, "the rings stand still");
	return buf;
}

static const struct queue_ops queue_ops = {.ring = made_ring, .poll = made_poll, .explain = made_explain};
static const struct packet_ops packet_ops = {
	.receive = made_receive, .release = made_release, .send = made_send};

static int setup(void **state)
{
	(void)state;
	stages_start(vfs, NULL);
	memset(made, 0, sizeof made);
	support_clock_step = 100;
	wrong = NOTHING;
	countdown = late = n_sent = 0;
	igb_model_start();
	card = (struct igb_pf){.io = igb_model_pf()};
	boot.cfg.ops = 200;
	mach.tally.verified = 0;
	for (unsigned i = 0; i < vfs; i++) {
		struct packet *p = &made[i].packet;
		p->q.ops = &queue_ops;
		p->q.depth = PACKET_RING - 1;
		p->ops = &packet_ops;
		p->receive = made[i].receive;
		p->send = made[i].send;
		memcpy(p->mac, (const uint8_t[6]){2, (uint8_t)i, 0, 0, 0, 4}, 6);
		vf_networks(&mach.vf[i], p);
	}
	return 0;
}

static void test_right(void **state)
{
	(void)state;
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_said("packets: 1200 frames of 60 to 9000 bytes, 200 from each of 3 VFs to each other");
	assert_said(
		"broadcast and multicast reached all others and nobody twice (3 came back to their sender)");
	assert_said(
		"not held back by this card, though its anti-spoof is on: 3 of 3 frames with a false sender, 1 with the tag");
	assert_not_said("has no room");
	assert_int_equal(mach.tally.verified, 1200 + LAST);
	assert_int_equal(stages_calls, 8); /* all into a VLAN and a group, two into another VLAN */
	for (unsigned i = 0; i < VFS; i++)
		assert_int_equal(made[i].held + made[i].n, 0);
}

/* Two VFs, of which one is in the second VLAN, and as many as there can be. */
static void test_numbers(void **state)
{
	(void)state;
	static const unsigned numbers[] = {2, IGB_VFS};
	for (unsigned i = 0; i < 2; i++) {
		vfs = numbers[i];
		setup(NULL);
		assert_int_equal(stage_packets(&mach), SL_OK);
		for (unsigned v = 0; v < vfs; v++) {
			assert_int_equal(made[v].vlans, v < (vfs + 1) / 2 ? 3 : 1);
			assert_int_equal(made[v].held + made[v].n, 0);
		}
		assert_true(mach.tally.verified > (uint64_t)200 * vfs * (vfs - 1));
	}
	vfs = VFS;
	setup(NULL);
	wrong = COMES_BACK;
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_said("nobody twice (6 came back to their sender)");
}

/* The frames that are sent one by one: who sends what to whom. VFs 0 and 1 are in VLAN 200, nobody in 300. */
static void test_one_by_one(void **state)
{
	(void)state;
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			     in[6] = {1, 0, 0x5e, 0x7f, 0x12, 0x34}, out[6] = {1, 0, 0x5e, 0x7f, 0x12, 0xcb};
	const struct {
		unsigned by;
		const uint8_t *group; /* NULL: the VF `to` */
		unsigned to, vlan;
		bool false_sender;
	} rows[LAST] = {{0, all, 0, 0, false},    {0, in, 0, 0, false},     {0, out, 0, 0, false},
			{0, NULL, 1, 300, false}, {0, NULL, 1, 200, false}, {0, NULL, 2, 200, false},
			{0, NULL, 1, 0, true},    {1, all, 0, 0, false},    {1, in, 0, 0, false},
			{1, out, 0, 0, false},    {1, NULL, 2, 300, false}, {1, NULL, 0, 200, false},
			{1, NULL, 2, 200, false}, {1, NULL, 2, 0, true},    {2, all, 0, 0, false},
			{2, in, 0, 0, false},     {2, out, 0, 0, false},    {2, NULL, 0, 300, false},
			{2, NULL, 0, 200, false}, {2, NULL, 0, 0, true}};
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_int_equal(n_sent, 1200 + LAST);
	for (unsigned i = 0; i < LAST; i++) {
		const struct sent *s = &last[(1200 + i) % LAST];
		const uint8_t *mac = rows[i].group ? rows[i].group : made[rows[i].to].packet.mac;
		const uint8_t odd[6] = {0x02, 0xee, 0, 0, 0, (uint8_t)rows[i].by};
		const uint8_t type[4] = {0x88, 0xb5, 0, 0};
		const uint8_t tag[4] = {0x81, 0, (uint8_t)(rows[i].vlan >> 8), (uint8_t)rows[i].vlan};
		assert_int_equal(s->by, rows[i].by);
		assert_int_equal(s->len, 128);
		assert_memory_equal(s->head, mac, 6);
		assert_memory_equal(s->head + 6, rows[i].false_sender ? odd : made[s->by].packet.mac, 6);
		assert_memory_equal(s->head + 12, rows[i].vlan ? tag : type, 4);
	}
}

/* A frame that is sent alone: it is sent, there is no room for it, it is refused, it does not end. */
static void test_alone(void **state)
{
	(void)state;
	assert_int_equal(packets_send(&mach.vf[0], 128), SL_OK);
	wrong = NO_ROOM;
	assert_int_equal(packets_send(&mach.vf[0], 128), SL_NOSPACE);
	made[0].packet.q.refused = SL_DEVICE;
	assert_int_equal(packets_send(&mach.vf[0], 128), SL_DEVICE);
	made[0].packet.q.refused = SL_OK;
	wrong = NOT_SENT;
	assert_int_equal(packets_send(&mach.vf[0], 128), SL_TIMEOUT);
}

/* What a card holds back and what it lets through. */
static void test_anti_spoof(void **state)
{
	(void)state;
	wrong = BOTH_HELD;
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_said("were held back; the card names VFs 7 (a bit each)");
	assert_not_said("not held back by this card");
	setup(NULL);
	wrong = SPOOF_HELD;
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_said("0 of 3 frames with a false sender, 1 with the tag");
	assert_not_said("the card names VFs");
	setup(NULL);
	wrong = STRAY_HELD;
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_said("3 of 3 frames with a false sender, 0 with the tag");
	setup(NULL);
	wrong = BOTH_HELD; /* bits of the time before do not count */
	igb_model.reg[WVBR / 4] = 0x78;
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_said("the card names VFs 7 (a bit each)");
}

/* It can happen anywhere; each place has its message. */
static void test_wrong(void **state)
{
	(void)state;
	static const struct {
		int what;
		enum sl_err e;
		const char *said;
	} rows[] = {
		{DAMAGE, SL_VERIFY, "that are not frame"},    {SHORTEN, SL_VERIFY, "that are not frame"},
		{STRANGER, SL_VERIFY, "that no VF has sent"}, {TWICE, SL_VERIFY, "that are not frame"},
		{LOSE, SL_VERIFY, "that are not frame"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (unsigned at = 1; at < 900; at = at * 3 + 1) {
			setup(NULL);
			wrong = rows[i].what;
			countdown = at;
			assert_int_equal(stage_packets(&mach), rows[i].e);
			assert_said(rows[i].said);
			assert_said("FAIL packets: 0000:01:0");
			assert_not_said("content, order and count as sent");
		}
}

/* The last frames from one to another are lost: nothing comes after them that would be wrong. */
static void test_silence(void **state)
{
	(void)state;
	wrong = NOT_SENT;
	assert_int_equal(stage_packets(&mach), SL_TIMEOUT);
	assert_said("the rings stand still");
	setup(NULL);
	boot.cfg.ops = 1;
	wrong = LOSE;
	countdown = 3;
	assert_int_equal(stage_packets(&mach), SL_TIMEOUT);
}

static void test_bad_card(void **state)
{
	(void)state;
	made[1].packet.dropped = 1;
	assert_int_equal(stage_packets(&mach), SL_DEVICE);
	assert_said("the rings stand still");
}

static void test_rules(void **state)
{
	(void)state;
	static const struct {
		int what;
		const char *said;
	} rows[] = {
		{NO_BROADCAST,
		 "VF 0 sent a broadcast: it has to arrive at VFs 6 (a bit each) and arrived at 2"},
		{LEAK,
		 "sent in a VLAN that the receiver is not in: it has to arrive at VFs 0 (a bit each) and arrived at 4"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		setup(NULL);
		wrong = rows[i].what;
		assert_int_equal(stage_packets(&mach), SL_VERIFY);
		assert_said(rows[i].said);
		assert_said("content, order and count as sent"); /* until then all was right */
	}
	setup(NULL);
	wrong = TO_ALL;
	assert_int_equal(stage_packets(&mach), SL_VERIFY);
	setup(NULL);
	wrong = SPOOF_TO_ALL;
	assert_int_equal(stage_packets(&mach), SL_VERIFY);
	assert_said("VF 0 sent a frame to VF 1, and VFs 7 received it or something else");
	assert_said("frames one by one: ");
	assert_not_said("broadcast and multicast reached all");
	assert_int_equal(mach.tally.verified, 1200);
}

/* A copy that is damaged is no copy; the sender's own counts as damage too. */
static void test_damaged_copies(void **state)
{
	(void)state;
	static const char *const words[] = {"arrived at 6; something else came: yes",
					    "arrived at 4; something else came: yes",
					    "arrived at 2; something else came: yes"};
	for (unsigned i = 0; i < 3; i++) {
		setup(NULL);
		wrong = DAMAGE;
		countdown = 1201 + i;
		assert_int_equal(stage_packets(&mach), SL_VERIFY);
		assert_said("VF 0 sent a broadcast: it has to arrive at VFs 6 (a bit each) and ");
		assert_said(words[i]);
	}
	setup(NULL);
	wrong = NO_BROADCAST;
	assert_int_equal(stage_packets(&mach), SL_VERIFY);
	assert_said("arrived at 2; something else came: no");
	setup(NULL);
	wrong = DAMAGE; /* of the frame with a false sender, the 7th copy that arrives */
	countdown = 1207;
	assert_int_equal(stage_packets(&mach), SL_VERIFY);
	assert_said("VF 0 sent a frame to VF 1, and VFs 80000000 received it or something else");
}

/* What has to arrive is waited for; what must not is looked for a while. */
static void test_late(void **state)
{
	(void)state;
	late = 1000;
	assert_int_equal(stage_packets(&mach), SL_OK);
	assert_int_equal(late, 0);
	setup(NULL);
	late = 10000;
	assert_int_equal(stage_packets(&mach), SL_VERIFY);
	assert_said("VFs 6 (a bit each) and arrived at 0; something else came: no");
}

static void test_set_up(void **state)
{
	(void)state;
	for (unsigned at = 1; at <= 8; at++) {
		setup(NULL);
		stages_fail_at = at;
		assert_int_equal(stage_packets(&mach), SL_DEVICE);
	}
	setup(NULL);
	mach.vfs = 1;
	assert_int_equal(stage_packets(&mach), SL_CONFIG);
	assert_said("frames between VFs need two of them");
}

/* Every byte of a frame is compared, and no two frames are alike. */
static void test_frames(void **state)
{
	(void)state;
	static uint8_t b[PACKET_STRIDE];
	const uint8_t to[6] = {2, 1}, from[6] = {2, 2};
	static bool length[FRAME_MOST + 1];
	unsigned tagged = 0, longer = 0, lengths = 0;
	for (unsigned n = 0; n < 400; n++) {
		struct frame f = frame_of(1, 2, n), other = frame_of(1, 2, n + 1), back = frame_of(2, 1, n);
		assert_between(f.len, FRAME_LEAST, FRAME_MOST);
		assert_true(f.seed != other.seed && f.seed != back.seed);
		lengths += !length[f.len];
		length[f.len] = true;
		tagged += f.vlan != 0;
		longer += f.len > 1514;
		frame_fill(b, &f, to, from);
		assert_true(frame_is(b, f.len, &f, to, from));
		assert_false(frame_is(b, f.len - 1, &f, to, from) || frame_is(b, f.len + 1, &f, to, from));
		assert_false(frame_is(b, f.len, &other, to, from) || frame_is(b, f.len, &f, from, to));
		for (unsigned i = 0; i < f.len && n < 20; i++) {
			b[i] ^= 0x40;
			assert_false(frame_is(b, f.len, &f, to, from));
			b[i] ^= 0x40;
		}
	}
	assert_true(lengths > 300);
	assert_between(tagged, 60, 140);
	assert_between(longer, 8, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_right, setup),
		cmocka_unit_test_setup(test_anti_spoof, setup),
		cmocka_unit_test_setup(test_numbers, setup),
		cmocka_unit_test_setup(test_wrong, setup),
		cmocka_unit_test_setup(test_silence, setup),
		cmocka_unit_test_setup(test_bad_card, setup),
		cmocka_unit_test_setup(test_rules, setup),
		cmocka_unit_test_setup(test_set_up, setup),
		cmocka_unit_test(test_frames),
		cmocka_unit_test_setup(test_one_by_one, setup),
		cmocka_unit_test_setup(test_damaged_copies, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_alone, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
