/* Log lines as syslog messages: RFC 5424, one to a datagram (RFC 5426). */
#pragma once
#include "drivers/net/net.h"

#define SYSLOG_BYTES 1180u /* of one message: with its headers it fits the least MTU of IPv6 */

struct syslog {
	char host[NET_IP_TEXT]; /* HOSTNAME: the sender's address, as §6.2.4 allows */
	uint32_t sequence;      /* of the last message: 1 to 2147483647, then 1 again (§7.3.1) */
};

/* Writes the message of one line of the log, which has no newline; returns its length. TIMESTAMP is "-": the
 * line begins with its time since the start, and the receiver's clock is the better one. Facility local0;
 * severity by the line's own word: FAIL is 3 (error), WARN 4 (warning), all else 6 (informational). What is
 * too long is cut. A control character is sent as '?', because a receiver may end the message there. */
size_t syslog_message(struct syslog *s, const char *line, uint8_t out[SYSLOG_BYTES]);
