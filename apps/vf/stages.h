/* The stages that bring up a PF and its VFs, each VF in its own domain. They are the same for every device
 * family. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_pf(struct machine *m) MUST_CHECK;       /* the PF that the options allow */
enum sl_err stage_firmware(struct machine *m) MUST_CHECK; /* its firmware, where it has to be loaded */
enum sl_err stage_sriov(struct machine *m) MUST_CHECK;    /* its VFs */
enum sl_err stage_domains(struct machine *m) MUST_CHECK;  /* each in its own domain, queues up */
void undo_pf(struct machine *m);
void undo_firmware(struct machine *m);
void undo_sriov(struct machine *m);
void undo_domains(struct machine *m);

/* Closes the VF's queue, resets its function, and opens the queue again in the same domain. Core 0. */
enum sl_err vf_reset(struct machine *m, struct vf *vf) MUST_CHECK;
