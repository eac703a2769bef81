/* SPDX-License-Identifier: Apache-2.0 */
#include "dialog.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "limit.h"

#define READ_MAX 16384
#define STRAYS_MAX 16 /* responses to other requests that are passed over */

/* --- bytes --- */

static int wait_for(struct dialog *d, short events)
{
	struct pollfd fd = {.fd = d->fd, .events = events};
	int ready = deadline_poll(d->deadline, &fd, 1);
	return ready < 0 ? ready : ready == 0 ? deadline_over(d->deadline) : 0;
}

static int closed_by(int reason)
{
	return reason == ENOMEM || reason == ENOBUFS ? E_NO_MEMORY : E_CLOSED;
}

static int send_all(struct dialog *d)
{
	struct buffer *out = &d->channel.out;
	while (out->used) {
		ssize_t put = send(d->fd, out->bytes, out->used, MSG_NOSIGNAL);
		if (put > 0) {
			buffer_drop(out, (size_t)put);
			continue;
		}
		if (put < 0 && errno == EINTR)
			continue;
		/* A host that refuses in clear may have closed already; what it said is still to be read. */
		if (put < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (put < 0 && errno != EAGAIN)
			return closed_by(errno);
		int error = wait_for(d, POLLOUT);
		if (error)
			return error;
	}
	return 0;
}

static int receive(struct dialog *d)
{
	uint8_t bytes[READ_MAX];
	for (;;) {
		ssize_t got = recv(d->fd, bytes, sizeof(bytes), 0);
		if (got > 0)
			return channel_feed(&d->channel, bytes, (size_t)got);
		if (got == 0)
			return E_CLOSED;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return closed_by(errno);
		int error = wait_for(d, POLLIN);
		if (error)
			return error;
	}
}

/* Read until the channel wants the one event that can come now. */
static int await(struct dialog *d, enum channel_event wanted)
{
	for (;;) {
		int event = channel_next(&d->channel);
		if (event < 0)
			return event;
		if (event == (int)wanted)
			return 0;
		if (event != CHANNEL_WANT)
			return E_MALFORMED;
		int error = receive(d);
		if (error)
			return error;
	}
}

/* --- handshake --- */

static int start(struct dialog *d, const uint8_t (*vendors)[PASERK_ID], size_t n)
{
	wire_client_hello hello = {.version = FRAME_VERSION};
	uint8_t bytes[LIMIT_HANDSHAKE_OUT - NOISE_KEY];
	size_t bytes_n;
	hello.vendors_count = (pb_size_t)n;
	for (size_t i = 0; i < n; i++)
		memcpy(hello.vendors[i], vendors[i], PASERK_ID);
	int error = client_hello_write(&hello, bytes, sizeof(bytes), &bytes_n);
	if (!error)
		error = channel_start(&d->channel, bytes, bytes_n);
	return error ? error : send_all(d);
}

int dialog_open(struct dialog *d, int fd, const struct noise_pair *device,
		const uint8_t (*vendors)[PASERK_ID], size_t n, struct deadline deadline)
{
	const uint8_t *payload;
	size_t payload_n;
	memset(d, 0, sizeof(*d));
	d->fd = fd;
	d->deadline = deadline;
	channel_init(&d->channel, NOISE_INITIATOR, device, NULL);
	int error = start(d, vendors, n);
	if (!error)
		error = await(d, CHANNEL_ANSWER);
	if (!error)
		error = channel_answer(&d->channel, &payload, &payload_n);
	if (!error)
		error = server_hello_read(payload, payload_n, &d->hello);
	if (!error && d->hello.version != FRAME_VERSION)
		error = E_VERSION_UNSUPPORTED;
	return error;
}

/* --- calls --- */

static int send_request(struct dialog *d, wire_request *request)
{
	uint8_t bytes[LIMIT_SHOW];
	size_t n;
	request->id = ++d->last_id;
	int error = request_write(request, bytes, d->called ? LIMIT_SHOW : LIMIT_REQUEST, &n);
	if (error)
		return error;
	error = d->called ? channel_seal(&d->channel, bytes, n) : channel_confirm(&d->channel, bytes, n);
	d->called = true;
	return error ? error : send_all(d);
}

static int read_response(struct dialog *d, wire_response *ret)
{
	const uint8_t *payload;
	size_t n;
	int error = await(d, CHANNEL_MESSAGE);
	if (!error)
		error = channel_open(&d->channel, &payload, &n);
	if (error)
		return error;
	error = response_read(payload, n, ret);
	channel_done(&d->channel);
	return error;
}

int dialog_call(struct dialog *d, wire_request *request, wire_response *ret)
{
	int error = send_request(d, request);
	for (int i = 0; !error && i < STRAYS_MAX; i++) {
		error = read_response(d, ret);
		if (!error && ret->id == request->id)
			return 0;
	}
	return error ? error : E_MALFORMED;
}

const uint8_t *dialog_remote(const struct dialog *d)
{
	return channel_remote(&d->channel);
}

unsigned dialog_retry_after(const struct dialog *d)
{
	return d->channel.retry_after;
}

void dialog_close(struct dialog *d)
{
	channel_fini(&d->channel);
	close(d->fd);
}
