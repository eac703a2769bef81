/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: the vendor's clearing house. Hosts call over the same RPC as their own clients do; there are few of
 * them, so that one thread does it all: at most CALLERS at once, each for CALL_SECONDS at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "clearing.h"
#include "clearing_key.h"
#include "commands.h"
#include "hostport.h"
#include "option.h"
#include "rfc3339.h"

#define CALLERS 64
#define CALLERS_OF_ONE 8 /* of one address */
#define CALL_SECONDS 10
#define CALLS_MAX 8 /* of one connection: one, and the longest list in parts */
#define READ_MAX 4096
#define BUSY_SECONDS 5
#define TURN_MS 500
#define DAYS_MAX 400

struct caller {
	struct channel channel;
	int fd;        /* -1: free */
	int64_t until; /* monotonic seconds */
	int calls;
	bool closing; /* once all is written */
	char peer[NI_MAXHOST];
};

struct house {
	struct clearing clearing;
	char *statement;
	struct noise_pair fixed;
	int listener;
	struct caller callers[CALLERS];
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static int64_t seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* --- one caller --- */

static void end(struct caller *c)
{
	channel_fini(&c->channel);
	close(c->fd);
	c->fd = -1;
}

/* Tell it in clear, as long as nothing of ours was sent; foreign bytes get no answer. Then flush and close.
 */
static void refuse(struct caller *c, int code)
{
	uint8_t refusal[FRAME_REFUSAL];
	bool early = c->channel.state < CHANNEL_THIRD && c->channel.greeted;
	refusal_write(code, 0, refusal);
	if (early && buffer_append(&c->channel.out, refusal, sizeof(refusal)) != 0)
		c->channel.out.used = 0; /* without memory it just closes */
	c->closing = true;
	if (!c->channel.out.used)
		end(c);
}

static int greet(struct house *h, struct caller *c)
{
	wire_client_hello theirs;
	wire_server_hello *ours = calloc(1, sizeof(*ours));
	uint8_t bytes[LIMIT_HANDSHAKE_OUT];
	uint8_t vendor[PASERK_ID];
	size_t n;
	const uint8_t *payload = channel_payload(&c->channel, &n);
	int error = ours ? client_hello_read(payload, n, &theirs) : E_NO_MEMORY;
	bool known = false;
	paserk_pid(h->clearing.vendor.roots.keys[0], vendor);
	for (size_t i = 0; !error && i < theirs.vendors_count; i++)
		known |= memcmp(theirs.vendors[i], vendor, PASERK_ID) == 0;
	if (!error && !known)
		error = E_UNKNOWN_VENDOR;
	if (!error) {
		ours->version = FRAME_VERSION;
		ours->time = time(NULL);
		ours->certificates_count = 1;
		snprintf(ours->certificates[0], sizeof(ours->certificates[0]), "%s", h->statement);
		error = server_hello_write(ours, bytes, sizeof(bytes), &n);
	}
	free(ours);
	return error ? error : channel_accept(&c->channel, bytes, n);
}

static void log_call(const struct caller *c, const wire_request *q, const struct failure *f)
{
	char now[RFC3339_TEXT];
	const char *call = q->which_call == muster_v1_Request_certify_host_tag      ? "certify"
			   : q->which_call == muster_v1_Request_request_more_tag    ? "more"
			   : q->which_call == muster_v1_Request_get_revocations_tag ? "revocations"
										    : "call";
	fprintf(stderr, "%s %s %s: %s%s%s\n", rfc3339_write(time(NULL), now), c->peer, call,
		f->code ? error_name(f->code) : "done", f->detail[0] ? ": " : "", f->detail);
}

static int serve_request(struct house *h, struct caller *c, const uint8_t *bytes, size_t n)
{
	struct failure f = {0};
	wire_request *q = calloc(1, sizeof(*q));
	wire_response *answer = calloc(1, sizeof(*answer));
	uint8_t *out = malloc(LIMIT_RESPONSE);
	size_t out_n;
	int error = q && answer && out ? request_read(bytes, n, q) : E_NO_MEMORY;
	if (!error) {
		clearing_answer(&h->clearing, q, time(NULL), answer, &f);
		log_call(c, q, &f);
		error = response_write(answer, out, LIMIT_RESPONSE, &out_n);
	}
	channel_done(&c->channel);
	if (!error)
		error = channel_seal(&c->channel, out, out_n);
	free(q);
	free(answer);
	free(out);
	return error ? error : ++c->calls == CALLS_MAX ? E_CLOSED : 0;
}

/* One event. 0, or why the connection ends. */
static int take(struct house *h, struct caller *c, int event)
{
	const uint8_t *payload;
	size_t n;
	int error = event < 0 ? event : 0;
	if (event == CHANNEL_HELLO)
		return greet(h, c);
	if (event == CHANNEL_SEALED)
		error = channel_finish(&c->channel, &payload, &n);
	else if (event == CHANNEL_MESSAGE)
		error = channel_open(&c->channel, &payload, &n);
	if (error)
		return error;
	if (n)
		return serve_request(h, c, payload, n);
	channel_done(&c->channel);
	return 0;
}

static void advance(struct house *h, struct caller *c)
{
	uint8_t bytes[READ_MAX];
	ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	int error = got > 0 ? channel_feed(&c->channel, bytes, (size_t)got) : E_CLOSED;
	int event = CHANNEL_WANT;
	while (!error && (event = channel_next(&c->channel)) != CHANNEL_WANT)
		error = take(h, c, event);
	if (error)
		refuse(c, error);
}

static void flush(struct caller *c)
{
	struct buffer *out = &c->channel.out;
	ssize_t put = out->used ? send(c->fd, out->bytes, out->used, MSG_NOSIGNAL) : 0;
	if (put > 0)
		buffer_drop(out, (size_t)put);
	if ((put < 0 && errno != EAGAIN && errno != EINTR) || (c->closing && !out->used))
		end(c);
}

/* --- the listener --- */

/* A free place, but for an address that has its share of them. */
static struct caller *find_place(struct house *h, const char *peer)
{
	struct caller *place = NULL;
	size_t of_peer = 0;
	for (size_t i = 0; i < CALLERS; i++) {
		if (h->callers[i].fd < 0)
			place = &h->callers[i];
		else
			of_peer += strcmp(h->callers[i].peer, peer) == 0;
	}
	return of_peer < CALLERS_OF_ONE ? place : NULL;
}

static void welcome(struct house *h)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);
	char peer[NI_MAXHOST] = "?";
	int fd = accept4(h->listener, (struct sockaddr *)&address, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	getnameinfo((struct sockaddr *)&address, n, peer, sizeof(peer), NULL, 0, NI_NUMERICHOST);
	struct caller *c = find_place(h, peer);
	if (!c) {
		uint8_t refusal[FRAME_REFUSAL];
		refusal_write(E_BUSY, BUSY_SECONDS, refusal);
		ssize_t ignored = send(fd, refusal, sizeof(refusal), MSG_NOSIGNAL);
		(void)ignored;
		close(fd);
		return;
	}
	*c = (struct caller){.fd = fd, .until = seconds() + CALL_SECONDS};
	memcpy(c->peer, peer, sizeof(peer));
	channel_init(&c->channel, NOISE_RESPONDER, &h->fixed, NULL);
}

static int listen_at(const struct addrinfo *a)
{
	int on = 1;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, CALLERS) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int open_listener(const struct invocation *inv, struct house *h, struct failure *f)
{
	const char *at = invocation_value(inv, "listen");
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	char host[NI_MAXHOST];
	const char *port;
	struct addrinfo *list = NULL;
	if (!hostport_split(at, host, sizeof(host), &port) || getaddrinfo(host, port, &hints, &list)) {
		failure_set(f, E_USAGE, "--listen '%s'", at);
		return failure_remedy(f, "Give an address and a port, such as 0.0.0.0:6879 or [::]:6879.");
	}
	h->listener = listen_at(list);
	freeaddrinfo(list);
	return h->listener < 0 ? failure_system(f, E_CANNOT_CREATE, at) : 0;
}

/* The port may have been 0. */
static void announce(const struct house *h)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];
	if (getsockname(h->listener, (struct sockaddr *)&address, &n) ||
	    getnameinfo((struct sockaddr *)&address, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	bool six = address.ss_family == AF_INET6;
	printf("clearing house of %s at %s%s%s:%s\n", h->clearing.vendor.pid, six ? "[" : "", host,
	       six ? "]" : "", port);
	fflush(stdout);
}

/* --- the loop --- */

static void turn(struct house *h)
{
	struct pollfd fds[CALLERS + 1] = {{.fd = h->listener, .events = POLLIN}};
	for (size_t i = 0; i < CALLERS; i++) {
		struct caller *c = &h->callers[i];
		fds[i + 1].fd = c->fd;
		fds[i + 1].events = (short)((c->closing ? 0 : POLLIN) |
					    (c->fd >= 0 && c->channel.out.used ? POLLOUT : 0));
	}
	if (poll(fds, CALLERS + 1, TURN_MS) < 0)
		return;
	for (size_t i = 0; i < CALLERS; i++) {
		struct caller *c = &h->callers[i];
		if (c->fd >= 0 && !c->closing && (fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR)))
			advance(h, c);
		if (c->fd >= 0)
			flush(c);
		if (c->fd >= 0 && seconds() >= c->until)
			end(c);
	}
	if (fds[0].revents)
		welcome(h);
}

static int take_key(const struct invocation *inv, struct house *h, struct failure *f)
{
	struct issuing_key ignored;
	struct vendor *vendor = &h->clearing.vendor;
	if (vendor_open(inv, vendor, f) || vendor_unlock_for(inv, vendor, ISSUING_CLEARING, f))
		return f->code;
	if (!vendor->issuing.uses) {
		failure_set(f, E_SIGNER_UNFIT, "the folder has no issuing key for clearing that is in force");
		return failure_remedy(f, "Make one: 'muster-issuer signer create'.");
	}
	sodium_mlock(&h->fixed, sizeof(h->fixed));
	clearing_key(vendor->secret, &h->fixed);
	ledger_close(vendor->ledger);
	vendor->ledger = NULL;
	return vendor_statement(inv, vendor, &ignored, &h->statement, f);
}

static int run(const struct invocation *inv, struct house *h, struct failure *f)
{
	static const char *const needed[] = {"listen", NULL};
	const struct sigaction stop = {.sa_handler = on_signal};
	if (option_need(inv, needed, f) || option_integer(inv, "days", 1, DAYS_MAX, &h->clearing.days, f) ||
	    take_key(inv, h, f) || open_listener(inv, h, f))
		return f->code;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	announce(h);
	while (!stopping && issuing_key_at(&h->clearing.vendor.issuing, time(NULL)) == 0)
		turn(h);
	return stopping ? 0 : failure_set(f, E_SIGNER_UNFIT, "the issuing key's term is over");
}

int serve_run(struct invocation *inv)
{
	struct failure f = {0};
	struct house *h = calloc(1, sizeof(*h));
	if (!h)
		return failure_set(&f, E_NO_MEMORY, "the clearing house") ? failure_print(inv, &f) : 0;
	h->clearing = (struct clearing){.inv = inv, .days = CLEARING_DAYS};
	h->listener = -1;
	for (size_t i = 0; i < CALLERS; i++)
		h->callers[i].fd = -1;
	int error = run(inv, h, &f);
	for (size_t i = 0; i < CALLERS; i++)
		if (h->callers[i].fd >= 0)
			end(&h->callers[i]);
	if (h->listener >= 0)
		close(h->listener);
	free(h->statement);
	vendor_close(&h->clearing.vendor);
	sodium_munlock(&h->fixed, sizeof(h->fixed)); /* and wiped */
	free(h);
	return error ? failure_print(inv, &f) : 0;
}
