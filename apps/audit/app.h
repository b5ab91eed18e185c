/* The audit on the machine itself. */
#pragma once
#include "apps/audit/audit.h"

struct machine;

/* Fills what the machine's stages found; reads registers and configuration spaces, and writes nothing but ARI
 * Capable Hierarchy of PFs without VFs on, which is put back: First VF Offset follows it. The struct is one
 * and the same each time. */
struct audit_in *audit_take(struct machine *m);

/* Takes, judges and prints: the functions, the findings, with json=1 the report between its markers, and the
 * verdict page. Whichever stages have run; the proof is not begun here (stage_audit() does that), what it
 * found is in m. For app=audit and the console alike. */
void audit_print(struct machine *m);
