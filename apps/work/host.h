/* VFs as hosts on a wire: what app=echo and app=rdma share. */
#pragma once
#include "apps/machine.h"
#include "drivers/net/net.h"

/* Gives the VF's port its MAC address and its addresses: the VF's place after those of the first, as
 * echo_addresses() reads them, and the link's. */
void host_address(struct net_port *port, const struct vf *vf, const struct net_ip first[2]);
/* Lets the VF receive the groups that neighbour solicitations for its addresses go to (RFC 4291 §2.7.1), and
 * that of all nodes; prints its addresses in the name of the stage. */
enum sl_err host_join(struct vf *vf, const struct net_port *port, const char *stage) MUST_CHECK;
/* Halts core 0, which has no VF to poll, until the next interrupt, for a second at most. An emulated core
 * that polled instead would take a processor from the other machines on its host. */
void host_rest(void);
/* For core 0, now and then: says that the link is gone or back, and serves the PF. True: stop, by Ctrl-C. */
bool host_look(const char *stage);
