/* SPDX-License-Identifier: Apache-2.0 */
#include "activation.h"

#ifdef WITH_SYSTEMD
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

static int count(void)
{
	int n = sd_listen_fds(0);
	return n > 0 ? n : 0;
}

int activation_tcp(size_t i)
{
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count(); fd++) {
		if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0)
			continue;
		if (i-- == 0)
			return fd;
	}
	return -1;
}

int activation_unix(const char *path)
{
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count(); fd++)
		if (sd_is_socket_unix(fd, SOCK_STREAM, 1, path, 0) > 0)
			return fd;
	return -1;
}
#else
int activation_tcp(size_t i)
{
	(void)i;
	return -1;
}

int activation_unix(const char *path)
{
	(void)path;
	return -1;
}
#endif
