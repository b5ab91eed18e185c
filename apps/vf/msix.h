/* MSI-X of a VF. */
#pragma once
#include "apps/vf/vf.h"

/* On, with every vector masked. Before its controller is started: QEMU's NVMe sends nothing for a queue that
 * was made while MSI-X was off. */
enum sl_err vf_msix_open(struct vf *vf) MUST_CHECK;
/* The same for any function; out->vectors 0: it has none that could be used. */
enum sl_err function_msix_open(const struct pci_func *fn, struct msix_table *out) MUST_CHECK;
void vf_msix_close(struct vf *vf);
