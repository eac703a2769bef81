/* SPDX-License-Identifier: Apache-2.0 */
/* One connection as the host sees it, against the client's role of protocol/channel, all in memory. */
#include "link.h"

static void assert_job(const struct job *job)
{
	uint8_t id[DEVICE_ID];
	uint8_t sign[PASETO_PUBLIC];
	memset(sign, 0x22, sizeof(sign));
	device_id(device_pair.public, sign, id);
	assert_int_equal(job->kind, JOB_ACTIVATE);
	assert_int_equal(job->request_id, 7);
	assert_memory_equal(job->device, id, DEVICE_ID);
	assert_string_equal(job->hostname, "wolf.example");
	assert_string_equal(job->os, "Debian 12");
	assert_string_equal(job->agent, "muster 0.1.0");
	assert_int_equal(job->n_lines, 1);
	assert_string_equal(job->lines[0].product, "acme-cad");
	assert_string_equal(job->lines[0].version, "7.2");
	assert_int_equal(job->lines[0].n_plans, 1);
	assert_string_equal(job->lines[0].plans[0], "render");
	assert_int_equal(job->shown.token[15], 0x11);
	assert_true(sodium_is_zero(job->shown.ratchet, RATCHET));
	assert_int_equal(strlen(job->correlation), CORRELATION_TEXT - 1);
}

static void assert_granted(struct link *l)
{
	wire_response r;
	receive(l, &r);
	assert_int_equal(r.id, 7);
	assert_int_equal(r.time, NOW + 1);
	assert_int_equal(r.status.code, 0);
	assert_string_equal(r.correlation, l->jobs[0]->correlation);
	assert_int_equal(r.which_result, muster_v1_Response_answer_tag);
	assert_int_equal(r.result.answer.counter, 9);
	assert_int_equal(r.result.answer.ratchet.size, RATCHET);
	assert_int_equal(r.result.answer.results_count, 1);
	const wire_result *result = &r.result.answer.results[0];
	assert_string_equal(result->product, "acme-cad");
	assert_int_equal(result->status.code, 0);
	assert_string_equal(result->lease, "v4.public.lease");
	assert_string_equal(result->certificate, certificate);
	assert_int_equal(result->have, 25);
	assert_int_equal(result->renew_minutes, 60);
	assert_int_equal(result->retry_minutes, 15);
	assert_int_equal(result->notices_count, 1);
	assert_int_equal(result->notices[0], -E_GRANT_ENDED);
}

static void test_two_round_trips(void **state)
{
	struct link l;
	wire_request request = activate(7);
	(void)state;
	link_open(&l, &request);
	assert_int_equal(l.n_jobs, 1);
	assert_job(l.jobs[0]);
	grant(l.jobs[0]);
	session_answer(&l.host, l.jobs[0]);
	assert_granted(&l);
	assert_int_equal(l.host.owed, 0);
	link_fini(&l);
}

static void test_byte_by_byte(void **state)
{
	struct link l;
	wire_request request = activate(7);
	wire_client_hello hello = usual_hello();
	(void)state;
	link_start(&l, &hello);
	assert_int_equal(to_host(&l, 1), SESSION_IDLE);
	to_client(&l, 1);
	assert_int_equal(confirm(&l, &request), 0);
	assert_int_equal(to_host(&l, 1), SESSION_IDLE);
	assert_int_equal(l.n_jobs, 1);
	assert_job(l.jobs[0]);
	grant(l.jobs[0]);
	session_answer(&l.host, l.jobs[0]);
	to_client(&l, 1);
	assert_granted(&l);
	wire_request again = ping(8);
	send_request(&l, &again);
	assert_int_equal(to_host(&l, 1), SESSION_IDLE);
	wire_response r;
	receive(&l, &r);
	assert_int_equal(r.id, 8);
	link_fini(&l);
}

static void test_a_job_that_the_lane_did_not_take(void **state)
{
	struct link l;
	wire_response r;
	wire_request request = activate(7);
	(void)state;
	link_open(&l, &request);
	session_reject(&l.host, l.jobs[0], E_BUSY, 3, NOW);
	receive(&l, &r);
	assert_int_equal(r.id, 7);
	assert_int_equal(r.status.code, -E_BUSY);
	assert_int_equal(r.status.retry_after, 3);
	assert_int_equal(l.host.owed, 0);
	assert_int_equal(pump(&l), SESSION_IDLE);
	link_fini(&l);
}

/* --- messages that are wrong --- */
/* What is no request at all is answered once, and the connection ends. */
static void test_a_message_that_is_none(void **state)
{
	static const uint8_t noise[] = {0xff, 0xff, 0xff, 0xff, 0x0f};
	struct link l;
	wire_response r;
	(void)state;
	link_open(&l, NULL);
	assert_int_equal(channel_seal(&l.client, noise, sizeof(noise)), 0);
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_CLOSE);
	receive(&l, &r);
	assert_int_equal(r.status.code, -E_MALFORMED);
	assert_int_equal(l.host.error, E_MALFORMED);
	assert_false(session_reads(&l.host));
	session_feed(&l.host, noise, sizeof(noise));
	assert_int_equal(pump(&l), SESSION_CLOSE);
	link_fini(&l);
}

static void test_an_altered_message_ends_the_connection(void **state)
{
	struct link l;
	wire_request request = ping(1);
	(void)state;
	link_open(&l, NULL);
	send_request(&l, &request);
	l.client.out.bytes[l.client.out.used - 1] ^= 1;
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_CLOSE);
	assert_int_equal(l.host.error, E_HANDSHAKE_FAILED);
	assert_true(nothing_to_receive(&l));
	link_fini(&l);
}

static void test_a_replayed_message_ends_the_connection(void **state)
{
	uint8_t bytes[200];
	struct link l;
	wire_response r;
	wire_request request = ping(1);
	(void)state;
	link_open(&l, NULL);
	send_request(&l, &request);
	size_t n = l.client.out.used;
	memcpy(bytes, l.client.out.bytes, n);
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_IDLE);
	receive(&l, &r);
	session_feed(&l.host, bytes, n);
	assert_int_equal(pump(&l), SESSION_CLOSE);
	assert_int_equal(l.host.error, E_HANDSHAKE_FAILED);
	link_fini(&l);
}

static void test_a_request_that_is_too_large(void **state)
{
	static const uint8_t header[FRAME_HEADER] = {(LIMIT_SHOW + NOISE_TAG + 1) >> 8,
						     (LIMIT_SHOW + NOISE_TAG + 1) & 0xff};
	struct link l;
	(void)state;
	link_open(&l, NULL);
	session_feed(&l.host, header, sizeof(header)); /* known from the header alone */
	assert_int_equal(pump(&l), SESSION_CLOSE);
	assert_int_equal(l.host.error, E_TOO_LARGE);
	link_fini(&l);
}

/* --- before the handshake --- */

static void assert_clear_refusal(struct link *l, int code)
{
	assert_int_equal(l->event, SESSION_CLOSE);
	assert_int_equal(l->crypto, 0); /* no public-key work for a stranger */
	assert_int_equal(l->host.channel.out.used, FRAME_REFUSAL);
	to_client(l, SIZE_MAX);
	assert_int_equal(channel_next(&l->client), code);
	assert_int_equal(l->host.error, code);
}

static void test_an_unknown_vendor_gets_a_clear_refusal(void **state)
{
	struct vendor other = fixture_vendor(2);
	wire_client_hello hello = {.version = 1, .vendors_count = LIMIT_VENDORS};
	struct link l;
	(void)state;
	for (int i = 0; i < LIMIT_VENDORS; i++)
		memcpy(hello.vendors[i], other.pid_bytes, PASERK_ID);
	link_start(&l, &hello);
	to_host(&l, SIZE_MAX);
	assert_clear_refusal(&l, E_UNKNOWN_VENDOR);
	link_fini(&l);

	/* The last of four is known. */
	memcpy(hello.vendors[LIMIT_VENDORS - 1], vendor.pid_bytes, PASERK_ID);
	link_start(&l, &hello);
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_IDLE);
	to_client(&l, SIZE_MAX);
	assert_int_equal(confirm(&l, NULL), 0);
	link_fini(&l);
}

static void test_a_hello_without_vendors(void **state)
{
	wire_client_hello hello = {.version = 1};
	struct link l;
	(void)state;
	link_start(&l, &hello);
	to_host(&l, SIZE_MAX);
	assert_clear_refusal(&l, E_UNKNOWN_VENDOR);
	link_fini(&l);
}

static void test_a_host_without_certificates(void **state)
{
	struct credentials_board empty;
	struct catalog nothing = {0};
	wire_client_hello hello = usual_hello();
	struct link l;
	(void)state;
	credentials_board_init(&empty);
	assert_int_equal(credentials_publish(&empty, &nothing), 0);
	link_start(&l, &hello);
	l.host.board = &empty;
	to_host(&l, SIZE_MAX);
	assert_clear_refusal(&l, E_UNKNOWN_VENDOR);
	link_fini(&l);
	credentials_board_fini(&empty);
}

/* More certificates than fit are left out; the answer stays within its bound. */
static void test_more_certificates_than_fit(void **state)
{
	struct catalog_certificate rows[6];
	wire_client_hello hello = {.version = 1, .vendors_count = LIMIT_VENDORS};
	wire_server_hello shown;
	struct credentials_board many;
	struct link l;
	const uint8_t *payload;
	size_t n;
	(void)state;
	memset(rows, 0, sizeof(rows));
	for (uint8_t i = 0; i < 6; i++) {
		struct vendor v = fixture_vendor((uint8_t)(10 + i / 2)); /* two licenses of each vendor */
		memcpy(rows[i].certificate.vendor, v.public, PASETO_PUBLIC);
		rows[i].token = malloc(LIMIT_CERTIFICATE);
		memset(rows[i].token, 'x', LIMIT_CERTIFICATE - 1);
		rows[i].token[i < 2 ? 700 : LIMIT_CERTIFICATE - 1] = 0;
		memcpy(hello.vendors[i / 2], v.pid_bytes, PASERK_ID);
	}
	struct catalog catalog = {.certificates = rows, .n_certificates = 6};
	credentials_board_init(&many);
	assert_int_equal(credentials_publish(&many, &catalog), 0);
	link_start(&l, &hello);
	l.host.board = &many;
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_IDLE);
	assert_true(l.host.channel.out.used <= LIMIT_HANDSHAKE_OUT);
	assert_true(l.host.channel.out.used > 2 * 700); /* the two small ones */
	to_client(&l, SIZE_MAX);
	assert_int_equal(channel_next(&l.client), CHANNEL_ANSWER);
	assert_int_equal(channel_answer(&l.client, &payload, &n), 0);
	assert_int_equal(server_hello_read(payload, n, &shown), 0);
	assert_int_equal(shown.certificates_count, 2);
	assert_true(shown.more);
	link_fini(&l);
	credentials_board_fini(&many);
	for (size_t i = 0; i < 6; i++)
		free(rows[i].token);
}

/* What has ended is shown behind what is in force. */
static void test_certificates_in_force_come_first(void **state)
{
	char ended[] = "ended";
	char holds[] = "holds";
	struct vendor v = fixture_vendor(10);
	struct catalog_certificate rows[2] = {{.token = ended, .certificate.exp = NOW},
					      {.token = holds, .certificate.exp = NOW + 1}};
	struct catalog catalog = {.certificates = rows, .n_certificates = 2};
	wire_client_hello hello = {.version = 1, .vendors_count = 1};
	wire_server_hello shown;
	struct credentials_board two;
	struct link l;
	const uint8_t *payload;
	size_t n;
	(void)state;
	memcpy(rows[0].certificate.vendor, v.public, PASETO_PUBLIC);
	memcpy(rows[1].certificate.vendor, v.public, PASETO_PUBLIC);
	memcpy(hello.vendors[0], v.pid_bytes, PASERK_ID);
	credentials_board_init(&two);
	assert_int_equal(credentials_publish(&two, &catalog), 0);
	link_start(&l, &hello);
	l.host.board = &two;
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_IDLE);
	to_client(&l, SIZE_MAX);
	assert_int_equal(channel_next(&l.client), CHANNEL_ANSWER);
	assert_int_equal(channel_answer(&l.client, &payload, &n), 0);
	assert_int_equal(server_hello_read(payload, n, &shown), 0);
	assert_int_equal(shown.certificates_count, 2);
	assert_string_equal(shown.certificates[0], "holds");
	assert_string_equal(shown.certificates[1], "ended");
	assert_false(shown.more);
	link_fini(&l);
	credentials_board_fini(&two);
}

static void feed_raw(struct link *l, const void *bytes, size_t n)
{
	wire_client_hello hello = usual_hello();
	link_start(l, &hello);
	session_feed(&l->host, bytes, n);
	pump(l);
}

/* Other protocols are dropped without a byte. */
static void test_foreign_bytes_get_nothing(void **state)
{
	static const char *const foreign[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
					      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
					      "SSH-2.0-OpenSSH_9.2\r\n",
					      "\x05\x00\x0b\x03\x10\x00\x00\x00\x48",
					      "MUSS\x01\x01\x01\x01",
					      "MUST\x01\x01\x09"};
	struct link l;
	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		size_t n = strlen(foreign[i]);
		feed_raw(&l, foreign[i], n < 8 ? 8 : n);
		assert_int_equal(l.event, SESSION_CLOSE);
		assert_int_equal(l.host.error, E_MALFORMED);
		assert_int_equal(l.host.channel.out.used, 0);
		assert_int_equal(l.crypto, 0);
		link_fini(&l);
	}
	feed_raw(&l, "GET", 3); /* too little to judge; the deadline will */
	assert_int_equal(l.event, SESSION_IDLE);
	link_fini(&l);
}

static void test_a_version_of_the_future(void **state)
{
	struct link l;
	(void)state;
	feed_raw(&l, "MUST\x02\x07\x01\x00", 8);
	assert_clear_refusal(&l, E_VERSION_UNSUPPORTED);
	link_fini(&l);
	feed_raw(&l, "MUST\x01\x07\x01\x00", 8); /* one that speaks ours, too */
	assert_int_equal(l.event, SESSION_IDLE);
	link_fini(&l);
}

static void test_a_hello_that_is_none(void **state)
{
	uint8_t bytes[LIMIT_PREAMBLE + FRAME_HEADER + NOISE_KEY + 4] = "MUST\x01\x01\x01";
	struct link l;
	(void)state;
	frame_header(NOISE_KEY + 4, bytes + LIMIT_PREAMBLE);
	memset(bytes + LIMIT_PREAMBLE + FRAME_HEADER, 0xff, NOISE_KEY + 4);
	feed_raw(&l, bytes, sizeof(bytes));
	assert_clear_refusal(&l, E_MALFORMED);
	link_fini(&l);
	frame_header(5, bytes + LIMIT_PREAMBLE); /* shorter than its key */
	feed_raw(&l, bytes, sizeof(bytes));
	assert_int_equal(l.event, SESSION_CLOSE);
	assert_int_equal(l.crypto, 0);
	link_fini(&l);
}

static void test_more_than_a_hello_may_have(void **state)
{
	static uint8_t bytes[LIMIT_HANDSHAKE_IN + 1] = "MUST\x01\x01\x01";
	struct link l;
	(void)state;
	feed_raw(&l, bytes, sizeof(bytes));
	assert_int_equal(l.event, SESSION_CLOSE);
	assert_int_equal(l.host.error, E_TOO_LARGE);
	assert_int_equal(l.crypto, 0);
	link_fini(&l);
	frame_header(LIMIT_HANDSHAKE_OUT + 1, bytes + LIMIT_PREAMBLE);
	feed_raw(&l, bytes, LIMIT_PREAMBLE + FRAME_HEADER);
	assert_clear_refusal(&l, E_TOO_LARGE);
	link_fini(&l);
}

/* Flip one bit of the client's side of the handshake: no request may come out. *ret_bits: how many there are.
 */
static bool run_flipped(size_t bit, const wire_request *request)
{
	wire_client_hello hello = usual_hello();
	struct link l;
	bool flipped = false;
	link_start(&l, &hello);
	for (int turn = 0; turn < 2; turn++) {
		size_t bits = 8 * l.client.out.used;
		if (!flipped && bit < bits) {
			l.client.out.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			flipped = true;
		}
		bit -= flipped ? 0 : bits;
		to_host(&l, SIZE_MAX);
		if (turn == 0) {
			to_client(&l, SIZE_MAX);
			if (l.event == SESSION_CLOSE || confirm(&l, request))
				break;
		}
	}
	if (flipped) {
		assert_int_equal(l.n_jobs, 0);
		assert_false(session_authenticated(&l.host));
	} else {
		assert_int_equal(l.n_jobs, 1);
	}
	link_fini(&l);
	return flipped;
}

static void test_every_flipped_bit_of_the_handshake(void **state)
{
	wire_request request = activate(7);
	size_t bit = 0;
	(void)state;
	while (run_flipped(bit, &request))
		bit++;
	assert_true(bit > 8 * 200);
}

/* --- bounds --- */

static void test_at_most_eight_are_owed(void **state)
{
	struct link l;
	(void)state;
	link_open(&l, NULL);
	for (uint32_t i = 0; i < 20; i++) {
		wire_request request = activate(i);
		send_request(&l, &request);
		if (i % 3 == 2)
			to_host(&l, SIZE_MAX);
	}
	to_host(&l, SIZE_MAX);
	assert_int_equal(l.n_jobs, LIMIT_OWED);
	assert_int_equal(l.host.owed, LIMIT_OWED);
	assert_false(session_reads(&l.host));
	for (size_t i = 0; i < 20; i++) {
		wire_response r;
		session_answer(&l.host, l.jobs[i]);
		assert_int_equal(pump(&l), SESSION_IDLE);
		receive(&l, &r);
		assert_int_equal(r.id, i);
		assert_true(l.host.owed <= LIMIT_OWED);
		assert_int_equal(l.n_jobs, i + 1 + LIMIT_OWED < 20 ? i + 1 + LIMIT_OWED : 20);
	}
	assert_true(session_reads(&l.host));
	assert_int_equal(l.host.owed, 0);
	link_fini(&l);
}

/* The whole of a client's pipelining is bounded in memory. */
static void test_a_flood_is_cut(void **state)
{
	static uint8_t bytes[ROOM];
	struct link l;
	size_t fed = 0;
	(void)state;
	link_open(&l, NULL);
	for (uint32_t i = 0; i < LIMIT_OWED; i++) {
		wire_request request = activate(i);
		send_request(&l, &request);
	}
	to_host(&l, SIZE_MAX);
	bytes[0] = 0x0c; /* a frame of 3,072, over and over */
	while (l.host.state != SESSION_CLOSING && fed < 10000000) {
		session_feed(&l.host, bytes, 3074);
		fed += 3074;
	}
	assert_int_equal(l.host.error, E_TOO_LARGE);
	assert_true(fed < 200000);
	assert_int_equal(pump(&l), SESSION_CLOSE);
	link_fini(&l);
}

/* What needs no job has a limit of its own: so many at once, then one a minute. */
static void test_small_talk_has_an_end(void **state)
{
	struct link l;
	wire_response r;
	(void)state;
	link_open(&l, NULL);
	for (uint32_t i = 1; i <= 65; i++) {
		wire_request request = ping(i);
		send_request(&l, &request);
		assert_int_equal(to_host(&l, SIZE_MAX), i < 65 ? SESSION_IDLE : SESSION_CLOSE);
		receive(&l, &r);
		assert_int_equal(r.id, i);
		assert_int_equal(r.status.code, i < 65 ? 0 : -E_REQUEST_LIMIT);
	}
	assert_int_equal(l.host.error, E_REQUEST_LIMIT);
	link_fini(&l);
}

/* A list is given from where the client is. */
static void test_a_list_in_parts(void **state)
{
	static const struct {
		uint32_t offset;
		size_t n;
		char first;
	} rows[] = {{0, 49152, 'a'}, {1, 49152, 'x'}, {49152, 49152, 'x'}, {98304, 1696, 'x'},
		    {99999, 1, 'z'}, {100000, 0, 0},  {UINT32_MAX, 0, 0}};
	struct vendor v = fixture_vendor(10);
	char token[] = "a certificate";
	char *list = malloc(100001);
	struct catalog_certificate shown = {.token = token};
	struct catalog_revocations revocations = {.token = list, .list.number = 3};
	struct catalog catalog = {
		.certificates = &shown, .n_certificates = 1, .revocations = &revocations, .n_revocations = 1};
	struct credentials_board with_list;
	struct link l;
	(void)state;
	memset(list, 'x', 100000);
	list[0] = 'a';
	list[99999] = 'z';
	list[100000] = 0;
	memcpy(shown.certificate.vendor, v.public, PASETO_PUBLIC);
	paserk_pid_write(v.public, shown.vendor);
	memcpy(revocations.vendor, shown.vendor, sizeof(revocations.vendor));
	credentials_board_init(&with_list);
	assert_int_equal(credentials_publish(&with_list, &catalog), 0);
	link_open(&l, NULL);
	l.host.board = &with_list;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wire_response r;
		wire_request request = {.id = i, .which_call = muster_v1_Request_get_revocations_tag};
		memcpy(request.call.get_revocations.vendor, v.pid_bytes, PASERK_ID);
		request.call.get_revocations.offset = rows[i].offset;
		send_request(&l, &request);
		to_host(&l, SIZE_MAX);
		receive(&l, &r);
		assert_int_equal(r.which_result, muster_v1_Response_revocations_tag);
		assert_int_equal(r.result.revocations.length, 100000);
		assert_int_equal(strlen(r.result.revocations.list), rows[i].n);
		assert_int_equal(r.result.revocations.list[0], rows[i].first);
	}
	link_fini(&l);
	credentials_board_fini(&with_list);
	free(list);
}

static void test_answers_after_the_end_are_dropped(void **state)
{
	struct link l;
	wire_request request = activate(7);
	static const uint8_t noise[64] = {0, 62};
	(void)state;
	link_open(&l, &request);
	session_feed(&l.host, noise, sizeof(noise));
	assert_int_equal(pump(&l), SESSION_CLOSE);
	buffer_drop(&l.host.channel.out, l.host.channel.out.used);
	grant(l.jobs[0]);
	session_answer(&l.host, l.jobs[0]);
	assert_int_equal(l.host.owed, 0);
	assert_int_equal(l.host.channel.out.used, 0);
	link_fini(&l);
}

static void test_jobs_in_flight_outlive_the_connection(void **state)
{
	struct link l;
	wire_request request = activate(7);
	(void)state;
	link_open(&l, &request);
	struct job *job = l.jobs[0];
	l.n_jobs = 0;
	link_fini(&l);
	assert_string_equal(job->lines[0].product, "acme-cad"); /* no pointer into the connection */
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_round_trips),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_a_job_that_the_lane_did_not_take),
		cmocka_unit_test(test_a_message_that_is_none),
		cmocka_unit_test(test_an_altered_message_ends_the_connection),
		cmocka_unit_test(test_a_replayed_message_ends_the_connection),
		cmocka_unit_test(test_a_request_that_is_too_large),
		cmocka_unit_test(test_an_unknown_vendor_gets_a_clear_refusal),
		cmocka_unit_test(test_a_hello_without_vendors),
		cmocka_unit_test(test_a_host_without_certificates),
		cmocka_unit_test(test_more_certificates_than_fit),
		cmocka_unit_test(test_certificates_in_force_come_first),
		cmocka_unit_test(test_foreign_bytes_get_nothing),
		cmocka_unit_test(test_a_version_of_the_future),
		cmocka_unit_test(test_a_hello_that_is_none),
		cmocka_unit_test(test_more_than_a_hello_may_have),
		cmocka_unit_test(test_every_flipped_bit_of_the_handshake),
		cmocka_unit_test(test_at_most_eight_are_owed),
		cmocka_unit_test(test_a_flood_is_cut),
		cmocka_unit_test(test_small_talk_has_an_end),
		cmocka_unit_test(test_a_list_in_parts),
		cmocka_unit_test(test_answers_after_the_end_are_dropped),
		cmocka_unit_test(test_jobs_in_flight_outlive_the_connection),
	};
	return cmocka_run_group_tests_name("server/session/session", tests, setup, teardown);
}
