/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "log.h"
#include "rpc.h"

#define RETRY_STARVED_S 10
#define SMALL_TALK 64 /* requests that make no job, at once; then one a minute */

void session_init(struct session *s, const struct noise_pair *fixed, struct credentials_board *board)
{
	memset(s, 0, sizeof(*s));
	s->board = board;
	channel_init(&s->channel, NOISE_RESPONDER, fixed, NULL);
	buffer_init(&s->hello, LIMIT_HANDSHAKE_OUT);
}

void session_fini(struct session *s)
{
	channel_fini(&s->channel);
	buffer_fini(&s->hello);
}

static void close_with(struct session *s, int error)
{
	if (s->state == SESSION_CLOSING)
		return;
	s->state = SESSION_CLOSING;
	s->error = error;
}

/* A clear refusal, while the client has seen no byte of ours. Foreign bytes get no answer at all. A host
 * without memory is busy, to its clients. */
static void refuse(struct session *s, int code)
{
	uint8_t refusal[FRAME_REFUSAL];
	bool starved = code == E_NO_MEMORY;
	if (s->channel.greeted) {
		refusal_write(starved ? E_BUSY : code, starved ? RETRY_STARVED_S : 0, refusal);
		int ignored = buffer_append(&s->channel.out, refusal, sizeof(refusal));
		(void)ignored; /* without memory the connection just closes */
	}
	close_with(s, code);
}

void session_feed(struct session *s, const uint8_t *bytes, size_t n)
{
	if (s->state == SESSION_CLOSING)
		return;
	int error = channel_feed(&s->channel, bytes, n);
	if (error && s->state == SESSION_GREETING)
		refuse(s, error);
	else if (error)
		close_with(s, error);
}

/* --- greeting --- */

static bool wanted(const wire_client_hello *hello, const struct credential *c)
{
	for (size_t i = 0; i < hello->vendors_count; i++)
		if (memcmp(hello->vendors[i], c->vendor, PASERK_ID) == 0)
			return true;
	return false;
}

/* Room for the hello beside its own numbers and Noise's overhead. */
#define HELLO_ROOM (LIMIT_HANDSHAKE_OUT - LIMIT_PREAMBLE - FRAME_HEADER - 96 - 64 - 11 * LIMIT_VENDORS)

/* Those that have ended, or the others; as many as there is room for. */
static void put_certificates(wire_server_hello *hello, const wire_client_hello *client,
			     const struct credentials *c, int64_t now, bool ended, size_t *room)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t n = strlen(c->all[i].token);
		if (!wanted(client, &c->all[i]) || (c->all[i].end <= now) != ended)
			continue;
		if (hello->certificates_count == LIMIT_VENDORS || n + 4 > *room) {
			hello->more = true;
			continue;
		}
		memcpy(hello->certificates[hello->certificates_count++], c->all[i].token, n + 1);
		hello->revocations[hello->revocations_count++] = c->all[i].revocations;
		*room -= n + 4;
	}
}

/* The certificates that are in force come first. */
static int write_hello(struct session *s, const wire_client_hello *client, int64_t now)
{
	wire_server_hello hello = {.version = FRAME_VERSION, .time = now};
	struct credentials *c = credentials_take(s->board);
	size_t room = HELLO_ROOM;
	put_certificates(&hello, client, c, now, false, &room);
	put_certificates(&hello, client, c, now, true, &room);
	credentials_give_back(s->board, c);
	if (hello.certificates_count == 0)
		return E_UNKNOWN_VENDOR;
	uint8_t bytes[LIMIT_HANDSHAKE_OUT];
	size_t n;
	int error = server_hello_write(&hello, bytes, sizeof(bytes), &n);
	return error ? error : buffer_append(&s->hello, bytes, n);
}

static enum session_event greet(struct session *s, int64_t now)
{
	wire_client_hello hello;
	size_t n;
	int event = channel_next(&s->channel);
	if (event == CHANNEL_WANT)
		return SESSION_IDLE;
	int error = event < 0 ? event : 0;
	s->greeted = atomic_load(&s->board->batches);
	if (!error) {
		const uint8_t *payload = channel_payload(&s->channel, &n);
		error = client_hello_read(payload, n, &hello);
	}
	if (!error)
		error = write_hello(s, &hello, now);
	if (error) {
		refuse(s, error);
		return SESSION_CLOSE;
	}
	s->state = SESSION_ACCEPTING;
	return SESSION_CRYPTO;
}

static enum session_event prove(struct session *s)
{
	int event = channel_next(&s->channel);
	if (event == CHANNEL_WANT)
		return SESSION_IDLE;
	if (event < 0) {
		close_with(s, event);
		return SESSION_CLOSE;
	}
	s->state = SESSION_FINISHING;
	return SESSION_CRYPTO;
}

void session_crypto(struct session *s)
{
	int error;
	if (s->state == SESSION_ACCEPTING) {
		error = channel_accept(&s->channel, s->hello.bytes, s->hello.used);
		buffer_fini(&s->hello);
		s->state = SESSION_PROVING;
	} else {
		error = channel_finish(&s->channel, &s->payload, &s->payload_n);
		s->payload_waits = !error;
		s->state = SESSION_OPEN;
	}
	if (error)
		close_with(s, error);
}

/* --- requests --- */

static void send(struct session *s, const wire_response *response)
{
	uint8_t bytes[LIMIT_RESPONSE];
	size_t n;
	int error = response_write(response, bytes, sizeof(bytes), &n);
	if (!error)
		error = channel_seal(&s->channel, bytes, n);
	if (error)
		close_with(s, error);
}

static void send_revocations(struct session *s, const wire_request *request, int64_t now)
{
	wire_response response = {
		.id = request->id, .time = now, .which_result = muster_v1_Response_revocations_tag};
	const muster_v1_GetRevocations *call = &request->call.get_revocations;
	struct credentials *c = credentials_take(s->board);
	for (size_t i = 0; i < c->n; i++)
		if (memcmp(c->all[i].vendor, call->vendor, PASERK_ID) == 0 && c->all[i].list)
			revocations_part(c->all[i].list, call->offset, &response.result.revocations);
	credentials_give_back(s->board, c);
	send(s, &response);
}

/* A refusal before there is a job: it has an id, too, and a line in the log. */
static void refuse_request(struct session *s, uint32_t request_id, int code, int64_t now)
{
	wire_response response;
	rpc_refusal(request_id, code, 0, now, &response);
	correlation_make(response.correlation);
	log_event(EVENT_REQUEST_REFUSED, LOG_TEXT(REQUEST, response.correlation), LOG_CODE(code));
	send(s, &response);
}

/* What is answered here costs no job, so that no device's limit counts it. */
static bool asks_too_much(struct session *s, int64_t now)
{
	if (!s->small_talk++)
		s->small_talk_since = now;
	int64_t minutes = (now - s->small_talk_since) / 60;
	return s->small_talk > SMALL_TALK + (minutes > 0 ? minutes : 0);
}

static enum session_event answer_at_once(struct session *s, const wire_request *request, int error,
					 int64_t now)
{
	wire_response response;
	if (asks_too_much(s, now)) {
		refuse_request(s, request->id, E_REQUEST_LIMIT, now);
		close_with(s, E_REQUEST_LIMIT);
		return SESSION_CLOSE;
	}
	if (error) {
		refuse_request(s, request->id, error, now);
	} else if (request->which_call == muster_v1_Request_get_revocations_tag) {
		send_revocations(s, request, now);
	} else {
		rpc_instant(request, now, &response);
		send(s, &response);
	}
	return SESSION_IDLE;
}

static enum session_event take_request(struct session *s, const uint8_t *bytes, size_t n, int64_t now,
				       struct job **ret_job)
{
	wire_request request;
	struct job *job = NULL;
	enum session_event event = SESSION_JOB;
	int error = request_read(bytes, n, &request);
	s->asked = true;
	channel_done(&s->channel);
	if (error) {
		refuse_request(s, 0, error, now);
		close_with(s, error);
		return SESSION_CLOSE;
	}
	if (request.which_call != muster_v1_Request_get_revocations_tag)
		error = rpc_job(&request, channel_remote(&s->channel), &job);
	if (!error && job) {
		s->owed++;
		job->greeted = s->greeted;
		*ret_job = job;
	} else {
		event = answer_at_once(s, &request, error, now);
	}
	sodium_memzero(&request, sizeof(request)); /* codes and keys may be in it */
	return event;
}

/* One message at most; SESSION_JOB, SESSION_CLOSE, or SESSION_IDLE with *ret_more telling whether to go on.
 */
static enum session_event serve(struct session *s, int64_t now, struct job **ret_job, bool *ret_more)
{
	const uint8_t *payload = s->payload;
	size_t n = s->payload_n;
	*ret_more = false;
	if (s->owed >= LIMIT_OWED)
		return SESSION_IDLE;
	if (s->payload_waits) {
		s->payload_waits = false;
		if (n == 0) {
			channel_done(&s->channel);
			*ret_more = true;
			return SESSION_IDLE;
		}
	} else {
		int event = channel_next(&s->channel);
		if (event == CHANNEL_WANT)
			return SESSION_IDLE;
		int error = event < 0 ? event : channel_open(&s->channel, &payload, &n);
		if (error) {
			close_with(s, error);
			return SESSION_CLOSE;
		}
	}
	*ret_more = true;
	return take_request(s, payload, n, now, ret_job);
}

enum session_event session_next(struct session *s, int64_t now, struct job **ret_job)
{
	bool more = true;
	enum session_event event = SESSION_IDLE;
	switch (s->state) {
	case SESSION_GREETING:
		return greet(s, now);
	case SESSION_PROVING:
		return prove(s);
	case SESSION_ACCEPTING:
	case SESSION_FINISHING:
		return SESSION_CRYPTO;
	case SESSION_CLOSING:
		return SESSION_CLOSE;
	case SESSION_OPEN:
		while (more && event == SESSION_IDLE && s->state == SESSION_OPEN)
			event = serve(s, now, ret_job, &more);
		return s->state == SESSION_CLOSING ? SESSION_CLOSE : event;
	}
	return SESSION_CLOSE;
}

void session_answer(struct session *s, const struct job *job)
{
	wire_response response;
	s->owed--;
	if (s->greeted < job->batch)
		s->greeted = job->batch;
	if (s->state != SESSION_OPEN)
		return;
	rpc_response(job, &response);
	send(s, &response);
}

void session_reject(struct session *s, const struct job *job, int code, unsigned retry_after, int64_t now)
{
	wire_response response;
	char device[DEVICE_ID_TEXT];
	s->owed--;
	rpc_refusal(job->request_id, code, retry_after, now, &response);
	memcpy(response.correlation, job->correlation, sizeof(job->correlation));
	device_id_write(job->device, device);
	log_event(EVENT_REQUEST_REFUSED, LOG_TEXT(REQUEST, job->correlation), LOG_CODE(code),
		  LOG_TEXT(DEVICE, job->kind == JOB_POLICY ? NULL : device),
		  LOG_TEXT(HOSTNAME, job->hostname[0] ? job->hostname : NULL));
	send(s, &response);
}

bool session_reads(const struct session *s)
{
	return s->state != SESSION_ACCEPTING && s->state != SESSION_FINISHING &&
	       s->state != SESSION_CLOSING && s->owed < LIMIT_OWED;
}

bool session_authenticated(const struct session *s)
{
	return s->state == SESSION_OPEN;
}
