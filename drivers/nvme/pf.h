/* The PF's work for its VFs: queue and interrupt resources, online and offline, namespaces.
 *
 * Order: nvme_pf_open(); VFs enabled in the PF's SR-IOV capability; nvme_pf_vf_online() for each;
 * nvme_pf_ns_attach(); the VFs are opened (vf.h), used, closed; nvme_pf_ns_detach(), nvme_pf_vf_offline();
 * VFs disabled; nvme_pf_close(). A reset of the PF, nvme_pf_close() included, takes every VF offline.
 * Namespaces are attached and detached, never created, formatted or written. */
#pragma once
#include "drivers/nvme/ctrl.h"

#define NVME_NO_CNTLID 0xffffu /* FFF0h and above are reserved */

struct nvme_pf {
	struct nvme_ctrl ctrl;
	bool managed;                  /* VFs have to be brought online; else VF Enable does it */
	bool flexible_vq, flexible_vi; /* resources can be assigned to VFs */
	uint32_t free_vq, free_vi;     /* flexible ones that the PF does not hold */
	uint16_t max_vq, max_vi;       /* most for one VF */
};

/* Takes the PF over from the firmware, with 3 pages of memory at iova, and reads the resources it can assign
 * to VFs. Errors of nvme_ctrl_init(); SL_BADVAL when the capabilities belong to another controller. Without
 * virtualization management (OACS) there are none: each VF has its own queues. NVMe §5.17.2.14 */
enum sl_err nvme_pf_open(struct nvme_pf *pf, const struct nvme_io *io, bdf_t fn, struct domain *dom,
			 iova_t iova) MUST_CHECK;

/* Stops the PF and frees its memory. Every VF must be closed. */
enum sl_err nvme_pf_close(struct nvme_pf *pf) MUST_CHECK;

/* The even share of vfs VFs, capped by the maximum per VF: queue pairs including the admin pair, and
 * interrupts. 0 where a resource is not flexible: each VF then has its own, and its controller reports how
 * many. SL_NOSPACE when a share is below 2 queue pairs or 1 interrupt. */
enum sl_err nvme_pf_share(const struct nvme_pf *pf, unsigned vfs, uint16_t *vq, uint16_t *vi) MUST_CHECK;

/* Where VFs are managed, takes VF vf_index (0: the first) offline, assigns vq queue pairs (2 or more: admin
 * and I/O) and vi interrupts, as far as they are flexible, brings it online and verifies all this by reading
 * it back. *cntlid is the VF's controller id. The VF must be enabled in PCIe. SL_NOTFOUND when the PF has no
 * such VF, SL_NOSPACE when it grants less than requested, SL_DEVICE. On an error the VF is offline. Where VFs
 * are not managed nothing is done, and *cntlid is NVME_NO_CNTLID: the VF itself reports it. NVMe §8.26 */
enum sl_err nvme_pf_vf_online(struct nvme_pf *pf, unsigned vf_index, uint16_t vq, uint16_t vi,
			      uint16_t *cntlid) MUST_CHECK;

/* Takes it offline; its resources are free again. The VF must be closed. */
enum sl_err nvme_pf_vf_offline(struct nvme_pf *pf, unsigned vf_index) MUST_CHECK;

/* Controllers that the namespace is attached to: up to max ids in id[], *n of them; *n is larger than max
 * when there are more. SL_BADVAL when the controller's list is impossible. */
enum sl_err nvme_pf_ns_controllers(struct nvme_pf *pf, uint32_t nsid, uint16_t *id, unsigned max,
				   unsigned *n) MUST_CHECK;

/* Attaches the namespace to a controller and reads back that it is. SL_EXISTS when it is attached there
 * already, SL_BUSY when it is private and attached to another. Attach to VFs before the PF: some controllers
 * refuse the second attachment of a shared namespace because the PF that sends the command has it. */
enum sl_err nvme_pf_ns_attach(struct nvme_pf *pf, uint32_t nsid, uint16_t cntlid) MUST_CHECK;

/* Detaches it and reads back that it is gone. SL_NOTFOUND when it is not attached there. */
enum sl_err nvme_pf_ns_detach(struct nvme_pf *pf, uint32_t nsid, uint16_t cntlid) MUST_CHECK;
