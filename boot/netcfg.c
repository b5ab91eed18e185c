#include "boot/netcfg.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

/* ---- DHCP ---- */

enum { DHCP_SIADDR = 20, DHCP_FILE = 108, DHCP_FILE_LEN = 128, DHCP_OPTIONS = 240, DHCP_SERVER_ID = 54 };

/* The value of an option, or NULL: RFC 2132 §2. */
static const uint8_t *dhcp_option(const uint8_t *packet, size_t n, uint8_t code, size_t len)
{
	for (size_t i = DHCP_OPTIONS; i < n && packet[i] != 255;) {
		if (packet[i] == 0) {
			i++;
			continue;
		}
		if (i + 2 > n || i + 2 + packet[i + 1] > n)
			return NULL;
		if (packet[i] == code && packet[i + 1] >= len)
			return packet + i + 2;
		i += 2u + packet[i + 1];
	}
	return NULL;
}

/* "sluice.cfg" in the folder of file. */
static bool beside(char out[NETCFG_PATH], const char *file, size_t n)
{
	size_t folder = 0;
	for (size_t i = 0; i < n; i++) {
		if (file[i] < ' ' || file[i] >= 0x7f)
			return false;
		if (file[i] == '/' || file[i] == '\\')
			folder = i + 1;
	}
	return fmt_print(out, NETCFG_PATH, "%.*ssluice.cfg", (int)folder, file) < NETCFG_PATH;
}

static bool is_zero(const uint8_t ip[4])
{
	return !(ip[0] | ip[1] | ip[2] | ip[3]);
}

bool netcfg_tftp(const uint8_t *packet, size_t n, struct netcfg_tftp *out)
{
	const uint8_t *server, *file = packet + DHCP_FILE;
	size_t len = 0;
	if (n < DHCP_OPTIONS)
		return false;
	server = packet + DHCP_SIADDR;
	if (is_zero(server))
		server = dhcp_option(packet, n, DHCP_SERVER_ID, 4);
	if (!server || is_zero(server))
		return false;
	memcpy(out->server, server, 4);
	while (len < DHCP_FILE_LEN && file[len])
		len++;
	return beside(out->path, (const char *)file, len) || beside(out->path, "", 0);
}

/* ---- device paths ---- */

/* UEFI §10.3.1: type, subtype, length. */
static size_t node_len(const uint8_t *node, size_t room)
{
	size_t len = room >= 4 ? node[2] | (size_t)node[3] << 8 : 0;
	return len >= 4 && len <= room && node[0] != 0x7f ? len : 0;
}

size_t netcfg_nodes(const uint8_t *path, size_t room)
{
	size_t at = 0, len;
	while ((len = node_len(path + at, room - at)))
		at += len;
	return at;
}

/* The texts of all file path nodes, one behind the other; false: too long, or no printable ASCII. */
static bool file_name(const uint8_t *path, size_t room, char out[NETCFG_PATH], size_t *n)
{
	enum { MEDIA = 4, FILE_PATH = 4 };
	size_t at = 0, len;
	*n = 0;
	for (; (len = node_len(path + at, room - at)); at += len)
		for (size_t i = 4; path[at] == MEDIA && path[at + 1] == FILE_PATH && i + 1 < len; i += 2) {
			unsigned c = path[at + i] | (unsigned)path[at + i + 1] << 8;
			if (!c)
				break;
			if (c < ' ' || c >= 0x7f || *n == NETCFG_PATH)
				return false;
			out[(*n)++] = (char)c;
		}
	return true;
}

size_t netcfg_file(const uint8_t *path, size_t room, uint8_t out[NETCFG_FILE_PATH])
{
	static const uint8_t end[] = {0x7f, 0xff, 4, 0};
	char name[NETCFG_PATH], text[NETCFG_PATH];
	size_t n, at = 4;
	if (!file_name(path, room, name, &n) || !beside(text, name, n))
		return 0;
	for (n = 0; n == 0 || text[n - 1]; n++) {
		out[at++] = (uint8_t)text[n];
		out[at++] = 0;
	}
	memcpy(out, (const uint8_t[]){4, 4, (uint8_t)at, (uint8_t)(at >> 8)}, 4);
	memcpy(out + at, end, sizeof end);
	return at + sizeof end;
}

/* http://HOST[:PORT]/FILE[?QUERY] */
static bool read_uri(const char *uri, size_t n, struct netcfg_http *out)
{
	static const char http[] = "http://";
	size_t host = sizeof http - 1, end = host;
	if (n < host || memcmp(uri, http, host) != 0)
		return false;
	while (end < n && uri[end] != '/')
		end++;
	for (size_t i = host; i < n; i++)
		if (uri[i] == '?' || uri[i] == '#' || !uri[i]) /* EDK2 puts a NUL at its end */
			n = i;
	if (end == host || end >= n ||
	    !beside(out->url, uri, n)) /* the host is part of the URL, and fits too */
		return false;
	memcpy(out->host, uri + host, end - host);
	out->host[end - host] = 0;
	return true;
}

bool netcfg_http(const uint8_t *path, size_t room, struct netcfg_http *out)
{
	enum { MESSAGING = 3, IPV4 = 12, URI = 24, IPV4_LEN = 27 };
	bool uri = false;
	size_t at = 0, len;
	*out = (struct netcfg_http){.mask = {255, 255, 255, 0}};
	for (; (len = node_len(path + at, room - at)); at += len) {
		const uint8_t *node = path + at;
		if (node[0] != MESSAGING)
			continue;
		if (node[1] == URI)
			uri = read_uri((const char *)node + 4, len - 4, out);
		if (node[1] == IPV4)
			memcpy(out->ip, node + 4, len >= 8 ? 4 : 0);
		if (node[1] == IPV4 && len >= IPV4_LEN && !is_zero(node + 23))
			memcpy(out->mask, node + 23, 4);
	}
	return uri && !is_zero(out->ip);
}
