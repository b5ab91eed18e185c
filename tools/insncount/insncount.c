/* A QEMU plugin that counts guest instructions and MMIO accesses per virtual CPU between markers
 * (kernel/marker.h), exactly: each instruction is counted when it is executed.
 *
 *   -plugin insncount.so,out=FILE[,from=ADDRESS][,below=ADDRESS][,profile=FILE]
 *
 * Only code at from= and above is looked at (0xffff800000000000 unless given: the kernel, not the firmware),
 * with below= only what is below that.
 * Markers are not counted. out= gets a line each time:
 *
 *   section cpu=0 insn=... mmio=... wait_insn=... wait_mmio=...   at marker 15: since marker 14
 *   first cpu=0 insn=... mmio=... wait_insn=... wait_mmio=...     at the first marker 13: since the first
 *                                                                  instruction
 *   exit cpu=0 insn=... mmio=... wait_insn=... wait_mmio=...      when QEMU ends: of all sections together
 *
 * insn and mmio are those outside of markers 254 and 255 (waiting for the device), wait_* those between
 * them. MMIO is counted between markers 14 and 15 alone, in all of the lines: to ask QEMU what an address is
 * right after an access that changed the memory map ends QEMU 10.0.13 (an assertion in iotlb_to_section()),
 * and set-up makes such accesses. profile= gets "address count" for each instruction executed before marker
 * 13 outside of waits. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "qemu_api.h"

#define EXPORT   __attribute__((visibility("default")))
#define CPUS_MAX 256u
#define PLACES   (1u << 20) /* instructions that a profile can tell apart */

enum { MARK_FIRST = 13, MARK_BEGIN = 14, MARK_END = 15, MARK_WAIT = 254, MARK_GO_ON = 255 };

struct counts {
	uint64_t insn[2], mmio[2]; /* [1]: in waits */
};

/* Written by its own CPU alone. */
struct cpu {
	_Alignas(64) struct counts now, begin, sections;
	unsigned waiting;
	bool in_section, measured;
};

/* One instruction of the guest, for the profile. */
struct place {
	uint64_t addr, count;
};

EXPORT int qemu_plugin_version = 1;

static struct cpu cpus[CPUS_MAX];
static struct place *places; /* NULL: no profile wanted */
static const char *profile_name;
static FILE *out;
static uint64_t from = 0xffff800000000000ull, below = UINT64_MAX;
static bool data_is_copied, first_seen;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Before QEMU reads the version. */
__attribute__((constructor)) static void choose_version(void)
{
	if (!qemu_plugin_scoreboard_new)
		return;
	qemu_plugin_version = 2;
	if (!qemu_plugin_set_pc)
		return;
	struct qemu_version *v = qmp_query_version ? qmp_query_version(NULL) : NULL;
	qemu_plugin_version = v && v->number->major == 11 && v->number->minor == 0 ? 6 : 7;
	if (v && qapi_free_VersionInfo)
		qapi_free_VersionInfo(v);
}

static void print(const char *what, unsigned cpu, const struct counts *c)
{
	fprintf(out,
		"%s cpu=%u insn=%" PRIu64 " mmio=%" PRIu64 " wait_insn=%" PRIu64 " wait_mmio=%" PRIu64 "\n",
		what, cpu, c->insn[0], c->mmio[0], c->insn[1], c->mmio[1]);
	fflush(out);
}

static struct counts minus(const struct counts *a, const struct counts *b)
{
	struct counts c;
	for (unsigned w = 0; w < 2; w++) {
		c.insn[w] = a->insn[w] - b->insn[w];
		c.mmio[w] = a->mmio[w] - b->mmio[w];
	}
	return c;
}

static void add(struct counts *a, const struct counts *b)
{
	for (unsigned w = 0; w < 2; w++) {
		a->insn[w] += b->insn[w];
		a->mmio[w] += b->mmio[w];
	}
}

/* Up to here a profile counts. */
static void first(unsigned cpu)
{
	FILE *f = places ? fopen(profile_name, "w") : NULL;
	print("first", cpu, &cpus[cpu].now);
	for (unsigned i = 0; f && i < PLACES; i++)
		if (places[i].count)
			fprintf(f, "%" PRIx64 " %" PRIu64 "\n", places[i].addr, places[i].count);
	if (f)
		fclose(f);
}

static void on_marker(unsigned cpu, void *arg)
{
	struct cpu *c = &cpus[cpu % CPUS_MAX];
	switch ((uintptr_t)arg) {
	case MARK_WAIT:
		c->waiting = 1;
		break;
	case MARK_GO_ON:
		c->waiting = 0;
		break;
	case MARK_FIRST:
		pthread_mutex_lock(&lock);
		if (!first_seen)
			first(cpu % CPUS_MAX);
		first_seen = true;
		pthread_mutex_unlock(&lock);
		break;
	case MARK_BEGIN:
		c->begin = c->now;
		c->in_section = c->measured = true;
		break;
	case MARK_END:
		if (c->in_section) {
			struct counts section = minus(&c->now, &c->begin);
			add(&c->sections, &section);
			pthread_mutex_lock(&lock);
			print("section", cpu, &section);
			pthread_mutex_unlock(&lock);
			c->in_section = false;
		}
		break;
	default:
		break;
	}
}

static void on_insn(unsigned cpu, void *arg)
{
	struct cpu *c = &cpus[cpu % CPUS_MAX];
	struct place *p = arg;
	c->now.insn[c->waiting]++;
	if (p && !c->waiting && !first_seen)
		__atomic_fetch_add(&p->count, 1, __ATOMIC_RELAXED);
}

static void on_memory(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *arg)
{
	struct cpu *c = &cpus[cpu % CPUS_MAX];
	(void)arg;
	if (!c->in_section)
		return;
	const struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, vaddr);
	if (where && qemu_plugin_hwaddr_is_io(where))
		c->now.mmio[c->waiting]++;
}

/* Entry of the instruction at addr; NULL without a profile, or when the table is full. Under the lock. */
static struct place *place_of(uint64_t addr)
{
	for (unsigned i = 0; places && i < PLACES; i++) {
		struct place *p = &places[((addr * 0x9e3779b97f4a7c15ull >> 44) + i) % PLACES];
		if (p->addr == addr || !p->addr) {
			p->addr = addr;
			return p;
		}
	}
	return NULL;
}

/* The id of the marker 0f 1f 84 00 ID 55 4c 53; -1: another instruction. */
static int marker_id(const struct qemu_plugin_insn *insn)
{
	uint8_t b[8];
	if (qemu_plugin_insn_size(insn) != sizeof b)
		return -1;
	if (data_is_copied)
		qemu_plugin_insn_data(insn, b, sizeof b);
	else
		memcpy(b, qemu_plugin_insn_data_v2(insn), sizeof b);
	return memcmp(b, "\x0f\x1f\x84\x00", 4) == 0 && memcmp(b + 5, "ULS", 3) == 0 ? b[4] : -1;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t addr = qemu_plugin_insn_vaddr(insn);
		if (addr < from || addr >= below)
			continue;
		int mark = marker_id(insn);
		if (mark >= 0) {
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, CB_NO_REGS,
							       (void *)(uintptr_t)mark);
			continue;
		}
		pthread_mutex_lock(&lock);
		struct place *p = place_of(addr);
		pthread_mutex_unlock(&lock);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_insn, CB_NO_REGS, p);
		qemu_plugin_register_vcpu_mem_cb(insn, on_memory, CB_NO_REGS, MEM_RW, NULL);
	}
}

static void on_translation_v7(struct qemu_plugin_tb *tb, void *arg)
{
	(void)arg;
	on_translation(0, tb);
}

static void at_exit(void)
{
	for (unsigned i = 0; i < CPUS_MAX; i++)
		if (cpus[i].measured)
			print("exit", i, &cpus[i].sections);
	fclose(out);
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *arg)
{
	(void)id;
	(void)arg;
	at_exit();
}

static void on_exit_of_qemu_v7(void *arg)
{
	(void)arg;
	at_exit();
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	data_is_copied = info->version.cur >= 3;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "out=", 4) == 0)
			out = fopen(argv[i] + 4, "w");
		else if (strncmp(argv[i], "from=", 5) == 0)
			from = strtoull(argv[i] + 5, NULL, 0);
		else if (strncmp(argv[i], "below=", 6) == 0)
			below = strtoull(argv[i] + 6, NULL, 0);
		else if (strncmp(argv[i], "profile=", 8) == 0)
			profile_name = strdup(argv[i] + 8);
		else
			fprintf(stderr, "insncount: what is %s?\n", argv[i]);
	}
	if (!out) {
		fprintf(stderr, "insncount: no out=FILE that can be written\n");
		return -1;
	}
	places = profile_name ? calloc(PLACES, sizeof *places) : NULL;
	if (qemu_plugin_version >= 7) {
		qemu_plugin_register_vcpu_tb_trans_cb_v7(id, on_translation_v7, NULL);
		qemu_plugin_register_atexit_cb_v7(id, on_exit_of_qemu_v7, NULL);
	} else {
		qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
		qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	}
	return 0;
}
