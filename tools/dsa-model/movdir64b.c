// MOVDIR64B (66 0F 38 F8 /r), which TCG has in no version known: what QEMU takes for an invalid instruction
// is done here before it is run, and stepped over. The 64 bytes leave as eight stores of 8 bytes in one hold
// of QEMU's big lock, so nothing comes between. SPDX-License-Identifier: GPL-2.0-or-later
#include "dsa.h"

enum { MAY_WRITE_REGISTERS = 2, RIP = 16, BYTES = 64, INSTRUCTION_MOST = 15 };
enum { REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

typedef struct CPUState CPUState;
struct bytes {
	uint8_t *data;
	unsigned len;
};
struct tb;
struct insn;

#define CPU_FUNCTIONS(X)                                                                                     \
	X(CPUState *, qemu_get_cpu, (int index))                                                             \
	X(bool, cpu_restore_state, (CPUState * cpu, uintptr_t host_pc))                                      \
	X(void, cpu_loop_exit, (CPUState * cpu))                                                             \
	X(int, cpu_memory_rw_debug, (CPUState * cpu, uint64_t at, void *buf, size_t len, bool write))        \
	X(int, x86_cpu_gdb_read_register, (CPUState * cpu, struct bytes * to, int n))                        \
	X(int, x86_cpu_gdb_write_register, (CPUState * cpu, uint8_t * from, int n))                          \
	X(uint32_t, address_space_write,                                                                     \
	  (AddressSpace * as, uint64_t at, struct access_attrs attrs, const void *buf, uint64_t len))        \
	X(bool, bql_locked, (void))                                                                          \
	X(void, bql_lock_impl, (const char *file, int line))                                                 \
	X(void, bql_unlock, (void))                                                                          \
	X(struct bytes *, g_byte_array_new, (void))                                                          \
	X(uint8_t *, g_byte_array_free, (struct bytes * a, int with_data))                                   \
	X(size_t, qemu_plugin_tb_n_insns, (const struct tb *tb))                                             \
	X(struct insn *, qemu_plugin_tb_get_insn, (const struct tb *tb, size_t n))                           \
	X(size_t, qemu_plugin_insn_data, (const struct insn *in, void *to, size_t len))                      \
	X(void, qemu_plugin_register_vcpu_insn_exec_cb,                                                      \
	  (struct insn * in, void (*run)(unsigned cpu, void *opaque), int flags, void *opaque))              \
	X(void, qemu_plugin_register_vcpu_tb_trans_cb, (uint64_t id, void *look, void *opaque))

#define DECLARE(result, name, parameters) result name parameters __attribute__((weak));
CPU_FUNCTIONS(DECLARE)
#undef DECLARE
extern char address_space_memory[] __attribute__((weak));

/* One of both: 10.0 has the first, 11.1 the second. */
uint64_t cpu_get_phys_page_debug(CPUState *cpu, uint64_t at) __attribute__((weak));
bool qemu_plugin_translate_vaddr(uint64_t at, uint64_t *to) __attribute__((weak));

/* Fills QEMU's TLB, or raises the page fault of the instruction at that place of translated code, and then
 * does not return. */
bool x86_cpu_tlb_fill(CPUState *cpu, uint64_t at, int size, int access, int mode, bool probe,
		      uintptr_t host_pc) __attribute__((weak));

bool movdir64b_fits(void)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} functions[] = {
#define FUNCTION(result, name, parameters) {#name, (void (*)(void))name},
		CPU_FUNCTIONS(FUNCTION)
#undef FUNCTION
	};
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (!qemu_has(functions[i].name, functions[i].function))
			return false;
	typedef void any_function(void);
	any_function *translates = qemu_plugin_translate_vaddr ? (any_function *)qemu_plugin_translate_vaddr
							       : (any_function *)cpu_get_phys_page_debug;
	return qemu_has("qemu_plugin_translate_vaddr", translates) &&
	       qemu_has("address_space_memory", (any_function *)(uintptr_t)address_space_memory);
}

/* n in the numbers of instructions, or RIP. */
static uint64_t get_register(CPUState *cpu, unsigned n)
{
	static const uint8_t of_gdb[RIP + 1] = {0, 2, 3, 1, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct bytes *a = g_byte_array_new();
	uint64_t v = 0;
	x86_cpu_gdb_read_register(cpu, a, of_gdb[n]);
	memcpy(&v, a->data, a->len < sizeof v ? a->len : sizeof v);
	g_byte_array_free(a, 1);
	return v;
}

static bool translate(CPUState *cpu, uint64_t at, uint64_t *to)
{
	if (qemu_plugin_translate_vaddr)
		return qemu_plugin_translate_vaddr(at, to);
	uint64_t page = cpu_get_phys_page_debug(cpu, at & ~0xfffull);
	*to = page | (at & 0xfff);
	return page != UINT64_MAX;
}

static int64_t displacement(const uint8_t *at, unsigned bytes)
{
	int32_t v = 0;
	if (bytes == 1)
		return (int8_t)at[0];
	memcpy(&v, at, bytes);
	return v;
}

/* Where the bytes are, by ModRM at b[i] (SDM volume 2, table 2-2 and 2-3). Returns the length of the
 * instruction. */
static unsigned source(CPUState *cpu, uint64_t rip, const uint8_t *b, unsigned i, unsigned rex,
		       uint64_t *from)
{
	unsigned mod = b[i] >> 6, rm = b[i] & 7, wide = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	bool relative = false;
	*from = 0;
	i++;
	if (rm == 4) {
		uint8_t sib = b[i++];
		unsigned index = (sib >> 3 & 7) | (rex & REX_X ? 8 : 0);
		if (index != 4)
			*from = get_register(cpu, index) << (sib >> 6);
		if ((sib & 7) == 5 && mod == 0)
			wide = 4;
		else
			*from += get_register(cpu, (sib & 7) | (rex & REX_B ? 8 : 0));
	} else if (rm == 5 && mod == 0) {
		wide = 4;
		relative = true;
	} else {
		*from = get_register(cpu, rm | (rex & REX_B ? 8 : 0));
	}
	*from += (uint64_t)displacement(b + i, wide) + (relative ? rip + i + wide : 0);
	return i + wide;
}

static void store(uint64_t at, const uint8_t *data)
{
	struct access_attrs attrs = {.unspecified = true};
	bool ours = !bql_locked();
	if (ours)
		bql_lock_impl(__FILE__, __LINE__);
	for (unsigned i = 0; i < BYTES; i += 8)
		address_space_write((AddressSpace *)address_space_memory, at + i, attrs, data + i, 8);
	if (ours)
		bql_unlock();
}

/* A program's page that is not there yet, as the processor would: the kernel brings it, and the instruction
 * begins again. */
static void touch(CPUState *cpu, uint64_t at, int access, uintptr_t host_pc)
{
	enum { CS_OF_GDB = 18, USER = 3, MODE_USER_64 = 2 };
	struct bytes *a = g_byte_array_new();
	x86_cpu_gdb_read_register(cpu, a, CS_OF_GDB);
	bool user = a->len && (a->data[0] & USER) == USER;
	g_byte_array_free(a, 1);
	if (user && x86_cpu_tlb_fill)
		x86_cpu_tlb_fill(cpu, at, 1, access, MODE_USER_64, false, host_pc);
}

/* Called from translated code, so that QEMU finds registers and flags of this instruction by where it returns
 * to. What cannot be done here stays an invalid instruction: a destination that is not aligned, or in the
 * kernel not mapped; a source that is not. */
static void run(unsigned index, void *opaque)
{
	enum { LOAD, STORE };
	CPUState *cpu = qemu_get_cpu((int)index);
	uintptr_t here = (uintptr_t)__builtin_return_address(0);
	(void)opaque;
	if (!cpu_restore_state(cpu, here))
		return;
	uint8_t b[INSTRUCTION_MOST + 1] = {0}, data[BYTES];
	uint64_t rip = get_register(cpu, RIP), from, to, at;
	unsigned i = 1, rex = 0, most = INSTRUCTION_MOST;
	while (most && cpu_memory_rw_debug(cpu, rip, b, most, false)) /* the next page may not be there */
		most--;
	if ((b[i] & 0xf0) == 0x40)
		rex = b[i++];
	if (b[0] != 0x66 || b[i] != 0x0f || b[i + 1] != 0x38 || b[i + 2] != 0xf8 || b[i + 3] >> 6 == 3)
		return;
	to = get_register(cpu, (b[i + 3] >> 3 & 7) | (rex & REX_R ? 8 : 0));
	uint64_t next = rip + source(cpu, rip, b, i + 3, rex, &from);
	if (to % BYTES)
		return;
	if (cpu_memory_rw_debug(cpu, from, data, BYTES, false)) {
		touch(cpu, from, LOAD, here);
		touch(cpu, from + BYTES - 1, LOAD, here);
		return;
	}
	if (!translate(cpu, to, &at)) {
		touch(cpu, to, STORE, here);
		return;
	}
	store(at, data);
	x86_cpu_gdb_write_register(cpu, (uint8_t *)&next, RIP);
	cpu_loop_exit(cpu);
}

static void look(struct tb *tb)
{
	for (size_t n = 0; n < qemu_plugin_tb_n_insns(tb); n++) {
		struct insn *in = qemu_plugin_tb_get_insn(tb, n);
		uint8_t b[INSTRUCTION_MOST] = {0};
		size_t len = qemu_plugin_insn_data(in, b, sizeof b);
		unsigned i = 1 + ((b[1] & 0xf0) == 0x40);
		if (len >= i + 2 && b[0] == 0x66 && b[i] == 0x0f && b[i + 1] == 0x38 &&
		    (len < i + 3 || b[i + 2] == 0xf8))
			qemu_plugin_register_vcpu_insn_exec_cb(in, run, MAY_WRITE_REGISTERS, NULL);
	}
}

/* The plugin's number came first until 11.0. */
static void look_old(uint64_t id, struct tb *tb)
{
	(void)id;
	look(tb);
}

static void look_new(struct tb *tb, void *opaque)
{
	(void)opaque;
	look(tb);
}

void movdir64b_install(uint64_t plugin, int api)
{
	enum { API_WITH_DATA = 6 };
	qemu_plugin_register_vcpu_tb_trans_cb(
		plugin, api >= API_WITH_DATA ? (void *)look_new : (void *)look_old, NULL);
}
