/* Options: sluice.cfg on the boot volume ("key=value" a line, '#' starts a comment) and, after it, the words
 * of the loader's command line. A later value replaces an earlier one. */
#pragma once
#include "kernel/acpi.h"
#include "kernel/err.h"

#define CONFIG_CONSOLES 4

/* How rings are waited for: apps/vf/wait.h */
enum ring_mode { RING_POLL, RING_IRQ, RING_ADAPTIVE };

enum config_iommu { CONFIG_IOMMU_OFF, CONFIG_IOMMU_ON, CONFIG_IOMMU_PT };

#define CONFIG_SKIPS 4u

enum config_end { END_HALT, END_REBOOT, END_SHUTDOWN, END_QEMU };

enum config_order { ORDER_RANDOM, ORDER_SEQ };

/* The first thing wrong, for a person: "sluice.cfg:3:5: vfs=abc is not a number". line 0: nothing is wrong.
 */
struct config_error {
	char source[16];
	uint32_t line, col; /* from 1 */
	char text[200];
};

/* Where rings are told of: registers, or memory where the controller has that. */
enum config_doorbell { DOORBELL_MMIO, DOORBELL_SHADOW };

/* read: nothing is written to configuration space or to a unit (app=audit). */
enum config_access { ACCESS_WRITE, ACCESS_READ };

enum config_device { DEVICE_NVME, DEVICE_QAT };

/* Who is at the serial line: a terminal of 80x24 that knows carriage return and backspace, or anything. */
enum config_term { TERM_SCREEN, TERM_DUMB };

struct config {
	char app[12];
	uint32_t device;  /* enum config_device: whose VFs; app=accel is for QAT alone */
	uint32_t gen;     /* device=qat: the generation that the card must have, 2 or 4; 0: any */
	uint32_t vfs;     /* VFs to bring up */
	uint32_t queues;  /* queue pairs of each VF in the timed phase */
	uint32_t qd;      /* requests in flight on each VF in the timed phase */
	uint32_t seconds; /* length of the timed phase */
	uint32_t mode;    /* enum ring_mode, of the timed phase, app=bursts and app=bench */
	uint32_t passes;  /* app=isolate, app=insn: how often */
	uint32_t ops;     /* device=qat: operations of each service on each VF that are checked */
	uint32_t iommu;   /* enum config_iommu; off: translation stays off; pt: functions are attached to
			     pass-through domains. Both only to compare with */
	uint32_t iommu_igfx_off; /* the unit for graphics alone is left as firmware left it */
	uint32_t iommu_skips;    /* so are the units with their registers at these addresses */
	uint64_t iommu_skip[CONFIG_SKIPS];
	uint32_t access;   /* enum config_access */
	uint32_t doorbell; /* enum config_doorbell, of the VFs' rings */
	uint32_t json;     /* lines of JSON between the stages too */
	uint32_t keep;     /* what is known before the hand-over goes into a file beside sluice.cfg */
	uint32_t ms;       /* app=bench, this and the next: length of one repeat */
	uint32_t batch;    /* completions that are waited for before as many are sent; 0: whatever has come */
	uint32_t block;    /* bytes of a request */
	uint32_t writes;   /* of 100 requests */
	uint32_t order;    /* enum config_order */
	uint32_t seed;
	uint32_t baud; /* 0: the rate that firmware has set, or that the SPCR table names */
	struct acpi_uart console[CONFIG_CONSOLES]; /* console=: these and no others */
	uint32_t consoles;
	uint32_t term;    /* enum config_term */
	uint32_t end;     /* enum config_end */
	char scratch[24]; /* serial number of the NVMe controller whose namespaces may be overwritten; "" for
			     none */
	struct config_error error;
};

void config_defaults(struct config *cfg);

/* It is for QAT VFs: device=qat, or app=accel, which nothing else is for. */
bool config_wants_qat(const struct config *cfg);

/* Reads text into cfg. Goes on after an error, so that what else is said (end=, baud=) still holds, and keeps
 * the first error in cfg->error. SL_CONFIG when there was one. source names the text in messages. With words
 * set, blanks separate options as newlines do: a command line. */
enum sl_err config_parse(struct config *cfg, const char *source, const char *text, size_t len, bool words);
