/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

#define HEADER 12
#define UDP_MAX 4096

int wire_connect(const struct dns_address *to, bool tcp)
{
	int kind = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(to->at.ss_family, kind, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT ? E_CONNECT_FAILED : E_IO;
	if (connect(fd, (const struct sockaddr *)&to->at, to->n) && errno != EINPROGRESS) {
		close(fd);
		return E_CONNECT_FAILED;
	}
	return fd;
}

int wire_connected(int fd)
{
	int reason = 0;
	socklen_t n = sizeof(reason);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &n) || reason)
		return E_CONNECT_FAILED;
	return 0;
}

static int wait_for(int fd, short events, struct patience p)
{
	struct pollfd fds[2] = {{.fd = fd, .events = events}};
	int ready = patience_poll(p, fds, 1);
	return ready < 0 ? ready : 0;
}

static bool again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int send_all(int fd, const uint8_t *bytes, size_t n, struct patience p)
{
	while (n) {
		ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL);
		if (put < 0 && !again())
			return E_CLOSED;
		if (put > 0) {
			bytes += put;
			n -= (size_t)put;
			continue;
		}
		int error = wait_for(fd, POLLOUT, p);
		if (error)
			return error;
	}
	return 0;
}

static int receive_all(int fd, uint8_t *bytes, size_t n, struct patience p)
{
	while (n) {
		ssize_t got = recv(fd, bytes, n, 0);
		if (got == 0 || (got < 0 && !again()))
			return E_CLOSED;
		if (got > 0) {
			bytes += got;
			n -= (size_t)got;
			continue;
		}
		int error = wait_for(fd, POLLIN, p);
		if (error)
			return error;
	}
	return 0;
}

static bool answers(const uint8_t *answer, size_t n, const uint8_t *question)
{
	return n >= HEADER && memcmp(answer, question, 2) == 0 && (answer[2] & 0x80);
}

static int by_udp(int fd, const uint8_t *bytes, size_t n, struct patience p, struct buffer *ret)
{
	uint8_t answer[UDP_MAX];
	int error = send_all(fd, bytes, n, p);
	while (!error) {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);
		if (got >= 0 && answers(answer, (size_t)got, bytes))
			return buffer_append(ret, answer, (size_t)got);
		if (got < 0 && !again())
			return E_CONNECT_FAILED; /* the other machine says that nobody listens */
		error = wait_for(fd, POLLIN, p);
	}
	return error;
}

static int by_tcp(int fd, const uint8_t *bytes, size_t n, struct patience p, struct buffer *ret)
{
	uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};
	uint8_t *at;
	int error = wait_for(fd, POLLOUT, p);
	if (!error)
		error = wire_connected(fd);
	if (!error)
		error = send_all(fd, length, sizeof(length), p);
	if (!error)
		error = send_all(fd, bytes, n, p);
	if (!error)
		error = receive_all(fd, length, sizeof(length), p);
	if (error)
		return error;
	size_t answer_n = (size_t)length[0] << 8 | length[1];
	error = buffer_extend(ret, answer_n, &at);
	if (!error)
		error = receive_all(fd, at, answer_n, p);
	return !error && !answers(at, answer_n, bytes) ? E_CLOSED : error;
}

int wire_exchange(const struct dns_address *server, bool tcp, const uint8_t *bytes, size_t n,
		  struct patience p, struct buffer *ret)
{
	int fd = wire_connect(server, tcp);
	if (fd < 0)
		return fd;
	int error = tcp ? by_tcp(fd, bytes, n, p, ret) : by_udp(fd, bytes, n, p, ret);
	close(fd);
	return error;
}
