/* A port without VFs: one queue each way, for a few frames that are not in a hurry. Intel 82574 (legacy
 * descriptors: 82574 datasheet §7.1.4, §7.2.10), 82576 and I350. Never run on silicon.
 *
 * What the device writes is not trusted: a length beyond the buffer is counted in bad, and each wait has a
 * deadline. */
#pragma once
#include "drivers/dma.h"
#include "drivers/igb/io.h"
#include "kernel/err.h"

#define IGB_PORT_FRAME  1514u /* bytes of a frame that is sent or received, at most */
#define IGB_PORT_WINDOW (8 * PAGE_SIZE)

struct igb_port {
	struct igb_io io;
	bool legacy; /* an 82574 */
	uint8_t mac[6];
	struct dma_buf rings;    /* the device reads and writes; */
	struct dma_buf send;     /* reads; */
	struct dma_buf receive;  /* writes */
	uint32_t sent, received; /* frames */
	uint64_t bad;            /* frames with an error or an impossible length */
};

/* The ids of a port that this drives: true, and *legacy. */
bool igb_port_drives(uint16_t vendor, uint16_t device, bool *legacy);

/* port->io and port->legacy are set, the function is in dom and has no bus mastering. Resets the chip, which
 * ends what the firmware's driver left running, and maps IGB_PORT_WINDOW bytes at at. SL_DEVICE: its
 * registers do not answer, or it has no MAC address; SL_TIMEOUT: the reset does not end. igb_port_close()
 * also after an error. */
enum sl_err igb_port_open(struct igb_port *port, struct domain *dom, iova_t at) MUST_CHECK;
/* Bus mastering is on: starts both queues and the link, for which it waits. SL_TIMEOUT: there is none. */
enum sl_err igb_port_start(struct igb_port *port) MUST_CHECK;
/* Stops both queues; the memory is the caller's to give back by igb_port_free(), once bus mastering is off
 * and the function is in no domain. */
void igb_port_stop(struct igb_port *port);
enum sl_err igb_port_free(struct igb_port *port) MUST_CHECK;

/* Sends the n bytes, at most IGB_PORT_FRAME, that stand at igb_port_place(), and waits until they are read.
 * SL_TIMEOUT. */
enum sl_err igb_port_send(struct igb_port *port, size_t n) MUST_CHECK;
static inline uint8_t *igb_port_place(const struct igb_port *port)
{
	return port->send.va;
}
/* Copies the next frame to out, of IGB_PORT_FRAME bytes; its length. 0: there is none. */
size_t igb_port_receive(struct igb_port *port, uint8_t *out);
