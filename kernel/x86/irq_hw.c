#include "kernel/x86/apic.h"
#include "kernel/irq.h"
#include "kernel/x86/percore.h"

static struct handler {
	irq_fn *fn;
	void *ctx;
} handlers[256];

enum sl_err irq_set(unsigned vector, irq_fn *fn, void *ctx)
{
	if (vector < 32 || vector >= IRQ_SPURIOUS)
		return SL_RANGE;
	struct handler *h = &handlers[vector];
	if (fn && h->fn)
		return SL_EXISTS;
	if (fn)
		h->ctx = ctx;
	__atomic_store_n(&h->fn, fn, __ATOMIC_RELEASE);
	return SL_OK;
}

enum sl_err irq_alloc(irq_fn *fn, void *ctx, uint8_t *vector)
{
	for (unsigned v = IRQ_FIRST; v <= IRQ_LAST; v++) {
		if (handlers[v].fn)
			continue;
		*vector = (uint8_t)v;
		return irq_set(v, fn, ctx);
	}
	return SL_NOSPACE;
}

uint64_t irq_strays(uint8_t *last)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < core_count(); i++) {
		n += cores[i].strays;
		if (cores[i].strays)
			*last = cores[i].stray_vector;
	}
	return n;
}

void irq_handle(const struct trap_frame *f)
{
	unsigned vector = f->vector & 255;
	struct core *c = core_self();
	struct handler *h = &handlers[vector];
	irq_fn *fn = __atomic_load_n(&h->fn, __ATOMIC_ACQUIRE);
	c->interrupted = f;
	if (fn) {
		fn(h->ctx);
	} else {
		c->strays++;
		c->stray_vector = (uint8_t)vector;
	}
	c->interrupted = NULL;
	/* Interrupts that the local APIC did not deliver (its spurious vector, an 8259) must not be
	 * acknowledged there. */
	if (apic_in_service(vector))
		apic_eoi();
}
