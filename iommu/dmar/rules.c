/* The texts of dmar_lint's rules. */
#include "iommu/dmar/lint.h"
#include "kernel/doc.h"

#define RULE_NAME(n, name, severity, kind)     name,
#define RULE_SEVERITY(n, name, severity, kind) TABLE_##severity,
#define RULE_KEY(n, name, severity, kind)      TABLE_KEY_##kind,

static const char *const names[] = {DMAR_RULES(RULE_NAME)};
static const uint8_t severities[] = {DMAR_RULES(RULE_SEVERITY)};
static const uint8_t keys[] = {DMAR_RULES(RULE_KEY)};

#define NOTHING_TODAY "nothing today; a later version may give them a meaning"

/* dmar_parse_one_rmrr(), since 5.6 */
#define KEPT_BY_LINUX                                                                                        \
	"Linux warns Your BIOS is broken; bad RMRR, taints itself and keeps the entry: VFIO refuses the "    \
	"device "                                                                                            \
	"unless it is USB or graphics"

static const struct table_rule_text texts[DMAR_RULE_COUNT] = {
	[DMAR_RULE_TABLE_HEADER] =
		{"the table is too short for a DMAR table, or not one",
		 "Linux and Windows run without the IOMMU",
		 "The signature and the length of the DMAR table must be those of VT-d 8.1."},
	[DMAR_RULE_LENGTH_MISMATCH] =
		{"the length in the header is not the number of bytes there are",
		 "what is after the end is not read, or the table is refused",
		 "The length in the header of the DMAR table must be its size in bytes."},
	[DMAR_RULE_TABLE_HUGE] =
		{"the table is longer than 64 KiB",
		 "it is read in full by some systems; here only the first 64 KiB are judged",
		 "The DMAR table is longer than any machine needs; please check its length."},
	[DMAR_RULE_CHECKSUM_BAD] =
		{"the bytes of the table do not add up to 0",
		 "Linux warns and goes on or drops the table; Windows drops it: no IOMMU",
		 "The checksum of the DMAR table is wrong; it must be made after the last change to the table." DOC_FIELD(
			 "If the table was taken from a file, the file may be damaged.")},
	[DMAR_RULE_HAW_INVALID] = {"the host address width matches no existing processor",
				   "DMA addresses may be limited to a few bits, or the table is refused",
				   "Host Address Width must be the platform's DMA address width minus 1."},
	[DMAR_RULE_HAW_OVER_PHYS] =
		{"the host address width is more than the processor's",
		 "nothing: the units' own width (CAP.MGAW) counts",
		 "Host Address Width should not exceed the physical address width of the processor (memory encryption may take bits)." DOC_FIELD(
			 "Nothing to do. Memory encryption, where it is on, takes address bits.")},
	[DMAR_RULE_FLAGS_RESERVED] = {"reserved flags of the table are set", NOTHING_TODAY,
				      "Bits 7:3 of the DMAR flags are reserved and must be 0."},
	[DMAR_RULE_HEADER_RESERVED] = {"reserved bytes of the header are set", NOTHING_TODAY,
				       "Bytes 38 to 47 of the DMAR table are reserved and must be 0."},
	[DMAR_RULE_X2APIC_WITHOUT_IR] =
		{"asks not to use x2APIC and offers no interrupt remapping",
		 "Linux stays in xAPIC mode: processors with ids over 254 are not used",
		 "X2APIC_OPT_OUT has a meaning only where INTR_REMAP is set; please offer interrupt remapping or clear the flag."},
	[DMAR_RULE_X2APIC_OPT_OUT] =
		{"the firmware asks not to use x2APIC",
		 "Linux stays in xAPIC mode and logs that the x2apic opt out bit is set; intel_iommu=no_x2apic_optout overrides",
		 "Look for x2APIC (Extended APIC, X2APIC opt out) in firmware setup and switch x2APIC on." DOC_FIELD(
			 "Switch x2APIC on in firmware setup (\"x2APIC\", \"Extended APIC\", \"X2APIC opt out\"). On machines with more than 255 processors the system needs it.")},
	[DMAR_RULE_INTR_REMAP_OFF] =
		{"interrupt remapping is not offered",
		 "any device can raise any interrupt; Linux refuses VFIO without allow_unsafe_interrupts, which disables that protection",
		 "Look for interrupt remapping or x2APIC in firmware setup; if there is no such entry, please set INTR_REMAP in the DMAR table." DOC_FIELD(
			 "Look for \"Interrupt Remapping\", \"x2APIC\" or a newer firmware. Old chipsets (5500, 5520, X58 up to revision 22) have it off for errata. The option allow_unsafe_interrupts gives the protection up: a guest can then raise any interrupt.")},
	[DMAR_RULE_STRUCT_LENGTH] =
		{"a structure of impossible length: it is shorter than its own header or runs past the end",
		 "Linux and Windows refuse the whole table: no IOMMU; careless systems hang",
		 "The length of this remapping structure is wrong; all structures must end inside the table."},
	[DMAR_RULE_STRUCT_SHORT] = {"a structure is too short for its fields",
				    "Linux refuses the table, or reads what follows as if it belonged to it",
				    "This remapping structure is shorter than the fixed fields of its type."},
	[DMAR_RULE_STRUCT_ORDER] =
		{"structures are not in the order of their types",
		 "nothing in Linux; systems that read the table in one pass miss what comes late",
		 "Remapping structures must be in numerical order of their types (VT-d 8.2)."},
	[DMAR_RULE_STRUCT_UNKNOWN] =
		{"a structure of a reserved type", "it is skipped",
		 "This structure has a type that the specification does not have; please check it." DOC_FIELD(
			 "Nothing to do: a newer specification may know the type.")},
	[DMAR_RULE_SEGMENT_WITHOUT_DRHD] = {"a structure names a PCI segment in which there is no unit",
					    "its devices are not found, and its contents have no effect",
					    "Each segment that the DMAR table names must have a DRHD."},
	[DMAR_RULE_NO_DRHD] = {"there is no unit in the table",
			       "the system runs without the IOMMU and says that there is no DMAR device",
			       "The DMAR table has no DRHD; add the units or leave the table out."},
	[DMAR_RULE_DRHD_BASE_INVALID] =
		{"a unit has no register address",
		 "Linux says Your BIOS is broken; DMAR reported at address 0, and drops the whole table: no IOMMU, no interrupt remapping, no VFIO",
		 "The register base address of this DRHD is 0 or all ones; give the unit an address or leave the DRHD out."},
	[DMAR_RULE_DRHD_BASE_UNALIGNED] =
		{"a unit's registers do not begin on a page",
		 "the unit is read at a wrong address and then ignored",
		 "The register base address of this DRHD must be a multiple of 4096."},
	[DMAR_RULE_DRHD_BASE_BEYOND] =
		{"a unit's registers lie above the host address width",
		 "the unit cannot be reached and is ignored",
		 "The register base address of this DRHD does not fit into the Host Address Width of the table."},
	[DMAR_RULE_DRHD_TWICE] = {"a unit is listed twice",
				  "nothing: Linux takes the first entry and passes over the other",
				  "This DRHD repeats one before it, with the same registers; leave it out."},
	[DMAR_RULE_DRHD_OVERLAP] =
		{"two units have the same registers",
		 "Linux takes the first of one address and segment, and DMA of what the other names is not translated; units that overlap otherwise take each other's commands",
		 "The register windows of two DRHDs overlap."},
	[DMAR_RULE_DRHD_IN_RAM] =
		{"a unit's registers lie in ordinary memory",
		 "memory is read as registers; the unit is ignored when it answers nonsense",
		 "The register base address of this DRHD lies in memory that the UEFI map gives to the system."},
	[DMAR_RULE_DRHD_RESERVED] = {"reserved bits of a unit's flags are set", NOTHING_TODAY,
				     "Bits 7:1 of Flags and 7:4 of Size are reserved and must be 0."},
	[DMAR_RULE_DRHD_NO_SCOPE] =
		{"a unit that covers nothing",
		 "nothing: it stays unused; normal on servers whose stack has no device",
		 "A DRHD without device scopes and without INCLUDE_PCI_ALL covers no device; it may be left out." DOC_FIELD(
			 "Nothing to do.")},
	[DMAR_RULE_NO_INCLUDE_ALL] =
		{"no unit of the segment covers devices that are not named",
		 "a device that no scope names has no unit: Linux leaves it untranslated, so nothing restricts its DMA",
		 "Each segment should end with a DRHD with INCLUDE_PCI_ALL, or every device must be in a scope." DOC_FIELD(
			 "Do not give devices away that no unit covers: nothing holds them back.")},
	[DMAR_RULE_INCLUDE_ALL_TWICE] =
		{"two units of one segment say that they cover the rest",
		 "the first or the last is taken: devices may get the wrong unit, and all their DMA is refused",
		 "Only one DRHD of a segment may have INCLUDE_PCI_ALL."},
	[DMAR_RULE_INCLUDE_ALL_NOT_LAST] =
		{"units follow the one that covers the rest" DOC(
			 ". The number behind the offset is how many; the offset is the first one's"),
		 "systems that take the first match give its devices to the wrong unit",
		 "The DRHD with INCLUDE_PCI_ALL must be the last of its segment (VT-d 8.3)."},
	[DMAR_RULE_INCLUDE_ALL_SCOPE] =
		{"the unit that covers the rest names devices besides", "nothing: they are covered anyway",
		 "A DRHD with INCLUDE_PCI_ALL may have scopes of I/O APIC, HPET and namespace devices only."},
	[DMAR_RULE_SCOPE_LENGTH] =
		{"a device scope of impossible length",
		 "Linux refuses the table; careless systems hang or read on elsewhere",
		 "The length of this device scope is wrong; it must be 6 plus 2 for each hop and end inside its structure."},
	[DMAR_RULE_SCOPE_TYPE] = {"a device scope of a reserved type",
				  "Linux says Unsupported device scope, and skips it",
				  "This device scope has a type that the specification does not have."},
	[DMAR_RULE_SCOPE_MISPLACED] =
		{"a device scope of a type that its structure cannot have",
		 "it is skipped, and what the structure says is not done for it",
		 "ATSR takes bridges, SATC and SIDP endpoints, RMRR endpoints and bridges."},
	[DMAR_RULE_SCOPE_RESERVED] = {"reserved bytes of a device scope are set", "nothing today",
				      "The reserved bytes of this device scope must be 0."},
	[DMAR_RULE_SCOPE_PATH] =
		{"a device scope has no path, or a device above 31, or a function above 7",
		 "it is not found and skipped; its device falls to the unit that covers the rest",
		 "The path of this device scope names no possible function."},
	[DMAR_RULE_SCOPE_DUPLICATE] =
		{"two units claim the same device",
		 "the first match counts: if that is the wrong one, all DMA of the device is refused",
		 "The same device is in the scopes of two DRHDs."},
	[DMAR_RULE_SCOPE_NO_BRIDGE] =
		{"the path of a device scope does not lead through bridges",
		 "it is skipped; the device may be switched off",
		 "The path of this device scope goes through a function that is no bridge or is absent." DOC_FIELD(
			 "Nothing to do when the bridge is switched off or not fitted.")},
	[DMAR_RULE_SCOPE_ABSENT] =
		{"no device answers where a device scope leads",
		 "it is skipped; the device may be switched off or hidden",
		 "No function answers at the path of this device scope; scopes of absent devices should be left out." DOC_FIELD(
			 "Nothing to do when the device is switched off or not fitted.")},
	[DMAR_RULE_SCOPE_KIND] =
		{"a device scope says endpoint for a bridge or bridge for an endpoint",
		 "Linux says Device scope type does not match, and accepts it or not depending on its version",
		 "The type of this device scope does not fit the device at its path."},
	[DMAR_RULE_IOAPIC_WITHOUT_SCOPE] =
		{"an I/O APIC of the MADT is in no unit's scope",
		 "Linux says ioapic has no mapping iommu, interrupt remapping will be disabled; VFIO is then unsafe",
		 "Each I/O APIC of the MADT must be in the scope of a DRHD, with the I/O APIC id as enumeration id." DOC_FIELD(
			 "Until then interrupts of that I/O APIC cannot be remapped.")},
	[DMAR_RULE_SCOPE_WITHOUT_IOAPIC] =
		{"a scope names an I/O APIC that the MADT does not have", "it is ignored",
		 "The enumeration id of this scope is that of no I/O APIC in the MADT."},
	[DMAR_RULE_RMRR_ZERO] = {"an RMRR from 0 to 0: it describes no memory", KEPT_BY_LINUX,
				 "This RMRR has base and limit 0; fill it in or leave it out."},
	[DMAR_RULE_RMRR_REVERSED] = {"an RMRR whose limit is not above its base", KEPT_BY_LINUX,
				     "The limit of this RMRR must be above its base."},
	[DMAR_RULE_RMRR_BASE_UNALIGNED] =
		{"an RMRR does not begin on a page",
		 "the page it begins in is mapped whole: the device reaches more than was meant",
		 "The base of this RMRR must be a multiple of 4096."},
	[DMAR_RULE_RMRR_LIMIT_UNALIGNED] =
		{"an RMRR does not end on a page",
		 "the page it ends in is mapped whole: the device reaches more than was meant",
		 "The limit of this RMRR plus 1 must be a multiple of 4096."},
	[DMAR_RULE_RMRR_HUGE] =
		{"an RMRR of 512 MiB or more",
		 "it is mapped whole; time and tables are spent, and the device reaches all of it",
		 "Please check the size of this RMRR (graphics memory may be made smaller in firmware setup)." DOC_FIELD(
			 "Graphics memory can be made smaller in firmware setup (\"DVMT Pre-Allocated\").")},
	[DMAR_RULE_RMRR_BEYOND] =
		{"an RMRR above the host address width",
		 "it cannot be mapped: the device's DMA there is refused",
		 "The limit of this RMRR does not fit into the Host Address Width of the table."},
	[DMAR_RULE_RMRR_MSI] = {"an RMRR reaches into the interrupt window 0xfee00000..0xfeefffff",
				"it cannot be mapped: writes there are interrupts",
				"This RMRR must not contain addresses 0xfee00000 to 0xfeefffff."},
	[DMAR_RULE_RMRR_OVERLAP] =
		{"two RMRRs share memory",
		 "the shared pages are mapped for both devices, which can then reach each other's data",
		 "Two RMRRs overlap; each should have memory of its own."},
	[DMAR_RULE_RMRR_NO_SCOPE] = {"an RMRR that names no device",
				     "nothing is mapped: the device that needs it is refused",
				     "This RMRR has no device scope."},
	[DMAR_RULE_RMRR_IN_RAM] =
		{"an RMRR lies in memory that the system uses as ordinary memory",
		 "Linux says No firmware reserved region can cover this RMRR; a device can then overwrite the system's own data",
		 "This RMRR must lie in memory that the UEFI map reports as reserved (VT-d 8.4)." DOC_FIELD(
			 "Do not give the function away, and do not patch the check out of the kernel: a device would go on writing into memory that the system uses for something else.")},
	[DMAR_RULE_RMRR_NOT_RESERVED] =
		{"an RMRR is not wholly in reserved memory",
		 "Linux says No firmware reserved region can cover this RMRR, contact BIOS vendor for fixes",
		 "This RMRR must lie in memory that the UEFI map reports as reserved (VT-d 8.4)." DOC_FIELD(
			 "Do not patch the check out of the kernel.")},
	[DMAR_RULE_ATSR_ALL_SCOPE] = {"an ATSR for all ports names ports besides", "the scopes are ignored",
				      "An ATSR with ALL_PORTS must have no device scopes."},
	[DMAR_RULE_RHSA_NO_DRHD] =
		{"the affinity of a unit that is not in the table",
		 "Linux says Your BIOS is broken; RHSA refers to non-existent DMAR unit, and taints itself",
		 "The register base address of this RHSA is that of no DRHD."},
	[DMAR_RULE_RHSA_TWICE] = {"two affinities for one unit",
				  "the last counts: page tables may be put into far memory",
				  "There must be one RHSA for each DRHD."},
	[DMAR_RULE_ANDD_NAME] = {"the name of a namespace device has no end or is empty",
				 "the device is not found: it has no unit",
				 "The object name of this ANDD must end with a NUL and name a device."},
	[DMAR_RULE_ANDD_NO_SCOPE] = {"a namespace device that no unit's scope names",
				     "the device has no unit, and Linux leaves it untranslated",
				     "The ACPI device number of this ANDD is in no device scope of type 5."},
	[DMAR_RULE_SCOPE_NO_ANDD] = {"a scope names a namespace device that has no ANDD",
				     "the scope is ignored",
				     "The enumeration id of this scope is that of no ANDD."},
};

const struct table_rules dmar_rules = {"DMAR", DMAR_RULE_COUNT, names, severities, keys, texts};
