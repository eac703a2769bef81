/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "endpoint.h"
#include "error.h"

#define SOCKETS_MAX 16
#define TRIES 2
#define TRY_LEAST_MS 200

/* One question under way. */
struct question {
	struct pollfd fds[SOCKETS_MAX];
	size_t n_fds;
	int done;  /* 1 when the answer is in */
	int error; /* then: 0 or E_... */
	struct srv *srv;
	struct address *addresses;
	size_t n;
};

/* --- driving c-ares --- */

static void watch(void *context, ares_socket_t fd, int readable, int writable)
{
	struct question *q = context;
	size_t i = 0;
	while (i < q->n_fds && q->fds[i].fd != fd)
		i++;
	if (!readable && !writable) {
		if (i < q->n_fds)
			q->fds[i] = q->fds[--q->n_fds];
		return;
	}
	if (i == SOCKETS_MAX)
		return; /* its answer is lost; the deadline ends the question */
	q->fds[i].fd = fd;
	q->fds[i].events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
	q->fds[i].revents = 0;
	if (i == q->n_fds)
		q->n_fds++;
}

static int error_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
		return E_DNS_NO_RECORD;
	case ARES_ENOMEM:
		return E_NO_MEMORY;
	default:
		return E_DNS_FAILED;
	}
}

/*
 * ares_library_init is not called: outside Windows and Android it does nothing but count, and not safely
 * between threads. Without search lists and aliases c-ares reads neither LOCALDOMAIN nor HOSTALIASES.
 */
static int open_channel(const char *dns, struct question *q, struct deadline deadline, ares_channel *ret)
{
	int part = deadline_left(deadline) / (TRIES + 1);
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = part > TRY_LEAST_MS ? part : TRY_LEAST_MS,
		.tries = TRIES,
		.lookups = (char[]){"fb"},
		.sock_state_cb = watch,
		.sock_state_cb_data = q,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS;
	ares_channel channel;
	int status = ares_init_options(&channel, &options, mask);
	if (status != ARES_SUCCESS)
		return error_of(status);
	if (dns && ares_set_servers_ports_csv(channel, dns) != ARES_SUCCESS) {
		ares_destroy(channel);
		return E_DNS_FAILED;
	}
	*ret = channel;
	return 0;
}

/* Serve the sockets once, or let time-outs pass when none is ready. */
static void turn(ares_channel channel, struct question *q, struct deadline deadline)
{
	struct pollfd fds[SOCKETS_MAX];
	struct timeval most = {.tv_sec = deadline_left(deadline) / 1000,
			       .tv_usec = deadline_left(deadline) % 1000 * 1000};
	struct timeval next;
	const struct timeval *wait = ares_timeout(channel, &most, &next);
	size_t n = q->n_fds;
	memcpy(fds, q->fds, n * sizeof(fds[0]));
	int ms = (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000) + 1;
	int ready = deadline_poll(deadline_within(deadline, ms), fds, n);
	if (ready <= 0)
		ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	for (size_t i = 0; ready > 0 && i < n; i++) {
		bool readable = fds[i].revents & (POLLIN | POLLERR | POLLHUP);
		bool writable = fds[i].revents & (POLLOUT | POLLERR | POLLHUP);
		if (fds[i].revents)
			ares_process_fd(channel, readable ? fds[i].fd : ARES_SOCKET_BAD,
					writable ? fds[i].fd : ARES_SOCKET_BAD);
	}
}

static int finish(ares_channel channel, struct question *q, struct deadline deadline)
{
	while (!q->done && deadline_left(deadline) > 0)
		turn(channel, q, deadline);
	bool cancelled = !q->done && deadline_cancelled(deadline);
	/* Destroying the channel ends what is still under way: the callback runs, with an error. */
	ares_destroy(channel);
	return cancelled ? E_CANCELLED : q->error;
}

/* --- SRV --- */

static void take_srv(struct question *q, const struct ares_srv_reply *list)
{
	bool refused = false;
	size_t seen = 0;
	for (; list && seen < SRV_MAX; list = list->next, seen++) {
		refused |= list->host[0] == 0; /* the target "." */
		if (!endpoint_name_ok(list->host) || list->port == 0)
			continue;
		struct srv *row = &q->srv[q->n++];
		*row = (struct srv){.priority = list->priority, .weight = list->weight, .port = list->port};
		snprintf(row->target, sizeof(row->target), "%s", list->host);
	}
	if (q->n == 0)
		q->error = refused ? E_DNS_NOT_OFFERED : E_DNS_NO_RECORD;
}

static void on_srv(void *context, int status, int timeouts, unsigned char *bytes, int n)
{
	struct question *q = context;
	struct ares_srv_reply *list = NULL;
	(void)timeouts;
	q->done = 1;
	q->error = error_of(status);
	if (!q->error)
		q->error = error_of(ares_parse_srv_reply(bytes, n, &list));
	if (!q->error)
		take_srv(q, list);
	if (list)
		ares_free_data(list);
}

int resolver_srv(const char *dns, const char *domain, struct deadline deadline, struct srv *rows,
		 size_t *ret_n)
{
	struct question q = {.srv = rows, .error = E_DNS_FAILED};
	char name[LIMIT_HOSTNAME + 16];
	ares_channel channel;
	int error = open_channel(dns, &q, deadline, &channel);
	if (error)
		return error;
	snprintf(name, sizeof(name), "_muster._tcp.%s", domain);
	ares_query(channel, name, ns_c_in, ns_t_srv, on_srv, &q);
	error = finish(channel, &q, deadline);
	if (!error)
		*ret_n = q.n;
	return error;
}

/* --- addresses --- */

static void set_port(struct address *a, uint16_t port)
{
	if (a->at.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a->at)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)&a->at)->sin_port = htons(port);
}

static void on_addresses(void *context, int status, int timeouts, struct ares_addrinfo *list)
{
	struct question *q = context;
	(void)timeouts;
	q->done = 1;
	q->error = error_of(status);
	for (struct ares_addrinfo_node *node = list ? list->nodes : NULL; node; node = node->ai_next) {
		bool known = node->ai_family == AF_INET || node->ai_family == AF_INET6;
		if (!known || q->n == RESOLVER_ADDRESSES || node->ai_addrlen > sizeof(q->addresses->at))
			continue;
		memcpy(&q->addresses[q->n].at, node->ai_addr, node->ai_addrlen);
		q->addresses[q->n++].n = node->ai_addrlen;
	}
	if (!q->error && q->n == 0)
		q->error = E_DNS_NO_RECORD;
	if (list)
		ares_freeaddrinfo(list);
}

/* A numeric address needs no resolver. */
static bool read_numeric(const char *host, struct address *ret)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(&ret->at, &v4, sizeof(v4));
		ret->n = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(&ret->at, &v6, sizeof(v6));
		ret->n = sizeof(v6);
		return true;
	}
	return false;
}

int resolver_addresses(const char *dns, const char *host, uint16_t port, struct deadline deadline,
		       struct address rows[RESOLVER_ADDRESSES], size_t *ret_n)
{
	struct question q = {.addresses = rows, .error = E_DNS_FAILED};
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	ares_channel channel;
	if (read_numeric(host, &rows[0])) {
		set_port(&rows[0], port);
		*ret_n = 1;
		return 0;
	}
	int error = open_channel(dns, &q, deadline, &channel);
	if (error)
		return error;
	ares_getaddrinfo(channel, host, NULL, &hints, on_addresses, &q);
	error = finish(channel, &q, deadline);
	if (error)
		return error;
	for (size_t i = 0; i < q.n; i++)
		set_port(&rows[i], port);
	*ret_n = q.n;
	return 0;
}

char *address_write(const struct address *a, char out[ADDRESS_TEXT])
{
	if (getnameinfo((const struct sockaddr *)&a->at, a->n, out, ADDRESS_TEXT, NULL, 0, NI_NUMERICHOST))
		out[0] = 0;
	return out;
}
