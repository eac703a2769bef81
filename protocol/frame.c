/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <string.h>

#include "cursor.h"
#include "error.h"

#define TRANSPORT_LAST 19 /* errors.def: the last number of the transport's block */

static const uint8_t magic[4] = {'M', 'U', 'S', 'T'};

void preamble_write(enum frame_type type, uint8_t out[LIMIT_PREAMBLE])
{
	struct writer w = writer_over(out, LIMIT_PREAMBLE);
	writer_bytes(&w, magic, sizeof(magic));
	writer_u8(&w, FRAME_VERSION);
	writer_u8(&w, FRAME_VERSION);
	writer_u8(&w, (uint8_t)type);
	writer_u8(&w, 0);
}

int preamble_read(const uint8_t in[LIMIT_PREAMBLE], struct preamble *ret)
{
	struct reader r = reader_over(in, LIMIT_PREAMBLE);
	if (memcmp(reader_bytes(&r, sizeof(magic)), magic, sizeof(magic)) != 0)
		return E_MALFORMED;
	struct preamble p;
	p.lowest = reader_u8(&r);
	p.highest = reader_u8(&r);
	p.type = reader_u8(&r);
	if (reader_u8(&r) != 0 || p.lowest == 0 || p.lowest > p.highest)
		return E_MALFORMED;
	if (p.type != FRAME_HANDSHAKE && p.type != FRAME_REFUSED)
		return E_MALFORMED;
	if (p.lowest > FRAME_VERSION)
		return E_VERSION_UNSUPPORTED;
	*ret = p;
	return 0;
}

int frame_peek(const uint8_t *in, size_t n, size_t max, size_t *ret_body)
{
	if (n < FRAME_HEADER)
		return 0;
	size_t body = (size_t)in[0] << 8 | in[1];
	if (body == 0)
		return E_MALFORMED;
	if (body > max)
		return E_TOO_LARGE;
	if (n - FRAME_HEADER < body)
		return 0;
	*ret_body = body;
	return 1;
}

void frame_header(size_t body, uint8_t out[FRAME_HEADER])
{
	struct writer w = writer_over(out, FRAME_HEADER);
	writer_u16(&w, (uint16_t)body);
}

void refusal_write(int code, unsigned retry_after, uint8_t out[FRAME_REFUSAL])
{
	preamble_write(FRAME_REFUSED, out);
	frame_header(FRAME_REFUSAL_BODY, out + LIMIT_PREAMBLE);
	struct writer w = writer_over(out + LIMIT_PREAMBLE + FRAME_HEADER, FRAME_REFUSAL_BODY);
	writer_u16(&w, (uint16_t)error_row(code)->number);
	writer_u16(&w, (uint16_t)(retry_after > UINT16_MAX ? UINT16_MAX : retry_after));
}

int refusal_read(const uint8_t *body, size_t n, unsigned *ret_retry)
{
	struct reader r = reader_over(body, n);
	int code = -(int)reader_u16(&r);
	unsigned retry = reader_u16(&r);
	*ret_retry = 0;
	if (r.failed || -code > TRANSPORT_LAST || error_row(code)->number != -code)
		return E_MALFORMED;
	*ret_retry = retry > LIMIT_BUSY_DELAY_S ? LIMIT_BUSY_DELAY_S : retry;
	return code;
}
