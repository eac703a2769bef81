/* SPDX-License-Identifier: Apache-2.0 */
/* A client and a host's session joined in memory: bytes are carried by hand, jobs are collected, nothing
 * waits. */
#ifndef TESTS_LINK_H
#define TESTS_LINK_H

#include "fixture.h"

#include "catalog.h"
#include "message.h"
#include "rpc.h"
#include "session.h"

#define ROOM 70000

static struct vendor vendor;
static struct host_key *key;
static struct credentials_board board;
static struct noise_pair device_pair;
static char *certificate;

static inline int setup(void **state)
{
	static const uint8_t ledger[LEDGER_ID] = {5};
	(void)state;
	vendor = fixture_vendor(1);
	key = fixture_host_key("session.key");
	noise_pair_make(&device_pair);
	struct certificate c = fixture_certificate(&vendor, key, ledger);
	certificate = fixture_certificate_token(&vendor, &c);
	struct catalog_certificate row = {.certificate = c, .token = certificate};
	struct catalog catalog = {.certificates = &row, .n_certificates = 1};
	credentials_board_init(&board);
	return credentials_publish(&board, &catalog);
}

static inline int teardown(void **state)
{
	(void)state;
	credentials_board_fini(&board);
	host_key_free(key);
	free(certificate);
	return 0;
}

/* --- a connection --- */

#define JOBS 32

struct link {
	struct channel client;
	struct session host;
	enum session_event event; /* the last */
	struct job *jobs[JOBS];
	size_t n_jobs;
	size_t crypto; /* how often it was asked for */
	int client_error;
};

static wire_client_hello usual_hello(void)
{
	wire_client_hello hello = {.version = 1, .vendors_count = 1};
	memcpy(hello.vendors[0], vendor.pid_bytes, PASERK_ID);
	return hello;
}

static inline void link_start(struct link *l, const wire_client_hello *hello)
{
	uint8_t bytes[512];
	size_t n;
	memset(l, 0, sizeof(*l));
	channel_init(&l->client, NOISE_INITIATOR, &device_pair, NULL);
	session_init(&l->host, &key->fixed, &board);
	assert_int_equal(client_hello_write(hello, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(channel_start(&l->client, bytes, n), 0);
}

static inline void link_fini(struct link *l)
{
	for (size_t i = 0; i < l->n_jobs; i++)
		job_free(l->jobs[i]);
	channel_fini(&l->client);
	session_fini(&l->host);
}

/* Let the host do all it can; bounded, because it must come to rest. */
static inline enum session_event pump(struct link *l)
{
	for (int i = 0; i < 100; i++) {
		struct job *job = NULL;
		l->event = session_next(&l->host, NOW, &job);
		if (l->event == SESSION_IDLE || l->event == SESSION_CLOSE)
			return l->event;
		if (l->event == SESSION_CRYPTO) {
			assert_false(session_reads(&l->host));
			session_crypto(&l->host);
			l->crypto++;
			continue;
		}
		assert_non_null(job);
		assert_true(l->n_jobs < JOBS);
		l->jobs[l->n_jobs++] = job;
	}
	fail_msg("the session does not come to rest");
	return SESSION_CLOSE;
}

/* The client's bytes to the host, at most `piece` at a time. */
static inline enum session_event to_host(struct link *l, size_t piece)
{
	while (l->client.out.used) {
		size_t n = l->client.out.used < piece ? l->client.out.used : piece;
		session_feed(&l->host, l->client.out.bytes, n);
		buffer_drop(&l->client.out, n);
		pump(l);
	}
	return l->event;
}

/* The host's bytes to the client. */
static inline void to_client(struct link *l, size_t piece)
{
	struct buffer *out = &l->host.channel.out;
	while (out->used) {
		size_t n = out->used < piece ? out->used : piece;
		int error = channel_feed(&l->client, out->bytes, n);
		buffer_drop(out, n);
		if (error)
			l->client_error = error;
	}
}

/* The client reads the host's hello and confirms with its first request. */
static inline int confirm(struct link *l, const wire_request *request)
{
	uint8_t bytes[LIMIT_REQUEST];
	const uint8_t *payload;
	wire_server_hello hello;
	size_t n;
	int event = channel_next(&l->client);
	if (event != CHANNEL_ANSWER)
		return event < 0 ? event : E_TIMEOUT;
	int error = channel_answer(&l->client, &payload, &n);
	if (error)
		return error;
	assert_int_equal(server_hello_read(payload, n, &hello), 0);
	assert_int_equal(hello.certificates_count, 1);
	assert_string_equal(hello.certificates[0], certificate);
	assert_int_equal(hello.time, NOW);
	assert_int_equal(hello.version, 1);
	n = 0;
	if (request)
		assert_int_equal(request_write(request, bytes, sizeof(bytes), &n), 0);
	return channel_confirm(&l->client, bytes, n);
}

static inline void send_request(struct link *l, const wire_request *request)
{
	uint8_t bytes[LIMIT_SHOW];
	size_t n;
	assert_int_equal(request_write(request, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(channel_seal(&l->client, bytes, n), 0);
}

/* The next response; fails when there is none. */
static inline void receive(struct link *l, wire_response *ret)
{
	const uint8_t *payload;
	size_t n;
	to_client(l, SIZE_MAX);
	assert_int_equal(channel_next(&l->client), CHANNEL_MESSAGE);
	assert_int_equal(channel_open(&l->client, &payload, &n), 0);
	assert_int_equal(response_read(payload, n, ret), 0);
	channel_done(&l->client);
}

static inline bool nothing_to_receive(struct link *l)
{
	to_client(l, SIZE_MAX);
	return channel_next(&l->client) == CHANNEL_WANT;
}

/* An open connection whose first message carried no request. */
static inline void link_open(struct link *l, const wire_request *first)
{
	wire_client_hello hello = usual_hello();
	link_start(l, &hello);
	assert_int_equal(to_host(l, SIZE_MAX), SESSION_IDLE);
	assert_false(session_authenticated(&l->host));
	to_client(l, SIZE_MAX);
	assert_int_equal(confirm(l, first), 0);
	to_host(l, SIZE_MAX);
	assert_true(session_authenticated(&l->host));
	assert_int_equal(l->crypto, 2);
}

static wire_request activate(uint32_t id)
{
	wire_request r = {.id = id, .which_call = muster_v1_Request_activate_tag};
	muster_v1_Activate *call = &r.call.activate;
	call->has_once = call->has_device = true;
	memset(call->once.token, 0x11, sizeof(call->once.token));
	memset(call->device.sign, 0x22, sizeof(call->device.sign));
	strcpy(call->device.hostname, "wolf.example");
	strcpy(call->device.os, "Debian 12");
	strcpy(call->device.agent, "muster 0.1.0");
	call->wants_count = 1;
	strcpy(call->wants[0].product, "acme-cad");
	strcpy(call->wants[0].version, "7.2");
	call->wants[0].plans_count = 1;
	strcpy(call->wants[0].plans[0], "render");
	return r;
}

static wire_request ping(uint32_t id)
{
	wire_request r = {.id = id, .which_call = muster_v1_Request_ping_tag};
	r.call.ping.echo.size = 5;
	memcpy(r.call.ping.echo.bytes, "hello", 5);
	return r;
}

static inline void grant(struct job *job)
{
	job->now = NOW + 1;
	job->counter = 9;
	memset(job->ratchet, 0x33, sizeof(job->ratchet));
	job->lines[0].answer = (struct answer_line){
		.numbers = NUMBERS_NONE, .have = 25, .need = 25, .renew_minutes = 60, .retry_minutes = 15};
	job->lines[0].answer.notices[0] = E_GRANT_ENDED;
	job->lines[0].lease = strdup("v4.public.lease");
	job->lines[0].certificate = strdup(certificate);
}

#endif
