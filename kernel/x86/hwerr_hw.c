#include "kernel/x86/cpu.h"
#include "kernel/hwerr.h"
#include "kernel/x86/percore.h"
#include "kernel/x86/port.h"

/* NMI Status and Control: in every chipset since the PC/AT, and in Intel's PCH datasheets. Bits 3:2 switch
 * the sources off, and clear bits 7:6, which name the source. */
#define NMI_SC       0x61
#define NMI_SC_SERR  0x80u
#define NMI_SC_IOCHK 0x40u
#define NMI_SC_KEEP  0x0fu

/* A machine check may come while an entry is written, so each has its number, which is written last. */
static struct log {
	struct {
		struct hwerr h;
		uint32_t number; /* from 1 */
	} kept[HWERR_KEPT];
	uint32_t n;    /* ever */
	uint32_t told; /* core 0's */
	bool begun;
	uint32_t nmis;
	uint8_t nmi_port;
} logs[CORES_MAX] __attribute__((aligned(64)));

static void wr(uint32_t msr, uint64_t v)
{
	cpu_wrmsr(msr, v);
}

static const struct mca_io io = {cpu_rdmsr, wr};

/* CPUID 1 EDX bits 7 and 14; asked once, as the exception's handler needs it. */
static bool has_mca;

static void note(void *ctx, const struct mca_error *e)
{
	struct log *l = ctx;
	uint32_t i = __atomic_fetch_add(&l->n, 1, __ATOMIC_RELAXED);
	l->kept[i % HWERR_KEPT].h = (struct hwerr){*e, !l->begun};
	__atomic_store_n(&l->kept[i % HWERR_KEPT].number, i + 1, __ATOMIC_RELEASE);
}

void hwerr_begin(void)
{
	uint32_t r[4];
	struct log *l = &logs[core_index()];
	cpu_id(1, r);
	has_mca = (r[3] >> 7 & 1) && (r[3] >> 14 & 1);
	if (has_mca && io.rd(MSR_MCG_STATUS))
		io.wr(MSR_MCG_STATUS, 0);
	hwerr_look();
	l->begun = true;
}

unsigned hwerr_banks(unsigned *silent)
{
	*silent = has_mca ? mca_silent_banks(&io) : 0;
	return has_mca ? mca_banks(&io) : 0;
}

void hwerr_look(void)
{
	if (has_mca)
		mca_take(&io, note, &logs[core_index()]);
}

bool hwerr_next(unsigned core, struct hwerr *out, unsigned *lost)
{
	struct log *l = &logs[core];
	uint32_t n = __atomic_load_n(&l->n, __ATOMIC_ACQUIRE);
	*lost = n - l->told > HWERR_KEPT ? n - l->told - HWERR_KEPT : 0;
	l->told += *lost;
	uint32_t i = l->told % HWERR_KEPT;
	if (__atomic_load_n(&l->kept[i].number, __ATOMIC_ACQUIRE) != l->told + 1)
		return false;
	*out = l->kept[i].h;
	l->told++;
	return true;
}

bool hwerr_machine_check(void)
{
	return has_mca && mca_exception(&io, note, &logs[core_index()]) != MCA_FATAL;
}

uint64_t hwerr_mcg_status(void)
{
	return has_mca ? io.rd(MSR_MCG_STATUS) : 0;
}

/* A source that is cleared can report again. FFh: no device answers at that port. */
uint8_t hwerr_port(void)
{
	uint8_t v = port_in8(NMI_SC);
	if (v != 0xff && v & (NMI_SC_SERR | NMI_SC_IOCHK)) {
		uint8_t off = (uint8_t)((v & NMI_SC_SERR) >> 5 | (v & NMI_SC_IOCHK) >> 3);
		port_out8(NMI_SC, (v & NMI_SC_KEEP) | off);
		port_out8(NMI_SC, v & NMI_SC_KEEP);
	}
	return v;
}

void hwerr_nmi(void)
{
	struct log *l = &logs[core_index()];
	l->nmi_port = hwerr_port();
	__atomic_store_n(&l->nmis, l->nmis + 1, __ATOMIC_RELEASE);
}

unsigned hwerr_nmis(unsigned core, uint8_t *port)
{
	unsigned n = __atomic_load_n(&logs[core].nmis, __ATOMIC_ACQUIRE);
	*port = logs[core].nmi_port;
	return n;
}
