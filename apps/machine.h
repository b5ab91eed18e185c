/* Everything that the stages build up and pass on. One of it, in apps/main.c; a stage reads what earlier ones
 * made. */
#pragma once
#include "boot/boot_info.h"
#include "drivers/accel.h"
#include "drivers/dma.h"
#include "drivers/nvme/pf.h"
#include "drivers/nvme/vf.h"
#include "apps/report/hist.h"
#include "apps/vf/wait.h"
#include "iommu/dmar/lint.h"
#include "iommu/fault_log.h"
#include "iommu/iommu.h"
#include "iommu/irq.h"
#include "kernel/acpi.h"
#include "kernel/madt.h"
#include "kernel/str.h"
#include "pci/msix.h"
#include "pci/pci.h"
#include "pci/sriov.h"

#define VFS_MAX 64

/* The window that every domain sees, at one and the same device address: a block of 2 MiB with queues and
 * buffers, mapped by one page, a page that the device may only read, and then nothing. */
#define WINDOW_QUEUES   0ull
#define WINDOW_BUFFERS  (PAGE_2M / 4)
#define WINDOW_READONLY (2 * PAGE_2M)
#define WINDOW_HOLE     (3 * PAGE_2M)
#define WINDOW_SIZE     (4 * PAGE_2M)

/* Buffers: one page for each request in flight, a page that the other VFs try to overwrite, and one for each
 * request's metadata. */
#define BUFFER_SLOTS  256u
#define BUFFER_TARGET (BUFFER_SLOTS * PAGE_SIZE)
#define BUFFER_META   ((BUFFER_SLOTS + 1) * PAGE_SIZE)
#define META_SLOT     64u
_Static_assert(WINDOW_BUFFERS + BUFFER_META + BUFFER_SLOTS * META_SLOT <= PAGE_2M, "buffer layout");
_Static_assert(NVME_MEM_SIZE(1) <= WINDOW_BUFFERS - WINDOW_QUEUES, "queues");

#define CHUNK        PAGE_SIZE       /* what one request moves */
#define DEPTH_MIN    32u             /* requests in flight that stage_verify needs */
#define CHUNKS_LEAST (2 * DEPTH_MIN) /* of a store that it works on */

/* Requests of one VF that are in flight together: apps/vf/batch.c. */
struct batch {
	struct accel_req req[BUFFER_SLOTS];
	uint16_t status[BUFFER_SLOTS]; /* by tag */
	unsigned n, done;
	unsigned retries; /* of requests that met a status that passes */
};

struct vf { /* on the data path the core that works it writes it, no other */
	unsigned index;
	unsigned core; /* that works it */
	char name[8];  /* of its domain */
	struct pci_func *fn;
	struct domain *dom;
	struct vf *first; /* this is another queue pair of that VF; NULL: the VF itself */
	struct nvme_vf nvme;
	struct accel *accel;           /* NULL until it is open */
	struct accel_store *data, *pi; /* stores without and with protection information; pi may be NULL */
	bool attached, online;
	volatile bool cut; /* set by core 0 while the VF's core runs: it flooded with refused requests and was
			      cut off: apps/bringup/faults.c */
	bool provoked;     /* its refused requests are asked for */
	uint16_t cntlid;
	uint32_t private_ns; /* namespace that was attached for it; 0: none */
	struct dma_buf block, readonly;
	struct dma_buf queues, buffers; /* parts of block */
	struct msix_table msix;         /* on, every vector masked; no vectors: it has none */
	struct iommu_irq irq;           /* stage irqs: of its vector 0 */
	uint8_t vector;
	uint64_t irqs;     /* that arrived on that vector, */
	unsigned irq_core; /* the last one on this core */
	struct ring ring;  /* how it is waited for */
	struct batch batch;
	struct hist latency; /* timed phase, TSC ticks */
	uint64_t ops;
	struct accel_stats timed; /* what accel.stats grew by in the timed phase */
} __attribute__((aligned(64)));

struct machine {
	const struct boot_info *boot;
	struct acpi acpi;
	struct madt madt;
	struct pci pci;
	struct iommu iommu;
	struct iommu_groups groups;
	iova_t window;
	struct pci_func *pf;
	struct domain *pf_dom;
	bool pf_attached, pf_open, sriov_on;
	struct nvme_pf nvme;
	unsigned vfs;
	unsigned pairs; /* queue pairs of the timed phase: from vf[vfs] on further ones of VFs 0, 1, ... */
	struct vf vf[VFS_MAX];
	bool first_done;  /* some VF has completed a request in this run */
	bool translating; /* translation is on, in the units that could be used: what is under one of them and
			     has no domain reaches nothing */
	bool looked;      /* stage pci found functions */
	const char *failed_stage;      /* the first that failed, or said FAIL, before stage audit */
	struct dmar_memory_map memory; /* firmware's, for RMRRs */
	bool attacking;                /* isolate runs in the console or for the audit */
	unsigned vfs_most;             /* more VFs are not switched on, whatever vfs= says; 0: no limit */
	bool no_vfs;                   /* none are */
	bool only_named;               /* no controller is started that scratch= does not name */
	uint8_t audit_proof;           /* enum audit_proof: whether isolate has run, and why not */
	bool audited;                  /* the audit has printed its verdict: */
	unsigned audit_errors, audit_warnings;
	unsigned audit_unjudged;    /* access=read: what cannot be judged without writing */
	const char *audit_words;    /* of the proof in it: audit_proof_verdict() */
	bool irqs_remapped;         /* functions may be given interrupts */
	struct iommu_irq pf_irq;    /* stage irqs */
	uint64_t strays_made;       /* stage irqs: interrupts without a handler, on purpose */
	uint64_t fault_events;      /* interrupts of VT-d units: when it moves, there are fault records */
	uint64_t fault_events_seen; /* of them, when the records were last all taken */

	struct hardware {                                    /* apps/bringup/hardware.h */
		bool begun;                                  /* stage hardware has been */
		unsigned nmis;                               /* that no core sent */
		unsigned mces, mces_corrected;               /* machine checks */
		unsigned aers, aers_corrected, aers_refused; /* of PCI Express functions */
	} hw;

	struct fault_log fault_log;
	bdf_t driven[VFS_MAX + 16]; /* functions that have been told to do DMA */
	unsigned n_driven;

	/* Results, for the RESULT line. */
	unsigned irqs_checked; /* VFs whose interrupts arrive and are held back as they should */
	uint64_t faults,
		stray_faults; /* requests refused that nobody provoked: of those functions; of others */
	unsigned vf_faults,
		vf_recovered; /* VFs that failed; after how many of these faults they worked again */
	uint64_t verified, timed_ops, timed_us;
	uint64_t cases, refused;          /* accesses that had to be refused, and those of them that were */
	uint64_t not_enforced, not_tried; /* others: this platform does not; nothing is known of them */
	bool proof_failed;                /* in some run of the proof a case was not refused */
	unsigned rows, noisy;             /* of the benchmark */
	unsigned fair_permille;           /* operations of the slowest VF against those of the fastest */
	struct hist latency;
};

enum sl_err stage_boot(struct machine *m) MUST_CHECK;     /* who started us, on what */
enum sl_err stage_acpi(struct machine *m) MUST_CHECK;     /* tables, clock */
enum sl_err stage_cores(struct machine *m) MUST_CHECK;    /* every processor that firmware names */
enum sl_err stage_clocks(struct machine *m) MUST_CHECK;   /* their time stamp counters, before they work */
enum sl_err stage_pci(struct machine *m) MUST_CHECK;      /* the tree; nobody masters the bus any more */
enum sl_err stage_hardware(struct machine *m) MUST_CHECK; /* errors that it reports by itself, from now on */
enum sl_err stage_groups(struct machine *m) MUST_CHECK;   /* which functions belong together, and why */
enum sl_err stage_iommu(struct machine *m) MUST_CHECK;    /* DMAR, our tables, translation on */
enum sl_err stage_coverage(struct machine *m) MUST_CHECK; /* what is not translated, by name */
enum sl_err stage_faults(struct machine *m) MUST_CHECK;   /* what is refused from now on is explained */
enum sl_err stage_pf(struct machine *m) MUST_CHECK;       /* the scratch controller, in a domain of its own */
enum sl_err stage_sriov(struct machine *m) MUST_CHECK;    /* its VFs */
enum sl_err stage_domains(struct machine *m) MUST_CHECK;  /* each in its own domain, online, rings up */
enum sl_err stage_verify(struct machine *m) MUST_CHECK;   /* every result against the CPU */
enum sl_err stage_timed(struct machine *m) MUST_CHECK;    /* speed */
enum sl_err stage_bursts(struct machine *m) MUST_CHECK;   /* load that stops and starts */
enum sl_err stage_isolate(struct machine *m) MUST_CHECK;  /* every attack by everyone */
enum sl_err stage_flood(struct machine *m) MUST_CHECK;    /* VFs that flood are cut off */
enum sl_err stage_mapcost(struct machine *m) MUST_CHECK;  /* what map and unmap cost */
enum sl_err stage_bench(struct machine *m) MUST_CHECK;    /* the benchmark on its VFs: one table */
enum sl_err stage_shell(struct machine *m) MUST_CHECK;    /* the console */
enum sl_err stage_audit(struct machine *m) MUST_CHECK;    /* what is wrong with this machine */
enum sl_err stage_refuse(struct machine *m) MUST_CHECK;   /* DMA that must not happen */
enum sl_err stage_irqs(struct machine *m) MUST_CHECK;     /* interrupts that must, and that must not */

enum sl_err stage_insn(struct machine *m) MUST_CHECK;     /* rows of a workload, to be counted */
enum sl_err stage_bench_pf(struct machine *m) MUST_CHECK; /* the benchmark on the PF itself */

/* A VF, or a further queue pair of one, of which its function alone is known. No struct vf is assigned, as
 * that would make one on the stack. */
static inline void vf_begin(struct vf *vf, unsigned index, struct pci_func *fn)
{
	memset(vf, 0, sizeof *vf);
	vf->index = index;
	vf->fn = fn;
}

/* Devices are held to what is mapped for them: iommu=on. */
static inline bool translated(const struct machine *m)
{
	return m->boot->cfg.iommu == CONFIG_IOMMU_ON;
}

/* Places of the window on this machine. */
static inline iova_t window_at(const struct machine *m, uint64_t off)
{
	return IOVA(m->window.v + off);
}

static inline uint8_t *vf_buffer(const struct vf *vf, unsigned tag)
{
	return (uint8_t *)vf->buffers.va + tag * CHUNK;
}

static inline uint8_t *vf_meta(const struct vf *vf, unsigned tag)
{
	return (uint8_t *)vf->buffers.va + BUFFER_META + tag * META_SLOT;
}

/* A request for chunk number chunk of a store of the VF, with the tag's buffers. */
static inline struct accel_req vf_request(const struct vf *vf, const struct accel_store *s, enum accel_op op,
					  uint64_t chunk, unsigned tag)
{
	uint32_t blocks = (uint32_t)(CHUNK / s->block);
	return (struct accel_req){.op = (uint8_t)op,
				  .blocks = (uint16_t)blocks,
				  .store = s->id,
				  .tag = tag,
				  .lba = s->first_lba + chunk * blocks,
				  .data = IOVA(vf->buffers.iova.v + tag * CHUNK),
				  .meta = IOVA(vf->buffers.iova.v + BUFFER_META + tag * META_SLOT)};
}

/* Chunks that a store has room for. */
static inline uint64_t store_chunks(const struct accel_store *s)
{
	return s->blocks / (CHUNK / s->block);
}

/* A domain for that function; with iommu=pt a pass-through one; none (NULL) while translation is off. In the
 * last two memory is reached at its physical address. */
enum sl_err make_domain(struct machine *m, const char *name, bdf_t fn, struct domain **dom) MUST_CHECK;
void drop_domain(struct domain **dom);
/* Puts a function into its domain, then switches its power, registers and bus mastering on, with the bridges
 * above it (pci/path.h); *regs is its BAR0. On an error it is in no domain. */
enum sl_err function_connect(struct pci_func *fn, struct domain *dom, volatile void **regs) MUST_CHECK;
/* Bus mastering off, out of the domain. */
void function_disconnect(struct pci_func *fn, struct domain *dom);
/* Reads from the IOMMU's tables that functions without a domain reach nothing. SL_VERIFY. */
enum sl_err domains_check(struct machine *m) MUST_CHECK;
/* A private namespace that no controller has yet and that stage verify can work on; 0 when there is none
 * left. */
uint32_t find_private_ns(struct machine *m);
/* vf->data, vf->pi: a namespace of its own where it has one, else its range of a shared one; and one with
 * protection information. SL_NOTFOUND. */
enum sl_err choose_stores(struct vf *vf) MUST_CHECK;
/* Queue resources from the PF, and online. */
enum sl_err vf_give_queues(struct machine *m, struct vf *vf) MUST_CHECK;
/* The requester id that the IOMMU sees in a function's requests: behind a conventional bridge the bridge's.
 */
bdf_t function_requester(const struct machine *m, bdf_t fn);
/* QEMU's educational device; NULL when there is none. */
struct pci_func *find_edu(const struct machine *m);

/* Submits vf->batch.req[0..n), tags 0..n-1, and rings once. */
enum sl_err batch_start(struct vf *vf) MUST_CHECK;
/* Takes what came back, without waiting; true when something did. */
bool batch_poll(struct vf *vf);
/* Waits until all that batch_start() began on any VF is back; SL_TIMEOUT when nothing moves for 10 s. */
enum sl_err batch_finish(struct machine *m) MUST_CHECK;
/* The same for n VFs from first on: those of one core. */
enum sl_err batch_finish_some(struct machine *m, unsigned first, unsigned n) MUST_CHECK;

/* The timed phase's data: what chunk of a VF's data store holds after stage_timed has written it. */
#define TIMED_CHUNKS 1024u
uint64_t timed_seed(const struct vf *vf, uint64_t chunk);
enum sl_err timed_prepare(struct machine *m) MUST_CHECK;

void undo_cores(struct machine *m);
void undo_pci(struct machine *m);
#define IRQ_ENTRIES 1024u /* of a unit's interrupt remapping table: 16 for each of 64 VFs */
/* Stage iommu: faults are reported by interrupt, and interrupts are remapped where a unit can. */
enum sl_err irqs_start(struct machine *m) MUST_CHECK;
/* MSI-X of a VF on, with every vector masked. Before its controller is started: QEMU's NVMe sends nothing for
 * a queue that was made while MSI-X was off. */
enum sl_err vf_msix_open(struct vf *vf) MUST_CHECK;
void vf_msix_close(struct vf *vf);

void undo_irqs(struct machine *m);
/* Poll points for refused requests; one core calls them. faults_poll() takes what the units recorded, with
 * one register read for each unit when that is nothing, and says how many there were; it prints nothing
 * unless a function is cut off. faults_say() prints too. Both leave alone what an attack has claimed
 * (iommu_fault_claim()). */
unsigned faults_poll(struct machine *m);
/* True when a unit has sent a fault event since the records were last all taken: a look at memory, for loops
 * that call faults_poll() then, and now and then without it. */
static inline bool faults_waiting(const struct machine *m)
{
	return __atomic_load_n(&m->fault_events, __ATOMIC_RELAXED) != m->fault_events_seen;
}
void faults_say(struct machine *m);
/* From now on a refused request of this function that nobody provoked breaks the proof. */
void faults_watch(struct machine *m, bdf_t fn);
/* Prints what is left; SL_VERIFY when there was such a request. */
enum sl_err faults_verdict(struct machine *m) MUST_CHECK;

/* A line for each thing that translation does not cover (apps/bringup/coverage.h), up to a limit. */
void coverage_name(struct machine *m, const char *subsystem);
/* What is odd in firmware's DMAR table, and who owns its RMRRs. */
void dmar_print_findings(struct machine *m, struct span table);
/* What a struct boot_snapshot at that physical address says of the units and of bus mastering. */
void snapshot_print(const char *when, uint64_t at);
/* Computes the groups anew and prints all of them; that of one function. */
void groups_print(struct machine *m);
void groups_print_of(struct machine *m, const struct pci_func *fn);

void undo_shell(struct machine *m);
void undo_audit(struct machine *m);
void undo_pf(struct machine *m);
void undo_sriov(struct machine *m);
void undo_domains(struct machine *m);
