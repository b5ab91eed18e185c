// Raw deflate and inflate by zlib. Stateless only.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <zlib.h>
#include "fw.h"
#include "service.h"

enum { COMP_STATIC = 0, COMP_DYNAMIC = 1, COMP_DECOMPRESS = 2 };
enum {
	COMP_CONFIG = 0x08,
	COMP_LEN = 0x38,
	COMP_ROOM = 0x3c,
	COMP_CRC = 0x40,
	COMP_ADLER = 0x44,
	COMP_FLAGS = 0x48,
};
enum { CONFIG_DIRECTION = 7u << 4, CONFIG_DECOMPRESS = 1u << 4, CONFIG_ALGORITHM = 1u << 31 };
// Gen4's two words, the other way round in memory. FORMAT: 0 for the tables that come after, 1 deflate.
enum { CONFIG4_FORMAT = 7u << 5, CONFIG4_DEFLATE = 1u << 5, CONFIG4_DEPTH = 15u << 8 };
enum {
	CONFIG4_UNKNOWN = ~0x3fefu,        /* all but: the search, its depth, format, block headers */
	CONFIG4_HIGH_UNKNOWN = 0x7fdc0000, /* larger blocks, what stateful compression has */
	CONFIG4_HIGH_DECODER = 3u << 30,
};
enum { SERVICE_STATEFUL = 1u << 2 };
enum { FLAG_SOP = 1u << 0, FLAG_EOP = 1u << 1, FLAG_BFINAL = 1u << 6 };
enum { ERROR_BAD_DATA = -9, ERROR_OVERFLOW = -11 };

struct comp {
	uint8_t *in, *out;
	uint32_t in_len, room, consumed, produced;
	bool last_block;
};

// 0 or one of ERROR_*.
static int run(struct comp *c, unsigned command, bool final)
{
	z_stream z = {.next_in = c->in, .avail_in = c->in_len, .next_out = c->out, .avail_out = c->room};
	int r, error = 0;
	if (command == COMP_DECOMPRESS) {
		if (inflateInit2(&z, -15) != Z_OK)
			return ERROR_BAD_DATA;
		r = inflate(&z, Z_FINISH);
		if (r != Z_STREAM_END)
			error = r == Z_BUF_ERROR && !z.avail_out ? ERROR_OVERFLOW : ERROR_BAD_DATA;
		inflateEnd(&z);
		c->last_block = !error;
	} else {
		int strategy = command == COMP_STATIC ? Z_FIXED : Z_DEFAULT_STRATEGY;
		if (deflateInit2(&z, 6, Z_DEFLATED, -15, 8, strategy) != Z_OK)
			return ERROR_BAD_DATA;
		r = deflate(&z, final ? Z_FINISH : Z_SYNC_FLUSH);
		if (final ? r != Z_STREAM_END : (r != Z_OK || !z.avail_out))
			error = ERROR_OVERFLOW;
		deflateEnd(&z);
	}
	c->consumed = (uint32_t)z.total_in;
	c->produced = (uint32_t)z.total_out;
	return error;
}

// What the configuration words say is what the command says, and known.
static bool config_fits(unsigned gen, const uint8_t *req)
{
	unsigned command = req[REQ_COMMAND];
	uint32_t low = get32(req + COMP_CONFIG), high = get32(req + COMP_CONFIG + 4);
	if (gen == 2)
		return !(low & CONFIG_ALGORITHM) &&
		       (low & CONFIG_DIRECTION) == (command == COMP_DECOMPRESS ? CONFIG_DECOMPRESS : 0);
	low = __builtin_bswap32(low);
	high = __builtin_bswap32(high);
	if (command == COMP_DECOMPRESS)
		return low == CONFIG4_DEFLATE && !(high & ~CONFIG4_HIGH_DECODER);
	unsigned depth = (low & CONFIG4_DEPTH) >> 8, format = low & CONFIG4_FORMAT;
	return !(low & CONFIG4_UNKNOWN) && !(high & CONFIG4_HIGH_UNKNOWN) &&
	       (depth == 1 || depth == 3 || depth == 4) &&
	       (!format || (format == CONFIG4_DEFLATE && command == COMP_STATIC));
}

static enum verdict buffers_run(const struct mem *m, const struct sgl *src, const struct sgl *dst,
				const uint8_t *req, struct comp *c, uint8_t *resp)
{
	unsigned command = req[REQ_COMMAND];
	uint32_t flags = get32(req + COMP_FLAGS);
	enum verdict v = sgl_read(m, src, 0, c->in, c->in_len);
	if (v != DONE)
		return v;
	int error = run(c, command, flags & FLAG_BFINAL);
	if (error) {
		resp[RESP_COMP_ERROR] = (uint8_t)error;
		resp[RESP_STATUS] = STATUS_COMP;
		return REFUSED;
	}
	v = sgl_write(m, dst, 0, c->out, c->produced);
	if (v != DONE)
		return v;
	const uint8_t *plain = command == COMP_DECOMPRESS ? c->out : c->in;
	uint32_t len = command == COMP_DECOMPRESS ? c->produced : c->consumed;
	put32(resp + RESP_DATA, c->consumed);
	put32(resp + RESP_DATA + 4, c->produced);
	put32(resp + RESP_DATA + 8, (uint32_t)crc32(get32(req + COMP_CRC), plain, len));
	put32(resp + RESP_DATA + 12, (uint32_t)adler32(get32(req + COMP_ADLER), plain, len));
	if (c->last_block)
		resp[RESP_STATUS] = STATUS_LAST_BLOCK;
	if (command != COMP_DECOMPRESS)
		resp[RESP_FLAGS] |= HDR_CNV;
	return DONE;
}

enum verdict comp_run(unsigned gen, const struct mem *m, const uint8_t *req, uint8_t *resp)
{
	unsigned command = req[REQ_COMMAND];
	uint32_t flags = get32(req + COMP_FLAGS);
	bool list = get16(req + REQ_FLAGS) & FLAG_SGL;
	struct comp c = {.in_len = get32(req + COMP_LEN), .room = get32(req + COMP_ROOM)};
	struct sgl src = {0}, dst = {0};
	if (command > COMP_DECOMPRESS || !(get16(req + REQ_FLAGS) & FLAG_CD_INLINE) ||
	    !config_fits(gen, req) || (get16(req + REQ_SERV_FLAGS) & SERVICE_STATEFUL) ||
	    (flags & (FLAG_SOP | FLAG_EOP)) != (FLAG_SOP | FLAG_EOP) || c.in_len > BYTES_MAX)
		return REFUSED;
	enum verdict v = sgl_get(m, &src, get64(req + REQ_SRC), get32(req + REQ_SRC_LEN), list);
	if (v == DONE)
		v = sgl_get(m, &dst, get64(req + REQ_DST), get32(req + REQ_DST_LEN), list);
	if (v == DONE) {
		if (c.room > dst.bytes)
			c.room = (uint32_t)dst.bytes;
		c.in = malloc(c.in_len + 1u);
		c.out = c.room <= BYTES_MAX ? malloc(c.room + 1u) : NULL;
		v = c.in && c.out ? buffers_run(m, &src, &dst, req, &c, resp) : REFUSED;
	}
	free(c.in);
	free(c.out);
	sgl_put(&src);
	sgl_put(&dst);
	return v;
}
