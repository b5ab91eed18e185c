/* What the files of this folder call of each other. */
#pragma once
#include "drivers/roce/region.h"
#include "drivers/roce/wire.h"

/* A packet of a reliable connection, its headers copied. */
struct roce_packet {
	uint8_t opcode;
	bool ack;
	uint32_t psn;
	const uint8_t *ext;  /* the copy's bytes behind the BTH: ROCE_EXT, zeros behind the packet's end */
	const uint8_t *data; /* behind the extension headers, in the frame */
	uint32_t bytes;      /* of it, without padding */
};
#define ROCE_EXT 32u

/* frame.c: sends one packet. data_at is the data's address in the VF's domain. False: no room. */
bool roce_emit(struct roce_qp *q, uint8_t opcode, uint32_t psn, bool ack, const uint8_t *ext,
	       uint32_t ext_bytes, const uint8_t *data, uint64_t data_at, uint32_t bytes);
/* The same without data. */
static inline bool roce_emit_bare(struct roce_qp *q, uint8_t opcode, uint32_t psn, bool ack,
				  const uint8_t *ext, uint32_t ext_bytes)
{
	return roce_emit(q, opcode, psn, ack, ext, ext_bytes, NULL, 0, 0);
}
/* A whole message, which is acknowledged, and is copied into the head: at most ROCE_INLINE bytes. */
bool roce_emit_message(struct roce_qp *q, uint8_t opcode, uint32_t psn, const uint8_t *ext,
		       uint32_t ext_bytes, const uint8_t *message, uint32_t bytes);
/* Makes the headers of its packets: once its addresses are known. */
void roce_head(struct roce_qp *q);
/* A message of the connection manager. body has n bytes of MAD_BYTES - MAD_BODY. Without room it is lost, as
 * on the wire. */
void roce_emit_mad(struct roce *r, const struct net_ip *from, const struct net_ip *to, const uint8_t mac[6],
		   unsigned attribute, const uint8_t tid[8], const uint8_t *body, size_t n);

/* The region that has this key (its slot is in it), in which these bytes lie, and that has all these rights,
 * or NULL. */
static inline struct roce_region *roce_reach(struct roce *r, uint32_t key, uint64_t at, uint64_t bytes,
					     unsigned rights)
{
	uint32_t i = (key >> 8) - 1;
	struct roce_region *g = &r->region[i % ROCE_REGIONS];
	uint64_t offset = at - g->at;
	bool good = g->key == key && offset <= g->bytes && bytes <= g->bytes - offset &&
		    !(rights & ~(unsigned)g->rights);
	return LIKELY(good) ? g : NULL;
}
/* region.c: why it is NULL. */
const char *roce_reach_why(const struct roce *r, uint32_t key, uint64_t at, uint64_t bytes);

/* note.c: why a packet of the queue pair was refused. */
void roce_note(struct roce_qp *q, const struct roce_packet *p, uint8_t syndrome, uint64_t at, uint32_t bytes,
	       uint32_t key, const char *why);

/* Packets may come for it. */
static inline bool roce_takes(const struct roce_qp *q)
{
	return q->state == ROCE_REPLIED || q->state == ROCE_CONNECTED;
}

/* It has something to do: roce_poll() comes to it. */
static inline void roce_busy(struct roce_qp *q)
{
	if (q->linked)
		return;
	q->linked = true;
	q->link = q->end->busy;
	q->end->busy = q;
}

static inline void roce_tell(struct roce_qp *q, const struct roce_event *event)
{
	if (q->event)
		q->event(q->ctx, q, event);
}
