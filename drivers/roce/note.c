/* Notes from the core of an end point to one that prints them, without a lock. */
#include "drivers/roce/inner.h"
#include "kernel/fmt.h"

void roce_note(struct roce_qp *q, const struct roce_packet *p, uint8_t syndrome, uint64_t at, uint32_t bytes,
	       uint32_t key, const char *why)
{
	struct roce_notes *n = &q->end->notes;
	__atomic_store_n(&n->begun, n->made + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* begun before the note */
	n->note[n->made % ROCE_NOTES] = (struct roce_note){.ip = q->ip,
							   .qp = q->peer,
							   .key = key,
							   .bytes = bytes,
							   .at = at,
							   .opcode = p->opcode,
							   .syndrome = syndrome,
							   .why = why};
	__atomic_store_n(&n->made, n->made + 1, __ATOMIC_RELEASE);
}

bool roce_note_take(struct roce_notes *n, struct roce_note *note)
{
	uint64_t made = __atomic_load_n(&n->made, __ATOMIC_ACQUIRE), oldest;
	while (n->taken < made) {
		uint64_t i = n->taken++;
		*note = n->note[i % ROCE_NOTES];
		__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the note before begun */
		oldest = __atomic_load_n(&n->begun, __ATOMIC_RELAXED) - ROCE_NOTES;
		if ((int64_t)(i - oldest) >= 0)
			return true;
		n->missed++; /* it was written over while it was read, or before */
	}
	return false;
}

static const char *kind_text(uint8_t opcode)
{
	return opcode == OP_CMP_SWAP || opcode == OP_FETCH_ADD ? "atomic"
	       : opcode >= OP_WRITE_FIRST && opcode < OP_READ  ? "WRITE"
	       : opcode == OP_READ                             ? "READ"
							       : "SEND";
}

const char *roce_note_text(const struct roce_note *note, char *buf, size_t n)
{
	static const char *const names[] = {"PSN sequence", "invalid request", "remote access",
					    "remote operation"};
	char ip[NET_IP_TEXT];
	fmt_print(buf, n, "NAK %s to %s for QP 0x%x: %s of %u bytes at 0x%llx with key 0x%x: %s",
		  names[note->syndrome & 3], net_ip_text(&note->ip, ip), note->qp, kind_text(note->opcode),
		  note->bytes, (ull)note->at, note->key, note->why);
	return buf;
}
