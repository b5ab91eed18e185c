/* From an NVMe PF to its VFs. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_pf(struct machine *m) MUST_CHECK;      /* the scratch controller, in a domain of its own */
enum sl_err stage_sriov(struct machine *m) MUST_CHECK;   /* its VFs */
enum sl_err stage_domains(struct machine *m) MUST_CHECK; /* each in its own domain, online, rings up */
void undo_pf(struct machine *m);
void undo_sriov(struct machine *m);
void undo_domains(struct machine *m);

/* apps/vf/namespaces.c: A private namespace that no controller has yet and that stage verify can work on; 0
 * when there is none left. */
uint32_t find_private_ns(struct machine *m);
/* vf->data, vf->pi: a namespace of its own where it has one, else its range of a shared one; and one with
 * protection information. SL_NOTFOUND. */
enum sl_err choose_stores(struct vf *vf) MUST_CHECK;
/* Queue resources from the PF, and online. */
enum sl_err vf_give_queues(struct machine *m, struct vf *vf) MUST_CHECK;
