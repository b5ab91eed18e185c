/* A function's own MSI-X as an attacker: one dword to any address, as vector 0. */
#include "apps/proof/strike.h"
#include "kernel/fmt.h"
#include "kernel/time.h"

#define MSIX_US 5000u /* until an interrupt is out of the function */

static bool msix_can(const struct attacker *by, const struct attack *a)
{
	(void)a;
	return by->msix && by->msix->vectors && by->ops->kick;
}

/* One may be waiting behind the mask already. */
static enum sl_err msix_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			       size_t n)
{
	fmt_print(said, n, "%s", "success");
	enum sl_err e = msix_set(by->msix, 0, a->to, a->data);
	if (!e)
		e = by->ops->kick(m, by);
	delay_us(MSIX_US);
	enum sl_err masked = msix_mask(by->msix, 0, true);
	return e ? e : masked;
}

const struct strike_ops strike_msix = {.can = msix_can, .strike = msix_strike};
