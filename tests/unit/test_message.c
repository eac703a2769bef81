/* SPDX-License-Identifier: Apache-2.0 */
/* Messages against bytes made here by hand; python3-protobuf checks them in tests/interop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "limit.h"
#include "message.h"

#define ROOM 70000

/* --- a small writer of protobuf bytes --- */

struct wire {
	uint8_t bytes[ROOM];
	size_t n;
};

static void put_varint(struct wire *w, uint64_t value)
{
	do {
		w->bytes[w->n++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
}

static void put_bytes(struct wire *w, unsigned field, const void *bytes, size_t n)
{
	put_varint(w, field << 3 | 2);
	put_varint(w, n);
	assert_true(w->n + n <= ROOM);
	memcpy(w->bytes + w->n, bytes, n);
	w->n += n;
}

static void put_integer(struct wire *w, unsigned field, uint64_t value)
{
	put_varint(w, field << 3);
	put_varint(w, value);
}

/* Wrap all that stands there into a submessage of the given field. */
static void wrap(struct wire *w, unsigned field)
{
	static struct wire outer;
	outer.n = 0;
	put_bytes(&outer, field, w->bytes, w->n);
	*w = outer;
}

/* Which message a row is about, and the fields on the way down to it. */
enum kind { CLIENT_HELLO, SERVER_HELLO, REQUEST, RESPONSE };

static int read_kind(enum kind kind, const struct wire *w)
{
	static union {
		wire_client_hello client_hello;
		wire_server_hello server_hello;
		wire_request request;
		wire_response response;
	} any;
	switch (kind) {
	case CLIENT_HELLO:
		return client_hello_read(w->bytes, w->n, &any.client_hello);
	case SERVER_HELLO:
		return server_hello_read(w->bytes, w->n, &any.server_hello);
	case REQUEST:
		return request_read(w->bytes, w->n, &any.request);
	default:
		return response_read(w->bytes, w->n, &any.response);
	}
}

struct place {
	enum kind kind;
	unsigned path[3]; /* outermost first; 0 ends */
	unsigned field;
	size_t max;   /* bytes of one value */
	size_t count; /* of a repeated field; 1 otherwise */
};

static int read_at(const struct place *p, struct wire *w)
{
	for (int i = 2; i >= 0; i--)
		if (p->path[i])
			wrap(w, p->path[i]);
	return read_kind(p->kind, w);
}

static const struct place texts[] = {
	{SERVER_HELLO, {0}, 2, LIMIT_CERTIFICATE, LIMIT_VENDORS},
	{REQUEST, {2, 2}, 2, LIMIT_HOSTNAME, 1},
	{REQUEST, {2, 2}, 3, 63, 1},
	{REQUEST, {2, 2}, 4, 63, 1},
	{REQUEST, {2, 3}, 1, LIMIT_ID, 1},
	{REQUEST, {2, 3}, 2, LIMIT_VERSION, 1},
	{REQUEST, {2, 3}, 3, LIMIT_ID, LIMIT_PLANS},
	{REQUEST, {3, 2}, 2, LIMIT_HOSTNAME, 1},
	{REQUEST, {3, 3}, 3, LIMIT_ID, LIMIT_PLANS},
	{REQUEST, {4, 2}, 2, LIMIT_HOSTNAME, 1},
	{REQUEST, {4}, 3, LIMIT_ID, 1},
	{REQUEST, {8}, 1, LIMIT_ID, 1},
	{RESPONSE, {0}, 4, 23, 1},
	{RESPONSE, {5, 1}, 1, LIMIT_ID, 1},
	{RESPONSE, {5, 1}, 3, LIMIT_LEASE, 1},
	{RESPONSE, {5, 1}, 4, LIMIT_CERTIFICATE, 1},
	{RESPONSE, {5, 1}, 10, LIMIT_DETAIL, 1},
	{REQUEST, {2, 3}, 5, LIMIT_USER, 1},
	{REQUEST, {2, 3}, 7, LIMIT_KEY, 1},
	{REQUEST, {5}, 4, LIMIT_KEY, 1},
	{REQUEST, {6}, 4, LIMIT_USER, 1},
	{REQUEST, {7}, 4, LIMIT_KEY, 1},
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const struct place byte_fields[] = {
	{REQUEST, {2, 1}, 2, 16, 1},
	{REQUEST, {9}, 1, 64, 1},
	{RESPONSE, {5}, 2, 16, 1},
	{RESPONSE, {7}, 1, 64, 1},
};

static const struct place fixed_fields[] = {
	{CLIENT_HELLO, {0}, 2, 33, LIMIT_VENDORS},
	{REQUEST, {2, 1}, 1, 16, 1},
	{REQUEST, {2, 2}, 1, 32, 1},
	{REQUEST, {4, 2}, 1, 32, 1},
};

static const struct place submessages[] = {
	{REQUEST, {2, 3}, 6, 0, LIMIT_COMPONENTS},
	{REQUEST, {2}, 3, 0, LIMIT_LINES},
	{REQUEST, {3}, 3, 0, LIMIT_LINES},
	{RESPONSE, {5}, 1, 0, LIMIT_LINES},
};

static int read_value(const struct place *p, size_t n, size_t times)
{
	static struct wire w;
	static uint8_t value[ROOM];
	memset(value, 'a', sizeof(value));
	w.n = 0;
	for (size_t i = 0; i < times; i++)
		put_bytes(&w, p->field, value, n);
	return read_at(p, &w);
}

static void test_bounds_of_texts_and_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXTS; i++) {
		assert_int_equal(read_value(&texts[i], 0, 1), 0);
		assert_int_equal(read_value(&texts[i], texts[i].max, 1), 0);
		assert_int_equal(read_value(&texts[i], texts[i].max + 1, 1), E_MALFORMED);
	}
	for (size_t i = 0; i < sizeof(byte_fields) / sizeof(byte_fields[0]); i++) {
		assert_int_equal(read_value(&byte_fields[i], 0, 1), 0);
		assert_int_equal(read_value(&byte_fields[i], byte_fields[i].max, 1), 0);
		assert_int_equal(read_value(&byte_fields[i], byte_fields[i].max + 1, 1), E_MALFORMED);
	}
	for (size_t i = 0; i < sizeof(fixed_fields) / sizeof(fixed_fields[0]); i++) {
		assert_int_equal(read_value(&fixed_fields[i], fixed_fields[i].max, 1), 0);
		assert_int_equal(read_value(&fixed_fields[i], fixed_fields[i].max - 1, 1), E_MALFORMED);
		assert_int_equal(read_value(&fixed_fields[i], fixed_fields[i].max + 1, 1), E_MALFORMED);
	}
}

static void test_counts_of_repeated_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXTS; i++) {
		if (texts[i].count == 1)
			continue;
		assert_int_equal(read_value(&texts[i], 1, texts[i].count), 0);
		assert_int_equal(read_value(&texts[i], 1, texts[i].count + 1), E_MALFORMED);
	}
	for (size_t i = 0; i < sizeof(submessages) / sizeof(submessages[0]); i++) {
		assert_int_equal(read_value(&submessages[i], 0, submessages[i].count), 0);
		assert_int_equal(read_value(&submessages[i], 0, submessages[i].count + 1), E_MALFORMED);
	}
	assert_int_equal(read_value(&fixed_fields[0], 33, LIMIT_VENDORS), 0);
	assert_int_equal(read_value(&fixed_fields[0], 33, LIMIT_VENDORS + 1), E_MALFORMED);
}

static void test_notices_packed_and_not(void **state)
{
	static const struct place p = {RESPONSE, {5, 1}, 9, 0, LIMIT_NOTICES};
	(void)state;
	for (size_t n = 0; n <= LIMIT_NOTICES + 1; n++) {
		static struct wire w;
		w.n = 0;
		put_bytes(&w, 9, "\1\2\3\4\5", n);
		assert_int_equal(read_at(&p, &w), n > LIMIT_NOTICES ? E_MALFORMED : 0);
		w.n = 0;
		for (size_t i = 0; i < n; i++)
			put_integer(&w, 9, i);
		assert_int_equal(read_at(&p, &w), n > LIMIT_NOTICES ? E_MALFORMED : 0);
	}
}

static const struct {
	const char *bytes;
	size_t n;
	bool good;
} utf8[] = {
	{"Fjord", 5, true},
	{"\xc3\xa5\xc3\xa6\xc3\xb8", 6, true},
	{"\xc2\xa0", 2, true},
	{"\xdf\xbf", 2, true},
	{"\xe0\xa0\x80", 3, true},
	{"\xed\x9f\xbf", 3, true},
	{"\xee\x80\x80", 3, true},
	{"\xef\xbf\xbf", 3, true},
	{"\xf0\x90\x80\x80", 4, true},
	{"\xf4\x8f\xbf\xbf", 4, true},
	{"a\0b", 3, false},
	{"\0", 1, false},
	{"a\nb", 3, false},
	{"\x1b[2J", 4, false},
	{"\x1f", 1, false},
	{"\x7f", 1, false},
	{"\xc2\x80", 2, false},
	{"\xc2\x9b", 2, false},
	{"\xc2\x9f", 2, false},
	{"\x80", 1, false},
	{"\xbf", 1, false},
	{"\xc0\x80", 2, false},
	{"\xc1\xbf", 2, false},
	{"\xc3", 1, false},
	{"\xc3(", 2, false},
	{"\xe0\x9f\xbf", 3, false},
	{"\xe2\x82", 2, false},
	{"\xe2(\xa1", 3, false},
	{"\xe2\x82(", 3, false},
	{"\xed\xa0\x80", 3, false},
	{"\xed\xbf\xbf", 3, false},
	{"\xf0\x8f\xbf\xbf", 4, false},
	{"\xf0\x90\x80", 3, false},
	{"\xf0\x90\x80(", 4, false},
	{"\xf4\x90\x80\x80", 4, false},
	{"\xf5\x80\x80\x80", 4, false},
	{"\xff", 1, false},
	{"\xfe\xff", 2, false},
	{"ok\xc3", 3, false},
};

static void test_texts_are_clean_utf8_in_every_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXTS; i++) {
		for (size_t j = 0; j < sizeof(utf8) / sizeof(utf8[0]); j++) {
			static struct wire w;
			w.n = 0;
			put_bytes(&w, texts[i].field, utf8[j].bytes, utf8[j].n);
			assert_int_equal(read_at(&texts[i], &w), utf8[j].good ? 0 : E_MALFORMED);
			/* A clean text behind it does not hide a bad one. */
			w.n = 0;
			put_bytes(&w, texts[i].field, utf8[j].bytes, utf8[j].n);
			put_bytes(&w, texts[i].field, "clean", 5);
			assert_int_equal(read_at(&texts[i], &w), utf8[j].good ? 0 : E_MALFORMED);
		}
	}
}

static void test_unknown_fields_are_skipped(void **state)
{
	(void)state;
	for (enum kind kind = CLIENT_HELLO; kind <= RESPONSE; kind++) {
		static struct wire w;
		w.n = 0;
		put_integer(&w, 100, UINT64_MAX);
		put_bytes(&w, 101, "\xff\x00\x1b", 3);
		put_varint(&w, 102 << 3 | 1);
		w.n += 8;
		put_varint(&w, 103 << 3 | 5);
		w.n += 4;
		put_integer(&w, 1, 7);
		assert_int_equal(read_kind(kind, &w), 0);
	}
}

static void test_what_is_no_message(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"\x00", 1},                                              /* field 0 */
		{"\x08", 1},                                              /* value missing */
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* varint of eleven bytes */
		{"\x08\x80\x80\x80\x80\x10", 6},                          /* 2^32 in an uint32 */
		{"\x0b", 1},                                              /* group */
		{"\x0c", 1},                                              /* end of a group */
		{"\x0e\x00", 2},                                          /* wire type 6 */
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},         /* tag beyond 2^32 */
		{"\xa2\x06\xff\xff\xff\xff\x0f", 7},                      /* unknown field of 4 GiB */
		{"\xa2\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
		{"\xa2\x06\x05"
		 "1234",
		 7}, /* cut */
	};
	(void)state;
	for (enum kind kind = CLIENT_HELLO; kind <= RESPONSE; kind++) {
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			static struct wire w;
			memcpy(w.bytes, bad[i].bytes, bad[i].n);
			w.n = bad[i].n;
			assert_int_equal(read_kind(kind, &w), E_MALFORMED);
		}
	}
}

static void test_wrong_wire_types(void **state)
{
	static const struct place p = {REQUEST, {8}, 0, 0, 0};
	static struct wire w;
	(void)state;
	w.n = 0;
	put_integer(&w, 1, 5); /* GetPolicy.product as a number */
	assert_int_equal(read_at(&p, &w), E_MALFORMED);
	w.n = 0;
	put_bytes(&w, 1, "text", 4); /* Request.id as a text */
	assert_int_equal(read_kind(REQUEST, &w), E_MALFORMED);
	w.n = 0;
	put_integer(&w, 2, 5); /* Request.activate as a number */
	assert_int_equal(read_kind(REQUEST, &w), E_MALFORMED);
}

static void test_the_empty_message(void **state)
{
	wire_request request;
	wire_client_hello hello;
	(void)state;
	memset(&request, 0x55, sizeof(request));
	assert_int_equal(request_read((const uint8_t *)"", 0, &request), 0);
	assert_int_equal(request.id, 0);
	assert_int_equal(request.which_call, 0);
	memset(&hello, 0x55, sizeof(hello));
	assert_int_equal(client_hello_read(NULL, 0, &hello), 0);
	assert_int_equal(hello.vendors_count, 0);
}

static void test_the_last_call_of_a_request_counts(void **state)
{
	static struct wire w;
	wire_request request;
	(void)state;
	w.n = 0;
	put_bytes(&w, 8, "\x0a\x01p", 3);
	put_bytes(&w, 9,
		  "\x0a\x04"
		  "echo",
		  6);
	assert_int_equal(request_read(w.bytes, w.n, &request), 0);
	assert_int_equal(request.which_call, muster_v1_Request_ping_tag);
	assert_int_equal(request.call.ping.echo.size, 4);
}

/* --- whole messages, every field at its largest --- */

static void fill(char *text, size_t room, char with)
{
	memset(text, with, room - 1);
	text[room - 1] = 0;
}

#define FILL(text, with) fill(text, sizeof(text), with)

static wire_response *full_response(void)
{
	wire_response *r = calloc(1, sizeof(*r));
	wire_status status = {UINT32_MAX, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, UINT32_MAX};
	*r = (wire_response){.id = UINT32_MAX, .has_status = true, .status = status, .time = INT64_MIN};
	FILL(r->correlation, 'c');
	r->which_result = muster_v1_Response_answer_tag;
	r->result.answer.results_count = LIMIT_LINES;
	for (size_t i = 0; i < LIMIT_LINES; i++) {
		wire_result *x = &r->result.answer.results[i];
		FILL(x->product, 'p');
		FILL(x->lease, 'l');
		FILL(x->certificate, 'c');
		x->has_status = true;
		x->status = status;
		x->have = x->need = INT64_MIN;
		x->renew_minutes = x->retry_minutes = UINT32_MAX;
		x->notices_count = LIMIT_NOTICES;
		memset(x->notices, 0xff, sizeof(x->notices));
	}
	r->result.answer.ratchet.size = 16;
	r->result.answer.counter = UINT64_MAX;
	return r;
}

static wire_request *some_request(void)
{
	wire_request *r = calloc(1, sizeof(*r));
	r->id = 7;
	r->which_call = muster_v1_Request_activate_tag;
	muster_v1_Activate *a = &r->call.activate;
	a->has_once = a->has_device = true;
	memset(a->once.token, 1, sizeof(a->once.token));
	a->once.ratchet.size = 16;
	memset(a->once.ratchet.bytes, 2, 16);
	a->once.counter = 3;
	memset(a->device.sign, 4, sizeof(a->device.sign));
	strcpy(a->device.hostname, "pc-1.fjord.example");
	strcpy(a->device.os, "Debian 12");
	strcpy(a->device.agent, "muster 0.1.0");
	a->wants_count = 1;
	a->wants[0].components_count = 2;
	a->wants[0].components[0] = (muster_v1_Component){1, 2, 3};
	strcpy(a->wants[0].product, "acme-cad");
	strcpy(a->wants[0].version, "7.1");
	a->wants[0].plans_count = 1;
	strcpy(a->wants[0].plans[0], "modeler");
	a->wants[0].lease_serial = 5;
	return r;
}

static void test_the_largest_response_fits(void **state)
{
	wire_response *r = full_response();
	wire_response *back = calloc(1, sizeof(*back));
	static uint8_t bytes[LIMIT_RESPONSE];
	static uint8_t again[LIMIT_RESPONSE];
	size_t n = 0;
	size_t m = 0;
	(void)state;
	assert_int_equal(response_write(r, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(response_read(bytes, n, back), 0);
	assert_int_equal(response_write(back, again, sizeof(again), &m), 0);
	assert_int_equal(n, m);
	assert_memory_equal(bytes, again, n);
	assert_int_equal(back->result.answer.results_count, LIMIT_LINES);
	assert_string_equal(back->result.answer.results[7].lease, r->result.answer.results[7].lease);
	free(r);
	free(back);
}

static void test_structs_have_the_sizes_of_the_limits(void **state)
{
	(void)state;
	assert_int_equal(sizeof(((wire_result *)0)->lease), LIMIT_LEASE + 1);
	assert_int_equal(sizeof(((wire_result *)0)->certificate), LIMIT_CERTIFICATE + 1);
	assert_int_equal(sizeof(((wire_server_hello *)0)->certificates[0]), LIMIT_CERTIFICATE + 1);
	assert_int_equal(sizeof(((wire_device *)0)->hostname), LIMIT_HOSTNAME + 1);
	assert_int_equal(sizeof(((wire_want *)0)->product), LIMIT_ID + 1);
	assert_int_equal(sizeof(((wire_want *)0)->version), LIMIT_VERSION + 1);
	assert_int_equal(sizeof(((wire_want *)0)->plans), LIMIT_PLANS * (LIMIT_ID + 1));
	assert_true(muster_v1_Response_size <= LIMIT_RESPONSE);
	assert_true(muster_v1_ShowLease_size + 16 <= LIMIT_SHOW);
	/* A hello and a first request of the largest size, with all that the handshake adds. */
	assert_true(8 + 2 + 32 + muster_v1_ClientHello_size + 2 + 64 + LIMIT_REQUEST <= LIMIT_HANDSHAKE_IN);
	/* One certificate of the largest size always fits into the host's hello. */
	assert_true(8 + 2 + 96 + 3 + LIMIT_CERTIFICATE + 30 <= LIMIT_HANDSHAKE_OUT);
}

static void test_every_truncation(void **state)
{
	wire_request *r = some_request();
	wire_request *back = calloc(1, sizeof(*back));
	uint8_t bytes[LIMIT_REQUEST];
	size_t n;
	(void)state;
	assert_int_equal(request_write(r, bytes, sizeof(bytes), &n), 0);
	for (size_t cut = 0; cut <= n; cut++) {
		uint8_t *exact = malloc(cut + 1); /* so that a read behind the end shows under ASan */
		memcpy(exact, bytes, cut);
		exact = realloc(exact, cut ? cut : 1);
		bool whole = cut == 0 || cut == 2 || cut == n; /* between the fields of Request */
		assert_int_equal(request_read(exact, cut, back), whole ? 0 : E_MALFORMED);
		free(exact);
	}
	free(r);
	free(back);
}

static void test_room_is_respected(void **state)
{
	wire_request *r = some_request();
	uint8_t bytes[LIMIT_REQUEST];
	uint8_t small[LIMIT_REQUEST];
	size_t n = 0;
	(void)state;
	assert_int_equal(request_write(r, bytes, sizeof(bytes), &n), 0);
	for (size_t room = 0; room < n; room++) {
		size_t made = 77;
		memset(small, 0x5a, sizeof(small));
		assert_int_equal(request_write(r, small, room, &made), E_TOO_LARGE);
		assert_int_equal(made, 77);
		assert_int_equal(small[room], 0x5a);
	}
	assert_int_equal(request_write(r, small, n, &n), 0);
	assert_memory_equal(small, bytes, n);
	free(r);
}

static void test_the_request_byte_for_byte(void **state)
{
	static struct wire w;
	static struct wire device;
	static struct wire want;
	wire_request *r = some_request();
	uint8_t bytes[LIMIT_REQUEST];
	uint8_t raw[32];
	size_t n;
	(void)state;
	memset(raw, 4, 32);
	device.n = want.n = w.n = 0;
	put_bytes(&device, 1, raw, 32);
	put_bytes(&device, 2, "pc-1.fjord.example", 18);
	put_bytes(&device, 3, "Debian 12", 9);
	put_bytes(&device, 4, "muster 0.1.0", 12);
	put_bytes(&want, 1, "acme-cad", 8);
	put_bytes(&want, 2, "7.1", 3);
	put_bytes(&want, 3, "modeler", 7);
	put_integer(&want, 4, 5);
	put_bytes(&want, 6, "\x08\x01\x10\x02\x18\x03", 6);
	put_bytes(&want, 6, "", 0);
	memset(raw, 1, 16);
	put_bytes(&w, 1, raw, 16);
	memset(raw, 2, 16);
	put_bytes(&w, 2, raw, 16);
	put_integer(&w, 3, 3);
	wrap(&w, 1);
	put_bytes(&w, 2, device.bytes, device.n);
	put_bytes(&w, 3, want.bytes, want.n);
	wrap(&w, 2);
	memmove(w.bytes + 2, w.bytes, w.n);
	memcpy(w.bytes, "\x08\x07", 2);
	w.n += 2;
	assert_int_equal(request_write(r, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(n, w.n);
	assert_memory_equal(bytes, w.bytes, n);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds_of_texts_and_bytes),
		cmocka_unit_test(test_counts_of_repeated_fields),
		cmocka_unit_test(test_notices_packed_and_not),
		cmocka_unit_test(test_texts_are_clean_utf8_in_every_field),
		cmocka_unit_test(test_unknown_fields_are_skipped),
		cmocka_unit_test(test_what_is_no_message),
		cmocka_unit_test(test_wrong_wire_types),
		cmocka_unit_test(test_the_empty_message),
		cmocka_unit_test(test_the_last_call_of_a_request_counts),
		cmocka_unit_test(test_the_largest_response_fits),
		cmocka_unit_test(test_structs_have_the_sizes_of_the_limits),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_room_is_respected),
		cmocka_unit_test(test_the_request_byte_for_byte),
	};
	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
