/* Translation caches of functions (ATS) for the unit's model, and the unit's side of them: requests for
 * translations, translated requests, invalidations of device TLBs, page requests and their queue. Written
 * from VT-d §4, §6.5.2.5, §6.5.2.6, §7.4 and PCIe §10. What is not invalidated is used. */
#pragma once
#include "tests/model/vtd_model.h"

#define DEVICE_TLB 128u

struct model_device_tlb {
	struct model_device_tlb *next; /* of the same unit */
	struct model_unit *unit;
	uint16_t rid;
	struct {
		bool valid, r, w;
		uint32_t pasid; /* MODEL_NO_PASID: of requests without one */
		uint64_t iova, size, phys;
	} entry[DEVICE_TLB];
	unsigned fills;

	bool deaf; /* a device that is wrong: no invalidation does anything */
	bool mute; /* it answers none */
	unsigned invalidations;
	/* What it was answered last, and how often. */
	unsigned answers, code;
	uint16_t group;
	uint32_t pasid;
	void (*on_answer)(void *ctx, unsigned code);
	void *ctx;
};

/* Of a function below that unit, whose ATS Enable is set. It stays in place as long as the unit. */
void device_tlb_init(struct model_device_tlb *t, struct model_unit *m, uint16_t rid);

/* A function with ATS accesses an address: by what it has kept, or else it asks. 0 and where it goes; or 1:
 * no translation, and nothing was accessed. */
unsigned device_tlb_dma(struct model_device_tlb *t, uint32_t pasid, uint64_t iova, bool write,
			uint64_t *phys);

/* A request that a function says is translated, whether or not it ever asked: 0, or the fault reason. */
unsigned model_dma_translated(struct model_unit *m, uint16_t rid, uint64_t phys, bool write);

/* A function asks for a page. 0: queued; a fault reason, which is recorded; or MODEL_REQUEST_LOST: the queue
 * is full or was, and the last of a group is answered with success at once, so that the function tries again.
 */
#define MODEL_REQUEST_LOST 0x101u
unsigned model_page_request(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t iova, bool write,
			    uint16_t group, bool last);

/* For the unit's model: descriptors of types 3, 8 and 9; false: invalid. Registers from 0xc0 to 0xef; false:
 * there is none of that width. */
bool device_tlb_run(struct model_unit *m, uint64_t lo, uint64_t hi, bool *silent);
bool device_tlb_answer(struct model_unit *m, uint64_t lo, uint64_t hi);
bool page_request_rd(struct model_unit *m, uint32_t off, unsigned width, uint64_t *v);
bool page_request_wr(struct model_unit *m, uint32_t off, unsigned width, uint64_t v);
