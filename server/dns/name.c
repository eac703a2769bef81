/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"

#define LABEL_MAX 63

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* How many labels; 0: it is no name. */
static size_t count_labels(const char *name)
{
	size_t labels = 0;
	if (strlen(name) > LIMIT_HOSTNAME)
		return 0;
	while (*name) {
		size_t n = strspn(name, letters);
		if (n == 0 || n > LABEL_MAX || (name[n] && name[n] != '.'))
			return 0;
		labels++;
		name += n + (name[n] == '.');
	}
	return labels;
}

/* Names whose last label is a number could be taken for addresses. */
static bool ends_in_number(const char *name)
{
	size_t n = strlen(name);
	if (n && name[n - 1] == '.')
		n--;
	size_t from = n;
	while (from && name[from - 1] != '.')
		from--;
	return strspn(name + from, "0123456789") >= n - from;
}

bool dns_name_ok(const char *name)
{
	return count_labels(name) > 0 && !ends_in_number(name);
}

bool dns_host_ok(const char *name)
{
	return dns_name_ok(name) && count_labels(name) > 1;
}

static size_t bare_length(const char *name)
{
	size_t n = strlen(name);
	return n && name[n - 1] == '.' ? n - 1 : n;
}

bool dns_name_same(const char *a, const char *b)
{
	return bare_length(a) == bare_length(b) && strncasecmp(a, b, bare_length(a)) == 0;
}

/* --- addresses --- */

static bool read_port(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	if (strspn(text, "0123456789") == 0 || *end || port == 0 || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* Cut the text into host and port. */
static bool cut(const char *text, char *host, size_t room, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	const char *close = bracket ? strchr(text, ']') : NULL;
	const char *end = text + strlen(text);
	if (bracket && (!close || (close[1] && close[1] != ':')))
		return false;
	const char *at = bracket                               ? (close[1] ? close + 1 : NULL)
			 : colon && strchr(text, ':') == colon ? colon
							       : NULL;
	if (at && !read_port(at + 1, port))
		return false;
	const char *from = bracket ? text + 1 : text;
	const char *to = bracket ? close : at ? at : end;
	if ((size_t)(to - from) >= room)
		return false;
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = 0;
	return true;
}

int dns_address_read(const char *text, uint16_t port, struct dns_address *ret)
{
	char host[DNS_ADDRESS_TEXT];
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;
	if (!cut(text, host, sizeof(host), &port) || !*host || getaddrinfo(host, NULL, &hints, &found))
		return E_CONFIG_INVALID;
	memset(ret, 0, sizeof(*ret));
	memcpy(&ret->at, found->ai_addr, found->ai_addrlen);
	ret->n = found->ai_addrlen;
	freeaddrinfo(found);
	dns_address_set_port(ret, port);
	return 0;
}

void dns_address_set_port(struct dns_address *a, uint16_t port)
{
	if (a->at.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a->at)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)&a->at)->sin_port = htons(port);
}

char *dns_address_write(const struct dns_address *a, char out[DNS_ADDRESS_TEXT])
{
	char host[DNS_ADDRESS_TEXT - 9];
	char port[6];
	bool v6 = a->at.ss_family == AF_INET6;
	if (getnameinfo((const struct sockaddr *)&a->at, a->n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		out[0] = 0;
	else
		snprintf(out, DNS_ADDRESS_TEXT, v6 ? "[%s]:%s" : "%s:%s", host, port);
	return out;
}
