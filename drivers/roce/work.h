/* What the owner of a queue pair asks of it, from within events too. */
#pragma once
#include "drivers/roce/roce.h"

/* n more messages may come, each of up to bytes at to, which is read before the event returns. */
void roce_receive(struct roce_qp *qp, uint8_t *to, uint32_t bytes, unsigned n);
/* Queues a work request. SL_NOSPACE: ROCE_WORKS of them wait; SL_BADVAL: it is too long; SL_DEVICE: the queue
 * pair has failed. */
enum sl_err roce_post(struct roce_qp *qp, const struct roce_work *work) MUST_CHECK;
/* Asks a peer for a connection, from one of the end point's own addresses to that port; ROCE_UP follows, or
 * ROCE_DOWN. mac: of the way to it. NULL: all queue pairs are in use. */
struct roce_qp *roce_connect(struct roce *r, const struct net_ip *own, const struct net_ip *to,
			     const uint8_t mac[6], uint16_t port, roce_event_fn *event, void *ctx);
/* The peer has said elsewhere that it is connected, which is as good as its RTU, which may be lost: ROCE_UP,
 * if that is to come. False: it is not connected. */
bool roce_established(struct roce_qp *qp);
/* Ends the connection; ROCE_DOWN follows. */
void roce_disconnect(struct roce_qp *qp);
