#include "drivers/nvme/pf.h"
#include "drivers/nvme/status.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define NS_ALREADY_ATTACHED NVME_STATUS(1, 0x18)
#define NS_IS_PRIVATE       NVME_STATUS(1, 0x19)

static uint32_t less(uint32_t total, uint32_t taken)
{
	return total > taken ? total - taken : 0;
}

static enum sl_err read_primary(struct nvme_pf *pf)
{
	const volatile void *page;
	enum sl_err e = nvme_identify(&pf->ctrl, NVME_CNS_PRIMARY_CAPS, 0, 0, &page);
	if (e)
		return e;
	const volatile struct nvme_primary_caps *p = page;
	uint16_t cntlid = p->cntlid;
	if (cntlid != pf->ctrl.id.cntlid) {
		log_fail("nvme", "update the controller's firmware",
			 BDF_FMT ": primary controller capabilities name controller %u, this is %u",
			 BDF_ARG(pf->ctrl.fn), cntlid, pf->ctrl.id.cntlid);
		return SL_BADVAL;
	}
	uint8_t crt = p->crt;
	pf->flexible_vq = crt & CRT_VQ;
	pf->flexible_vi = crt & CRT_VI;
	pf->free_vq = less(p->vqfrt, p->vqrfap);
	pf->free_vi = less(p->vifrt, p->virfap);
	pf->max_vq = p->vqfrsm;
	pf->max_vi = p->vifrsm;
	return SL_OK;
}

enum sl_err nvme_pf_open(struct nvme_pf *pf, const struct nvme_io *io, bdf_t fn, struct domain *dom,
			 iova_t iova)
{
	memset(pf, 0, sizeof *pf);
	enum sl_err e = nvme_ctrl_init(&pf->ctrl, io, fn, dom, iova, 0);
	if (e)
		return e;
	pf->managed = pf->ctrl.id.oacs & OACS_VIRT_MGMT;
	if (pf->managed)
		e = read_primary(pf);
	else
		log_line(
			"nvme",
			BDF_FMT
			": no virtualization management (OACS 0x%x): each VF has queues and namespaces of its own",
			BDF_ARG(fn), pf->ctrl.id.oacs);
	if (!e)
		return SL_OK;
	enum sl_err left = nvme_ctrl_fini(&pf->ctrl);
	return left ? left : e;
}

enum sl_err nvme_pf_close(struct nvme_pf *pf)
{
	return nvme_ctrl_fini(&pf->ctrl);
}

enum sl_err nvme_pf_share(const struct nvme_pf *pf, unsigned vfs, uint16_t *vq, uint16_t *vi)
{
	if (!vfs)
		return SL_RANGE;
	uint32_t q = pf->free_vq / vfs, i = pf->free_vi / vfs;
	*vq = pf->flexible_vq ? (uint16_t)(q < pf->max_vq ? q : pf->max_vq) : 0;
	*vi = pf->flexible_vi ? (uint16_t)(i < pf->max_vi ? i : pf->max_vi) : 0;
	if ((*vq >= 2 || !pf->flexible_vq) && (*vi >= 1 || !pf->flexible_vi))
		return SL_OK;
	log_fail("nvme", "use fewer VFs",
		 BDF_FMT ": %u queue pairs and %u interrupts for %u VFs; each needs 2 and 1",
		 BDF_ARG(pf->ctrl.fn), pf->free_vq, pf->free_vi, vfs);
	return SL_NOSPACE;
}

/* The entry of a VF, copied. Lists of more than 127 continue at a higher controller id: NVMe §5.17.2.15. */
static enum sl_err find_secondary(struct nvme_pf *pf, unsigned vf_index, struct nvme_secondary *out)
{
	uint32_t from = 0;
	for (;;) {
		const volatile void *page;
		enum sl_err e = nvme_identify(&pf->ctrl, NVME_CNS_SECONDARY_LIST, 0, (uint16_t)from, &page);
		if (e)
			return e;
		const volatile struct nvme_secondary_list *list = page;
		unsigned n = list->numid;
		uint32_t last = 0;
		for (unsigned i = 0; i < n && i < NVME_SECONDARY_MAX; i++) {
			*out = list->entry[i];
			last = out->scid;
			if (last < from)
				break;
			if (out->pcid == pf->ctrl.id.cntlid && out->vfn == vf_index + 1)
				return SL_OK;
		}
		if (n < NVME_SECONDARY_MAX || last < from || last >= 0xffff)
			break;
		from = last + 1;
	}
	log_fail("nvme", "use fewer VFs", BDF_FMT ": no secondary controller for VF %u", BDF_ARG(pf->ctrl.fn),
		 vf_index + 1);
	return SL_NOTFOUND;
}

static enum sl_err virt_mgmt(struct nvme_pf *pf, const char *what, uint16_t cntlid, enum nvme_virt_act act,
			     enum nvme_virt_rt rt, uint16_t n)
{
	uint32_t got;
	enum sl_err e =
		nvme_admin(&pf->ctrl, what,
			   (struct nvme_sqe){
				   .opc = NVME_VIRT_MGMT,
				   .cdw10 = (uint32_t)(FPUT(VIRT_CDW10_ACT, act) | FPUT(VIRT_CDW10_RT, rt) |
						       FPUT(VIRT_CDW10_CNTLID, cntlid)),
				   .cdw11 = n,
			   },
			   &got);
	if (e)
		return e;
	if (act == VIRT_ASSIGN && FGET(got, VIRT_NR) < n) {
		log_fail("nvme", "use fewer VFs", BDF_FMT ": controller %u wanted %u %s, got %u",
			 BDF_ARG(pf->ctrl.fn), cntlid, n, rt == VIRT_VQ ? "queue pairs" : "interrupts",
			 (unsigned)FGET(got, VIRT_NR));
		return SL_NOSPACE;
	}
	return SL_OK;
}

static enum sl_err take_offline(struct nvme_pf *pf, uint16_t cntlid)
{
	return virt_mgmt(pf, "Virtualization Management, offline", cntlid, VIRT_OFFLINE, VIRT_VQ, 0);
}

static enum sl_err give_and_start(struct nvme_pf *pf, uint16_t cntlid, uint16_t vq, uint16_t vi)
{
	enum sl_err e = SL_OK;
	if (pf->flexible_vq)
		e = virt_mgmt(pf, "Virtualization Management, assign queues", cntlid, VIRT_ASSIGN, VIRT_VQ,
			      vq);
	if (!e && pf->flexible_vi)
		e = virt_mgmt(pf, "Virtualization Management, assign interrupts", cntlid, VIRT_ASSIGN,
			      VIRT_VI, vi);
	return e ? e : virt_mgmt(pf, "Virtualization Management, online", cntlid, VIRT_ONLINE, VIRT_VQ, 0);
}

static enum sl_err check_online(struct nvme_pf *pf, unsigned vf_index, uint16_t vq, uint16_t vi)
{
	struct nvme_secondary s;
	enum sl_err e = find_secondary(pf, vf_index, &s);
	if (e)
		return e;
	bool enough = (s.nvq >= vq || !pf->flexible_vq) && (s.nvi >= vi || !pf->flexible_vi);
	if (s.scs & SCS_ONLINE && enough)
		return SL_OK;
	log_fail("nvme", "use fewer VFs; if this persists, power the machine off and on",
		 BDF_FMT ": VF %u is %s with %u queue pairs and %u interrupts", BDF_ARG(pf->ctrl.fn),
		 vf_index + 1, s.scs & SCS_ONLINE ? "online" : "offline", s.nvq, s.nvi);
	return SL_DEVICE;
}

enum sl_err nvme_pf_vf_online(struct nvme_pf *pf, unsigned vf_index, uint16_t vq, uint16_t vi,
			      uint16_t *cntlid)
{
	struct nvme_secondary s;
	if (!pf->managed) {
		*cntlid = NVME_NO_CNTLID;
		return SL_OK;
	}
	if ((pf->flexible_vq && vq < 2) || (pf->flexible_vi && !vi))
		return SL_RANGE;
	enum sl_err e = find_secondary(pf, vf_index, &s);
	if (!e)
		e = take_offline(pf, s.scid); /* resources can be assigned only in this state */
	if (e)
		return e;
	e = give_and_start(pf, s.scid, vq, vi);
	if (!e)
		e = check_online(pf, vf_index, vq, vi);
	if (!e) {
		*cntlid = s.scid;
		return SL_OK;
	}
	enum sl_err left = take_offline(pf, s.scid);
	return left ? left : e;
}

enum sl_err nvme_pf_vf_offline(struct nvme_pf *pf, unsigned vf_index)
{
	struct nvme_secondary s;
	if (!pf->managed)
		return SL_OK;
	enum sl_err e = find_secondary(pf, vf_index, &s);
	return e ? e : take_offline(pf, s.scid);
}

enum sl_err nvme_pf_ns_controllers(struct nvme_pf *pf, uint32_t nsid, uint16_t *id, unsigned max, unsigned *n)
{
	const volatile void *page;
	enum sl_err e = nvme_identify(&pf->ctrl, NVME_CNS_NS_CTRL_LIST, nsid, 0, &page);
	if (e)
		return e;
	const volatile struct nvme_ctrl_list *list = page;
	*n = list->num;
	if (*n > NVME_CTRL_LIST_MAX) {
		log_fail("nvme", "update the controller's firmware",
			 BDF_FMT ": controller list of namespace %u claims %u entries", BDF_ARG(pf->ctrl.fn),
			 nsid, *n);
		return SL_BADVAL;
	}
	for (unsigned i = 0; i < *n && i < max; i++)
		id[i] = list->id[i];
	return SL_OK;
}

/* Asks from the controller's own id on, so that the list's first entry is the answer. */
static enum sl_err is_attached(struct nvme_pf *pf, uint32_t nsid, uint16_t cntlid, bool *yes)
{
	const volatile void *page;
	enum sl_err e = nvme_identify(&pf->ctrl, NVME_CNS_NS_CTRL_LIST, nsid, cntlid, &page);
	if (e)
		return e;
	const volatile struct nvme_ctrl_list *list = page;
	*yes = list->num && list->id[0] == cntlid;
	return SL_OK;
}

/* NVMe §5.22: the controller list comes from memory. */
static enum sl_err attachment(struct nvme_pf *pf, uint32_t nsid, uint16_t cntlid, enum nvme_attach_sel sel)
{
	struct nvme_ctrl *c = &pf->ctrl;
	struct nvme_ctrl_list *list = (void *)((uint8_t *)c->mem.va + NVME_MEM_DATA);
	memset(list, 0, sizeof *list);
	list->num = 1;
	list->id[0] = cntlid;
	return nvme_admin_try(c,
			      (struct nvme_sqe){
				      .opc = NVME_NS_ATTACHMENT,
				      .nsid = nsid,
				      .prp1 = c->mem.iova.v + NVME_MEM_DATA,
				      .cdw10 = sel,
			      },
			      NULL);
}

static enum sl_err refused(const struct nvme_pf *pf, const char *what, uint32_t nsid, uint16_t cntlid,
			   enum sl_err e)
{
	char words[96];
	log_fail("nvme", "detach it elsewhere first (nvme detach-ns), or use another",
		 BDF_FMT ": %s namespace %u, controller %u: %s", BDF_ARG(pf->ctrl.fn), what, nsid, cntlid,
		 pf->ctrl.status ? nvme_status_text(pf->ctrl.status, words, sizeof words) : sl_err_text(e));
	return e;
}

enum sl_err nvme_pf_ns_attach(struct nvme_pf *pf, uint32_t nsid, uint16_t cntlid)
{
	bool yes;
	enum sl_err e = attachment(pf, nsid, cntlid, NVME_ATTACH);
	if (e)
		return e;
	switch (pf->ctrl.status & NVME_STATUS_CODE) {
	case 0:
		break;
	case NS_ALREADY_ATTACHED:
		return refused(pf, "attach", nsid, cntlid, SL_EXISTS);
	case NS_IS_PRIVATE:
		return refused(pf, "attach", nsid, cntlid, SL_BUSY);
	default:
		return refused(pf, "attach", nsid, cntlid, SL_DEVICE);
	}
	e = is_attached(pf, nsid, cntlid, &yes);
	return e || yes ? e : refused(pf, "attached without effect", nsid, cntlid, SL_DEVICE);
}

enum sl_err nvme_pf_ns_detach(struct nvme_pf *pf, uint32_t nsid, uint16_t cntlid)
{
	bool yes;
	/* Controllers differ in their answer to this, so check first. */
	enum sl_err e = is_attached(pf, nsid, cntlid, &yes);
	if (e || !yes)
		return e ? e : SL_NOTFOUND;
	e = attachment(pf, nsid, cntlid, NVME_DETACH);
	if (e)
		return e;
	if (pf->ctrl.status)
		return refused(pf, "detach", nsid, cntlid, SL_DEVICE);
	e = is_attached(pf, nsid, cntlid, &yes);
	return e || !yes ? e : refused(pf, "detached without effect", nsid, cntlid, SL_DEVICE);
}
