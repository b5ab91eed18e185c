/* sluice.cfg of the server that the loader was fetched from: over TFTP by the PXE base code (UEFI §24.3), or
 * over HTTP (UEFI §29.6); or by Load File 2 of the device that is no volume. After the loader was fetched,
 * both are set up. */
#include "boot/loader.h"
#include <efipxebc.h>
#include "boot/netcfg.h"
#include "kernel/str.h"

#define HTTP_MS   5000 /* for each request and answer */
#define PATH_ROOM 2048u

/* ---- TFTP ---- */

/* The answer that names the boot file, of those that came. */
static const uint8_t *dhcp_answer(const EFI_PXE_BASE_CODE_MODE *m)
{
	return m->PxeReplyReceived     ? m->PxeReply.Raw
	       : m->ProxyOfferReceived ? m->ProxyOffer.Raw
	       : m->DhcpAckReceived    ? m->DhcpAck.Raw
				       : NULL;
}

/* iPXE leaves the size as it was, so the text ends at the first NUL: loader_bytes() gives zeroed memory. */
static bool tftp_get(EFI_PXE_BASE_CODE *pxe, const struct netcfg_tftp *at, const char *path, char *to,
		     UINTN *len)
{
	EFI_IP_ADDRESS server;
	UINT64 size = CONFIG_FILE_MAX + 1;
	memset(&server, 0, sizeof server);
	memcpy(&server, at->server, sizeof at->server);
	/* No block size: a pointer to less than 512 is refused. */
	if (pxe->Mtftp(pxe, EFI_PXE_BASE_CODE_TFTP_READ_FILE, to, FALSE, &size, NULL, &server,
		       (UINT8 *)(uintptr_t)path, NULL, FALSE) != EFI_SUCCESS)
		return false;
	*len = 0;
	while (*len < size && *len < CONFIG_FILE_MAX + 1 && to[*len])
		++*len;
	return true;
}

static char *read_tftp(EFI_HANDLE nic, UINTN *len)
{
	static EFI_GUID guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
	EFI_PXE_BASE_CODE *pxe;
	struct netcfg_tftp at;
	const uint8_t *answer;
	if (loader_bs()->HandleProtocol(nic, &guid, (void **)&pxe) != EFI_SUCCESS || !pxe->Mode ||
	    !pxe->Mode->Started || pxe->Mode->UsingIpv6 || !(answer = dhcp_answer(pxe->Mode)) ||
	    (!netcfg_tftp(answer, sizeof pxe->Mode->DhcpAck, &at) &&
	     !netcfg_tftp(pxe->Mode->DhcpAck.Raw, sizeof pxe->Mode->DhcpAck, &at)))
		return NULL;
	char *text = loader_bytes(CONFIG_FILE_MAX + 1);
	if (tftp_get(pxe, &at, at.path, text, len))
		return text;
	return strcmp(at.path, "sluice.cfg") && tftp_get(pxe, &at, "sluice.cfg", text, len) ? text : NULL;
}

/* ---- HTTP, whose protocol GNU-EFI's headers do not have ---- */

struct http_access_point {
	BOOLEAN use_default;
	UINT8 address[4], mask[4];
	UINT16 port;
};

struct http_config {
	UINT32 version, timeout_ms; /* version 1: HTTP 1.1 */
	BOOLEAN ipv6;
	struct http_access_point *access_point;
};

struct http_header {
	char *name, *value;
};

struct http_message {
	void *data; /* struct http_request, or the status code of an answer */
	UINTN headers;
	struct http_header *header;
	UINTN len;
	void *body;
};

struct http_request {
	UINT32 method; /* 0: GET */
	CHAR16 *url;
};

struct http_token {
	EFI_EVENT event;
	EFI_STATUS status;
	struct http_message *message;
};

struct http {
	void *get_mode;
	EFI_STATUS(EFIAPI *configure)(struct http *h, struct http_config *c);
	EFI_STATUS(EFIAPI *request)(struct http *h, struct http_token *t);
	EFI_STATUS(EFIAPI *cancel)(struct http *h, struct http_token *t);
	EFI_STATUS(EFIAPI *response)(struct http *h, struct http_token *t);
	EFI_STATUS(EFIAPI *poll)(struct http *h);
};

#define HTTP_OK 3 /* EFI_HTTP_STATUS_CODE */

static volatile bool http_done;

static VOID EFIAPI http_notify(EFI_EVENT event, VOID *context)
{
	(void)event, (void)context;
	http_done = true;
}

/* Sends a request or takes an answer, and waits for it. An event with a function cannot be checked. */
static EFI_STATUS http_run(struct http *h, EFI_STATUS(EFIAPI *what)(struct http *, struct http_token *),
			   struct http_message *message)
{
	struct http_token t = {.status = EFI_NOT_READY, .message = message};
	if (loader_bs()->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, http_notify, NULL, &t.event) !=
	    EFI_SUCCESS)
		return EFI_OUT_OF_RESOURCES;
	http_done = false;
	EFI_STATUS s = what(h, &t);
	for (int ms = 0; s == EFI_SUCCESS && !http_done; ms++) {
		if (ms == HTTP_MS) {
			h->cancel(h, &t);
			s = EFI_TIMEOUT;
			break;
		}
		h->poll(h);
		loader_bs()->Stall(1000);
	}
	loader_bs()->CloseEvent(t.event);
	return s == EFI_SUCCESS ? t.status : s;
}

/* Content-Length of an answer; 0: unknown. */
static UINTN content_length(const struct http_message *m)
{
	for (UINTN i = 0; m->header && i < m->headers; i++) {
		static const char name[] = "content-length";
		const char *p = m->header[i].name;
		UINTN n = 0, k = 0;
		while (p && k < sizeof name - 1 && (p[k] | ' ') == name[k])
			k++;
		if (k < sizeof name - 1 || p[k])
			continue;
		for (p = m->header[i].value; *p >= '0' && *p <= '9' && n <= CONFIG_FILE_MAX; p++)
			n = n * 10 + (UINTN)(*p - '0');
		return n;
	}
	return 0;
}

static bool http_get(struct http *h, const struct netcfg_http *at, char *to, UINTN *len)
{
	CHAR16 url[NETCFG_PATH];
	size_t n = 0;
	do
		url[n] = (CHAR16)(unsigned char)at->url[n];
	while (at->url[n++]);
	struct http_header header[] = {
		{"Host", (char *)(uintptr_t)at->host}, {"User-Agent", "Sluice"}, {"Accept", "*/*"}};
	struct http_request get = {0, url};
	UINT32 code = 0;
	struct http_message ask = {&get, ARRAY_LEN(header), header, 0, NULL};
	struct http_message answer = {.data = &code, .len = CONFIG_FILE_MAX + 1, .body = to};
	if (http_run(h, h->request, &ask) != EFI_SUCCESS ||
	    http_run(h, h->response, &answer) != EFI_SUCCESS || code != HTTP_OK)
		return false;
	UINTN want = content_length(&answer);
	if (want > CONFIG_FILE_MAX + 1)
		want = CONFIG_FILE_MAX + 1;
	for (*len = answer.len; *len < want; *len += answer.len) {
		answer = (struct http_message){.len = want - *len, .body = to + *len};
		if (http_run(h, h->response, &answer) != EFI_SUCCESS || !answer.len ||
		    answer.len > want - *len)
			return false;
	}
	return true;
}

/* The network card's HTTP: its device path is the beginning of that of the image. */
static EFI_SERVICE_BINDING *http_service(const uint8_t *path, size_t len)
{
	static EFI_GUID service = {
		0xbdc8e6af, 0xd9bc, 0x4379, {0xa7, 0x2a, 0xe0, 0xc4, 0xe7, 0x5d, 0xae, 0x1c}};
	static EFI_GUID path_guid = DEVICE_PATH_PROTOCOL;
	EFI_HANDLE *handle;
	EFI_SERVICE_BINDING *found = NULL, *one;
	UINTN count;
	uint8_t *its;
	if (loader_bs()->LocateHandleBuffer(ByProtocol, &service, NULL, &count, &handle) != EFI_SUCCESS)
		return NULL;
	for (UINTN i = 0; !found && i < count; i++) {
		if (loader_bs()->HandleProtocol(handle[i], &path_guid, (void **)&its) != EFI_SUCCESS)
			continue;
		size_t n = netcfg_nodes(its, PATH_ROOM);
		if (n && n <= len && memcmp(its, path, n) == 0 &&
		    loader_bs()->HandleProtocol(handle[i], &service, (void **)&one) == EFI_SUCCESS)
			found = one;
	}
	loader_bs()->FreePool(handle);
	return found;
}

/* The path that the image was loaded from has the address which DHCP gave this machine; that of the device
 * may have none. */
static char *read_http(UINTN *len)
{
	static EFI_GUID path_guid = EFI_LOADED_IMAGE_DEVICE_PATH_PROTOCOL_GUID;
	static EFI_GUID http_guid = {
		0x7a59b29b, 0x910b, 0x4171, {0x82, 0x42, 0xa8, 0x5a, 0x0d, 0xf2, 0x5b, 0x5b}};
	EFI_HANDLE child = NULL;
	struct netcfg_http at;
	struct http *h;
	uint8_t *path;
	if (loader_bs()->HandleProtocol(loader_image, &path_guid, (void **)&path) != EFI_SUCCESS ||
	    !netcfg_http(path, PATH_ROOM, &at))
		return NULL;
	EFI_SERVICE_BINDING *service = http_service(path, netcfg_nodes(path, PATH_ROOM));
	if (!service || service->CreateChild(service, &child) != EFI_SUCCESS)
		return NULL;
	/* By default addresses there is no mapping, although the interface has one. */
	struct http_access_point point = {0};
	memcpy(point.address, at.ip, 4);
	memcpy(point.mask, at.mask, 4);
	struct http_config config = {1, HTTP_MS, FALSE, &point};
	char *text = loader_bytes(CONFIG_FILE_MAX + 1);
	bool good = loader_bs()->HandleProtocol(child, &http_guid, (void **)&h) == EFI_SUCCESS &&
		    h->configure(h, &config) == EFI_SUCCESS && http_get(h, &at, text, len);
	service->DestroyChild(service, child);
	return good ? text : NULL;
}

/* ---- Load File 2 (UEFI §13.2), whose interface is that of Load File ---- */

/* For an image that came from a device which is no volume: a file of firmware's or of a boot manager's. */
static char *read_load_file(const EFI_LOADED_IMAGE *image, UINTN *len)
{
	static EFI_GUID guid = {0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
	EFI_LOAD_FILE_PROTOCOL *file;
	uint8_t path[NETCFG_FILE_PATH];
	if (!image->FilePath ||
	    loader_bs()->HandleProtocol(image->DeviceHandle, &guid, (void **)&file) != EFI_SUCCESS ||
	    !netcfg_file((const uint8_t *)image->FilePath, PATH_ROOM, path))
		return NULL;
	char *text = loader_bytes(CONFIG_FILE_MAX + 1);
	*len = CONFIG_FILE_MAX + 1;
	EFI_STATUS s = file->LoadFile(file, (EFI_DEVICE_PATH *)path, FALSE, len, text);
	if (s == EFI_BUFFER_TOO_SMALL) /* the reader of options says so */
		*len = CONFIG_FILE_MAX + 1;
	return (s == EFI_SUCCESS || s == EFI_BUFFER_TOO_SMALL) && *len <= CONFIG_FILE_MAX + 1 ? text : NULL;
}

char *netcfg_read(const EFI_LOADED_IMAGE *image, UINTN *len, const char **from)
{
	char *text;
	if (!image->DeviceHandle)
		return NULL;
	if ((text = read_tftp(image->DeviceHandle, len)))
		*from = "sluice.cfg by TFTP";
	else if ((text = read_http(len)))
		*from = "sluice.cfg by HTTP";
	else if ((text = read_load_file(image, len)))
		*from = "sluice.cfg by Load File 2";
	return text;
}
