/* SPDX-License-Identifier: Apache-2.0 */
/* Who is on the other side of a Unix socket, and what that person may do (DESIGN 6.3). */
#ifndef SERVER_ROLE_H
#define SERVER_ROLE_H

#include <sys/types.h>

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_HELPDESK, ROLE_ASSIGNER, ROLE_OWNER };

struct peer {
	uid_t uid;
	enum role role;
};

/*
 * The peer of a connected Unix socket by SO_PEERCRED, and the highest role of its groups (SO_PEERGROUPS):
 * muster-viewer, muster-helpdesk, muster-assigner, muster-owner. Root and the daemon's own user are owners.
 * ROLE_NONE when in doubt.
 */
struct peer role_of_socket(int fd);

const char *role_name(enum role);

#endif
