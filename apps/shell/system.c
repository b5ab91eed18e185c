/* Commands about the machine besides PCI and the IOMMU. */
#include "apps/shell/command.h"
#include "kernel/console.h"
#include "apps/shell/names.h"
#include "apps/shell/output.h"
#include "apps/shell/words.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/memmap.h"
#include "kernel/pmm.h"
#include "kernel/power.h"
#include "kernel/stacks.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/irq.h"
#include "kernel/cpu.h"
#include "kernel/tsc.h"
#include "iommu/dmar/lint.h"
#include "apps/shell/dump.h"

static bool cmd_acpi(struct machine *m, unsigned n, char **word)
{
	const struct acpi *a = &m->acpi;
	if (n > 2)
		return false;
	if (n == 2) {
		const struct acpi_table *t;
		unsigned i = 0;
		for (; (t = acpi_find(a, word[1], i)); i++) {
			log_text("%s at 0x%llx, %llu bytes\n", word[1], (ull)t->phys, (ull)t->data.n);
			dump_bytes(t->data);
		}
		if (!i)
			log_text("there is no table %s; acpi lists all\n", word[1]);
		return true;
	}
	log_text("RSDP revision %u, %s, %u tables\n", a->revision, a->xsdt ? "XSDT" : "RSDT", a->count);
	for (unsigned i = 0; i < a->count; i++) {
		char sig[5], oem[7], name[9];
		struct span d = a->table[i].data;
		dump_name(span_sub(d, 0, 4), sig);
		dump_name(span_sub(d, 10, 6), oem);
		dump_name(span_sub(d, 16, 8), name);
		log_text("  %s  0x%-12llx %7llu bytes  revision %-3u %-6s %-8s%s\n", sig,
			 (ull)a->table[i].phys, (ull)d.n, span_u8(d, 8), oem, name,
			 a->table[i].sum_ok ? "" : "  WRONG CHECKSUM");
	}
	return true;
}

static bool cmd_cpus(struct machine *m, unsigned n, char **word)
{
	(void)word;
	if (n > 1)
		return false;
	log_text("%s\n", cpu_info()->brand);
	log_text("%u of %u processors that firmware names run, %s; %u I/O APICs\n", core_count(),
		 madt_enabled(&m->madt), apic_mode(), m->madt.ioapics);
	for (unsigned i = 0; i < core_count(); i++)
		log_text("  core %-2u APIC id %-4u %s\n", i, core_apic_id(i),
			 i ? "waits for work" : "runs this console");
	return true;
}

static bool cmd_version(struct machine *m, unsigned n, char **word)
{
	(void)word;
	if (n > 1)
		return false;
	log_text("Sluice %s of %s\n", m->boot->identity.build, m->boot->identity.built);
	return true;
}

static bool cmd_machine(struct machine *m, unsigned n, char **word)
{
	const struct identity *id = &m->boot->identity;
	struct identity_time time = identity_time(id);
	(void)word;
	if (n > 1)
		return false;
	for (unsigned i = 0; i < SMBIOS_FIELD_COUNT; i++)
		log_text("%-15s %s\n", smbios_key(i), identity_text(id, i));
	log_text("%-15s %s\n%-15s %s revision 0x%x\n%-15s %s\n", "uuid", identity_uuid(id), "firmware",
		 m->boot->firmware, m->boot->firmware_revision, "started",
		 time.s[0] ? time.s : "firmware has no clock");
	return true;
}

/* "9120 of 32768" in a column; a core that never started has no stack. */
static void print_mark(unsigned core, enum stack_kind kind)
{
	char text[24] = "-";
	size_t used, bytes;
	if (stacks_used(core, kind, &used, &bytes))
		fmt_print(text, sizeof text, "%llu of %llu", (ull)used, (ull)bytes);
	log_text(" %14s", text);
}

static void print_stacks(void)
{
	size_t used, bytes;
	log_text("stacks, bytes that were ever used:\n        ");
	for (enum stack_kind k = STACK_WORK; k < STACK_START; k++)
		log_text(" %14s", stack_name(k));
	log_text("\n");
	for (unsigned i = 0; i < core_count(); i++) {
		log_text("  core %-2u", i);
		for (enum stack_kind k = STACK_WORK; k < STACK_START; k++)
			print_mark(i, k);
		log_text("\n");
	}
	if (stacks_used(0, STACK_START, &used, &bytes))
		log_text("  until core 0 had its own: %llu of %llu\n", (ull)used, (ull)bytes);
}

static bool cmd_mem(struct machine *m, unsigned n, char **word)
{
	const struct boot_region *r = phys_va(PHYS(m->boot->regions));
	(void)word;
	if (n > 1)
		return false;
	log_text("the firmware's map when Sluice took over:\n");
	for (uint32_t i = 0, next; i < m->boot->region_count; i = next) {
		const char *name = table_memory_name(r[i].type);
		uint64_t end = r[i].base + r[i].pages * PAGE_SIZE;
		for (next = i + 1; next < m->boot->region_count && r[next].base == end &&
				   strcmp(table_memory_name(r[next].type), name) == 0;
		     next++)
			end += r[next].pages * PAGE_SIZE;
		log_text("  %012llx-%012llx %9llu KiB  %s\n", (ull)r[i].base, (ull)(end - 1),
			 (ull)((end - r[i].base) / 1024), name);
	}
	log_text("pages of 4 KiB: %llu free, %llu used, %llu at most\n", (ull)pmm_free_pages(),
		 (ull)pmm_used_pages(), (ull)pmm_peak_pages());
	print_stacks();
	return true;
}

static bool cmd_time(struct machine *m, unsigned n, char **word)
{
	const struct tsc_info *t = tsc_info();
	uint64_t us = now_us();
	(void)m;
	(void)word;
	if (n > 1)
		return false;
	log_text("%llu.%06llu s since firmware handed over\n", (ull)(us / 1000000), (ull)(us % 1000000));
	log_text("counted by the TSC: %llu.%03llu MHz, %s%s\n", (ull)(t->hz / 1000000),
		 (ull)(t->hz / 1000 % 1000), t->source ? t->source : "a guess",
		 cpu_info()->invariant_tsc ? ", invariant" : ", not marked invariant");
	return true;
}

/* "[    0.1] FAIL iommu0: text" is of subsystem iommu. */
static bool is_of(const char *line, const char *name)
{
	const char *s = line;
	while (*s && *s != ']')
		s++;
	if (*line != '[' || !s[0] || !s[1])
		return false;
	s += 2;
	const char *fail = word_after(s, "FAIL "), *warn = word_after(s, "WARN ");
	s = word_after(fail ? fail : warn ? warn : s, name);
	while (s && *s >= '0' && *s <= '9')
		s++;
	return s && *s == ':';
}

static void print_log(const char *name)
{
	static char line[512];
	enum log_level level;
	for (uint64_t at = 0; log_next(&at, line, sizeof line);)
		if (!name || is_of(line, name))
			log_text("%s\n", line);
	for (unsigned i = 0; log_subsystem(i, &level); i++)
		if (level != LOG_INFO)
			log_text("shown of %s: up to %s\n", log_subsystem(i, &level), log_level_name(level));
}

static bool cmd_log(struct machine *m, unsigned n, char **word)
{
	enum log_level level = LOG_FAIL;
	(void)m;
	if (n > 3)
		return false;
	if (n < 3) {
		print_log(n == 2 ? word[1] : NULL);
		return true;
	}
	while (log_level_name(level) && strcmp(log_level_name(level), word[2]) != 0)
		level++;
	if (!log_level_name(level))
		return false;
	if (log_level_set(word[1], level))
		log_text("%s: up to %s from now on\n", word[1], word[2]);
	else
		log_text("%s: there are more subsystems than levels are kept for\n", word[1]);
	return true;
}

static bool cmd_clear(struct machine *m, unsigned n, char **word)
{
	unsigned columns, rows;
	(void)m;
	(void)word;
	output_size(&columns, &rows);
	while (n == 1 && rows--)
		console_write("\n", 1);
	return n == 1;
}

/* "132x43" */
static bool size_of(char *text, uint32_t *columns, uint32_t *rows)
{
	char *x = text;
	while (*x && *x != 'x')
		x++;
	if (!*x)
		return false;
	*x = 0;
	return word_decimal(text, 999, columns) && word_decimal(x + 1, 999, rows);
}

static bool cmd_size(struct machine *m, unsigned n, char **word)
{
	uint32_t columns, rows;
	(void)m;
	if (n > 2 || (n == 2 && !size_of(word[1], &columns, &rows)))
		return false;
	if (n == 2)
		output_size_set(columns, rows);
	else if (!output_size_ask())
		log_text("the terminal does not say its size\n");
	output_size(&columns, &rows);
	log_text("%u columns, %u rows\n", columns, rows);
	return true;
}

/* The row says that the shell ends. */
static bool leave(unsigned n, enum config_end end)
{
	if (n > 1)
		return false;
	power_choose(end);
	return true;
}

static bool cmd_reboot(struct machine *m, unsigned n, char **word)
{
	(void)m;
	(void)word;
	return leave(n, END_REBOOT);
}

static bool cmd_poweroff(struct machine *m, unsigned n, char **word)
{
	(void)m;
	(void)word;
	return leave(n, END_SHUTDOWN);
}

const struct command system_commands[] = {
	{"log", "[SUBSYSTEM [fail|warn|info|debug]]", "the log so far; how much of it is shown from now on",
	 "log iommu debug", "fail warn info debug", TAKES_SUBSYSTEM, false, false, cmd_log},
	{"acpi", "[TABLE]", "the firmware's tables; the bytes of one", "acpi MCFG", NULL, TAKES_TABLE, false,
	 false, cmd_acpi},
	{"cpus", "", "the processors, and which of them run", "cpus", NULL, TAKES_NOTHING, false, false,
	 cmd_cpus},
	{"mem", "", "the firmware's memory map, what is free, how deep stacks were used", "mem", NULL,
	 TAKES_NOTHING, false, false, cmd_mem},
	{"version", "", "which Sluice this is", "version", NULL, TAKES_NOTHING, false, false, cmd_version},
	{"machine", "", "maker, product, serial numbers, BIOS", "machine", NULL, TAKES_NOTHING, false, false,
	 cmd_machine},
	{"time", "", "time since the hand-over, and the clock that measures it", "time", NULL, TAKES_NOTHING,
	 false, false, cmd_time},
	{"clear", "", "an empty screen", "clear", NULL, TAKES_NOTHING, false, false, cmd_clear},
	{"size", "[COLUMNSxROWS]", "asks the terminal for its size, or sets it", "size 132x43", NULL,
	 TAKES_NOTHING, false, false, cmd_size},
	{"reboot", "", "puts everything back and reboots the machine", "reboot", NULL, TAKES_NOTHING, true,
	 true, cmd_reboot},
	{"poweroff", "", "puts everything back and powers the machine off", "poweroff", NULL, TAKES_NOTHING,
	 true, true, cmd_poweroff},
	{0},
};
