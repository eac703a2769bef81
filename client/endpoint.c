/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define LABEL_MAX 63

bool endpoint_name_ok(const char *name)
{
	size_t label = 0;
	size_t n = strlen(name);
	if (n == 0 || n > LIMIT_HOSTNAME)
		return false;
	for (; *name; name++) {
		if (*name == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_') {
			return false;
		} else if (++label > LABEL_MAX) {
			return false;
		}
	}
	return true;
}

static bool is_v6(const char *host)
{
	struct in6_addr ignored;
	return inet_pton(AF_INET6, host, &ignored) == 1;
}

bool endpoint_is_address(const struct endpoint *e)
{
	struct in_addr ignored;
	return is_v6(e->host) || inet_pton(AF_INET, e->host, &ignored) == 1;
}

static bool read_port(const char *text, uint16_t *ret)
{
	size_t n = strlen(text);
	if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
		return false;
	long port = strtol(text, NULL, 10);
	if (port < 1 || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

int endpoint_read(const char *text, struct endpoint *ret)
{
	struct endpoint e = {.port = ENDPOINT_PORT};
	bool bracket = text[0] == '[';
	size_t n = bracket ? strcspn(text + 1, "]") : strcspn(text, ":");
	const char *host = text + bracket;
	const char *rest = host + n + (bracket && host[n] == ']');
	if (!bracket && is_v6(text)) {
		n = strlen(text);
		rest = text + n;
	}
	if (n == 0 || n > LIMIT_HOSTNAME || (bracket && host[n] != ']'))
		return E_CONFIG_INVALID;
	memcpy(e.host, host, n);
	if (*rest && (*rest != ':' || !read_port(rest + 1, &e.port)))
		return E_CONFIG_INVALID;
	if (bracket ? !is_v6(e.host) : !is_v6(e.host) && !endpoint_name_ok(e.host))
		return E_CONFIG_INVALID;
	*ret = e;
	return 0;
}

char *endpoint_write(const struct endpoint *e, char out[ENDPOINT_TEXT])
{
	const char *form = is_v6(e->host) ? "[%s]:%u" : "%s:%u";
	snprintf(out, ENDPOINT_TEXT, form, e->host, (unsigned)e->port);
	return out;
}
