/* The result of pci/fit.h for a PF of the record, in both ARI states. */
#pragma once
#include "apps/audit/record.h"
#include "pci/fit.h"

enum audit_limit {
	AUDIT_LIMIT_NONE,
	AUDIT_LIMIT_BUSES,
	AUDIT_LIMIT_WINDOW,
	AUDIT_LIMIT_QUEUES,
	AUDIT_LIMIT_UNKNOWN
};

struct audit_room {
	struct sriov_fit fit[2];      /* without ARI, with ARI; 0 VFs where the routing is not known */
	bool ari;                     /* best is with ARI */
	const struct sriov_fit *best; /* with ARI where the port above forwards it */
	uint16_t vfs;                 /* that fit on this machine, of TotalVFs */
	enum audit_limit
		limit; /* what limits them; AUDIT_LIMIT_UNKNOWN: perhaps fewer, see sriov_fit.unsized */
};

void audit_room(const struct audit_in *in, const struct audit_sriov *s, struct audit_room *out);
/* "bus numbers". */
const char *audit_limit_name(enum audit_limit l);
