/* Explains one request: what a unit would do with it in the mode that RTADDR selects, entry by entry, and
 * why. Legacy mode is iommu/vtd/walk.h's. Scalable mode is written only from VT-d §3.6 to §3.8, §7.1.3, §9.2,
 * §9.4 to §9.8; like the other, it shares no code with the builder of the tables. Caches are not considered,
 * nor host permission tables (ECAP.HPTS). */
#pragma once
#include "iommu/vtd/walk.h"

enum vtd_request_kind {
	REQUEST_UNTRANSLATED,
	REQUEST_TRANSLATION, /* a device TLB asks for the translation */
	REQUEST_TRANSLATED,  /* a device TLB has translated the address */
	REQUEST_PAGE,        /* a device asks for a page: VT-d §7.4 */
};

struct vtd_request {
	bdf_t fn;
	iova_t iova;
	enum vtd_request_kind kind;
	bool has_pasid;
	uint32_t pasid; /* with has_pasid */
	bool privileged;
	bool execute;
};

/* Where the walk ended. */
enum vtd_walk_at {
	WALK_AT_REGISTER, /* RTADDR, or a request that its mode does not know */
	WALK_AT_ROOT,
	WALK_AT_CONTEXT,
	WALK_AT_DIRECTORY,
	WALK_AT_ENTRY,     /* of the PASID table */
	WALK_AT_ADDRESS,   /* no address of these tables */
	WALK_AT_FIRST,     /* at the last of step[] */
	WALK_AT_SECOND,    /* at the last of second[] */
	WALK_AT_PAGE,      /* at a page; phys and size are valid */
	WALK_AT_PASS,      /* passes untranslated */
	WALK_AT_QUEUE,     /* a page request that is put into the queue */
	WALK_AT_INTERRUPT, /* no PASID and an address in the interrupt range: iommu/vtd/irwalk.h */
	WALK_AT_LEGACY,    /* legacy mode: see legacy */
};

#define WALK_LEVELS 5

struct vtd_walk_scalable {
	struct vtd_request request;
	enum vtd_walk_at at;
	/* As read; 0 where the walk did not get there. root: the half of the function. */
	uint64_t root, context[4], directory, entry[8];
	uint32_t pasid;  /* whose entry was looked up */
	bool quiet;      /* an entry's FPD is set: refusals are not recorded */
	uint16_t domain; /* its id, of the PASID's entry */
	unsigned type;   /* PGTT of the PASID's entry: 1 first stage, 2 second, 3 nested, 4 pass-through */
	unsigned levels; /* of the first stage, or of the second where there is only that */
	/* Entries that were read: of the first stage, and of the last walk of the second. */
	unsigned steps, seconds;
	struct vtd_walk_step step[WALK_LEVELS], second[WALK_LEVELS];
	bool read, write;                  /* what the request may do */
	phys_t phys;                       /* where it goes */
	uint64_t size;                     /* of the page; nested: of the smaller one */
	uint8_t reason_read, reason_write; /* the fault reason that the unit would record; 0: none */
	struct vtd_walk legacy;            /* at WALK_AT_LEGACY */
};

/* A request's answer. Both directions are answered; the reasons are those of VT-d §7.1.3, table 30. */
void vtd_walk_request(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
		      const struct vtd_request *request, struct vtd_walk_scalable *out);

/* "root ok, context ok, PASID 5 ok (domain 4, first stage, 4-level), L4 ok, L3[0]: first-stage entry is not
 * present" */
void vtd_walk_request_text(const struct vtd_walk_scalable *w, char *buf, size_t n);
