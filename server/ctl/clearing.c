/* SPDX-License-Identifier: Apache-2.0 */
#include "clearing.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dialog.h"
#include "hostport.h"
#include "issuing_key.h"
#include "revoked_fetch.h"

#define CALL_MS 20000

/* --- connecting --- */

static int connect_one(const struct addrinfo *a, struct deadline deadline, int *ret_fd)
{
	int reason = 0;
	socklen_t n = sizeof(reason);
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	if (fd < 0)
		return E_CONNECT_FAILED;
	*ret_fd = fd;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return 0;
	reason = errno;
	if (reason == EINPROGRESS) {
		reason = ETIMEDOUT;
		if (deadline_poll(deadline, &ready, 1) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &n);
	}
	if (reason == 0)
		return 0;
	close(fd);
	errno = reason;
	return E_CONNECT_FAILED;
}

static int connect_to(const char *server, struct deadline deadline, int *ret_fd, struct failure *f)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char host[NI_MAXHOST];
	const char *port;
	struct addrinfo *list = NULL;
	if (!hostport_split(server, host, sizeof(host), &port))
		return failure_set(f, E_USAGE, "'%s' is no NAME:PORT", server);
	int error = getaddrinfo(host, port, &hints, &list);
	if (error)
		return failure_set(f, E_DNS_FAILED, "%s: %s", server, gai_strerror(error));
	error = E_CONNECT_FAILED;
	for (const struct addrinfo *a = list; a && error; a = a->ai_next)
		error = connect_one(a, deadline, ret_fd);
	freeaddrinfo(list);
	return error ? failure_set(f, error, "%s: %s", server, strerror(errno)) : 0;
}

/* --- who is there --- */

/* The statement of a key that may clear, by the vendor, in force, and with the static key that was proved. */
static bool trusted(const struct dialog *d, const struct roots *vendor)
{
	struct issuing_key key;
	for (size_t i = 0; i < d->hello.certificates_count; i++) {
		const char *token = d->hello.certificates[i];
		if (issuing_key_open(token, strlen(token), vendor, &key, NULL, NULL) == 0 &&
		    (key.uses & ISSUING_CLEARING) && issuing_key_at(&key, time(NULL)) == 0 &&
		    memcmp(key.fixed, dialog_remote(d), NOISE_KEY) == 0)
			return true;
	}
	return false;
}

/* --- the call --- */

static int ask(struct dialog *d, wire_request *q, wire_response *ret)
{
	int error = dialog_call(d, q, ret);
	if (error || !ret->has_status || !ret->status.code)
		return error;
	const struct error_row *row = error_row((int)ret->status.code);
	return row->number == (int)ret->status.code ? -row->number : E_INTERNAL;
}

/* The call has been done, whatever comes of this. */
static void fetch_list(struct dialog *d, const struct roots *vendor, struct clearing_answer *ret)
{
	wire_request *request = malloc(sizeof(*request));
	wire_response *response = malloc(sizeof(*response));
	ret->list_error =
		request && response ? revoked_fetch(vendor, d, request, response, &ret->list) : E_NO_MEMORY;
	free(request);
	free(response);
}

/* More than a little may only come when the other side has said that the handshake is over. */
static int talk(struct dialog *d, const struct roots *vendor, wire_request *q, int64_t known,
		struct clearing_answer *ret)
{
	wire_request ping = {.which_call = muster_v1_Request_ping_tag};
	wire_response *response = &ret->response;
	if (!trusted(d, vendor))
		return E_CLEARING_UNTRUSTED;
	int error = q->which_call == muster_v1_Request_request_more_tag ? ask(d, &ping, response) : 0;
	if (!error)
		error = ask(d, q, response);
	if (!error && response->which_result != muster_v1_Response_certified_tag)
		return E_MALFORMED;
	if (!error && response->result.certified.revocations > known)
		fetch_list(d, vendor, ret);
	return error;
}

void clearing_fini(struct clearing_answer *a)
{
	if (a)
		free(a->list);
}

int clearing_call(const char *server, const struct roots *vendor, wire_request *q, int64_t known,
		  struct clearing_answer *ret, struct failure *f)
{
	struct deadline deadline = deadline_in(CALL_MS, NULL);
	struct noise_pair pair; /* nobody's: the request in it is signed by the host */
	uint8_t pid[1][PASERK_ID];
	struct dialog d;
	int fd = -1;
	if (connect_to(server, deadline, &fd, f))
		return f->code;
	noise_pair_make(&pair);
	paserk_pid(vendor->keys[0], pid[0]);
	int error = dialog_open(&d, fd, &pair, (const uint8_t(*)[PASERK_ID])pid, 1, deadline);
	if (!error)
		error = talk(&d, vendor, q, known, ret);
	dialog_close(&d);
	explicit_bzero(&pair, sizeof(pair));
	return error ? failure_set(f, error, "%s", server) : 0;
}
