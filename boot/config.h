/* Options: those built into the EFI file, then sluice.cfg ("key=value" a line, '#' starts a comment), then
 * the words of the loader's command line. A later value replaces an earlier one. */
#pragma once
#include "boot/options.h"
#include "kernel/acpi.h"
#include "kernel/bdf.h"
#include "kernel/err.h"

#define CONFIG_CONSOLES 4
#define CONFIG_SKIPS    4u
#define CONFIG_PROVERS  8u
#define CONFIG_REPEATS  4u
#define CONFIG_PROGRAMS 8u
#define CONFIG_FILE_MAX 65536u /* bytes of sluice.cfg; more are an error */

/* The first error, as text: "sluice.cfg:3:5: vfs=abc is not a number". line 0: no error. */
struct config_error {
	char source[16];
	uint32_t line, col; /* from 1 */
	char text[272];
};

/* A key that stands a second time in the same text: the last one counts. */
struct config_repeat {
	char source[16], key[12];
	uint32_t line, pad;
};

/* Of client=. */
struct config_client {
	uint32_t program; /* enum config_clients */
	uint32_t port;    /* 0: the program's usual one */
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
	uint32_t ops;     /* device=qat: operations of each service on each VF that are checked; device=igb:
			     frames from     each VF to each other */
	uint32_t mailbox; /* device=igb: VFs ask their PF by messages */
	uint32_t iommu;   /* enum config_iommu; off: translation stays off; pt: functions are attached to
			     pass-through domains. Both only to compare with */
	uint32_t iommu_igfx_off; /* the unit that covers only graphics stays as the firmware left it */
	uint32_t iommu_skips;    /* so are the units with their registers at these addresses */
	uint64_t iommu_skip[CONFIG_SKIPS];
	uint32_t access;    /* enum config_access */
	uint32_t tables;    /* enum config_tables */
	uint32_t ats;       /* device=dsa: ATS and page requests */
	uint32_t doorbell;  /* enum config_doorbell, of the VFs' rings */
	uint32_t json;      /* lines of JSON between the stages too */
	uint32_t overwrite; /* scratch= may overwrite a partition table or a file system */
	uint32_t keep; /* writes a report of the facts known before the hand-over to a file beside sluice.cfg
			*/
	uint32_t remember; /* the UEFI variable SluiceRun is written */
	uint32_t privacy;  /* what names this one machine is left out of log, report and RESULT */
	uint32_t ms;       /* app=bench, this and the next: length of one repeat */
	uint32_t batch;  /* completions collected before as many requests are sent; 0: as many as have come */
	uint32_t block;  /* bytes of a request */
	uint32_t writes; /* of 100 requests */
	uint32_t order;  /* enum config_order */
	uint32_t seed;
	uint32_t baud; /* 0: the rate set by the firmware or named by the SPCR table */
	struct acpi_uart console[CONFIG_CONSOLES]; /* console=: these and no others */
	uint32_t consoles;
	uint32_t menu;    /* seconds; 0: the loader shows none */
	uint32_t screen;  /* text is drawn on the screen too */
	uint32_t term;    /* enum config_term */
	uint32_t usb;     /* enum config_usb */
	uint32_t end;     /* enum config_end */
	char scratch[24]; /* serial number of the NVMe controller whose namespaces may be overwritten; "" for
			     none */
	char address[96]; /* of the first VF of app=echo and app=rdma, and of the card of log=, as
			     apps/work/echo.h reads it */
	char peer[48];    /* app=rdma: where the servers of client= are; "" for none */
	struct config_client client[CONFIG_PROGRAMS];
	uint32_t clients; /* 0: only rping */
	char log[72];     /* the receiver of the log, as apps/work/netlog.h reads it; "" for none */
	uint32_t prove;   /* enum config_prove */
	uint32_t provers; /* PROVE_LISTED: these functions may attack */
	bdf_t prover[CONFIG_PROVERS];
	struct config_error error;
	struct config_repeat repeat[CONFIG_REPEATS]; /* the first of them */
	uint32_t repeats;
	uint64_t seen; /* the keys of the text that is being read, one bit each */
};

void config_defaults(struct config *cfg);

/* The run uses QAT VFs: device=qat, or app=accel, which works only with QAT. */
static inline bool config_wants_qat(const struct config *cfg)
{
	return cfg->device == DEVICE_QAT || cfg->app == APP_ACCEL;
}

/* The same for a network card's VFs, app=echo and app=rdma. */
static inline bool config_wants_igb(const struct config *cfg)
{
	return cfg->device == DEVICE_IGB || cfg->app == APP_ECHO || cfg->app == APP_RDMA;
}

/* The word of app=. */
static inline const char *config_app_name(const struct config *cfg)
{
	static const char *const names[] = {CONFIG_APPS(CONFIG_WORD)};
	return names[cfg->app];
}

/* A serial number for log and report. */
static inline const char *config_serial(const struct config *cfg, const char *serial)
{
	return cfg->privacy ? "(left out)" : serial;
}

/* Reads text into cfg. Continues after an error, so that the other options (end=, baud=) still hold, and
 * keeps the first error in cfg->error. SL_CONFIG when there was one, now or before. source names the text in
 * messages. With words set, blanks separate options as newlines do: a command line. */
enum sl_err config_parse(struct config *cfg, const char *source, const char *text, size_t len, bool words);
