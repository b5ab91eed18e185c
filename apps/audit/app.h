/* The audit on the machine itself. */
#pragma once
#include "apps/audit/audit.h"

struct machine;
struct audit_live;

enum sl_err stage_audit(struct machine *m) MUST_CHECK; /* what is wrong with this machine */
void undo_audit(struct machine *m);

/* First VF Offset and VF Stride of every PF in both states of ARI Capable Hierarchy, which they follow. For
 * that the bit is changed and put back, except where VFs of the device are on. This is all that the audit
 * writes; audit_take() uses what was read last. */
void audit_read_routes(struct machine *m);

/* Fills what the machine's stages found; reads registers and configuration spaces, and writes nothing. The
 * struct is one and the same each time; the cases stay in it. m->audit.proof says how the proof went. */
struct audit_in *audit_take(struct machine *m);

/* What becomes of the proof when stage isolate, or a stage before it, ended with e: SL_VERIFY because of
 * cases that were not refused is a proof that was done, and they tell of it; every other error breaks it. */
enum audit_proof audit_proof_after(const struct machine *m, enum sl_err e);

/* What the units' tables let through now: kept until the next call, shown in the report. */
void audit_take_live(struct machine *m);
const struct audit_live *audit_live(void);

/* Takes, judges and prints: the functions, the findings, with json=1 the report between its markers, and the
 * verdict page. Whichever stages have run, for app=audit and the console alike; the proof is what was tried
 * last, if anything (stage_audit(), isolate). Fills m->audit.errors and m->audit.warnings; returns whether
 * the verdict is good. */
bool audit_print(struct machine *m);
