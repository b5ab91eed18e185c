/* The two sides of a queue pair, and the connection manager: what take.c and they call of each other. */
#pragma once
#include "drivers/roce/inner.h"
#include "drivers/roce/work.h"

/* responder.c: a READ or an atomic. */
void roce_take_read(struct roce_qp *q, const struct roce_packet *p);
/* A request that has come before. A READ whose answer is lost, or on the way, is executed again, an atomic is
 * not. */
void roce_take_again(struct roce_qp *q, const struct roce_packet *p);
/* Refusals: after these the queue pair takes nothing any more. forbid: by its key. */
COLD void roce_refuse(struct roce_qp *q, const struct roce_packet *p, uint8_t syndrome, uint64_t at,
		      uint32_t bytes, uint32_t key, const char *why);
COLD void roce_forbid(struct roce_qp *q, const struct roce_packet *p, uint64_t at, uint32_t bytes,
		      uint32_t key);
COLD void roce_invalid(struct roce_qp *q, const struct roce_packet *p, const char *why);
#define ROCE_UNMAPPED "its region is not mapped in the VF's domain any more"
/* Sends answers; budget: packets at most. True: there is more to send. */
bool roce_answer_more(struct roce_qp *q, unsigned budget);

/* requester.c */
void roce_take_answer(struct roce_qp *q, const struct roce_packet *p);
/* Sends requests, as far as acknowledgements allow. True: there is more to send, and no room for it. */
bool roce_request_more(struct roce_qp *q);
/* Nothing is sent or taken any more; all work requests end with that status. */
void roce_fail(struct roce_qp *q, uint8_t status);

/* cm.c */
void roce_take_mad(struct roce *r, const uint8_t mac[6], const struct net_ip *from, const struct net_ip *to,
		   const uint8_t *mad);
/* Repeats what was not answered. */
void roce_cm_poll(struct roce_qp *q);
