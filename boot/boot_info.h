/* What the loader hands to the kernel. All addresses are physical; all that they point to is in memory of
 * type EfiLoaderData, which the kernel never reuses. */
#pragma once
#include "boot/config.h"
#include "boot/files.h"
#include "iommu/amdvi/regs_seen.h"
#include "iommu/vtd/regs_seen.h"
#include "kernel/addr.h"
#include "kernel/identity.h"
#include "kernel/run_note.h"

#define BOOT_INFO_MAGIC   0x4f464e4945434c53ull /* "SLCEINFO" */
#define BOOT_INFO_VERSION 3u

/* UEFI §7.2.3, EFI_MEMORY_TYPE: the types that Sluice distinguishes. */
enum boot_mem {
	MEM_RESERVED = 0,
	MEM_LOADER_CODE = 1,
	MEM_LOADER_DATA = 2,
	MEM_BOOT_CODE = 3,
	MEM_BOOT_DATA = 4,
	MEM_RT_CODE = 5,
	MEM_RT_DATA = 6,
	MEM_FREE = 7,
	MEM_UNUSABLE = 8,
	MEM_ACPI_RECLAIM = 9,
	MEM_ACPI_NVS = 10,
	MEM_MMIO = 11,
	MEM_MMIO_PORT = 12,
};
#define BOOT_MEM_RUNTIME BIT(63) /* EFI_MEMORY_RUNTIME */

/* EFI_GRAPHICS_PIXEL_FORMAT (UEFI §12.9.2) */
enum boot_screen_format { BOOT_SCREEN_RGB, BOOT_SCREEN_BGR, BOOT_SCREEN_MASK, BOOT_SCREEN_BLT };

/* The screen as firmware's Graphics Output Protocol describes it; width 0: there is none. */
struct boot_screen {
	uint64_t base, size;                    /* of the framebuffer */
	uint32_t width, height, stride, format; /* pixels; stride: of a line in memory */
	uint32_t red, green, blue, reserved;    /* masks, for BOOT_SCREEN_MASK */
	uint32_t screens;                       /* with a mode, this one among them */
	uint32_t console;                       /* 1: the firmware's console is on it */
};

struct boot_region { /* sorted by base; no two overlap */
	uint64_t base, pages, attr;
	uint32_t type, pad;
};

struct boot_segment { /* one PT_LOAD of the kernel */
	uint64_t va, pa, len;
	uint32_t flags, pad; /* ELF p_flags: 1 X, 2 W, 4 R */
};

struct boot_unit { /* a VT-d unit as found */
	uint64_t base;
	uint32_t seg, pad;
	struct vtd_regs_seen regs;
};

struct boot_amd { /* an AMD unit as found */
	uint64_t base;
	uint16_t seg, rid; /* its own function */
	uint32_t number;   /* in the order of ivrs_units() */
	struct amdvi_regs_seen regs;
};

struct boot_func { /* a PCI function's Command register as found */
	uint16_t seg, rid, command, pad;
};

#define BOOT_MAX_UNITS 64
#define BOOT_MAX_FUNCS 1024
struct boot_snapshot {
	uint32_t units, funcs;
	uint32_t units_lost, funcs_lost; /* did not fit */
	uint32_t amds, pad;
	struct boot_unit unit[BOOT_MAX_UNITS];
	struct boot_amd amd[BOOT_MAX_UNITS]; /* those that cannot be read are
						left out */
	struct boot_func func[BOOT_MAX_FUNCS];
};

/* Files of the boot volume that the loader reads for drivers: their names are in boot/files.h. */
struct boot_file {
	uint64_t at, len; /* len 0: it is missing or cannot be read */
};

/* Secure Boot, by its name in reports. setup: setup mode, in which keys can be enrolled freely. */
#define BOOT_SECURE(X)                                                                                       \
	X(SECURE_OFF, "off") X(SECURE_ON, "on") X(SECURE_UNKNOWN, "unknown") X(SECURE_SETUP, "setup")
enum boot_secure { BOOT_SECURE(CONFIG_ENUM) };

static inline const char *boot_secure_name(unsigned secure)
{
	static const char *const names[] = {BOOT_SECURE(CONFIG_WORD)};
	return secure < ARRAY_LEN(names) ? names[secure] : "?";
}

/* The log of this run, which a reset does not clear, and what the run before left. */
struct boot_before {
	uint64_t log;         /* where this run's log is to be: KEPT_BYTES; 0: there is no room */
	uint32_t id;          /* of this run */
	uint32_t remembered;  /* the variable says that this run has begun */
	struct run_note note; /* of the run before */
	uint64_t bytes, lost; /* of its log in memory, or of the file; of its beginning, which is lost */
	uint32_t damaged;     /* pieces of 4 KiB that are not what was written */
	uint32_t crc;         /* of the file that it was saved to */
	uint32_t saved;       /* log-N.txt; 0: it was not */
	uint32_t unsaved;     /* with keep=1: because of an error, which the firmware's screen shows */
};

/* An NVMe controller that the firmware drives, as it tells: serial number and model in printable ASCII. */
struct boot_nvme {
	uint16_t seg, rid, pad[2];
	char serial[24], model[48];
};
#define BOOT_MAX_NVME 16

struct boot_info {
	uint64_t magic;
	uint32_t version, size;

	uint64_t tsc_start;  /* TSC when the loader was entered: time zero of the log */
	uint64_t root_table; /* CR3: kernel segments, direct map, one page of the loader */
	uint64_t jump_page;  /* the loader's page that is mapped one to one; to be unmapped */
	uint64_t map_base;   /* virtual address of the direct map of RAM */
	/* Memory for page tables, read-only in the direct map; the first tables_used pages are in use. */
	uint64_t tables, tables_pages, tables_used;
	uint64_t firmware_cr4; /* CR4 as the firmware left it */
	uint32_t pages_1g, la57;

	uint64_t regions;                                /* struct boot_region [region_count] */
	uint64_t symtab, symtab_len, strtab, strtab_len; /* of the kernel's ELF file */
	struct boot_segment segment[8];
	uint32_t region_count, segment_count;
	uint32_t regions_odd; /* invalid descriptors of the memory map */
	uint32_t phys_bits;   /* of a physical address: CPUID 80000008h EAX 7:0 */

	uint64_t rsdp;
	uint64_t runtime;           /* EFI_RUNTIME_SERVICES */
	uint64_t at_entry, at_exit; /* struct boot_snapshot: in UEFI, and after ExitBootServices */
	struct boot_screen screen;
	uint32_t secure_boot; /* enum boot_secure */
	uint32_t firmware_revision;
	char firmware[40];
	struct identity identity;
	struct boot_before before;
	uint32_t kept_lines, kept_crc; /* keep=1: of the file that was written; no lines: none was */
	char config_from[96];          /* "the EFI file, sluice.cfg, command line" */
	uint32_t nvmes, nvmes_lost;    /* did not fit */
	struct boot_nvme nvme[BOOT_MAX_NVME];
	struct boot_file file[BOOT_FILES];
	struct config cfg;
};
_Static_assert(sizeof(struct boot_region) == 32 && sizeof(struct boot_info) % 8 == 0, "hand-over layout");
