/* The results of stage accel. A VF that was given up has no accelerator any more and is in none of the
 * sums. */
#include "apps/work/compute.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

static bool works(const struct machine *m, unsigned i)
{
	return m->vf[i].queue && compute_state_of(compute_of(&m->vf[i])) != COMPUTE_LOST;
}

static void print_hex(const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		log_text("%02x", p[i]);
}

void compute_print_streams(const struct machine *m)
{
	struct jobs_stream s;
	uint8_t digest[SHA_DIGEST_MAX];
	for (unsigned i = 0; i < m->vfs; i++)
		for (uint32_t tag = 0; tag < JOB_TAGS && works(m, i); tag++) {
			if (!jobs_stream(&compute_of(&m->vf[i])->jobs, tag, &s))
				continue;
			sha_hash(SHA_256, s.text, s.text_len, digest);
			log_text(
				"{\"t\":\"stream\",\"v\":1,\"vf\":%u,\"kind\":\"%s\",\"bytes\":%u,\"sha256\":\"",
				i, s.kind, s.text_len);
			print_hex(digest, sha_size(SHA_256));
			log_text("\",\"deflate\":\"");
			print_hex(s.stream, s.len);
			log_text("\"}\n");
		}
}

/* One service on the VFs that work. */
static void print_service(struct machine *m, unsigned service, unsigned lost)
{
	static const char *const names[COMPUTE_SERVICES] = {"cipher", "hash",    "HMAC",   "chain",
							    "AEAD",   "deflate", "inflate"};
	uint64_t all = 0, least = UINT64_MAX;
	unsigned vfs = 0;
	for (unsigned i = 0; i < m->vfs; i++) {
		uint64_t n = compute_of(&m->vf[i])->jobs.done[service];
		if (!works(m, i) || !(compute_of(&m->vf[i])->services & BIT(service)))
			continue;
		vfs++;
		all += n;
		least = n < least ? n : least;
	}
	if (!vfs) {
		log_line("accel", "%s: no ring pair of these VFs offers it", names[service]);
		return;
	}
	char but[48] = "";
	if (lost)
		fmt_print(but, sizeof but, " (%u abandoned and not counted)", lost);
	m->tally.verified += all;
	log_line(
		"accel",
		"%s: %llu operations on %u VFs%s, at least %llu on each, every result as the CPU computed it",
		names[service], (ull)all, vfs, but, (ull)least);
}

void compute_print_sums(struct machine *m)
{
	uint64_t noticed = 0, doorbells = 0, ops = 0, bad = 0;
	unsigned lost = 0;
	for (unsigned i = 0; i < m->vfs; i++) {
		const struct compute_vf *v = compute_of(&m->vf[i]);
		const struct queue_stats none = {0}, *st = m->vf[i].queue ? &m->vf[i].queue->stats : &none;
		lost += !works(m, i);
		noticed += works(m, i) ? v->jobs.noticed : 0;
		doorbells += v->doorbells + st->doorbells;
		ops += v->ops + st->ops;
		bad += v->bad + st->bad;
	}
	if (lost == m->vfs)
		log_line("accel", "every VF was abandoned, so no result counts");
	for (unsigned s = 0; s < COMPUTE_SERVICES && lost < m->vfs; s++)
		print_service(m, s, lost);
	if (lost < m->vfs)
		log_line("accel", "%llu digests altered on purpose, every one detected", (ull)noticed);
	log_line("accel", "%llu doorbells for %llu operations, impossible responses: %llu", (ull)doorbells,
		 (ull)ops, (ull)bad);
}

enum sl_err compute_verdict(const struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < m->vfs; i++)
		if (!works(m, i) && !e)
			e = compute_of(&m->vf[i])->err ? compute_of(&m->vf[i])->err : SL_DEVICE;
	if (m->tally.vf_faults)
		log_line(
			"accel",
			"VF faults: %u; after %u of them the VF was reset and went on, with verified results",
			m->tally.vf_faults, m->tally.vf_recovered);
	return e;
}
