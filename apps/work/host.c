#include "apps/work/host.h"
#include "apps/vf/igb.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/str.h"

void host_address(struct net_port *port, const struct vf *vf, const struct net_ip first[2])
{
	memcpy(port->mac, vf->packet->mac, 6);
	if (!net_ip_none(&first[0]))
		port->ip[0] = net_ip_plus(&first[0], vf->index);
	port->ip[1] = net_link_local(port->mac);
	if (!net_ip_none(&first[1]))
		port->ip[2] = net_ip_plus(&first[1], vf->index);
}

enum sl_err host_join(struct vf *vf, const struct net_port *port, const char *stage)
{
	static const uint8_t all[6] = {0x33, 0x33, 0, 0, 0, 1};
	char text[3][NET_IP_TEXT] = {"", "", ""};
	enum sl_err e = igb_group(vf, all);
	for (unsigned i = 1; i <= 2 && !e; i++) {
		const uint8_t *b = port->ip[i].b;
		e = igb_group(vf, (const uint8_t[6]){0x33, 0x33, 0xff, b[13], b[14], b[15]});
	}
	for (unsigned i = 0; i < 3; i++)
		if (!net_ip_none(&port->ip[i]))
			(void)net_ip_text(&port->ip[i], text[i]);
	const uint8_t *mac = port->mac;
	log_line(stage, "VF %u " BDF_FMT ": %02x:%02x:%02x:%02x:%02x:%02x %s %s %s", vf->index,
		 BDF_ARG(vf->fn->bdf), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], text[0], text[2],
		 text[1]);
	return e;
}

static bool nothing(void *ctx)
{
	(void)ctx;
	return false;
}

void host_rest(void)
{
	(void)core_halt_unless(nothing, NULL);
}

bool host_look(const char *stage)
{
	static bool up = true;
	bool now = igb_pf_link_up(igb_card());
	if (now != up)
		log_line(stage, now ? "the link is back" : "the link is down: is the cable in?");
	up = now;
	(void)igb_pf_poll(igb_card());
	return console_stop();
}
