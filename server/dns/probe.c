/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "error.h"
#include "message.h"
#include "wire.h"

#define READ_MAX 4096

/* One handshake under way. */
struct call {
	struct probe *probe;
	struct channel channel;
	int fd; /* -1: over */
	bool connected;
	int64_t started;
};

/* What one round offers: a hello names LIMIT_VENDORS at most. */
struct round {
	const struct trust *trust;
	size_t from;
	size_t n;
	struct noise_pair pair; /* nobody's: made for this round */
};

static void end(struct call *c, enum dns_verdict v, const char *detail)
{
	c->probe->verdict = v;
	if (detail)
		snprintf(c->probe->detail, VERDICT_DETAIL, "%s", detail);
	c->probe->ms = (int)(patience_clock() - c->started);
	channel_fini(&c->channel);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void fail(struct call *c, const struct round *r, int error)
{
	enum dns_verdict v = verdict_of_error(r->trust, error, c->connected);
	bool early = v == VERDICT_UNKNOWN && error == E_UNKNOWN_VENDOR;
	end(c, v, early ? "no vendor has certified the host that asks yet" : error_text(error));
}

static int begin_channel(struct call *c, const struct round *r)
{
	wire_client_hello hello = {.version = FRAME_VERSION};
	uint8_t bytes[LIMIT_HANDSHAKE_OUT - NOISE_KEY];
	size_t n;
	hello.vendors_count = (pb_size_t)r->n;
	for (size_t i = 0; i < r->n; i++)
		memcpy(hello.vendors[i], r->trust->vendors[r->from + i].id, PASERK_ID);
	int error = client_hello_write(&hello, bytes, sizeof(bytes), &n);
	return error ? error : channel_start(&c->channel, bytes, n);
}

static void begin(struct call *c, struct probe *probe, const struct round *r)
{
	*c = (struct call){.probe = probe, .started = patience_clock()};
	channel_init(&c->channel, NOISE_INITIATOR, &r->pair, NULL);
	c->fd = wire_connect(&probe->address, true);
	int error = c->fd < 0 ? c->fd : begin_channel(c, r);
	if (error)
		fail(c, r, error);
}

static void judge_hello(struct call *c, const struct round *r, const wire_server_hello *hello)
{
	const char *certificates[LIMIT_VENDORS];
	char detail[VERDICT_DETAIL] = "";
	for (size_t i = 0; i < hello->certificates_count; i++)
		certificates[i] = hello->certificates[i];
	enum dns_verdict v = verdict_of_host(r->trust, channel_remote(&c->channel), certificates,
					     hello->certificates_count, detail);
	end(c, v, detail);
}

/* The host's handshake message is there. */
static void judge(struct call *c, const struct round *r)
{
	const uint8_t *payload;
	size_t n;
	wire_server_hello *hello = calloc(1, sizeof(*hello));
	int error = hello ? channel_answer(&c->channel, &payload, &n) : E_NO_MEMORY;
	if (!error)
		error = server_hello_read(payload, n, hello);
	if (!error && hello->version != FRAME_VERSION)
		error = E_VERSION_UNSUPPORTED;
	if (error)
		fail(c, r, error);
	else
		judge_hello(c, r, hello);
	free(hello);
}

static void put(struct call *c)
{
	struct buffer *out = &c->channel.out;
	ssize_t n = send(c->fd, out->bytes, out->used, MSG_NOSIGNAL);
	if (n > 0)
		buffer_drop(out, (size_t)n);
	/* A host that refuses in clear may have closed already; what it said is still to be read. */
}

static int get(struct call *c)
{
	uint8_t bytes[READ_MAX];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
	if (n > 0)
		return channel_feed(&c->channel, bytes, (size_t)n);
	return n == 0 ? E_CLOSED : 0;
}

/* Something can be done with this one's file. */
static void advance(struct call *c, const struct round *r, short events)
{
	int error = c->connected ? 0 : wire_connected(c->fd);
	if (!error) {
		c->connected = true;
		if ((events & POLLOUT) && c->channel.out.used)
			put(c);
	}
	if (!error && (events & (POLLIN | POLLHUP | POLLERR)))
		error = get(c);
	int event = c->connected ? channel_next(&c->channel) : CHANNEL_WANT;
	if (event == CHANNEL_ANSWER)
		judge(c, r);
	else if (event < 0)
		fail(c, r, event);
	else if (error || event != CHANNEL_WANT)
		fail(c, r, error ? error : E_MALFORMED);
}

/* Wait once for all that are under way, and go on with those that are ready. How many are left, or an error.
 */
static int turn(struct call *calls, size_t n, const struct round *r, struct patience p)
{
	struct pollfd fds[PROBE_MAX + 1];
	struct call *of[PROBE_MAX];
	size_t waiting = 0;
	for (size_t i = 0; i < n; i++) {
		struct call *c = &calls[i];
		if (c->fd < 0)
			continue;
		bool write = !c->connected || c->channel.out.used;
		fds[waiting] =
			(struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (write ? POLLOUT : 0))};
		of[waiting++] = c;
	}
	if (!waiting)
		return 0;
	int ready = patience_poll(p, fds, waiting);
	if (ready < 0)
		return ready;
	for (size_t i = 0; i < waiting; i++)
		if (fds[i].revents)
			advance(of[i], r, fds[i].revents);
	return (int)waiting;
}

static int run_round(struct probe **probes, size_t n, const struct round *r, struct patience p)
{
	struct call *calls = calloc(n, sizeof(*calls));
	if (!calls)
		return E_NO_MEMORY;
	for (size_t i = 0; i < n; i++)
		begin(&calls[i], probes[i], r);
	p = patience_within(p, PROBE_MS);
	int left;
	do
		left = turn(calls, n, r, p);
	while (left > 0);
	for (size_t i = 0; i < n; i++)
		if (calls[i].fd >= 0)
			fail(&calls[i], r, E_TIMEOUT);
	free(calls);
	return left == E_STOPPING ? E_STOPPING : 0;
}

int probe_run(struct probe *all, size_t n, const struct trust *trust, struct patience p)
{
	struct round r = {.trust = trust};
	struct probe *open[PROBE_MAX];
	size_t n_open = 0;
	int error = 0;
	for (size_t i = 0; i < n && i < PROBE_MAX; i++)
		open[n_open++] = &all[i];
	noise_pair_make(&r.pair);
	/* Further rounds ask those whom no vendor named so far has certified. */
	do {
		r.n = trust->n - r.from < LIMIT_VENDORS ? trust->n - r.from : LIMIT_VENDORS;
		error = run_round(open, n_open, &r, p);
		size_t still = 0;
		for (size_t i = 0; i < n_open; i++)
			if (open[i]->verdict == VERDICT_UNTRUSTED)
				open[still++] = open[i];
		n_open = still;
		r.from += r.n;
	} while (!error && n_open && r.from < trust->n);
	sodium_memzero(&r.pair, sizeof(r.pair));
	return error;
}
