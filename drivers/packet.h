/* Devices that move packets: a VF queue that sends and receives frames. The queue is that of drivers/queue.h:
 * send() is its submit, ring() tells the device of all sends and releases since the last, and poll() returns
 * the tags of sends that are done, which are the indices of their buffers.
 *
 * Buffers have an index, 0 to PACKET_BUFFERS - 1. A uint8_t holds exactly these, so no index needs a check,
 * and none is ever taken from the device. The first half receives: the device may only write to them. The
 * second half is sent: the device may only read them. A received frame can also be sent as it is, without a
 * copy: for that the device may read the first half at a second address.
 *
 * Ownership. A receive buffer is the device's until receive() returns it; then it is the caller's until
 * release(), which takes buffers back in the order in which receive() returned them. A send buffer is the
 * caller's until send(), and again when poll() has returned its tag. */
#pragma once
#include "drivers/queue.h"

#define PACKET_RING    128u /* buffers of each half */
#define PACKET_BUFFERS (2 * PACKET_RING)
#define PACKET_LEAST   14u    /* bytes of a frame that is sent: its Ethernet header, */
#define PACKET_MOST    9724u  /* to 9.5 KiB with its CRC */
#define PACKET_ROOM    16384u /* bytes of a buffer: a frame that is received has fewer */

/* Bytes from a buffer to the next: no multiple of 4 KiB, so that frames' headers do not share one set of a
 * cache. */
#define PACKET_STRIDE (PACKET_ROOM + 128u)
#define PACKET_HALF   (2 * PAGE_2M) /* of memory for the buffers of one half */
_Static_assert(PACKET_RING *PACKET_STRIDE <= PACKET_HALF - PAGE_SIZE, "a page is left behind the buffers");

struct packet_frame {
	uint16_t len;  /* bytes, without CRC */
	uint8_t index; /* of its buffer */
	uint8_t spare;
};

struct packet;

struct packet_ops {
	/* Takes up to max frames that have come, in order of arrival. Each is shorter than PACKET_ROOM, and
	 * may be shorter than a header. One with an error, of more than one buffer, or with an impossible
	 * length is dropped and counted in dropped, the last in queue.stats.bad as well. */
	unsigned (*receive)(struct packet *p, struct packet_frame *f, unsigned max);
	/* Returns the n oldest buffers that receive() returned and that were not released. n: at most as many
	 * as there are. */
	void (*release)(struct packet *p, unsigned n);
	/* Queues frames and returns how many: fewer when the ring is full, or, with queue.refused set, when
	 * one is refused: SL_RANGE a length below PACKET_LEAST or above PACKET_MOST. */
	unsigned (*send)(struct packet *p, const struct packet_frame *f, unsigned n);
};

struct packet {
	struct queue q; /* first: what the queue's functions get */
	const struct packet_ops *ops;
	uint8_t *receive, *send; /* memory of the two halves */
	uint64_t dropped;
	uint64_t received;
	uint8_t mac[6];
};

static inline uint8_t *packet_buffer(const struct packet *p, uint8_t index)
{
	return index < PACKET_RING ? p->receive + index * PACKET_STRIDE
				   : p->send + (index - PACKET_RING) * PACKET_STRIDE;
}
