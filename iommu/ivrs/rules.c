/* The texts of ivrs_lint's rules. */
#include "iommu/ivrs/lint.h"
#include "kernel/doc.h"

#define RULE_NAME(n, name, severity, kind)     name,
#define RULE_SEVERITY(n, name, severity, kind) TABLE_##severity,
#define RULE_KEY(n, name, severity, kind)      TABLE_KEY_##kind,

static const char *const names[] = {IVRS_RULES(RULE_NAME)};
static const uint8_t severities[] = {IVRS_RULES(RULE_SEVERITY)};
static const uint8_t keys[] = {IVRS_RULES(RULE_KEY)};

#define NOTHING_MORE "" /* the finding says what is to be mended */
#define NO_REMAPPING "interrupt remapping stays off, and VFIO is unsafe"
#define NO_IOMMU     "Linux runs without the IOMMU"
#define COVERS_LESS  "the functions that were meant have no unit: nothing restricts their DMA"
#define NOTHING      DOC_FIELD("Nothing to do.")

static const struct table_rule_text texts[IVRS_RULE_COUNT] = {
	[IVRS_RULE_TABLE_HEADER] = {"the table is too short for an IVRS table, or not one", NO_IOMMU,
				    NOTHING_MORE},
	[IVRS_RULE_LENGTH_MISMATCH] = {"the length in the header is not the number of bytes there are",
				       "what is after the end is not read, or the table is refused",
				       NOTHING_MORE},
	[IVRS_RULE_TABLE_HUGE] = {"the table is longer than 64 KiB",
				  "it is read in full; here only the first 64 KiB are judged", NOTHING_MORE},
	[IVRS_RULE_CHECKSUM_BAD] = {"the bytes of the table do not add up to 0",
				    "Linux and Xen refuse the table: no IOMMU",
				    NOTHING_MORE DOC_FIELD(
					    "If the table was taken from a file, the file may be damaged.")},
	[IVRS_RULE_PA_SIZE] = {"the physical address size is not in 32..52 bits",
			       "nothing in Linux, which asks the processor", NOTHING_MORE},
	[IVRS_RULE_BLOCK_LENGTH] =
		{"a block of impossible length: it is shorter than its own header or runs past the end",
		 "what follows is not read; careless systems hang", NOTHING_MORE},
	[IVRS_RULE_BLOCK_SHORT] = {"a block is too short for its fields",
				   "what follows is read as if it belonged to it", NOTHING_MORE},
	[IVRS_RULE_BLOCK_UNKNOWN] = {"a block of a type that is not known here", "it is skipped",
				     "Please check the type of this block." DOC_FIELD(
					     "Nothing to do: a newer specification may know the type.")},
	[IVRS_RULE_NO_UNIT] = {"there is no unit in the table", NO_IOMMU, NOTHING_MORE},
	[IVRS_RULE_BASE_INVALID] = {"a unit has no register address", NO_IOMMU, NOTHING_MORE},
	[IVRS_RULE_BASE_UNALIGNED] = {"a unit's registers do not begin at a multiple of 16 KiB",
				      "the unit is read at a wrong address, and initialisation fails",
				      NOTHING_MORE},
	[IVRS_RULE_BASE_IN_RAM] = {"a unit's registers lie in ordinary memory",
				   "memory is read as registers, and commands to the unit overwrite it",
				   NOTHING_MORE},
	[IVRS_RULE_UNIT_OVERLAP] = {"two units have the same registers", "units take each other's commands",
				    NOTHING_MORE},
	[IVRS_RULE_UNIT_TWICE] =
		{"a unit has two blocks of one type",
		 "Linux makes two units of it, and the second one's tables replace those of the first",
		 NOTHING_MORE},
	[IVRS_RULE_UNIT_DIFFERS] = {"two blocks of one unit give it other registers or another capability",
				    "systems that read another type of block find another unit",
				    NOTHING_MORE},
	[IVRS_RULE_UNIT_ABSENT] = {"no function answers where the table names a unit",
				   "Linux cannot initialise it and leaves all units off", NOTHING_MORE},
	[IVRS_RULE_LINUX_NO_TYPE] =
		{"Linux takes a block for the unit that is none: a memory block (IVMD) has the first block's DeviceID and comes last",
		 "it looks for units of that type, and finds none: no IOMMU",
		 "No IVMD may have the DeviceID of the first block's unit; or put it before the last IVHD."},
	[IVRS_RULE_LINUX_LOSES_UNIT] =
		{"the unit has no block of the type that Linux takes, which is the first unit's last type",
		 "Linux does not use the unit: " COVERS_LESS,
		 "Every unit must have blocks of the same types."},
	[IVRS_RULE_EFR_DIFFERS] = {"two blocks of one unit have different feature registers",
				   "features are used that the unit may not have", NOTHING_MORE},
	[IVRS_RULE_EFR_OF_UNITS] = {"the unit's feature register is not that of the first unit",
				    "Linux warns and uses only what all units have",
				    "The units of this machine have different EFR images." NOTHING},
	[IVRS_RULE_HATS_INVALID] = {"the host address translation size is a reserved value",
				    "Linux says invalid translation level, and leaves the unit off",
				    "HATS must be 0, 1 or 2, or HATDis must be set."},
	[IVRS_RULE_HAT_DISABLED] =
		{"host page tables are switched off (HATDis)",
		 "only a Linux that knows it uses guest (v2) tables; DMA of others is not translated",
		 "Look for the IOMMU's translation in firmware setup, or of the hypervisor."},
	[IVRS_RULE_ENTRY_LENGTH] =
		{"a device entry runs out of its block, or its type does not say how long it is",
		 "the rest of the block is not read: " COVERS_LESS, NOTHING_MORE},
	[IVRS_RULE_ENTRY_UNKNOWN] = {"a device entry of a reserved type", "it is skipped",
				     "Please check the type of this device entry." DOC_FIELD(
					     "Nothing to do: a newer specification may know the type.")},
	[IVRS_RULE_RANGE_NO_END] = {"a range has no end", COVERS_LESS,
				    "The entry after a start of range must be its end (type 4)."},
	[IVRS_RULE_RANGE_NO_START] = {"the end of a range that was not started",
				      "Linux covers all functions from 00:00.0, or from the last start, on",
				      NOTHING_MORE},
	[IVRS_RULE_RANGE_REVERSED] = {"a range ends before it begins", COVERS_LESS, NOTHING_MORE},
	[IVRS_RULE_HID_MISPLACED] = {"an ACPI device outside a block of type 40h",
				     "Linux says Firmware Bug, and skips it",
				     "ACPI devices (type F0h) belong into IVHDs of type 40h."},
	[IVRS_RULE_HID_INVALID] = {"an ACPI device without hardware id, or whose UID is not of its format",
				   "Linux says Firmware Bug: Invalid HID, and skips it", NOTHING_MORE},
	[IVRS_RULE_ALIAS_SOURCE] =
		{"requests are to arrive as those of a function that the unit does not cover",
		 "all DMA of these functions is refused, or none", NOTHING_MORE},
	[IVRS_RULE_SPECIAL_SOURCE] =
		{"an I/O APIC or HPET has the unit's own id",
		 "its interrupts are refused: the timer is lost, or Linux says No southbridge IOAPIC found",
		 NOTHING_MORE},
	[IVRS_RULE_SPECIAL_TWICE] = {"an I/O APIC or HPET has two entries",
				     "the first or the last counts: its interrupts may be refused",
				     NOTHING_MORE},
	[IVRS_RULE_NO_IOAPIC] = {"no unit has an entry for an I/O APIC",
				 "Linux says IOAPIC not in IVRS table: " NO_REMAPPING,
				 "Each I/O APIC needs a special device entry (type 48h)." DOC_FIELD(
					 "In Linux: `ivrs_ioapic[ID]=00:14.0`, with the I/O APIC's id.")},
	[IVRS_RULE_IOAPIC_MISSING] =
		{"an I/O APIC of the MADT has no entry", "Linux says IOAPIC not in IVRS table: " NO_REMAPPING,
		 "Each I/O APIC of the MADT needs a special device entry with its id." DOC_FIELD(
			 "In Linux: `ivrs_ioapic[ID]=`, with the I/O APIC's id and DeviceID.")},
	[IVRS_RULE_ENTRY_WITHOUT_IOAPIC] =
		{"an entry is for an I/O APIC that the MADT does not have", "it is ignored",
		 "The number of this special device is that of no I/O APIC in the MADT." NOTHING},
	[IVRS_RULE_NO_SOUTHBRIDGE] =
		{"no I/O APIC has the id 00:14.0, which is that of the southbridge",
		 "Linux says No southbridge IOAPIC found: " NO_REMAPPING,
		 "The I/O APIC of the southbridge must have the source DeviceID 00:14.0." DOC_FIELD(
			 "In Linux: `ivrs_ioapic[ID]=00:14.0`, with the id of the I/O APIC for interrupts from 0 on.")},
	[IVRS_RULE_FUNCTION_UNCOVERED] = {"a function that no unit covers",
					  "nothing restricts its DMA, and it cannot be assigned",
					  NOTHING_MORE DOC_FIELD("Do not give it to others.")},
	[IVRS_RULE_FUNCTION_TWICE] =
		{"two units claim a function",
		 "the last one counts in Linux: if it is the wrong one, its DMA is not translated",
		 NOTHING_MORE},
	[IVRS_RULE_IVMD_EMPTY] = {"a memory block (IVMD) of length 0", "it is skipped or one page is mapped",
				  NOTHING_MORE},
	[IVRS_RULE_IVMD_FLAGS] =
		{"a memory block (IVMD) says neither unity nor exclusion, or allows no access",
		 "nothing is mapped: the device that needs it is refused", NOTHING_MORE},
	[IVRS_RULE_IVMD_BEYOND] = {"a memory block (IVMD) is beyond the physical address size",
				   "it cannot be mapped: the device's DMA there is refused", NOTHING_MORE},
	[IVRS_RULE_IVMD_UNALIGNED] = {"a memory block (IVMD) is not in whole pages",
				      "its pages are mapped whole: the device reaches more than was meant",
				      "Start and length of this IVMD should be multiples of 4096." DOC_FIELD(
					      "Nothing to do; some notebooks have blocks of one byte.")},
	[IVRS_RULE_IVMD_INTERRUPTS] =
		{"a memory block (IVMD) reaches into the interrupt window 0xfee00000..0xfeefffff",
		 "it cannot be mapped: writes there are interrupts", NOTHING_MORE},
	[IVRS_RULE_IVMD_HT] =
		{"a memory block (IVMD) reaches into the HyperTransport range 0xfd00000000..0xffffffffff",
		 "it cannot be mapped: the unit gives these addresses a meaning of its own", NOTHING_MORE},
	[IVRS_RULE_IVMD_IN_RAM] =
		{"a memory block (IVMD) lies in memory that the system uses as ordinary memory",
		 "it is mapped: the device can overwrite the system's own data",
		 NOTHING_MORE DOC_FIELD("Do not give a function to others that the block names.")},
	[IVRS_RULE_IVMD_NOT_RESERVED] = {"a memory block (IVMD) is not wholly in reserved memory",
					 "it is mapped all the same", NOTHING_MORE},
	[IVRS_RULE_IVMD_REVERSED] =
		{"a memory block (IVMD) for a range of functions that ends before it begins",
		 "nothing is mapped: the device that needs it is refused", NOTHING_MORE},
	[IVRS_RULE_IVMD_UNCOVERED] = {"a memory block (IVMD) for a function that no unit covers",
				      "it has no effect", NOTHING_MORE},
	[IVRS_RULE_PREBOOT_OFF] =
		{"the table promises that units kept DMA off before the system started, and the unit is off",
		 "a device can write to memory from the moment that the firmware ends",
		 "DMA remap support in IVinfo is 1; the units must be on until the system takes them over."},
	[IVRS_RULE_BASE_LIVE] = {"the unit's capability gives another register address than the table",
				 "Linux uses the table's: it reads and writes something else", NOTHING_MORE},
	[IVRS_RULE_EFR_LIVE] = {"the unit's feature register is not what the table says",
				"Linux warns of an EFR mismatch, and uses the table's",
				"The EFR image of this IVHD is not the unit's register." NOTHING},
	[IVRS_RULE_HATS_LIVE] =
		{"the unit's feature register gives a host address translation size (HATS) that is reserved, and the table another",
		 "the table's counts: the unit is given page tables that it may not walk", NOTHING_MORE},
};

const struct table_rules ivrs_rules = {"IVRS", IVRS_RULE_COUNT, names, severities, keys, texts};
