/* log=udp:ADDRESS: the log, line by line, as syslog messages to another machine, by a network card that
 * nothing else uses. It has a domain of its own, as every function that Sluice drives. */
#pragma once
#include "apps/machine.h"
#include "drivers/net/net.h"

/* Finds the card, brings its link up and sends what the log has so far. That there is no card, no link or no
 * receiver is a WARN, and the run goes on. SL_CONFIG: log= or address= cannot be read. */
enum sl_err stage_netlog(struct machine *m) MUST_CHECK;
/* Sends what was printed since, between stages. */
void netlog_poll(void);
/* After RESULT: sends the rest and gives the card back. */
void netlog_end(void);

/* "udp:192.0.2.1", "udp:192.0.2.1:5140", "udp:2001:db8::1", "udp:[2001:db8::1]:5140". */
bool netlog_receiver(const char *text, struct net_ip *ip, uint16_t *port);
