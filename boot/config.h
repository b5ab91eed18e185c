/* Options: sluice.cfg on the boot volume ("key=value" a line, '#' starts a comment) and, after it, the words
 * of the loader's command line. A later value replaces an earlier one. */
#pragma once
#include "boot/options.h"
#include "kernel/acpi.h"
#include "kernel/err.h"

#define CONFIG_CONSOLES 4
#define CONFIG_SKIPS    4u

/* The first error, as text: "sluice.cfg:3:5: vfs=abc is not a number". line 0: no error. */
struct config_error {
	char source[16];
	uint32_t line, col; /* from 1 */
	char text[200];
};

struct config {
	uint32_t app;     /* enum config_app */
	uint32_t device;  /* enum config_device: whose VFs; app=accel is for QAT only */
	uint32_t gen;     /* device=qat: the generation that the card must have, 2 or 4; 0: any */
	uint32_t vfs;     /* VFs to bring up */
	uint32_t queues;  /* queue pairs of each VF in the timed phase */
	uint32_t qd;      /* requests in flight on each VF in the timed phase */
	uint32_t seconds; /* length of the timed phase */
	uint32_t mode;    /* enum wait_mode, of the timed phase, app=bursts and app=bench */
	uint32_t passes;  /* app=isolate, app=insn: how often */
	uint32_t ops;     /* device=qat: operations of each service on each VF that are checked */
	uint32_t iommu;   /* enum config_iommu; off: translation stays off; pt: functions are attached to
			     pass-through domains. Both only to compare with */
	uint32_t iommu_igfx_off; /* the unit that covers only graphics stays as the firmware left it */
	uint32_t iommu_skips;    /* so are the units with their registers at these addresses */
	uint64_t iommu_skip[CONFIG_SKIPS];
	uint32_t access;   /* enum config_access */
	uint32_t doorbell; /* enum config_doorbell, of the VFs' rings */
	uint32_t json;     /* lines of JSON between the stages too */
	uint32_t keep;  /* writes a report of the facts known before the hand-over to a file beside sluice.cfg
			 */
	uint32_t ms;    /* app=bench, this and the next: length of one repeat */
	uint32_t batch; /* completions collected before as many requests are sent; 0: as many as have come */
	uint32_t block; /* bytes of a request */
	uint32_t writes; /* of 100 requests */
	uint32_t order;  /* enum config_order */
	uint32_t seed;
	uint32_t baud; /* 0: the rate set by the firmware or named by the SPCR table */
	struct acpi_uart console[CONFIG_CONSOLES]; /* console=: these and no others */
	uint32_t consoles;
	uint32_t term;    /* enum config_term */
	uint32_t end;     /* enum config_end */
	char scratch[24]; /* serial number of the NVMe controller whose namespaces may be overwritten; "" for
			     none */
	struct config_error error;
};

void config_defaults(struct config *cfg);

/* The run uses QAT VFs: device=qat, or app=accel, which works only with QAT. */
static inline bool config_wants_qat(const struct config *cfg)
{
	return cfg->device == DEVICE_QAT || cfg->app == APP_ACCEL;
}

/* The word of app=. */
static inline const char *config_app_name(const struct config *cfg)
{
	static const char *const names[] = {CONFIG_APPS(CONFIG_WORD)};
	return names[cfg->app];
}

/* Reads text into cfg. Continues after an error, so that the other options (end=, baud=) still hold, and
 * keeps the first error in cfg->error. SL_CONFIG when there was one. source names the text in messages. With
 * words set, blanks separate options as newlines do: a command line. */
enum sl_err config_parse(struct config *cfg, const char *source, const char *text, size_t len, bool words);
