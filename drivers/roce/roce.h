/* A RoCEv2 end point: reliable connections over IPv4 and IPv6 (InfiniBand Architecture 1.4 volume 1, Annex
 * A17), with SEND, RDMA WRITE, RDMA READ and atomics, as responder and as requester, and both sides of the
 * connection manager. Pure: frames are bytes in memory, the caller sends and receives them and says what
 * time it is. Nothing is allocated.
 *
 * One core owns an end point, its queue pairs and its regions; end points share nothing. A queue pair is one
 * connection. A region is memory that peers may name by a key; keys are looked up in the end point's own
 * table, so no key leads to another end point's memory.
 *
 * Order: roce_init(), listeners, regions; then roce_take() for each frame that comes and roce_poll() after
 * each burst; events are called from within both.
 *
 * All that comes from the wire is untrusted, and the card may write to a frame while it is read: headers are
 * copied before they are read, and each length is read once. */
#pragma once
#include "drivers/net/net.h"
#include "kernel/err.h"

#define ROCE_PORT      4791u
#define ROCE_QPS       128u
#define ROCE_REGIONS   16u
#define ROCE_LISTENERS 8u
#define ROCE_READS     16u  /* READs and atomics of a peer that wait for their answers, of one queue pair */
#define ROCE_WORKS     16u  /* work requests of a queue pair */
#define ROCE_INLINE    112u /* bytes of a message that a work request holds itself */
#define ROCE_NOTES     8u
#define ROCE_MTU_MOST  4096u
#define ROCE_MTU_1024  3u /* code of what fits a frame of Ethernet */

enum roce_right { ROCE_MAY_READ = 1, ROCE_MAY_WRITE = 2, ROCE_MAY_ATOMIC = 4 };

/* mapped: the VF's domain maps it. The owner sets it to false when it takes the mapping away; the key goes on
 * to be valid until roce_region_revoke(). Of a region that is not mapped WRITEs and atomics, which the
 * processor executes, are refused; READs are not looked at, because there the card itself reads. */
struct roce_region {
	const char *name;
	uint8_t *memory;
	uint64_t at; /* what peers call it by: its address in the VF's domain */
	uint64_t bytes;
	uint32_t key;
	uint8_t rights; /* enum roce_right, of peers */
	bool valid, mapped;
	uint8_t generation;
};

struct roce;
struct roce_qp;

enum roce_event_kind {
	ROCE_UP,       /* the connection is established */
	ROCE_RECEIVED, /* a message, whole in the buffer of roce_receive(), or a WRITE's immediate data */
	ROCE_WRITTEN,  /* a WRITE without any, where tells_writes is set */
	ROCE_DONE,     /* of a work request; status is 0, or the peer's syndrome, or ROCE_NO_ANSWER */
	ROCE_DOWN      /* the queue pair ends with this call */
};
#define ROCE_NO_ANSWER 0xffu

struct roce_event {
	enum roce_event_kind kind;
	uint32_t bytes;
	bool has_immediate;
	uint32_t immediate;
	uint8_t status;
	uint64_t tag;
};

typedef void roce_event_fn(void *ctx, struct roce_qp *qp, const struct roce_event *event);

enum roce_kind { ROCE_SEND, ROCE_WRITE, ROCE_READ, ROCE_FETCH_ADD, ROCE_CMP_SWAP };
enum roce_with { ROCE_PLAIN, ROCE_IMMEDIATE, ROCE_INVALIDATE };

/* What is asked of a peer. Memory of our side is bytes at offset in region; of a SEND or WRITE of up to
 * ROCE_INLINE bytes it may be message instead, which is copied. An atomic has 8 bytes, a number of this
 * processor's byte order, into which the peer's old value comes. */
struct roce_work {
	enum roce_kind kind;
	const void *message;
	struct roce_region *region;
	uint64_t offset;
	uint32_t bytes;
	uint64_t at; /* of the peer, with its key: for all but SEND */
	uint32_t key;
	enum roce_with with;    /* of a SEND or WRITE: data for the peer's event; of a SEND: */
	uint32_t extra;         /* a key of the peer's that ends with it */
	uint64_t swap, compare; /* of an atomic: what is added is swap */
	uint64_t tag;
};

/* A frame that leaves: its head stands at the begin of a place, its tail ROCE_HEAD_ROOM behind that, the data
 * between them where they are. */
#define ROCE_HEAD_ROOM 384u
#define ROCE_TAIL_ROOM 8u
#define ROCE_PLACE     (ROCE_HEAD_ROOM + ROCE_TAIL_ROOM)
struct roce_frame {
	uint8_t *head;
	uint32_t head_bytes, data_bytes, tail_bytes; /* data_bytes 0: all is in head */
	uint64_t data_at;                            /* in the VF's domain */
	const uint8_t *data;
};

struct roce_wire {
	/* ROCE_PLACE bytes for a frame's head and tail, or NULL: no more frames now. */
	uint8_t *(*place)(void *ctx);
	/* Sends the frame of the last place(). */
	void (*send)(void *ctx, const struct roce_frame *frame);
	void *ctx;
};

struct roce_counts {
	uint64_t packets, bad_icrcs, malformed, unknown; /* unknown: no such queue pair, or not its peer */
	uint64_t sends, writes, reads, atomics;          /* executed */
	uint64_t bytes_in, bytes_out;                    /* of WRITEs and SENDs; of READs */
	uint64_t duplicates, sequence_naks, rnr_naks, naks, acks, repeats;
	uint64_t requests, rejects; /* of connections */
};

/* Why a request was refused; roce_note_text() makes a sentence of it. */
struct roce_note {
	struct net_ip ip;
	uint32_t qp, key, bytes;
	uint64_t at;
	uint8_t opcode, syndrome;
	const char *why;
};

/* The last of them. The end point's core writes, one other may read: note.c. Of note i, which is in slot
 * i % ROCE_NOTES, begun is more than i before it is written, and made once it is. */
struct roce_notes {
	struct roce_note note[ROCE_NOTES];
	uint64_t begun, made;
	uint64_t taken, missed; /* the reader's: notes that were read, and those written over before that */
};

struct roce_listener {
	uint16_t port;
	roce_event_fn *event;
	void *ctx;
};

/* State: below is the end point's own. */
enum roce_state { ROCE_FREE, ROCE_ASKED, ROCE_REPLIED, ROCE_CONNECTED, ROCE_ENDING };

struct roce_answer { /* a READ or an atomic that waits for its answer */
	uint32_t psn, key, bytes;
	uint32_t packets, next; /* of its answer; those that are sent */
	uint64_t at, swap, compare;
	uint8_t opcode;
	bool again; /* a duplicate */
};

struct roce_request {
	struct roce_work work;
	uint32_t psn, packets, got; /* got: bytes of a READ or an atomic that have come */
	uint8_t message[ROCE_INLINE];
};

struct roce_qp {
	struct roce *end;
	void *user; /* the listener's */
	roce_event_fn *event;
	void *ctx;
	enum roce_state state;
	uint32_t number, peer; /* of the queue pairs here and there */
	uint32_t mtu;
	struct net_ip ip, own;
	uint8_t mac[6];
	uint8_t bth;         /* where it is, behind the headers: */
	uint8_t headers[64]; /* those of a packet of so many bytes behind UDP's header: */
	uint32_t behind;
	uint16_t service; /* the port that it came to */
	bool failed;
	bool tells_writes; /* the owner's to set */
	/* connection manager */
	uint32_t remote_id;
	uint8_t tid[8];
	uint64_t cm_due;
	unsigned cm_left;
	uint8_t depth, reads; /* initiator depth, responder resources */
	/* responder */
	uint32_t expected, msn;
	uint64_t write_at;
	uint32_t write_key, left, got;
	uint8_t open; /* 0, or what kind of message is not complete */
	uint8_t nak;
	bool naked, ack_due;
	uint32_t nak_psn;
	uint8_t *inbox;
	uint32_t inbox_bytes, credits;
	struct roce_answer answer[ROCE_READS];
	unsigned answer_head, answers;
	struct {
		uint32_t psn;
		uint64_t result;
		bool valid;
	} result[ROCE_READS];
	unsigned results;
	/* requester */
	struct roce_request request[ROCE_WORKS];
	uint32_t head, tail;          /* free-running */
	uint32_t current, packet;     /* what is sent next */
	uint32_t next_psn, acked_psn; /* the next request's; all before it are acknowledged */
	uint64_t timer, ack_us;       /* timer 0: nothing waits */
	uint64_t wait_until;          /* RNR */
	unsigned retries;
	bool rewound;
	bool linked;          /* in the list of those with something to do */
	struct roce_qp *link; /* the next there */
};

struct roce {
	uint8_t mac[6];
	struct net_ip ip[3]; /* as of struct net_port; all zeros: none */
	struct roce_wire wire;
	struct roce_frame frame; /* that is being sent */
	struct roce_listener listener[ROCE_LISTENERS];
	struct roce_region region[ROCE_REGIONS];
	struct roce_qp qp[ROCE_QPS];
	uint16_t qp_generation[ROCE_QPS];
	uint64_t used[ROCE_QPS / 64]; /* a bit of each that is not ROCE_FREE */
	unsigned next_qp;
	struct roce_qp *busy;
	uint32_t cm_psn;
	uint64_t now, swept;
	struct roce_counts counts;
	unsigned mtu_code; /* of the path MTU that roce_connect() asks for: 128 << mtu_code, 1 to 5 */
	struct roce_notes notes;
};

/* Zeroes it. Addresses and wire are the caller's to set after that. */
void roce_init(struct roce *r);
/* False: there are ROCE_LISTENERS of them. */
bool roce_listen(struct roce *r, uint16_t port, roce_event_fn *event, void *ctx);

/* Takes a frame of n bytes. False: it is none for this end point (UDP port and address), and somebody else
 * may look at it. now: microseconds. */
bool roce_take(struct roce *r, const uint8_t *frame, size_t n, uint64_t now);
/* Sends what is due, as far as there is room. */
void roce_poll(struct roce *r, uint64_t now);

/* Queue pairs in use. */
unsigned roce_connections(const struct roce *r);

/* On the reader's core: the oldest note that was not taken. False: there is none. */
bool roce_note_take(struct roce_notes *n, struct roce_note *note);
/* "NAK remote access to 10.0.0.2 QP 0x112: WRITE of 64 bytes at .. with key 0x..: no region has it". */
const char *roce_note_text(const struct roce_note *note, char *buf, size_t n);
