/* Where sluice.cfg lies on the server that the loader was fetched from: beside the loader. All that is read
 * comes from the network or the firmware, and is checked. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETCFG_PATH 256

/* Of a DHCP answer (RFC 2131, RFC 2132). */
struct netcfg_tftp {
	uint8_t server[4];
	char path[NETCFG_PATH]; /* "folder/sluice.cfg", in the folder of the boot file */
};

/* Of the device path of an image that was fetched over HTTP (UEFI §10.3.4.12 and §10.3.4.23). */
struct netcfg_http {
	char url[NETCFG_PATH];  /* "http://server:8080/folder/sluice.cfg" */
	char host[NETCFG_PATH]; /* "server:8080" */
	uint8_t ip[4], mask[4]; /* of this machine */
};

/* packet[0..n) is a DHCP answer. False: it names no server. */
bool netcfg_tftp(const uint8_t *packet, size_t n, struct netcfg_tftp *out);
/* path[0..room) has a device path, which may end before. False: it has no URI of http, or no address of IPv4.
 */
bool netcfg_http(const uint8_t *path, size_t room, struct netcfg_http *out);
/* The device path of sluice.cfg in the folder of the file that path[0..room) names by its file path nodes
 * (UEFI §10.3.5.4); at the top where it names none. Returns its bytes; 0: the name is too long or no text. */
#define NETCFG_FILE_PATH (4 + 2 * NETCFG_PATH + 4)
size_t netcfg_file(const uint8_t *path, size_t room, uint8_t out[NETCFG_FILE_PATH]);
/* Bytes of the nodes before the end of a device path, at most room. */
size_t netcfg_nodes(const uint8_t *path, size_t room);
