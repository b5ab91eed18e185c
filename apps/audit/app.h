/* The audit on the machine itself. */
#pragma once
#include "apps/audit/audit.h"

struct machine;
struct audit_live;

enum sl_err stage_audit(struct machine *m) MUST_CHECK; /* this machine's problems */
void undo_audit(struct machine *m);

/* Reads First VF Offset and VF Stride of every PF in both states of ARI Capable Hierarchy, on which they
 * depend. For that the bit is changed and restored, except while VFs of the device are enabled. The audit
 * writes nothing else; audit_take() uses the last values read. */
void audit_read_routes(struct machine *m);

/* Fills the record with the stages' findings; reads registers and configuration spaces, and writes nothing.
 * Returns the same struct each time; the cases stay in it. m->audit.proof has the proof's outcome. */
struct audit_in *audit_take(struct machine *m);

/* The proof's outcome when stage isolate, or a stage before it, ended with e. SL_VERIFY because of cases that
 * were not refused means the proof was done, and the cases have the result; every other error breaks it. */
enum audit_proof audit_proof_after(const struct machine *m, enum sl_err e);

/* The translations that the units' tables allow now, for the report; kept until the next call. */
void audit_take_live(struct machine *m);
const struct audit_live *audit_live(void);

/* Takes, judges and prints: the functions, the findings, with json=1 the report between its markers, and the
 * verdict page. Works after any stages, for app=audit and the console; the proof is the last one tried, if
 * any (stage_audit(), isolate). Fills m->audit; returns whether the verdict is
 * good. */
bool audit_print(struct machine *m);
