/* SPDX-License-Identifier: Apache-2.0 */
#include "role.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 1024
#define NAMES_ROOM 16384

static const struct {
	const char *group;
	const char *name;
} roles[] = {
	[ROLE_NONE] = {NULL, "none"},
	[ROLE_VIEWER] = {"muster-viewer", "viewer"},
	[ROLE_HELPDESK] = {"muster-helpdesk", "helpdesk"},
	[ROLE_ASSIGNER] = {"muster-assigner", "assigner"},
	[ROLE_OWNER] = {"muster-owner", "owner"},
};

const char *role_name(enum role role)
{
	return roles[role].name;
}

static int is_member(gid_t group, gid_t primary, const gid_t *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i] == group)
			return 1;
	return primary == group;
}

static enum role highest(gid_t primary, const gid_t *groups, size_t n)
{
	static const enum role order[] = {ROLE_OWNER, ROLE_ASSIGNER, ROLE_HELPDESK, ROLE_VIEWER};
	char names[NAMES_ROOM];
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct group entry;
		struct group *found = NULL;
		if (getgrnam_r(roles[order[i]].group, &entry, names, sizeof(names), &found) == 0 && found &&
		    is_member(found->gr_gid, primary, groups, n))
			return order[i];
	}
	return ROLE_NONE;
}

struct peer role_of_socket(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	gid_t groups[GROUPS_MAX];
	socklen_t groups_n = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) || cred.pid <= 0)
		return (struct peer){.uid = (uid_t)-1, .role = ROLE_NONE};
	if (cred.uid == 0 || cred.uid == geteuid())
		return (struct peer){.uid = cred.uid, .role = ROLE_OWNER};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_n))
		groups_n = 0;
	return (struct peer){.uid = cred.uid, .role = highest(cred.gid, groups, groups_n / sizeof(gid_t))};
}
