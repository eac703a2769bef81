/* SPDX-License-Identifier: Apache-2.0 */
#include "clearing.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "issuing_key.h"

#define CALL_MS 20000
#define READ_MAX 16384

struct call {
	const char *server;
	const struct roots *vendor;
	struct channel channel;
	int fd;
	int64_t until; /* monotonic ms */
};

static int64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int wait_for(const struct call *c, short events)
{
	struct pollfd fd = {.fd = c->fd, .events = events};
	int64_t left = c->until - clock_ms();
	int ready = left > 0 ? poll(&fd, 1, (int)left) : 0;
	return ready > 0 ? 0 : ready < 0 && errno == EINTR ? 0 : E_TIMEOUT;
}

/* --- bytes --- */

static int put_all(struct call *c)
{
	struct buffer *out = &c->channel.out;
	while (out->used) {
		ssize_t put = send(c->fd, out->bytes, out->used, MSG_NOSIGNAL);
		if (put > 0)
			buffer_drop(out, (size_t)put);
		else if (errno == EPIPE || errno == ECONNRESET)
			return 0; /* what it said is still to be read */
		else if (errno != EAGAIN && errno != EINTR)
			return E_CLOSED;
		else if (wait_for(c, POLLOUT))
			return E_TIMEOUT;
	}
	return 0;
}

static int await(struct call *c, enum channel_event wanted)
{
	uint8_t bytes[READ_MAX];
	for (;;) {
		int event = channel_next(&c->channel);
		if (event != CHANNEL_WANT)
			return event < 0 ? event : event == (int)wanted ? 0 : E_MALFORMED;
		if (wait_for(c, POLLIN))
			return E_TIMEOUT;
		ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return E_CLOSED;
		int error = got > 0 ? channel_feed(&c->channel, bytes, (size_t)got) : 0;
		if (error)
			return error;
	}
}

/* --- connecting --- */

static int connect_one(struct call *c, const struct addrinfo *a)
{
	int reason = 0;
	socklen_t n = sizeof(reason);
	c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return E_CONNECT_FAILED;
	if (connect(c->fd, a->ai_addr, a->ai_addrlen) == 0 ||
	    (errno == EINPROGRESS && wait_for(c, POLLOUT) == 0 &&
	     getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &reason, &n) == 0 && reason == 0))
		return 0;
	close(c->fd);
	c->fd = -1;
	errno = reason ? reason : errno;
	return E_CONNECT_FAILED;
}

static int connect_to(struct call *c, struct failure *f)
{
	const char *port = strrchr(c->server, ':');
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char host[NI_MAXHOST];
	struct addrinfo *list = NULL;
	size_t n = port ? (size_t)(port - c->server) : 0;
	bool bracketed = n > 1 && c->server[0] == '[' && c->server[n - 1] == ']';
	snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? n - 2 : n), c->server + bracketed);
	if (!n)
		return failure_set(f, E_USAGE, "'%s' is no NAME:PORT", c->server);
	int error = getaddrinfo(host, port + 1, &hints, &list);
	if (error)
		return failure_set(f, E_DNS_FAILED, "%s: %s", c->server, gai_strerror(error));
	error = E_CONNECT_FAILED;
	for (const struct addrinfo *a = list; a && error; a = a->ai_next)
		error = connect_one(c, a);
	freeaddrinfo(list);
	return error ? failure_set(f, error, "%s: %s", c->server, strerror(errno)) : 0;
}

/* --- who is there --- */

/* The statement of a key that may clear, by the vendor, in force, and with the static key that was proved. */
static bool trusted(const struct call *c, const wire_server_hello *hello)
{
	struct issuing_key key;
	for (size_t i = 0; i < hello->certificates_count; i++) {
		const char *token = hello->certificates[i];
		if (issuing_key_open(token, strlen(token), c->vendor, &key, NULL, NULL) == 0 &&
		    (key.uses & ISSUING_CLEARING) && issuing_key_at(&key, time(NULL)) == 0 &&
		    memcmp(key.fixed, channel_remote(&c->channel), NOISE_KEY) == 0)
			return true;
	}
	return false;
}

static int greet(struct call *c)
{
	wire_client_hello hello = {.version = FRAME_VERSION, .vendors_count = 1};
	wire_server_hello *theirs = calloc(1, sizeof(*theirs));
	uint8_t bytes[LIMIT_HANDSHAKE_OUT - NOISE_KEY];
	const uint8_t *payload;
	size_t n;
	paserk_pid(c->vendor->keys[0], hello.vendors[0]);
	int error = theirs ? client_hello_write(&hello, bytes, sizeof(bytes), &n) : E_NO_MEMORY;
	if (!error)
		error = channel_start(&c->channel, bytes, n);
	if (!error)
		error = put_all(c);
	if (!error)
		error = await(c, CHANNEL_ANSWER);
	if (!error)
		error = channel_answer(&c->channel, &payload, &n);
	if (!error)
		error = server_hello_read(payload, n, theirs);
	if (!error && !trusted(c, theirs))
		error = E_CLEARING_UNTRUSTED;
	free(theirs);
	return error;
}

/* --- the call --- */

/* What fits goes with the handshake's last message; more only behind it. */
static int ask(struct call *c, wire_request *q)
{
	uint8_t bytes[LIMIT_SHOW];
	size_t n;
	q->id = 1;
	int error = request_write(q, bytes, sizeof(bytes), &n);
	bool small = n <= LIMIT_REQUEST;
	if (!error)
		error = channel_confirm(&c->channel, bytes, small ? n : 0);
	if (!error && !small)
		error = channel_seal(&c->channel, bytes, n);
	return error ? error : put_all(c);
}

static int listen_for(struct call *c, wire_response *ret)
{
	const uint8_t *payload;
	size_t n;
	int error = await(c, CHANNEL_MESSAGE);
	if (!error)
		error = channel_open(&c->channel, &payload, &n);
	if (error)
		return error;
	error = response_read(payload, n, ret);
	channel_done(&c->channel);
	return error;
}

static int talk(struct call *c, wire_request *q, wire_response *ret)
{
	int error = greet(c);
	if (!error)
		error = ask(c, q);
	if (!error)
		error = listen_for(c, ret);
	if (error || !ret->has_status || !ret->status.code)
		return error;
	const struct error_row *row = error_row((int)ret->status.code);
	return row->number == (int)ret->status.code ? -row->number : E_INTERNAL;
}

int clearing_call(const char *server, const struct roots *vendor, wire_request *q, wire_response *ret,
		  struct failure *f)
{
	struct call c = {.server = server, .vendor = vendor, .fd = -1, .until = clock_ms() + CALL_MS};
	struct noise_pair pair; /* nobody's: the request in it is signed by the host */
	if (connect_to(&c, f))
		return f->code;
	noise_pair_make(&pair);
	channel_init(&c.channel, NOISE_INITIATOR, &pair, NULL);
	int error = talk(&c, q, ret);
	channel_fini(&c.channel);
	explicit_bzero(&pair, sizeof(pair));
	close(c.fd);
	return error ? failure_set(f, error, "%s", server) : 0;
}
