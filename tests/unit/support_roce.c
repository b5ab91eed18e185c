#include <string.h>
#include "drivers/roce/wire.h"
#include "kernel/crc32.h"
#include "tests/unit/support_roce.h"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2}, own_mac[6] = {2, 0, 0, 0, 0, 1};

/* Where UDP's length says that it ends. */
static size_t end_of(const uint8_t *frame)
{
	size_t udp = be16(frame + ETH_TYPE) == ETH_IPV4 ? IP4_DATA : IP6_DATA;
	return udp + be16(frame + udp + UDP_LENGTH);
}

/* As Annex A17 has it, all at once, by the CRC of another part of the program. */
static uint32_t icrc(const uint8_t *frame)
{
	uint8_t copy[8 + ROCE_FRAME_MOST];
	bool four = be16(frame + ETH_TYPE) == ETH_IPV4;
	size_t n = end_of(frame) - NET_ETH - ICRC_BYTES, udp = four ? 20 : 40;
	uint8_t *ip = copy + 8;
	memset(copy, 0xff, 8);
	memcpy(ip, frame + NET_ETH, n);
	if (four) {
		ip[1] = ip[8] = ip[10] = ip[11] = 0xff;
	} else {
		ip[0] |= 15;
		ip[1] = ip[2] = ip[3] = ip[7] = 0xff;
	}
	ip[udp + UDP_SUM] = ip[udp + UDP_SUM + 1] = ip[udp + UDP_BYTES + BTH_RESV] = 0xff;
	return crc32(0, copy, 8 + n);
}

void support_roce_seal(uint8_t *frame)
{
	if (be16(frame + ETH_TYPE) == ETH_IPV4) {
		put_be16(frame + IP4_SUM, 0);
		put_be16(frame + IP4_SUM, net_sum_field(net_sum(frame + NET_ETH, IP4_DATA - NET_ETH, 0)));
	}
	uint32_t crc = icrc(frame);
	memcpy(frame + end_of(frame) - ICRC_BYTES, &crc, sizeof crc);
}

bool support_roce_sealed(const uint8_t *frame)
{
	uint32_t crc = icrc(frame);
	return memcmp(frame + end_of(frame) - ICRC_BYTES, &crc, sizeof crc) == 0;
}

static size_t datagram(uint8_t *frame, const struct net_ip *from, const struct net_ip *to, const uint8_t *bth,
		       const void *bytes, size_t n, size_t pad)
{
	size_t udp = net_ip_is4(from) ? IP4_DATA : IP6_DATA,
	       all = UDP_BYTES + BTH_BYTES + n + pad + ICRC_BYTES;
	net_headers(frame, mac, own_mac, from, to, PROTO_UDP, 64, all);
	put_be16(frame + udp + UDP_SRC, 0xc123);
	put_be16(frame + udp + UDP_DST, ROCE_PORT);
	put_be16(frame + udp + UDP_LENGTH, (unsigned)all);
	put_be16(frame + udp + UDP_SUM, 0);
	memcpy(frame + udp + UDP_BYTES, bth, BTH_BYTES);
	memset(frame + udp + UDP_BYTES + BTH_BYTES, 0, n + pad);
	if (n)
		memcpy(frame + udp + UDP_BYTES + BTH_BYTES, bytes, n);
	support_roce_seal(frame);
	return udp + all;
}

size_t support_roce_packet(uint8_t *frame, const struct net_ip *from, const struct net_ip *to, uint8_t opcode,
			   uint32_t qp, uint32_t psn, bool ack, const void *bytes, size_t n)
{
	size_t pad = (0 - n) & 3;
	uint8_t bth[BTH_BYTES] = {opcode, (uint8_t)(pad << 4), 0xff, 0xff};
	put_be24(bth + BTH_QP, qp);
	put_be32(bth + BTH_ACK, (ack ? BTH_A : 0) | (psn & PSN_MASK));
	return datagram(frame, from, to, bth, bytes, n, pad);
}

size_t support_roce_mad(uint8_t *frame, const struct net_ip *from, const struct net_ip *to,
			unsigned attribute, const uint8_t *body, size_t n)
{
	uint8_t bth[BTH_BYTES] = {OP_UD_SEND, 0, 0xff, 0xff}, mad[DETH_BYTES + MAD_BYTES] = {0};
	put_be24(bth + BTH_QP, 1);
	put_be32(mad + DETH_QKEY, MAD_QKEY);
	put_be32(mad + 4, 1);
	put_be32(mad + DETH_BYTES, MAD_HEAD);
	memset(mad + DETH_BYTES + MAD_TID, 0x5a, 8);
	put_be16(mad + DETH_BYTES + MAD_ATTR, attribute);
	memcpy(mad + DETH_BYTES + MAD_BODY, body, n);
	return datagram(frame, from, to, bth, mad, sizeof mad, 0);
}

void support_roce_req(uint8_t body[232], uint32_t id, uint16_t port, uint32_t qp, uint32_t psn, unsigned mtu)
{
	memset(body, 0, REQ_BYTES);
	put_be32(body + CM_LOCAL, id);
	put_be64(body + REQ_ID, (uint64_t)CM_PS_TCP << 16 | port);
	put_be24(body + REQ_QPN, qp);
	body[REQ_READS] = body[REQ_DEPTH] = 16;
	put_be24(body + REQ_PSN, psn);
	body[REQ_MTU] = (uint8_t)(mtu << 4);
	body[REQ_ACK] = 17 << 3;
}
