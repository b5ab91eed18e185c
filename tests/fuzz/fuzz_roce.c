/* Frames from the wire, of any bytes and in any order, for an end point with a connection and regions:
 * mutated packets and messages of the connection manager, with their ICRC made right in most. No answer is
 * longer than what it answers needs, no unknown queue pair is answered, and no memory outside of the regions
 * is touched. */
#include <stdlib.h>
#include <string.h>
#include "apps/work/rdma.h"
#include "drivers/roce/icrc.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/span.h"

#define REGION 8192u
#define AT     0x2000000000ull
#define MOST   600u

static struct roce roce;
static uint8_t place_bytes[ROCE_PLACE];
static uint8_t *memory;
static uint64_t sent;
static unsigned events;

static uint8_t *place(void *ctx)
{
	(void)ctx;
	return place_bytes;
}

static void send(void *ctx, const struct roce_frame *f)
{
	(void)ctx;
	if (f->head != place_bytes || f->head_bytes > ROCE_HEAD_ROOM || f->tail_bytes > ROCE_TAIL_ROOM)
		__builtin_trap();
	if (f->data_bytes && (f->data < memory || f->data + f->data_bytes > memory + REGION ||
			      f->data_at - AT != (uint64_t)(f->data - memory)))
		__builtin_trap();
	sent++;
}

static void on_event(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	struct roce_region *g = ctx;
	events++;
	if (e->kind == ROCE_UP)
		roce_receive(q, memory, 300, 3);
	if (e->kind == ROCE_RECEIVED) {
		struct roce_work w = {.kind = e->bytes & 1 ? ROCE_READ : ROCE_WRITE,
				      .region = g,
				      .bytes = 2000,
				      .at = AT,
				      .key = 5};
		(void)!roce_post(q, &w);
		roce_receive(q, memory, 300, 1);
	}
}

static void seal(uint8_t *p, size_t n)
{
	put_be16(p + IP4_SUM, 0);
	put_be16(p + IP4_SUM, net_sum_field(net_sum(p + NET_ETH, IP4_DATA - NET_ETH, 0)));
	uint32_t crc = ~icrc(p + NET_ETH, true, 40, p + NET_ETH + 40, n - NET_ETH - 40 - ICRC_BYTES);
	memcpy(p + n - ICRC_BYTES, &crc, sizeof crc);
}

/* Headers around n bytes from the BTH on; the connection's queue pair and keys where the input wants them. */
static void packet(struct span body, unsigned how)
{
	static const struct net_ip from = {{[10] = 0xff, 0xff, 10, 0, 0, 2}},
				   to = {{[10] = 0xff, 0xff, 10, 0, 0, 1}};
	size_t n = IP4_DATA + UDP_BYTES + body.n + ICRC_BYTES;
	uint8_t *frame = malloc(n), *bth = frame + IP4_DATA + UDP_BYTES;
	net_headers(frame, (const uint8_t[]){2, 0, 0, 0, 0, 1}, (const uint8_t[]){2, 0, 0, 0, 0, 2}, &from,
		    &to, PROTO_UDP, 64, n - IP4_DATA);
	put_be16(frame + IP4_DATA + UDP_SRC, 0xc000);
	put_be16(frame + IP4_DATA + UDP_DST, ROCE_PORT);
	put_be16(frame + IP4_DATA + UDP_LENGTH, (unsigned)(n - IP4_DATA));
	put_be16(frame + IP4_DATA + UDP_SUM, 0);
	memcpy(bth, body.p, body.n);
	memset(bth + body.n, 0, ICRC_BYTES);
	if (body.n >= BTH_BYTES) {
		if (how & 1) { /* of the connection, in order */
			bth[BTH_FLAGS] &= 0x30;
			put_be16(bth + BTH_PKEY, 0xffff);
			put_be24(bth + BTH_QP, roce.qp[0].number);
			put_be24(bth + BTH_PSN,
				 (bth[BTH_OPCODE] >= OP_READ_FIRST && bth[BTH_OPCODE] <= OP_ATOMIC_ACK
					  ? roce.qp[0].acked_psn
					  : roce.qp[0].expected) +
					 (how >> 5));
		}
		if (how & 2 && body.n >= BTH_BYTES + RETH_BYTES) {
			put_be64(bth + BTH_BYTES + RETH_VA, AT + bth[BTH_BYTES + 7] * 32u);
			put_be32(bth + BTH_BYTES + RETH_KEY, roce.region[0].key);
			put_be16(bth + BTH_BYTES + RETH_LENGTH, 0);
		}
		if (how & 4 && body.n >= BTH_BYTES + DETH_BYTES + MAD_BYTES) {
			bth[BTH_OPCODE] = OP_UD_SEND;
			put_be24(bth + BTH_QP, 1);
			put_be32(bth + BTH_BYTES, MAD_QKEY);
			put_be32(bth + BTH_BYTES + DETH_BYTES, MAD_HEAD);
			put_be64(bth + BTH_BYTES + DETH_BYTES + MAD_BODY + REQ_ID,
				 (uint64_t)CM_PS_TCP << 16 | 1);
		}
		if (!(how & 8))
			seal(frame, n);
	}
	roce.qp[0].failed &= how & 1; /* so that inputs come behind the first NAK */
	(void)roce_take(&roce, frame, n, roce.now + 1000u * (how & 0x30));
	free(frame);
	roce_poll(&roce, roce.now + 20000u * (how >> 6));
}

/* A REQ and an RTU. */
static void connect(void)
{
	uint8_t bytes[BTH_BYTES + DETH_BYTES + MAD_BYTES] = {OP_UD_SEND, 0, 0xff, 0xff},
					       *b = bytes + BTH_BYTES + DETH_BYTES + MAD_BODY;
	put_be16(bytes + BTH_BYTES + DETH_BYTES + MAD_ATTR, CM_REQ);
	put_be32(b, 1);
	b[REQ_READS] = b[REQ_DEPTH] = 4;
	b[REQ_MTU] = 1 << 4;
	packet((struct span){bytes, sizeof bytes}, 4);
	if (!roce.qp[0].number)
		__builtin_trap();
	put_be32(bytes + BTH_RESV, roce.qp[0].number);
	bytes[BTH_OPCODE] = OP_WRITE_ONLY;
	packet((struct span){bytes, BTH_BYTES + RETH_BYTES}, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct span in = {bytes, n};
	roce_init(&roce);
	memory = calloc(1, REGION); /* of exactly this size, for the sanitizer */
	memcpy(roce.mac, (const uint8_t[]){2, 0, 0, 0, 0, 1}, 6);
	roce.ip[0] = (struct net_ip){{[10] = 0xff, 0xff, 10, 0, 0, 1}};
	roce.wire = (struct roce_wire){place, send, NULL};
	struct roce_region *g = roce_region_add(&roce, "fuzz", memory, AT, REGION, 7);
	(void)roce_listen(&roce, 1, on_event, g);
	connect();
	while (span_has(in, 0, 2)) {
		unsigned length = span_u8(in, 0) * 2u, how = span_u8(in, 1);
		length = length < MOST ? length & ~3u : MOST;
		in = span_sub(in, 2, in.n);
		struct span body = span_sub(in, 0, length);
		in = span_sub(in, body.n, in.n);
		sent = 0;
		packet(body, how);
		if (sent > 500) /* a message of 8 KiB at an MTU of 256 is 32 packets, and 16 READs may be
				   answered in a turn */
			__builtin_trap();
		roce.region[0].mapped = how != 77;
	}
	free(memory);
	return 0;
}
