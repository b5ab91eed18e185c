#include "kernel/err.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/symbols.h"
#include "kernel/hwerr.h"
#include "kernel/irq.h"
#include "kernel/paging.h"
#include "kernel/x86/percore.h"
#include "kernel/x86/trap.h"

static const char *const names[32] = {"#DE divide error",
				      "#DB debug",
				      "NMI",
				      "#BP breakpoint",
				      "#OF overflow",
				      "#BR bound range",
				      "#UD invalid opcode",
				      "#NM no FPU",
				      "#DF double fault",
				      "coprocessor overrun",
				      "#TS invalid TSS",
				      "#NP segment not present",
				      "#SS stack fault",
				      "#GP general protection",
				      "#PF page fault",
				      "reserved",
				      "#MF x87",
				      "#AC alignment check",
				      "#MC machine check",
				      "#XM SIMD",
				      "#VE virtualization",
				      "#CP control protection",
				      "reserved",
				      "reserved",
				      "reserved",
				      "reserved",
				      "reserved",
				      "reserved",
				      "#HV hypervisor injection",
				      "#VC VMM communication",
				      "#SX security",
				      "reserved"};

static void print_address(uint64_t addr)
{
	uint64_t off;
	const char *name = symbols_find(addr, &off);
	log_text("  at %s+0x%llx (0x%llx)\n", name, (ull)off, (ull)addr);
}

void trap_backtrace(uint64_t rip, uint64_t rbp, uint64_t rsp)
{
	uint64_t off;
	print_address(rip);
	symbols_find(rip, &off);
	if (rsp && off <= 1 && paging_mapped(rsp, 16)) /* push %rbp is one byte long */
		print_address(((const uint64_t *)(uintptr_t)rsp)[off] - 1);
	for (int depth = 0; depth < 32 && IS_ALIGNED(rbp, 8) && rbp && paging_mapped(rbp, 16); depth++) {
		const uint64_t *frame = (const uint64_t *)(uintptr_t)rbp;
		if (!frame[1])
			return;
		print_address(frame[1] - 1);
		if (frame[0] <= rbp)
			return;
		rbp = frame[0];
	}
}

static void print_page_fault(uint64_t error)
{
	uint64_t cr2;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	log_text("  %s of 0x%llx: %s%s\n",
		 error & 16  ? "fetch"
		 : error & 2 ? "write"
			     : "read",
		 (ull)cr2,
		 error & 8   ? "reserved bit in a page table"
		 : error & 1 ? "not permitted"
			     : "not mapped",
		 cr2 < PAGE_SIZE ? " (null pointer)" : "");
}

void trap_handle(const struct trap_frame *f);

static void print_registers(const struct trap_frame *f)
{
	log_text("  rip %016llx  cs %04llx  rflags %016llx\n", (ull)f->rip, (ull)f->cs, (ull)f->rflags);
	log_text("  rsp %016llx  rbp %016llx  ss %04llx\n", (ull)f->rsp, (ull)f->rbp, (ull)f->ss);
	log_text("  rax %016llx  rbx %016llx  rcx %016llx\n", (ull)f->rax, (ull)f->rbx, (ull)f->rcx);
	log_text("  rdx %016llx  rsi %016llx  rdi %016llx\n", (ull)f->rdx, (ull)f->rsi, (ull)f->rdi);
	log_text("  r8  %016llx  r9  %016llx  r10 %016llx\n", (ull)f->r8, (ull)f->r9, (ull)f->r10);
	log_text("  r11 %016llx  r12 %016llx  r13 %016llx\n", (ull)f->r11, (ull)f->r12, (ull)f->r13);
	log_text("  r14 %016llx  r15 %016llx\n", (ull)f->r14, (ull)f->r15);
	trap_backtrace(f->rip, f->rbp, f->rsp);
}

/* The run ends here, on the first core that gets here; the others wait for it to show where they are. */
static void final(const struct trap_frame *f)
{
	trap_end_begin(f);
	log_fail("cpu", NULL, "exception %llu %s, error code 0x%llx", (ull)f->vector, names[f->vector & 31],
		 (ull)f->error);
	if (f->vector == 14)
		print_page_fault(f->error);
	print_registers(f);
	core_stop_others();
	power_crash("crash", "BUG");
}

/* The same for a machine check: hardware's, with what the banks say. */
static void final_machine_check(const struct trap_frame *f)
{
	struct hwerr h;
	unsigned lost, core = core_index();
	char text[200];
	trap_end_begin(f);
	log_fail(
		"hardware",
		"the part that the lines below name fails: memory, processor, bus; see the machine's event log",
		"machine check on core %u (APIC id %u): the processor cannot go on", core,
		core_apic_id(core));
	uint64_t mcg = hwerr_mcg_status();
	log_text("  MCG_STATUS 0x%llx: RIPV %u, EIPV %u, MCIP %u\n", (ull)mcg, !!(mcg & MCG_STATUS_RIPV),
		 !!(mcg & MCG_STATUS_EIPV), !!(mcg & MCG_STATUS_MCIP));
	for (core = 0; core < core_count(); core++)
		while (hwerr_next(core, &h, &lost)) {
			mca_text(&h.e, text, sizeof text);
			log_text("  core %u %s\n", core, text);
		}
	print_registers(f);
	core_stop_others();
	power_crash("hardware", sl_err_name(SL_MCE));
}

void trap_end_begin(const struct trap_frame *f)
{
	static uint32_t ender; /* index + 1 of the core that ends the run */
	uint32_t me = core_index() + 1, nobody = 0;
	if (__atomic_compare_exchange_n(&ender, &nobody, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		log_alone();
		return;
	}
	if (nobody == me) /* a second crash while reporting the first: a third attempt would not end */
		power_crash("crash", "BUG");
	core_park(f);
}

void trap_handle(const struct trap_frame *f)
{
	if (f->vector >= 32) {
		irq_handle(f);
	} else if (f->vector == 2) {
		if (!core_on_nmi(f))
			hwerr_nmi();
	} else if (f->vector != 18) {
		final(f);
	} else if (!hwerr_machine_check()) {
		final_machine_check(f);
	}
}
