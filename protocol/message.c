/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "limit.h"
#include "utf8.h"

#define DEPTH_MAX 4

/* Characters that may be shown, and nothing else. Most are ASCII, and thousands in an answer. */
static bool text_ok(const uint8_t *at, size_t n)
{
	size_t length = 1;
	for (size_t i = 0; i < n && length; i += length)
		length = at[i] >= 0x20 && at[i] < 0x7f ? 1 : utf8_printable(at + i, n - i);
	return length != 0;
}

/* What nanopb leaves open: the texts, at any depth of the message. Memory-safe on any bytes: only nanopb's
 * own calls read. */
static bool texts_ok(pb_istream_t *stream, const pb_msgdesc_t *desc, int depth)
{
	pb_field_iter_t field;
	void *no_message = NULL;
	bool known = pb_field_iter_begin(&field, desc, no_message);
	while (stream->bytes_left) {
		pb_wire_type_t type;
		uint32_t tag;
		bool end;
		if (!pb_decode_tag(stream, &type, &tag, &end))
			return false;
		if (type != PB_WT_STRING || !known || !pb_field_iter_find(&field, tag)) {
			if (!pb_skip_field(stream, type))
				return false;
			continue;
		}
		pb_istream_t part;
		if (!pb_make_string_substream(stream, &part))
			return false;
		if (PB_LTYPE(field.type) == PB_LTYPE_STRING && !text_ok(part.state, part.bytes_left))
			return false;
		if (PB_LTYPE_IS_SUBMSG(field.type) &&
		    (depth == 0 || !texts_ok(&part, field.submsg_desc, depth - 1)))
			return false;
		if (!pb_close_string_substream(stream, &part))
			return false;
	}
	return true;
}

static int read_message(const pb_msgdesc_t *desc, const uint8_t *bytes, size_t n, void *ret)
{
	pb_istream_t first = pb_istream_from_buffer(bytes, n);
	pb_istream_t second = pb_istream_from_buffer(bytes, n);
	if (!texts_ok(&first, desc, DEPTH_MAX) || !pb_decode(&second, desc, ret))
		return E_MALFORMED;
	return 0;
}

static int write_message(const pb_msgdesc_t *desc, const void *message, uint8_t *out, size_t room,
			 size_t *ret_n)
{
	pb_ostream_t stream = pb_ostream_from_buffer(out, room);
	if (!pb_encode(&stream, desc, message))
		return E_TOO_LARGE;
	*ret_n = stream.bytes_written;
	return 0;
}

int client_hello_read(const uint8_t *bytes, size_t n, wire_client_hello *ret)
{
	return read_message(muster_v1_ClientHello_fields, bytes, n, ret);
}

int server_hello_read(const uint8_t *bytes, size_t n, wire_server_hello *ret)
{
	return read_message(muster_v1_ServerHello_fields, bytes, n, ret);
}

int request_read(const uint8_t *bytes, size_t n, wire_request *ret)
{
	return read_message(muster_v1_Request_fields, bytes, n, ret);
}

int response_read(const uint8_t *bytes, size_t n, wire_response *ret)
{
	return read_message(muster_v1_Response_fields, bytes, n, ret);
}

int client_hello_write(const wire_client_hello *hello, uint8_t *out, size_t room, size_t *ret_n)
{
	return write_message(muster_v1_ClientHello_fields, hello, out, room, ret_n);
}

int server_hello_write(const wire_server_hello *hello, uint8_t *out, size_t room, size_t *ret_n)
{
	return write_message(muster_v1_ServerHello_fields, hello, out, room, ret_n);
}

int request_write(const wire_request *request, uint8_t *out, size_t room, size_t *ret_n)
{
	return write_message(muster_v1_Request_fields, request, out, room, ret_n);
}

static bool put_bytes(pb_ostream_t *stream, uint32_t tag, const void *bytes, size_t n)
{
	return n == 0 || (pb_encode_tag(stream, PB_WT_STRING, tag) && pb_encode_string(stream, bytes, n));
}

static bool put_number(pb_ostream_t *stream, uint32_t tag, uint64_t value)
{
	return value == 0 || (pb_encode_tag(stream, PB_WT_VARINT, tag) && pb_encode_varint(stream, value));
}

static bool put_results(pb_ostream_t *stream, const muster_v1_Answer *answer)
{
	uint8_t bytes[muster_v1_Result_size];
	for (pb_size_t i = 0; i < answer->results_count; i++) {
		pb_ostream_t result = pb_ostream_from_buffer(bytes, sizeof(bytes));
		if (!pb_encode(&result, muster_v1_Result_fields, &answer->results[i]) ||
		    !pb_encode_tag(stream, PB_WT_STRING, muster_v1_Answer_results_tag) ||
		    !pb_encode_string(stream, bytes, result.bytes_written))
			return false;
	}
	return true;
}

static bool put_answer(pb_ostream_t *stream, const muster_v1_Answer *answer)
{
	return put_results(stream, answer) &&
	       put_bytes(stream, muster_v1_Answer_ratchet_tag, answer->ratchet.bytes, answer->ratchet.size) &&
	       put_number(stream, muster_v1_Answer_counter_tag, answer->counter);
}

static bool put_response(pb_ostream_t *stream, const wire_response *r, const uint8_t *answer, size_t answer_n)
{
	if (!put_number(stream, muster_v1_Response_id_tag, r->id))
		return false;
	if (r->has_status && !(pb_encode_tag(stream, PB_WT_STRING, muster_v1_Response_status_tag) &&
			       pb_encode_submessage(stream, muster_v1_Status_fields, &r->status)))
		return false;
	return put_number(stream, muster_v1_Response_time_tag, (uint64_t)r->time) &&
	       put_bytes(stream, muster_v1_Response_correlation_tag, r->correlation,
			 strlen(r->correlation)) &&
	       pb_encode_tag(stream, PB_WT_STRING, muster_v1_Response_answer_tag) &&
	       pb_encode_string(stream, answer, answer_n);
}

/* From its results outwards: nanopb would measure each of them twice before it writes it, which was a tenth
 * of what a renewal costs a host. */
static int answer_write(const wire_response *response, uint8_t *out, size_t room, size_t *ret_n)
{
	uint8_t bytes[LIMIT_RESPONSE];
	pb_ostream_t answer = pb_ostream_from_buffer(bytes, sizeof(bytes));
	pb_ostream_t stream = pb_ostream_from_buffer(out, room);
	if (!put_answer(&answer, &response->result.answer) ||
	    !put_response(&stream, response, bytes, answer.bytes_written))
		return E_TOO_LARGE;
	*ret_n = stream.bytes_written;
	return 0;
}

int response_write(const wire_response *response, uint8_t *out, size_t room, size_t *ret_n)
{
	if (response->which_result == muster_v1_Response_answer_tag)
		return answer_write(response, out, room, ret_n);
	return write_message(muster_v1_Response_fields, response, out, room, ret_n);
}

void revocations_part(const char *list, size_t offset, muster_v1_Revocations *ret)
{
	size_t length = strlen(list);
	snprintf(ret->list, sizeof(ret->list), "%s", offset < length ? list + offset : "");
	ret->length = (uint32_t)length;
}
