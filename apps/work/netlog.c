#include "apps/work/netlog.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "apps/work/echo.h"
#include "drivers/igb/port.h"
#include "drivers/net/syslog.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "pci/path.h"

#define ASKS   5u /* for the receiver's MAC address */
#define ASK_US 200000u
#define LINE   1100u

static struct {
	struct machine *m;
	struct pci_func *fn;
	struct domain *dom;
	struct igb_port port;
	struct net_port net;
	struct syslog log;
	struct net_ip to;
	uint16_t to_port;
	uint64_t at; /* in the log */
	uint64_t sent;
	bool on;
} netlog;

/* NULL, or why this card cannot be used. */
static const char *refuse(struct machine *m, const struct pci_func *fn)
{
	const char *why;
	if (!iommu_covered(&m->iommu, fn->bdf, &why))
		return why;
	if (iommu_domain_of(&m->iommu, fn->bdf))
		return "an RMRR ties it to the firmware";
	PCI_EACH(f, &m->pci)
		if (f != fn && fn->group && f->group == fn->group && !f->is_bridge)
			return "it shares an IOMMU group";
	if (!fn->bar[0].addr || fn->bar[0].io || pci_path_stop(fn, &fn->bar[0]))
		return "its registers have no address that can be reached";
	return NULL;
}

/* The first that can be used. With device=igb the cards are for VFs. */
static struct pci_func *find(struct machine *m)
{
	bool legacy;
	PCI_EACH(f, &m->pci) {
		if (f->pf || !igb_port_drives(f->vendor, f->device, &legacy) ||
		    (!legacy && config_wants_igb(m->cfg)))
			continue;
		const char *why = refuse(m, f);
		if (!why)
			return f;
		log_line("netlog", BDF_FMT " is not used: %s", BDF_ARG(f->bdf), why);
	}
	return NULL;
}

static void close_card(void)
{
	if (netlog.port.io.ctx)
		igb_port_stop(&netlog.port);
	function_disconnect(netlog.fn, netlog.dom);
	if (igb_port_free(&netlog.port))
		log_warn("netlog", BDF_FMT ": its memory could not be taken back", BDF_ARG(netlog.fn->bdf));
	drop_domain(&netlog.dom);
	netlog.m->netlog = NULL;
	netlog.fn = NULL;
	netlog.on = false;
}

static enum sl_err open_card(struct machine *m)
{
	volatile void *regs;
	enum sl_err e = make_domain(m, "netlog", netlog.fn->bdf, &netlog.dom);
	if (!e)
		e = function_reach(netlog.fn, netlog.dom, &regs);
	if (e)
		return e;
	faults_watch(m, netlog.fn->bdf);
	netlog.port = (struct igb_port){.io = igb_mmio(regs)};
	(void)igb_port_drives(netlog.fn->vendor, netlog.fn->device, &netlog.port.legacy);
	e = igb_port_open(&netlog.port, netlog.dom, window_at(m, 0));
	if (e)
		return e;
	pci_bus_master(netlog.fn, true);
	return igb_port_start(&netlog.port);
}

/* ---- frames */

/* Answers to who asks for the card's address. One that is not sent will be asked for again. */
static void take_frames(void)
{
	static uint8_t frame[IGB_PORT_FRAME];
	for (size_t n; (n = igb_port_receive(&netlog.port, frame));) {
		size_t back = net_take(&netlog.net, frame, n, sizeof frame);
		memcpy(igb_port_place(&netlog.port), frame, back);
		if (back && igb_port_send(&netlog.port, back))
			return;
	}
}

/* Questions for the receiver's address are repeated, and its own are answered meanwhile. */
static enum sl_err send_line(const char *line)
{
	static uint8_t message[SYSLOG_BYTES];
	size_t n = syslog_message(&netlog.log, line, message), head = net_udp_headers(&netlog.to);
	uint8_t *place = igb_port_place(&netlog.port);
	bool asked = true;
	for (unsigned i = 0; asked && i <= ASKS; i++) {
		memcpy(place + head, message, n);
		size_t len =
			net_udp_send(&netlog.net, &netlog.to, NET_SYSLOG, netlog.to_port, place, n, &asked);
		enum sl_err e = len ? igb_port_send(&netlog.port, len) : SL_CONFIG;
		if (e)
			return e;
		for (struct deadline d = deadline_in(ASK_US); asked && deadline_look(&d);) {
			take_frames();
			if (net_knows(&netlog.net, &netlog.to))
				break;
		}
	}
	return asked ? SL_NOTFOUND : SL_OK;
}

static void stop_for(enum sl_err e)
{
	close_card();
	log_warn("netlog", "the log is not sent any more: %s",
		 e == SL_NOTFOUND ? "the receiver, or the gateway to it, does not answer for its address"
		 : e == SL_CONFIG ? "address= has no address of the receiver's family"
				  : "the card does not send");
}

void netlog_poll(void)
{
	static char line[LINE];
	uint64_t at = netlog.at;
	if (!netlog.on)
		return;
	take_frames();
	for (; log_next(&netlog.at, line, sizeof line); at = netlog.at) {
		enum sl_err e = SL_OK;
		size_t n = strlen(line);
		if (n < sizeof line - 1 && netlog.at - at > n + 1)
			e = send_line(
				"netlog: lines are missing here: the log was overwritten before they were sent");
		if (!e && n)
			e = send_line(line);
		if (e) {
			stop_for(e);
			return;
		}
		netlog.sent++;
		take_frames();
	}
}

void netlog_end(void)
{
	if (netlog.on)
		log_line("netlog", "%llu lines were sent before this one", (ull)netlog.sent);
	netlog_poll();
	if (netlog.on)
		close_card();
}

static enum sl_err read_options(struct machine *m)
{
	struct net_ip ip[2];
	uint8_t prefix[2];
	const char *why = echo_addresses(m->cfg->address, 1, ip, prefix);
	if (!netlog_receiver(m->cfg->log, &netlog.to, &netlog.to_port)) {
		log_fail("netlog", "log=udp:192.0.2.1, log=udp:192.0.2.1:514 or log=udp:[2001:db8::1]:514",
			 "log=%s names no receiver", m->cfg->log);
		return SL_CONFIG;
	}
	if (why) {
		log_fail("netlog", "address=10.0.0.1/24: the address from which the log is sent",
			 "address=%s: %s", m->cfg->address, why);
		return SL_CONFIG;
	}
	netlog.net = (struct net_port){.ip = {ip[0], {{0}}, ip[1]}, .prefix = {prefix[0], 64, prefix[1]}};
	return SL_OK;
}

enum sl_err stage_netlog(struct machine *m)
{
	char from[NET_IP_TEXT], to[NET_IP_TEXT];
	memset(&netlog, 0, sizeof netlog);
	netlog.m = m;
	if (!m->cfg->log[0])
		return SL_OK;
	enum sl_err e = read_options(m);
	if (e)
		return e;
	if (m->cfg->access == ACCESS_READ || !m->translating || !translated(m)) {
		log_warn("netlog", "the log is not sent: %s",
			 m->cfg->access == ACCESS_READ
				 ? "access=read allows no use of a card"
				 : "without translation the card would reach all memory");
		return SL_OK;
	}
	netlog.fn = m->netlog = find(m);
	if (!netlog.fn) {
		log_warn(
			"netlog",
			"the log is not sent: there is no Intel 82574, 82576 or I350 that nothing else uses");
		return SL_OK;
	}
	e = open_card(m);
	if (e) {
		log_warn("netlog", "the log is not sent: " BDF_FMT " %s: %s", BDF_ARG(netlog.fn->bdf),
			 netlog.port.rings.va ? "has no link" : "cannot be set up", sl_err_text(e));
		close_card();
		return SL_OK;
	}
	memcpy(netlog.net.mac, netlog.port.mac, 6);
	netlog.net.ip[1] = net_link_local(netlog.port.mac);
	const struct net_ip *own = &netlog.net.ip[net_ip_is4(&netlog.to) ? 0 : 2];
	(void)net_ip_text(own, from);
	if (!net_ip_none(own))
		memcpy(netlog.log.host, from, sizeof from);
	netlog.on = true;
	log_line("netlog", BDF_FMT " sends the log from %s to %s port %u, in domain %u",
		 BDF_ARG(netlog.fn->bdf), from, net_ip_text(&netlog.to, to), netlog.to_port,
		 domain_number(netlog.dom));
	netlog_poll();
	return SL_OK;
}
