#include <efi.h>
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/kept_log.h"
#include "kernel/log.h"
#include "kernel/paging.h"
#include "kernel/power.h"
#include "kernel/remember.h"
#include "kernel/run_variable.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpustate.h"
#include "kernel/x86/percore.h"

#define CALL_US 10000000u
#define LINE    64u

static const struct boot_info *boot;
static struct kept_log kept;
static struct run_note note; /* of this run */
static char line[RUN_RESULT];
static size_t used; /* of it */

static void flush(const void *p, size_t n)
{
	for (uintptr_t at = ALIGN_DOWN((uintptr_t)p, LINE), end = (uintptr_t)p + n; at < end; at += LINE)
		__asm__ volatile("clflush %0" : "+m"(*(volatile char *)at));
	__asm__ volatile("sfence" ::: "memory");
}

/* Everything that the consoles show; of it the RESULT line is kept for the variable. */
static void take(const char *text, size_t n)
{
	kept_add(&kept, text, n);
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n') {
			line[used] = text[i];
			used += used < sizeof line - 1;
			continue;
		}
		line[used] = 0;
		if (used > 7 && memcmp(line, "RESULT ", 7) == 0)
			run_note_result(&note, line);
		used = 0;
	}
}

void remember_init(const struct boot_info *bi)
{
	boot = bi;
	note = (struct run_note){.id = bi->before.id, .log = bi->before.log};
	kept = (struct kept_log){.at = bi->before.log ? phys_va(PHYS(bi->before.log)) : NULL,
				 .id = bi->before.id,
				 .flush = flush};
	kept_start(&kept, bi->before.log);
	log_sink_add(take);
}

void remember_stage(const char *stage)
{
	kept_state(&kept, stage, RUN_UNFINISHED);
}

/* ---- the call into the firmware ---- */

static volatile bool calling;
static uint64_t started, cr0, cr3, cr4;

/* PGE off and on: the firmware's pages are global, as all are. */
static void back(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	__asm__ volatile("mov %0, %%cr4\n\tmov %1, %%cr4" : : "r"(cr4 & ~CR4_PGE), "r"(cr4) : "memory");
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	calling = false;
}

bool remember_abandon(void)
{
	if (!calling || core_index() != 0)
		return false;
	back();
	log_warn("power",
		 "the firmware did not write the UEFI variable SluiceRun: an exception ended the call");
	return true;
}

static void tick(void *ctx)
{
	(void)ctx;
	if (!calling || now_us() - started < CALL_US)
		return;
	back();
	log_warn("power",
		 "the firmware did not write the UEFI variable SluiceRun: the call had no end after 10 s");
	power_leave();
}

/* The firmware's code has its data among it: it is not writable by its pages' entries, so write protection is
 * off during the call. */
static EFI_STATUS call(phys_t root, char *value, size_t n)
{
	static CHAR16 name[] = RUN_VARIABLE_NAME;
	static EFI_GUID guid = RUN_VARIABLE_GUID;
	const EFI_RUNTIME_SERVICES *rt = (const EFI_RUNTIME_SERVICES *)boot->runtime;
	uint8_t vector;
	if (irq_alloc(tick, NULL, &vector) || apic_tick(vector))
		return EFI_NOT_READY; /* nothing would end a call that hangs */
	started = now_us();
	__asm__ volatile("mov %%cr0, %0\n\tmov %%cr3, %1\n\tmov %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
	calling = true;
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	__asm__ volatile("mov %0, %%cr3" : : "r"(root.v) : "memory");
	EFI_STATUS s = rt->SetVariable(name, &guid, RUN_VARIABLE_ATTRIBUTES, n, value);
	back();
	return apic_tick(0) ? EFI_NOT_READY : s;
}

static void write_variable(void)
{
	static char value[RUN_NOTE];
	phys_t root;
	size_t n = run_note_write(&note, value);
	enum sl_err e = paging_runtime_root(&root);
	if (e) {
		log_warn(
			"power",
			"the UEFI variable SluiceRun is not written: the firmware's run-time memory cannot be mapped: %s",
			sl_err_text(e));
		return;
	}
	EFI_STATUS s = call(root, value, n);
	if (s != EFI_SUCCESS)
		log_warn("power", "the UEFI variable SluiceRun is not written: EFI status 0x%llx", (ull)s);
}

void remember_end(bool ok, bool may_call)
{
	kept_state(&kept, note.stage, ok ? RUN_OK : RUN_FAIL);
	/* A run that ends before interrupts are set up has no timer that would end a call that hangs. */
	if (may_call && note.result[0] && boot->before.remembered && boot->runtime && core_index() == 0 &&
	    apic_tick(0) == SL_OK)
		write_variable();
}
