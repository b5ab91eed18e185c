/* Machine checks: the processor's reports of errors in itself, its caches, buses and memory. Intel SDM vol. 3
 * chapter 16, error codes chapter 17. Pure: kernel/x86/mca_hw.c reads the registers. */
#pragma once
#include "kernel/bits.h"

/* IA32_MCG_CAP: §16.3.1.1 */
#define MSR_MCG_CAP   0x179
#define MCG_CAP_COUNT BITS(7, 0)
#define MCG_CAP_SER_P BIT(24) /* MCi_STATUS has S and AR: software error recovery */

/* IA32_MCG_STATUS: §16.3.1.2 */
#define MSR_MCG_STATUS  0x17a
#define MCG_STATUS_RIPV BIT(0) /* the interrupted code can continue */
#define MCG_STATUS_EIPV BIT(1) /* and the interrupted code caused the error */
#define MCG_STATUS_MCIP BIT(2) /* another machine check now shuts the processor down */

/* IA32_MCi_CTL, STATUS, ADDR, MISC: §16.3.2 */
#define MSR_MC_CTL(i)    (0x400u + 4 * (i))
#define MSR_MC_STATUS(i) (0x401u + 4 * (i))
#define MSR_MC_ADDR(i)   (0x402u + 4 * (i))
#define MSR_MC_MISC(i)   (0x403u + 4 * (i))
#define MC_STATUS_VAL    BIT(63)
#define MC_STATUS_OVER   BIT(62)
#define MC_STATUS_UC     BIT(61)
#define MC_STATUS_EN     BIT(60)
#define MC_STATUS_MISCV  BIT(59)
#define MC_STATUS_ADDRV  BIT(58)
#define MC_STATUS_PCC    BIT(57)
#define MC_STATUS_S      BIT(56) /* a machine check was raised, */
#define MC_STATUS_AR     BIT(55) /* and software must act before it continues: with MCG_CAP.SER_P */
#define MC_STATUS_MSCOD  BITS(31, 16)
#define MC_STATUS_MCACOD BITS(15, 0)
#define MC_BANKS_MAX     32u /* the next register, 480h, is IA32_VMX_BASIC */

/* How bad it is, in rising order. §16.6.2, §16.6.3 */
enum mca_kind {
	MCA_NONE,
	MCA_CORRECTED,
	MCA_UNCORRECTED, /* lost data that was not consumed: the processor can continue (UCNA, SRAO) */
	MCA_FATAL
};

struct mca_error {
	enum mca_kind kind;
	unsigned bank;
	uint64_t status, addr, misc; /* 0 where MCi_STATUS marks them invalid */
};

/* Registers of the calling processor. */
struct mca_io {
	uint64_t (*rd)(uint32_t msr);
	void (*wr)(uint32_t msr, uint64_t v);
};

/* Reads the calling processor's banks, calls each() for those that have an error, and clears these. Outside
 * of an exception. */
typedef void mca_fn(void *ctx, const struct mca_error *e);
void mca_take(const struct mca_io *io, mca_fn *each, void *ctx);

/* The same in the handler of a machine check. MCA_FATAL: the run must end; a bank with a fatal error keeps it
 * for the firmware to find after the reset. Otherwise the interrupted code may continue, and MCG_STATUS.MCIP
 * is clear. When no bank has an error it may be another processor's: the exception goes to all (§16.10.3). */
enum mca_kind mca_exception(const struct mca_io *io, mca_fn *each, void *ctx);

/* "bank 5: internal parity error, STATUS b200000000000005 (VAL UC EN PCC, MCACOD 0x0005, MSCOD 0x0000)", ADDR
 * and MISC behind where they are valid. As snprintf. */
int mca_text(const struct mca_error *e, char *buf, size_t n);

unsigned mca_banks(const struct mca_io *io);
/* Banks whose MCi_CTL the firmware has left 0: they report nothing. */
unsigned mca_silent_banks(const struct mca_io *io);
