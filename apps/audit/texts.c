/* What is said of each rule: docs/audit.md says more. Where a rule has words of its own for a finding
 * (groups, DMAR), those stand instead. */
#include "apps/audit/rules.h"

#define SEE_SETUP                                                                                            \
	"Look in firmware setup (chipset, processor, IIO or north bridge) for VT-d, VT for Directed I/O, "   \
	"Intel Virtualization Technology for Directed I/O or IOMMU and switch it on; "

#define RMRR_REFUSED                                                                                         \
	"Linux refuses: Device is ineligible for IOMMU domain attach due to platform RMRR requirement; "     \
	"VMware and others do not check"

const struct rule_text rule_texts[RULE_COUNT] = {
	[RULE_NO_ECAM] =
		{"PCIE-NO-ECAM", AUDIT_ERROR, AUDIT_FIRMWARE_BUG,
		 "no function answers by the MCFG table, so configuration space was not read and no function is judged: nothing is known of what can do DMA here",
		 "Linux goes on with 256 bytes for each function: no ACS, ATS or SR-IOV",
		 "Switch memory-mapped PCIe configuration (MMCFG, ECAM) on in firmware setup, or update the firmware."},
	[RULE_PCI_NOT_FOLLOWED] =
		{"PCI-NOT-FOLLOWED", AUDIT_ERROR, AUDIT_FIRMWARE_BUG,
		 "what is below this bridge was not found and is not judged; its requests come up by the bridge, whose Bus Master Enable was switched off for that",
		 "Linux gives such a bridge new bus numbers, or leaves out what is below it",
		 "Update the firmware, or move what is plugged in there to another slot. For its maker: bus numbers ascend, lie within those of the bridge above and within the MCFG window, and belong to one bridge."},
	[RULE_PCI_NOT_READ] =
		{"PCI-NOT-READ", AUDIT_ERROR, AUDIT_FIRMWARE_BUG,
		 "buses or a function are there that could not be read: what is on them is not judged, and only translation would hold it",
		 "Linux does not find them either (partially hidden behind a bridge; not in the MCFG window)",
		 "Update the firmware: the MCFG table must have all buses that bridges lead to, and each bridge those of the bridges below it. A function that is not ready for a second is broken or in reset."},
	[RULE_RUN_FAILED] =
		{"RUN-FAILED", AUDIT_ERROR, AUDIT_NOTE,
		 "a stage of this program failed: what it would have found, or would have switched on, is missing here",
		 "nothing", "See the line FAIL in the log, and what it advises (docs/troubleshooting.md)."},
	[RULE_HARDWARE_ERROR] =
		{"HARDWARE-ERROR", AUDIT_WARNING, AUDIT_NOTE,
		 "the hardware itself reported an error: what was read or tried at that moment may be wrong",
		 "Linux logs it (mce, AER, unknown NMI reason) and may stop the device or the machine",
		 "Look into the machine's event log (IPMI SEL); reseat or replace what it names, and audit again."},
	[RULE_LOOK_ONLY] =
		{"LOOK-ONLY", AUDIT_WARNING, AUDIT_NOTE,
		 "nothing was written to this machine, so some things are not judged: what firmware left on is on, room for VFs is by bus numbers only, and whether ACS takes effect is taken on trust",
		 "Linux writes all of this when it starts: it sizes BARs, sets ACS, translates",
		 "Run the audit once more without access=read, where that may be done."},
	[RULE_IOMMU_AMD] =
		{"IOMMU-AMD", AUDIT_ERROR, AUDIT_NOTE,
		 "an AMD machine: IVRS describes its IOMMU. It is recognised and not audited: nothing is said of what it holds back; groups, ports and SR-IOV hold all the same",
		 "Linux uses it (amd_iommu)",
		 "Use another tool for this machine's IOMMU: this program has none."},
	[RULE_IOMMU_NONE] =
		{"IOMMU-NONE", AUDIT_ERROR, AUDIT_SETUP_CHOICE,
		 "there is no DMAR table: no IOMMU, and every function that may master the bus reaches all memory",
		 "Linux has no IOMMU groups and no VFIO (but unsafe no-IOMMU mode); a hypervisor can pass nothing through",
		 SEE_SETUP
		 "on an AMD machine AMD-Vi or IOMMU, and SVM. If it is on, update the firmware. In QEMU: -device intel-iommu,intremap=on."},
	[RULE_DMAR] = {"DMAR", AUDIT_WARNING, AUDIT_FIRMWARE_BUG, "", "", ""},
	[RULE_DMAR_SECOND] =
		{"DMAR-SECOND", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "there is more than one DMAR table; the first counts, and what the others say is not judged",
		 "Linux takes the first too; another system may take another one",
		 "Update the firmware. For its maker: one DMAR table describes all units."},
	[RULE_LIMIT] = {"LIMIT", AUDIT_WARNING, AUDIT_NOTE,
			"the machine has more than this program keeps: what is beyond is not judged",
			"nothing", "Judge the rest by hand; the tables and dumps in the report are whole."},
	[RULE_UNIT_DEAD] =
		{"UNIT-DEAD", AUDIT_ERROR, AUDIT_FIRMWARE_BUG,
		 "the table names a unit that does not answer: functions below it have no IOMMU",
		 "Linux logs that the BIOS is broken (DMAR reported at address 0, or returns all ones) and may run without any IOMMU",
		 SEE_SETUP
		 "switch it off and on once where it is on already; then update the firmware. For its maker: this DRHD must have the address of a unit that is switched on."},
	[RULE_UNIT_NO_TABLES] =
		{"UNIT-NO-TABLES", AUDIT_ERROR, AUDIT_HARDWARE_LIMIT,
		 "this unit offers no second-stage tables, so it translates nothing for functions below it",
		 "Linux does not use it for DMA; at most for interrupts",
		 "None on hardware. In QEMU: leave out dma-translation=off."},
	[RULE_UNIT_WIDTH] =
		{"UNIT-WIDTH", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "device addresses of this unit do not reach as far as the machine's memory: memory can not be mapped one to one",
		 "Linux gives device addresses below the limit; drivers in user space (DPDK, SPDK) that use physical addresses fail",
		 "Use device addresses of your own choice (in DPDK --iova-mode=va), below the limit."},
	[RULE_UNIT_NO_SUPERPAGES] =
		{"UNIT-NO-SUPERPAGES", AUDIT_INFO, AUDIT_HARDWARE_LIMIT,
		 "this unit maps in pages of 4 KiB alone: more walks, and throughput is lost with large buffers",
		 "Linux maps every 4 KiB by itself; snabb and DPDK users measured large losses on such units",
		 "None in software. Put what needs speed below another unit, if there is one."},
	[RULE_UNIT_VIRTUAL] =
		{"UNIT-VIRTUAL", AUDIT_INFO, AUDIT_NOTE,
		 "caching mode: a hypervisor's model of a unit, which must be told of new mappings too",
		 "Linux turns batched invalidation off (strict mode), which costs speed",
		 "None needed; in QEMU caching-mode=on is for vhost and VFIO inside the guest."},
	[RULE_UNIT_NO_PASS_THROUGH] =
		{"UNIT-NO-PASS-THROUGH", AUDIT_INFO, AUDIT_HARDWARE_LIMIT,
		 "this unit has no pass-through type: for untranslated functions all memory has to be mapped one to one",
		 "iommu=pt is done by tables then: correct, slower to set up", "None needed."},
	[RULE_UNIT_NO_RHSA] =
		{"UNIT-NO-RHSA", AUDIT_INFO, AUDIT_FIRMWARE_BUG,
		 "the machine has several memory nodes, and the table does not say which one this unit belongs to",
		 "Linux puts the unit's tables into any node's memory: walks may cross sockets",
		 "Ask the maker of the firmware for an RHSA structure for each unit."},
	[RULE_BYPASS] =
		{"BYPASS", AUDIT_ERROR, AUDIT_FIRMWARE_BUG,
		 "no unit translates for these functions: whatever is switched on elsewhere, they reach all memory, and no fault is recorded",
		 "Linux gives them no IOMMU group and VFIO refuses them; their own drivers run without protection",
		 "Update the firmware: a DRHD must cover them (by scope or by INCLUDE_PCI_ALL). In QEMU: leave out bypass_iommu=on of the host bridge (default-bus-bypass-iommu of the machine). Do not give them to anyone."},
	[RULE_STATE_OPT_IN_FALSE] =
		{"STATE-OPT-IN-FALSE", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "firmware says by DMA_CTRL_PLATFORM_OPT_IN that it holds DMA back until the system is ready; it was not held back",
		 "Windows reports Kernel DMA Protection, and Linux trusts no outside port; neither checks the fact",
		 "Look for DMA protection, pre-boot DMA protection or Kernel DMA Protection in firmware setup; if it is on, tell the maker: the flag is set and translation and protected regions were off at hand-over."},
	[RULE_STATE_OPEN] =
		{"STATE-OPEN", AUDIT_WARNING, AUDIT_SETUP_CHOICE,
		 "while firmware ran, translation was off and no memory was protected: any device could write to memory before an operating system runs",
		 "nothing: it can not undo what happened before it started",
		 "Where firmware setup has it, switch pre-boot DMA protection (Kernel DMA Protection, DMA Guard) on. It matters with ports that outsiders reach."},
	[RULE_STATE_GAP] =
		{"STATE-GAP", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "firmware protected memory while it ran and opened it at ExitBootServices: until the system has tables of its own, DMA passes",
		 "Linux can clear bus mastering itself before that (CONFIG_EFI_DISABLE_PCI_DMA)",
		 "Ask the maker to leave protection on, or bus mastering off, after ExitBootServices."},
	[RULE_STATE_NO_FLAG] =
		{"STATE-NO-FLAG", AUDIT_INFO, AUDIT_FIRMWARE_BUG,
		 "firmware held DMA back until the hand-over and does not say so (DMA_CTRL_PLATFORM_OPT_IN clear)",
		 "Windows reports Kernel DMA Protection as off",
		 "Ask the maker to set DMA_CTRL_PLATFORM_OPT_IN in the DMAR table."},
	[RULE_STATE_LEFT_ON] =
		{"STATE-LEFT-ON", AUDIT_INFO, AUDIT_NOTE,
		 "firmware left the unit working, with tables of its own: whoever takes it over must not lose what is on",
		 "Linux takes translation over (as after kexec) or switches it off first; small systems forget the queue or interrupt remapping",
		 "None needed for Linux and Windows."},
	[RULE_STATE_REGIONS] =
		{"STATE-REGIONS", AUDIT_INFO, AUDIT_NOTE,
		 "protected memory regions are on after ExitBootServices: DMA into them is refused until they are switched off",
		 "Linux switches them off when it turns translation on, and not with intel_iommu=off: DMA then fails",
		 "Switch translation on (intel_iommu=on), or pre-boot DMA protection off in setup."},
	[RULE_STATE_FAULT] =
		{"STATE-FAULT", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "before the hand-over a unit had refused a request and nobody took the record",
		 "Linux clears old records when it starts and says nothing",
		 "Look at the function: firmware's driver or the device accesses memory that it was not given."},
	[RULE_STATE_BME] =
		{"STATE-BME", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "firmware left bus mastering on at ExitBootServices and nothing translates: the function may go on writing to memory that is no longer firmware's",
		 "Linux leaves it on until a driver takes the function over; a ring that still runs corrupts memory",
		 "Update the firmware: its driver must stop the controller and clear Bus Master Enable at ExitBootServices. In Linux CONFIG_EFI_DISABLE_PCI_DMA clears it earlier."},
	[RULE_STATE_ASLEEP] =
		{"STATE-ASLEEP", AUDIT_INFO, AUDIT_NOTE,
		 "firmware left this function in a low-power state: its registers do not answer, and below a bridge nothing does, until a system brings it to D0",
		 "Linux and Windows bring it to D0 for its driver; small systems find a dead device",
		 "None needed for those. Otherwise look in firmware setup for power saving of this slot or port."},
	[RULE_STATE_CLOSED] =
		{"STATE-CLOSED", AUDIT_INFO, AUDIT_NOTE,
		 "firmware left this bridge closed: functions below it do not answer, or their DMA ends here without a fault record, until a system opens it",
		 "Linux and Windows open the bridges above a function for its driver; small systems do not",
		 "None needed for those. Otherwise look in firmware setup for what switches this port on at boot."},
	[RULE_GROUP_PORT] = {"GROUP-PORT", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT, "",
			     "Linux puts them into one IOMMU group: VFIO gives away all of it or nothing",
			     ""},
	[RULE_GROUP_SWITCH] = {"GROUP-SWITCH", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT, "",
			       "Linux puts them into one IOMMU group: VFIO gives away all of it or nothing",
			       ""},
	[RULE_GROUP_BRIDGE] = {"GROUP-BRIDGE", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT, "",
			       "Linux puts them into one IOMMU group: VFIO gives away all of it or nothing",
			       ""},
	[RULE_GROUP_MULTI] = {"GROUP-MULTI", AUDIT_INFO, AUDIT_HARDWARE_LIMIT, "",
			      "Linux puts them into one IOMMU group: VFIO gives away all of it or nothing",
			      ""},
	[RULE_GROUP_ALIAS] = {"GROUP-ALIAS", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT, "",
			      "Linux knows this device by a quirk and gives both ids to one domain", ""},
	[RULE_ACS_NONE] =
		{"ACS-NONE", AUDIT_INFO, AUDIT_HARDWARE_LIMIT,
		 "this port has no ACS (nothing is below it now): what is put there shares a group with it and whatever else is below",
		 "Linux puts a card in that slot and the port into one group",
		 "Use a slot of another root port for what is to be given away. pcie_acs_override makes groups small on paper alone: requests still go across."},
	[RULE_ACS_QUIRK] = {"ACS-QUIRK", AUDIT_INFO, AUDIT_NOTE,
			    "isolated by a quirk that is known of this part, not by standard ACS registers",
			    "Linux has the same quirk; other systems may see a larger group", "None needed."},
	[RULE_RMRR_KEPT] =
		{
			"RMRR-KEPT",
			AUDIT_WARNING, AUDIT_FIRMWARE_BUG, "firmware keeps memory to itself that it may use through this function at any time: the function can not be given away", RMRR_REFUSED, "Look for the vendor's option for this slot (HPE: conrep, Shared Memory and RMRR off), or update the firmware. A kernel patched to ignore RMRRs lets a guest's device and firmware write to the same memory."},
	[RULE_RMRR_EMPTY] =
		{"RMRR-EMPTY", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "an RMRR without memory names this function: nothing is shared, and Linux holds to the entry all the same",
		 RMRR_REFUSED, "Update the firmware. For its maker: fill this RMRR in or leave it out."},
	[RULE_RMRR_RAM] =
		{"RMRR-RAM", AUDIT_ERROR, AUDIT_FIRMWARE_BUG,
		 "firmware keeps memory that its own memory map gives to the system: device and system write to the same pages",
		 "Linux says: No firmware reserved region can cover this RMRR, and maps it all the same",
		 "Update the firmware. For its maker: an RMRR must lie in memory that the UEFI map has as reserved."},
	[RULE_RMRR_RELAXED] =
		{"RMRR-RELAXED", AUDIT_INFO, AUDIT_NOTE,
		 "firmware shares memory with this function (keyboard by USB, or the screen) until a driver takes it over",
		 "Linux gives it away; a system that does not map it loses keyboard or screen until a driver runs",
		 "None needed."},
	[RULE_SRIOV_READY] = {"SRIOV-READY", AUDIT_INFO, AUDIT_NOTE,
			      "all VFs of this function have routing ids and addresses",
			      "Linux: echo N > sriov_numvfs works as far as the device's driver allows",
			      "None needed."},
	[RULE_SRIOV_BUSES] =
		{"SRIOV-BUSES", AUDIT_WARNING, AUDIT_SETUP_CHOICE,
		 "bus numbers are missing: VFs beyond these have routing ids that do not lead to the device",
		 "Linux: SR-IOV: bus number out of range, and sriov_numvfs fails",
		 "Switch SR-IOV and ARI on in firmware setup, or update the firmware. In Linux pci=assign-busses or hpbussize= gives more buses."},
	[RULE_SRIOV_WINDOW] =
		{"SRIOV-WINDOW", AUDIT_WARNING, AUDIT_SETUP_CHOICE,
		 "addresses are missing: the bridge's window has no room for the VF BARs of all VFs",
		 "Linux: not enough MMIO resources for SR-IOV, and sriov_numvfs fails for all; it may move windows with pci=realloc",
		 "Switch SR-IOV support and Above 4G Decoding on in firmware setup and raise MMIO High Size; in Linux pci=realloc (pci=nocrs where root windows are short). In QEMU: mem-reserve= or pref64-reserve= of the root port."},
	[RULE_SRIOV_ARI] =
		{"SRIOV-ARI", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "without ARI not all of its VFs can be reached, and the port above does not forward ARI requests",
		 "Linux enables as many VFs as bus numbers allow without ARI, or none",
		 "Switch ARI forwarding on in firmware setup, or use another slot."},
	[RULE_SRIOV_PAGES] = {"SRIOV-PAGES", AUDIT_ERROR, AUDIT_FIRMWARE_BUG,
			      "the function does not support 4 KiB system pages for its VF BARs",
			      "Linux fails to enable VFs (EIO)", "Update the device's firmware."},
	[RULE_SRIOV_QUEUES] =
		{"SRIOV-QUEUES", AUDIT_INFO, AUDIT_HARDWARE_LIMIT,
		 "the controller has queues and interrupts for fewer VFs than it has VFs",
		 "VFs beyond these come up and can not be brought online",
		 "Give each VF fewer, or change the controller's flexible resources (nvme virt-mgmt)."},
	[RULE_IR_UNIT] =
		{"IR-UNIT", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "this unit can not remap interrupts: functions below it can raise any interrupt on any processor",
		 "Linux leaves interrupt remapping off for the whole machine, and VFIO refuses without allow_unsafe_interrupts, which gives that protection up",
		 "On hardware none. In QEMU: -device intel-iommu,intremap=on and kernel-irqchip=split."},
	[RULE_IR_FLAG_FALSE] =
		{"IR-FLAG-FALSE", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "the table says that interrupts can be remapped, and not every unit can",
		 "Linux tries, finds the unit, and leaves remapping off",
		 "Update the firmware: INTR_REMAP may be set only where every unit has ECAP.IR."},
	[RULE_IR_FLAG_MISSING] =
		{"IR-FLAG-MISSING", AUDIT_WARNING, AUDIT_SETUP_CHOICE,
		 "every unit can remap interrupts, and the table's flag INTR_REMAP says that the platform does not",
		 "Linux does not use it: VFIO refuses without allow_unsafe_interrupts",
		 "Look for interrupt remapping or x2APIC in firmware setup, else update the firmware."},
	[RULE_IR_EIM] =
		{"IR-EIM", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "remapped interrupts of this unit reach APIC ids up to 255 alone, and the machine is in x2APIC mode or has higher ids",
		 "Linux leaves x2APIC mode or does not use the processors above",
		 "Switch x2APIC off in firmware setup where there are no more than 255 processors. In QEMU: eim=on."},
	[RULE_IR_HPET] =
		{"IR-HPET", AUDIT_INFO, AUDIT_FIRMWARE_BUG,
		 "the HPET stands in no scope: its own interrupts (MSI) can not be remapped",
		 "Linux does not use the HPET's MSIs while interrupts are remapped",
		 "None needed where processors have timers of their own; for its maker: a DRHD must have an HPET scope with this number."},
	[RULE_IR_COMPAT] =
		{"IR-COMPAT", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "the unit remaps interrupts and still lets compatibility format pass, which names vector and processor itself",
		 "Linux blocks it when remapping goes on and does not look whether it stayed",
		 "None known; do not rely on interrupt isolation here."},
	[RULE_IR_ERRATA] =
		{"IR-ERRATA", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "this chipset loses interrupts while they are remapped (5500, 5520, X58: errata 47, 53, 62, 69)",
		 "Linux switches interrupt remapping off for this chipset and says so",
		 "Leave remapping off; use a newer machine where interrupts must be isolated."},
	[RULE_ATS_CAPABLE] =
		{"ATS-CAPABLE", AUDIT_INFO, AUDIT_NOTE,
		 "the function can keep translations itself (ATS): when that is on, its word is taken for what was translated",
		 "Linux turns it on for functions that it trusts, where the unit and the table allow it",
		 "Leave it off for what is given to somebody else (pci=noats), unless you trust the device."},
	[RULE_ATS_ON] =
		{"ATS-ON", AUDIT_WARNING, AUDIT_FIRMWARE_BUG,
		 "firmware left ATS on: the function may send requests marked as translated, which pass unchecked where the unit allows it",
		 "Linux sets it as it likes; a system that knows nothing of ATS leaves it on",
		 "Update the firmware, or switch ATS off in its setup."},
	[RULE_ATS_OUTSIDE] =
		{"ATS-OUTSIDE", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "a function below a port that outsiders can reach has ATS: a device of that kind can claim translated addresses and pass by the IOMMU",
		 "Linux refuses ATS only for ports that ACPI marks as external facing",
		 "Switch ATS off (pci=noats), or the port in firmware setup."},
	[RULE_ATS_UNCOVERED] =
		{"ATS-UNCOVERED", AUDIT_INFO, AUDIT_SETUP_CHOICE,
		 "the function has ATS, and neither an ATSR nor a SATC of the table lets it be used",
		 "Linux leaves ATS off",
		 "None needed, unless speed is wanted: then look for ATS in firmware setup."},
	[RULE_PORT_THUNDERBOLT] =
		{"PORT-THUNDERBOLT", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "a Thunderbolt or USB4 connector leads here: whatever is plugged in can do DMA",
		 "Linux and Windows put it behind the IOMMU when firmware marks the port as external facing (an ACPI property, which is not read here)",
		 "Switch Kernel DMA Protection on and the security level to user authorization, or the connector off, in firmware setup."},
	[RULE_PORT_HOTPLUG] =
		{"PORT-HOTPLUG", AUDIT_INFO, AUDIT_NOTE,
		 "devices can be plugged in here while the machine runs",
		 "Linux takes new functions in with their own groups",
		 "If nobody is to plug anything in, switch hot-plug of this slot off in firmware setup."},
	[RULE_VMD] =
		{"VMD", AUDIT_WARNING, AUDIT_SETUP_CHOICE,
		 "drives behind this function stand in a PCI domain of their own that nobody sees but its driver; they are not in this report",
		 "Linux shows them in domain 10000 and up, all as one requester: none can be given away alone",
		 "Switch VMD off for these slots in firmware setup (an installed system may need its driver changed first)."},
	[RULE_SECURE_BOOT_OFF] =
		{"SECURE-BOOT-OFF", AUDIT_INFO, AUDIT_SETUP_CHOICE,
		 "firmware starts any program, also one that leaves DMA open or lies in this report",
		 "Linux does not lock itself down; Windows reports it",
		 "Switch Secure Boot on in firmware setup once this program is not needed any more (it is not signed; its hash can be enrolled)."},
	[RULE_SECURE_BOOT_SETUP] =
		{"SECURE-BOOT-SETUP", AUDIT_WARNING, AUDIT_SETUP_CHOICE,
		 "firmware is in setup mode: whoever runs next can enrol keys of their own", "nothing",
		 "Enrol keys in firmware setup (restore factory keys)."},
	[RULE_SECURE_BOOT_UNKNOWN] = {"SECURE-BOOT-UNKNOWN", AUDIT_INFO, AUDIT_NOTE,
				      "the variable could not be read, so nothing is said about Secure Boot",
				      "nothing", "Look in firmware setup."},
	[RULE_PROOF_FAILED] =
		{"PROOF-FAILED", AUDIT_ERROR, AUDIT_HARDWARE_LIMIT,
		 "a device was told to access what it must not, with the IOMMU on, and it was not refused as it should be",
		 "nothing: it trusts the IOMMU",
		 "Do not give this machine's functions to anyone you do not trust."},
	[RULE_PROOF_NOT_ENFORCED] =
		{"PROOF-NOT-ENFORCED", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "interrupts that the device forged were not refused, although remapping is on as far as the platform has it",
		 "nothing: it trusts interrupt remapping",
		 "QEMU's unit does not check them; on hardware tell the maker and do not rely on interrupt isolation."},
	[RULE_PROOF_NOT_TRIED] =
		{"PROOF-NOT-TRIED", AUDIT_WARNING, AUDIT_HARDWARE_LIMIT,
		 "the same access had no effect where it is allowed, so nothing is known of what happens where it is forbidden",
		 "nothing",
		 "Use another device for the proof, or update this one's firmware; what was tried still holds."},
	[RULE_PROOF_BROKEN] =
		{"PROOF-BROKEN", AUDIT_ERROR, AUDIT_HARDWARE_LIMIT,
		 "the proof did not end: a device could not be set up, did not come back, or the tables in memory were not what they should be",
		 "nothing: it trusts the IOMMU",
		 "See the FAIL lines before this report; power the machine off and on, and run the audit again."},
	[RULE_PROOF_NOT_RUN] =
		{"PROOF-NOT-RUN", AUDIT_INFO, AUDIT_NOTE,
		 "nothing was tried: what this report says of isolation is read from registers and tables",
		 "nothing", ""},
};
