/* The data path of an igb VF. The first six are behind the tables of drivers/queue.h and drivers/packet.h. */
#pragma once
#include "drivers/igb/vf.h"

unsigned igb_queue_receive(struct packet *p, struct packet_frame *f, unsigned max);
void igb_queue_release(struct packet *p, unsigned n);
unsigned igb_queue_send(struct packet *p, const struct packet_frame *f, unsigned n);
void igb_queue_ring(struct queue *q);
unsigned igb_queue_poll(struct queue *q, struct queue_done *done, unsigned max);
bool igb_queue_ready(const struct queue *q);

/* Forwards up to max frames that have come, out of the buffers that they came into, and gives those back
 * whose frames are sent: two doorbells at most. For a VF that does nothing else: neither receive() nor send()
 * is used between the first call and the last, after which nothing is in flight and nothing held. Returns how
 * many frames went on; 0 too when the next one is not good. */
uint32_t igb_vf_forward(struct igb_vf *vf, struct igb_hop hop, uint32_t max);
