/* Fields of RoCEv2 packets and of the connection manager's messages: InfiniBand Architecture 1.4 volume 1
 * chapters 9, 12 and 13, Annex A17. All are big-endian but the ICRC. Offsets count from the header's begin.
 */
#pragma once
#include "drivers/net/frame.h"

#define PSN_MASK 0xffffffu
#define PSN_HALF 0x800000u

/* Base transport header */
#define BTH_OPCODE         0u
#define BTH_FLAGS          1u /* SE:1 M:1 PadCnt:2 TVer:4 */
#define BTH_PKEY           2u
#define BTH_RESV           4u /* all ones for the ICRC */
#define BTH_QP             5u
#define BTH_ACK            8u /* the highest bit: an acknowledgement is asked for */
#define BTH_PSN            9u
#define BTH_BYTES          12u
#define BTH_OP(first)      ((uint8_t)((first) >> 24)) /* of its first dword: the opcode, */
#define BTH_PAD(first)     ((first) >> 20 & 3)        /* PadCnt, */
#define BTH_FIRST(op, pad) ((uint32_t)(op) << 24 | (pad) << 20 | 0xffffu)
#define BTH_FIXED          0x000f7fffu /* TVer and the partition, which are: */
#define BTH_RIGHT          0x00007fffu
#define BTH_A              0x80000000u /* of the dword at BTH_ACK */

/* Extension headers, behind the BTH */
#define RETH_VA      0u
#define RETH_KEY     8u
#define RETH_LENGTH  12u
#define RETH_BYTES   16u
#define AETH_BYTES   4u /* syndrome 1, MSN 3 */
#define IMM_BYTES    4u /* immediate data, or the key to invalidate */
#define ATOMIC_VA    0u
#define ATOMIC_KEY   8u
#define ATOMIC_SWAP  12u /* or the number to add */
#define ATOMIC_CMP   20u
#define ATOMIC_BYTES 28u
#define RESULT_BYTES 8u /* of an atomic operation, behind its AETH */
#define DETH_QKEY    0u
#define DETH_BYTES   8u
#define ICRC_BYTES   4u

/* Opcodes of reliable connections, and the one of the connection manager */
enum {
	OP_SEND_FIRST,
	OP_SEND_MIDDLE,
	OP_SEND_LAST,
	OP_SEND_LAST_IMM,
	OP_SEND_ONLY,
	OP_SEND_ONLY_IMM,
	OP_WRITE_FIRST,
	OP_WRITE_MIDDLE,
	OP_WRITE_LAST,
	OP_WRITE_LAST_IMM,
	OP_WRITE_ONLY,
	OP_WRITE_ONLY_IMM,
	OP_READ,
	OP_READ_FIRST, /* from here on answers */
	OP_READ_MIDDLE,
	OP_READ_LAST,
	OP_READ_ONLY,
	OP_ACK,
	OP_ATOMIC_ACK,
	OP_CMP_SWAP, /* from here on requests */
	OP_FETCH_ADD,
	OP_SEND_LAST_INV = 0x16,
	OP_SEND_ONLY_INV,
	OP_UD_SEND = 0x64
};

/* AETH syndromes */
#define SYN_ACK      0x1fu /* without a limit on credits */
#define SYN_RNR      0x20u /* | timer code */
#define SYN_SEQUENCE 0x60u
#define SYN_INVALID  0x61u
#define SYN_ACCESS   0x62u
#define SYN_REMOTE   0x63u
#define SYN_KIND(s)  ((s) >> 5 & 3)
enum { KIND_ACK, KIND_RNR, KIND_RESERVED, KIND_NAK };

/* Management datagrams of the communication manager */
#define MAD_QKEY   0x80010000u
#define MAD_HEAD   0x01070203u /* version 1, class 7 version 2, Send */
#define MAD_TID    8u
#define MAD_ATTR   16u
#define MAD_BODY   24u
#define MAD_BYTES  256u
#define CM_REQ     0x10u
#define CM_MRA     0x11u
#define CM_REJ     0x12u
#define CM_REP     0x13u
#define CM_RTU     0x14u
#define CM_DREQ    0x15u
#define CM_DREP    0x16u
#define CM_LOCAL   0u /* of every message: the sender's id, */
#define CM_REMOTE  4u /* and the receiver's */
#define REQ_ID     8u
#define REQ_GUID   16u
#define REQ_QPN    32u
#define REQ_READS  35u /* responder resources */
#define REQ_DEPTH  39u /* initiator depth */
#define REQ_TYPE   43u /* bits 2:1: transport service, 0 is RC */
#define REQ_PSN    44u
#define REQ_RETRY  47u /* CM response timeout:5 retry count:3 */
#define REQ_PKEY   48u
#define REQ_MTU    50u
#define REQ_MORE   51u /* CM retries:4 */
#define REQ_LIDS   52u
#define REQ_OWN_IP 56u
#define REQ_TO_IP  72u
#define REQ_HOPS   93u
#define REQ_ACK    95u  /* bits 7:3: local ACK timeout */
#define REQ_HELLO  140u /* Annex A11: 0, IP version 4 bits, port 16 bits, both addresses */
#define REQ_BYTES  232u
#define REP_QPN    12u
#define REP_PSN    20u
#define REP_READS  24u
#define REP_DEPTH  25u
#define REP_DELAY  26u
#define REP_RNR    27u
#define REP_GUID   28u
#define REP_BYTES  36u
#define MRA_WHAT   8u
#define MRA_TIME   9u
#define REJ_WHAT   8u
#define REJ_REASON 10u
#define DREQ_QPN   8u
#define CM_PS_TCP  0x106u /* what stands before the port in a service id: CM Annex A11 */

/* Four bytes as they stand. */
static inline uint32_t word_at(const uint8_t *p)
{
	uint32_t v;
	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint64_t be64(const uint8_t *p)
{
	uint64_t v;
	__builtin_memcpy(&v, p, sizeof v);
	return __builtin_bswap64(v);
}

static inline void put_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	put_be16(p + 1, v & 0xffff);
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	__builtin_memcpy(p, &v, sizeof v);
}

/* How far PSN a is after b: from PSN_HALF on it is before. */
static inline uint32_t psn_after(uint32_t a, uint32_t b)
{
	return (a - b) & PSN_MASK;
}

/* Packets of a message: one at least. */
static inline uint32_t packets_of(uint32_t bytes, uint32_t mtu)
{
	return bytes ? (bytes + mtu - 1) / mtu : 1;
}
