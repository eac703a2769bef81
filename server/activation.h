/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets that a service manager holds for us (sd_listen_fds(3)), so that a restart refuses nobody.
 * What each is for, its address tells. Start-up only.
 */
#ifndef SERVER_ACTIVATION_H
#define SERVER_ACTIVATION_H

#include <stddef.h>

/* The i-th of those for activation by machines, which are TCP sockets; -1: there are no more. The caller's.
 */
int activation_tcp(size_t i);

/* The one that listens at this path; -1: there is none. The caller's; its file is the service manager's. */
int activation_unix(const char *path);

#endif
