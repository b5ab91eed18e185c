/* Interrupt remapping of the model unit, from the specification: an entry cache that really caches, source
 * checks, compatibility format, fault events. Part of tests/model/vtd_model.h. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MODEL_IR      8ull         /* ECAP.IR */
#define MODEL_EIM     16ull        /* ECAP.EIM */
#define MODEL_PI      (1ull << 59) /* CAP.PI */
#define MODEL_ESIRTPS (1ull << 62) /* CAP.ESIRTPS */

struct model_unit;

struct model_irte {
	bool valid;
	uint64_t lo, hi;
};

struct model_ir {
	uint64_t table; /* IRTA as latched by SIRTP */
	bool need_iec;  /* since SIRTP */
	struct model_irte *cache;
	bool event_was; /* something was pending in FSTS */

	/* for tests */
	unsigned iec_all, iec_index; /* invalidations done */
	unsigned events;             /* fault events sent */
	uint64_t event_addr;
	uint32_t event_data;
};

struct model_delivery {
	uint8_t vector, mode;
	uint32_t dest;
	bool level, remapped;
};

/* A message of a function: 0 and where it goes; or the fault reason, and it is recorded as the unit would. */
unsigned model_interrupt(struct model_unit *m, uint16_t rid, uint64_t addr, uint32_t data,
			 struct model_delivery *out);

/* Hooks for tests/model/vtd_model.c. */
bool model_ir_invalidate(struct model_unit *m, uint64_t lo, uint64_t hi);
void model_ir_latch(struct model_unit *m);
void model_ir_write_irta(struct model_unit *m, uint64_t v);
void model_ir_check_command(struct model_unit *m, uint32_t bit, bool set);
void model_ir_fini(struct model_unit *m);
void model_event_check(struct model_unit *m);  /* FSTS has changed */
void model_event_unmask(struct model_unit *m); /* FECTL was written */
