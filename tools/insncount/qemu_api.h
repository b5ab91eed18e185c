/* The few functions of QEMU's TCG plugin API that insncount uses, declared from its public documentation
 * (QEMU, "QEMU TCG Plugins"): Debian packages no header for it. One binary serves every version of the API
 * from 0 to 7; what differs among them it finds out when it is loaded:
 *
 * qemu_plugin_version has to lie between the least and the highest version that the QEMU takes. 1 is taken up
 * to QEMU 8.2, 2 from 9.0 (which brought qemu_plugin_scoreboard_new()) to 10.2 at least, whose highest is 5.
 * Version 6 brought qemu_plugin_set_pc(); QEMU 11.1 takes 7 alone.
 *
 * Up to version 2 qemu_plugin_insn_data() returns a pointer to the instruction's bytes; from 3 on, which goes
 * by the highest that the QEMU has, it copies them and returns how many.
 *
 * From 7 on callbacks get what was registered with them instead of the plugin's id. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;

typedef struct {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	union {
		struct {
			int smp_vcpus, max_vcpus;
		} system;
	};
} qemu_info_t;

enum { CB_NO_REGS = 0 };
enum { MEM_RW = 3 };

typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*insn_cb)(unsigned vcpu, void *arg);
typedef void (*mem_cb)(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *arg);
typedef void (*exit_cb)(qemu_plugin_id_t id, void *arg);
typedef void (*tb_trans_cb_v7)(struct qemu_plugin_tb *tb, void *arg);
typedef void (*exit_cb_v7)(void *arg);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_trans_cb_v7(qemu_plugin_id_t id, tb_trans_cb_v7 cb,
					      void *arg) __asm__("qemu_plugin_register_vcpu_tb_trans_cb");
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, insn_cb cb, int flags, void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_cb cb, int flags, int rw, void *arg);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_cb cb, void *arg);
void qemu_plugin_register_atexit_cb_v7(qemu_plugin_id_t id, exit_cb_v7 cb,
				       void *arg) __asm__("qemu_plugin_register_atexit_cb");
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t len);
const void *qemu_plugin_insn_data_v2(const struct qemu_plugin_insn *insn) __asm__("qemu_plugin_insn_data");
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *where);

/* There or not: this tells versions apart. The last two are no part of the API, but in every system emulator.
 */
struct qemu_version {
	const struct {
		int64_t major, minor, micro;
	} * number;
	const char *package;
};
void qemu_plugin_scoreboard_new(void) __attribute__((weak));
void qemu_plugin_set_pc(void) __attribute__((weak));
struct qemu_version *qmp_query_version(void **error) __attribute__((weak));
void qapi_free_VersionInfo(struct qemu_version *v) __attribute__((weak));

/* What QEMU looks for in a plugin. */
extern int qemu_plugin_version;
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);
