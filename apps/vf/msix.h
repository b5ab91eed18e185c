/* MSI-X of a VF. */
#pragma once
#include "apps/vf/vf.h"

/* On, with every vector masked. Before its controller is started: QEMU's NVMe sends nothing for a queue that
 * was made while MSI-X was off. */
enum sl_err vf_msix_open(struct vf *vf) MUST_CHECK;
void vf_msix_close(struct vf *vf);
