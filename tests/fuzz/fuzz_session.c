/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's session under hostile bytes. The first byte says what the input is: the bytes of a stranger's
 * connection, the hello of a client that keeps to Noise, or a request that a device has sealed. The second
 * says how large the pieces are in which the bytes arrive, and whether the lane takes the job.
 */
#include "catalog.h"
#include "error.h"
#include "fuzz.h"
#include "log.h"
#include "rpc.h"
#include "session.h"

#define NOW 1800000000

static struct credentials_board board;
static uint8_t vendor[PASERK_ID];

struct link {
	struct channel client;
	struct session host;
	size_t jobs;
};

/* One certificate hangs on the board, once for all inputs. */
static void make_board(void)
{
	struct catalog_certificate row = {.token = "v4.public.AAAA"};
	struct catalog catalog = {.certificates = &row, .n_certificates = 1};
	uint8_t secret[PASETO_SECRET];
	if (board.current)
		return;
	log_level_set(LOG_LEVEL_ERROR);
	fuzz_keys('v', row.certificate.vendor, secret);
	paserk_pid(row.certificate.vendor, vendor);
	credentials_board_init(&board);
	fuzz_require(credentials_publish(&board, &catalog) == 0);
}

static void init(struct link *l)
{
	struct noise_pair keys[3];
	memset(l, 0, sizeof(*l));
	for (size_t i = 0; i < 3; i++) {
		uint8_t secret[NOISE_KEY];
		memset(secret, (int)i + 1, sizeof(secret));
		noise_pair_from(secret, &keys[i]);
	}
	channel_init(&l->client, NOISE_INITIATOR, &keys[0], &keys[2]);
	session_init(&l->host, &keys[1], &board);
}

static void fini(struct link *l)
{
	fuzz_require(l->host.owed == 0);
	channel_fini(&l->client);
	session_fini(&l->host);
}

/* What the lane would do. */
static void take_job(struct link *l, struct job *job, bool busy)
{
	fuzz_require(job && l->host.owed > 0 && session_authenticated(&l->host));
	job->now = NOW;
	if (busy)
		session_reject(&l->host, job, E_BUSY, 3, NOW);
	else
		session_answer(&l->host, job);
	job_free(job);
	l->jobs++;
}

static enum session_event pump(struct link *l, bool busy)
{
	for (int moves = 0; moves < 10000; moves++) {
		struct job *job = NULL;
		enum session_event event = session_next(&l->host, NOW, &job);
		if (event == SESSION_IDLE || event == SESSION_CLOSE) {
			fuzz_require((event == SESSION_CLOSE) == (l->host.state == SESSION_CLOSING));
			return event;
		}
		if (event == SESSION_CRYPTO)
			session_crypto(&l->host);
		else
			take_job(l, job, busy);
	}
	abort(); /* it does not come to rest */
}

static enum session_event to_host(struct link *l, const uint8_t *bytes, size_t n, size_t step, bool busy)
{
	enum session_event event = pump(l, busy);
	while (n && event != SESSION_CLOSE) {
		size_t piece = step && step < n ? step : n;
		session_feed(&l->host, bytes, piece);
		event = pump(l, busy);
		bytes += piece;
		n -= piece;
	}
	return event;
}

/* What waits to be written, of one side to the other. */
static enum session_event pass(struct link *l, size_t step, bool busy)
{
	enum session_event event = to_host(l, l->client.out.bytes, l->client.out.used, step, busy);
	struct buffer *back = &l->host.channel.out;
	buffer_drop(&l->client.out, l->client.out.used);
	fuzz_require(channel_feed(&l->client, back->bytes, back->used) == 0);
	buffer_drop(back, back->used);
	return event;
}

/* The host greets who has a vendor of its own, and refuses everybody else in clear. */
static bool greet(struct link *l, const uint8_t *hello, size_t n, size_t step)
{
	static wire_client_hello read;
	if (n > LIMIT_HANDSHAKE_IN / 2)
		n = LIMIT_HANDSHAKE_IN / 2;
	bool good = client_hello_read(hello, n, &read) == 0;
	bool known = false;
	for (size_t i = 0; good && i < read.vendors_count; i++)
		known |= memcmp(read.vendors[i], vendor, PASERK_ID) == 0;
	fuzz_require(channel_start(&l->client, hello, n) == 0);
	enum session_event event = pass(l, step, false);
	int next = channel_next(&l->client);
	fuzz_require(known ? event == SESSION_IDLE && next == CHANNEL_ANSWER
			   : event == SESSION_CLOSE && next < 0);
	return known;
}

/* As many answers as jobs, each to be read; a request that is none ends the connection behind a refusal. */
static void read_answers(struct link *l, bool closed)
{
	static wire_response response;
	const uint8_t *payload;
	size_t n;
	size_t answers = 0;
	while (channel_next(&l->client) == CHANNEL_MESSAGE) {
		fuzz_require(channel_open(&l->client, &payload, &n) == 0);
		fuzz_require(response_read(payload, n, &response) == 0);
		channel_done(&l->client);
		answers++;
	}
	fuzz_require(answers >= l->jobs + closed);
}

/* The same request behind the handshake, and as a message of its own. */
static void ask(struct link *l, const uint8_t *request, size_t n, size_t step, bool busy)
{
	const uint8_t *payload;
	size_t got;
	fuzz_require(channel_answer(&l->client, &payload, &got) == 0);
	if (n > LIMIT_REQUEST)
		n = LIMIT_REQUEST;
	fuzz_require(channel_confirm(&l->client, request, n) == 0);
	enum session_event event = pass(l, step, busy);
	fuzz_require(session_authenticated(&l->host) == (event != SESSION_CLOSE));
	if (event != SESSION_CLOSE) {
		fuzz_require(channel_seal(&l->client, request, n) == 0);
		event = pass(l, step, busy);
	}
	if (l->jobs)
		fuzz_accepted(session_next);
	read_answers(l, event == SESSION_CLOSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static wire_client_hello hello = {.version = 1, .vendors_count = 1};
	uint8_t bytes[LIMIT_HANDSHAKE_IN];
	size_t hello_n;
	struct link l;
	if (n < 2)
		return 0;
	size_t step = data[1] / 2;
	bool busy = data[1] & 1;
	make_board();
	init(&l);
	switch (data[0] % 3) {
	case 0:
		if (to_host(&l, data + 2, n - 2, step, busy) != SESSION_CLOSE &&
		    l.host.state == SESSION_PROVING)
			fuzz_accepted(session_feed);
		fuzz_require(!session_authenticated(&l.host)); /* nobody can forge that */
		break;
	case 1:
		if (greet(&l, data + 2, n - 2, step))
			fuzz_accepted(client_hello_read);
		break;
	default:
		memcpy(hello.vendors[0], vendor, PASERK_ID);
		fuzz_require(client_hello_write(&hello, bytes, sizeof(bytes), &hello_n) == 0);
		fuzz_require(greet(&l, bytes, hello_n, 0));
		ask(&l, data + 2, n - 2, step, busy);
	}
	fini(&l);
	return 0;
}
