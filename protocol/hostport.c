/* SPDX-License-Identifier: Apache-2.0 */
#include "hostport.h"

#include <string.h>

bool hostport_split(const char *text, char *host, size_t room, const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	bool bracketed = n > 1 && text[0] == '[' && text[n - 1] == ']';
	n -= bracketed ? 2 : 0;
	if (n == 0 || n >= room)
		return false;
	memcpy(host, text + bracketed, n);
	host[n] = 0;
	*ret_port = colon + 1;
	return true;
}
