// From a request to its response.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "fw.h"
#include "service.h"

unsigned service_req_bytes(enum ring_service s)
{
	return s == RING_ASYM ? PKE_REQ_BYTES : REQ_BYTES;
}

static void header(enum ring_service s, const uint8_t *req, uint8_t *resp)
{
	memset(resp, 0, RESP_BYTES);
	resp[RESP_ID] = 1;
	resp[RESP_SERVICE] = req[REQ_SERVICE];
	resp[RESP_FLAGS] = HDR_VALID;
	if (s != RING_ASYM)
		resp[RESP_COMMAND] = req[REQ_COMMAND];
	memcpy(resp + RESP_OPAQUE, req + REQ_OPAQUE, 8);
}

void service_fail(enum ring_service s, const uint8_t *req, uint8_t *resp)
{
	header(s, req, resp);
	if (s == RING_ASYM)
		resp[PKE_RESP_STATUS] = STATUS_PKE;
	else
		resp[RESP_STATUS] = s == RING_COMP ? STATUS_COMP : STATUS_CRYPTO;
}

bool service_answer(unsigned gen, enum ring_service s, const struct mem *m, const uint8_t *req, uint8_t *resp)
{
	enum verdict v = REFUSED;
	bool differs = false;
	header(s, req, resp);
	if (!(req[REQ_VALID] & HDR_VALID)) {
		service_fail(s, req, resp);
		return true;
	}
	if (req[REQ_SERVICE] == SERVICE_NULL && s != RING_ASYM)
		v = DONE;
	else if (s == RING_SYM && req[REQ_SERVICE] == SERVICE_LA)
		v = sym_run(gen, m, req, &differs);
	else if (s == RING_COMP && req[REQ_SERVICE] == SERVICE_COMP)
		v = comp_run(gen, m, req, resp);
	else if (s == RING_ASYM && req[REQ_SERVICE] == SERVICE_PKE)
		v = pke_run(m, req);
	if (v == DONE && differs)
		resp[RESP_STATUS] = STATUS_CRYPTO;
	if (v == REFUSED && !resp[RESP_STATUS])
		service_fail(s, req, resp);
	return v != DMA;
}
