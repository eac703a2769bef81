/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <stdio.h>
#include <string.h>

#include "name.h"

static int bare(const char *name)
{
	size_t n = strlen(name);
	return (int)(n && name[n - 1] == '.' ? n - 1 : n);
}

char *own_name(const char *domain, char out[DNS_RECORD_NAME])
{
	snprintf(out, DNS_RECORD_NAME, DNS_LABEL ".%.*s", bare(domain), domain);
	return out;
}

char *own_lines(const char *domain, const struct dns_srv *own, char out[OWN_LINES])
{
	char name[DNS_RECORD_NAME];
	snprintf(out, OWN_LINES,
		 "; one line for each host: do not remove the lines of others\n"
		 "%s. %u IN SRV %u %u %u %.*s.\n"
		 "; the target needs an address, unless it has one already:\n"
		 "; %.*s. %u IN A <IPv4 address>\n"
		 "; %.*s. %u IN AAAA <IPv6 address>\n",
		 own_name(domain, name), own->ttl, own->priority, own->weight, own->port, bare(own->target),
		 own->target, bare(own->target), own->target, own->ttl, bare(own->target), own->target,
		 own->ttl);
	return out;
}

bool own_is(const struct dns_srv *own, const struct dns_srv *row)
{
	return dns_name_same(own->target, row->target);
}

bool own_same(const struct dns_srv *own, const struct dns_srv *row, bool ttl)
{
	return own_is(own, row) && own->port == row->port && own->priority == row->priority &&
	       own->weight == row->weight && (!ttl || own->ttl == row->ttl);
}

bool own_present(const struct dns_srv *own, const struct dns_srv *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (own_same(own, &rows[i], false))
			return true;
	return false;
}
