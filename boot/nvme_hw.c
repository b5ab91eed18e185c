/* Serial numbers of NVMe controllers, from the firmware's driver: UEFI §13.14,
 * EFI_NVM_EXPRESS_PASS_THRU_PROTOCOL. Sluice itself sends no command to a controller that scratch= does not
 * name. */
#include "boot/loader.h"
#include <efipciio.h>
#include "kernel/str.h"

struct nvme_command {
	UINT32 cdw0;
	UINT8 flags; /* which of the others are valid */
	UINT32 nsid, cdw2, cdw3, cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

struct nvme_packet {
	UINT64 timeout; /* 100 ns */
	VOID *data;
	UINT32 data_len;
	VOID *metadata;
	UINT32 metadata_len;
	UINT8 queue; /* 0: admin */
	struct nvme_command *command;
	UINT32 *completion; /* [4] */
};

struct nvme_pass {
	VOID *mode;
	EFI_STATUS(EFIAPI *send)
	(struct nvme_pass *pass, UINT32 nsid, struct nvme_packet *packet, EFI_EVENT event);
};

#define IDENTIFY            0x06 /* NVM Express base specification, Identify */
#define IDENTIFY_CONTROLLER 1
#define IDENTIFY_BYTES      4096
#define CDW10_VALID         0x04
#define SECOND              10000000u

/* Printable ASCII, without the blanks that fill the field. */
static void field(char *to, const uint8_t *from, size_t n)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		to[i] = from[i] >= ' ' && from[i] < 0x7f ? (char)from[i] : '?';
		if (to[i] != ' ')
			len = i + 1;
	}
	to[len] = 0;
}

static bool identify(EFI_HANDLE handle, uint8_t *data)
{
	static EFI_GUID guid = {0x52c78312, 0x8edc, 0x4233, {0x98, 0xf2, 0x1a, 0x1a, 0xa5, 0xe3, 0x88, 0xa5}};
	struct nvme_pass *pass;
	UINT32 completion[4] = {0};
	struct nvme_command command = {.cdw0 = IDENTIFY, .flags = CDW10_VALID, .cdw10 = IDENTIFY_CONTROLLER};
	struct nvme_packet packet = {.timeout = SECOND,
				     .data = data,
				     .data_len = IDENTIFY_BYTES,
				     .command = &command,
				     .completion = completion};
	return loader_bs()->HandleProtocol(handle, &guid, (void **)&pass) == EFI_SUCCESS &&
	       pass->send(pass, 0, &packet, NULL) == EFI_SUCCESS;
}

static bool locate(EFI_HANDLE handle, struct boot_nvme *at)
{
	static EFI_GUID guid = EFI_PCI_IO_PROTOCOL_GUID;
	EFI_PCI_IO_PROTOCOL *io;
	UINTN seg, bus, device, function;
	if (loader_bs()->HandleProtocol(handle, &guid, (void **)&io) != EFI_SUCCESS ||
	    io->GetLocation(io, &seg, &bus, &device, &function) != EFI_SUCCESS || seg > 0xffff || bus > 255 ||
	    device > 31 || function > 7)
		return false;
	at->seg = (uint16_t)seg;
	at->rid = (uint16_t)(bus << 8 | device << 3 | function);
	return true;
}

void nvme_read(struct boot_info *bi)
{
	static EFI_GUID guid = {0x52c78312, 0x8edc, 0x4233, {0x98, 0xf2, 0x1a, 0x1a, 0xa5, 0xe3, 0x88, 0xa5}};
	EFI_HANDLE *handle;
	UINTN count;
	if (bi->cfg.privacy ||
	    loader_bs()->LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handle) != EFI_SUCCESS)
		return;
	uint8_t *data = loader_bytes(IDENTIFY_BYTES);
	for (UINTN i = 0; i < count; i++) {
		struct boot_nvme one = {0};
		if (!locate(handle[i], &one) || !identify(handle[i], data))
			continue;
		field(one.serial, data + 4, 20);
		field(one.model, data + 24, 40);
		if (bi->nvmes < BOOT_MAX_NVME)
			bi->nvme[bi->nvmes++] = one;
		else
			bi->nvmes_lost++;
	}
	loader_bs()->FreePool(handle);
}
