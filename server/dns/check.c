/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "name.h"
#include "own.h"
#include "probe.h"
#include "query.h"

#define TARGET_MS 4000 /* the addresses of one target */

/* A check under way. */
struct looking {
	const struct dns_servers *servers;
	const struct dns_srv *own;
	const struct trust *trust;
	struct patience patience;
	struct check *check;
	struct probe probes[CHECK_ROWS_MAX]; /* of the rows that have an address, in their order */
	size_t n_probes;
};

_Static_assert(CHECK_ROWS_MAX <= PROBE_MAX, "all rows are probed at once");

static struct check_row *add_row(struct check *c, const struct dns_srv *srv)
{
	struct check_row *row = &c->rows[c->n++];
	memset(row, 0, sizeof(*row));
	row->srv = *srv;
	return row;
}

static int resolve(struct looking *l, const struct dns_srv *srv)
{
	struct dns_address found[DNS_ADDRESSES_MAX];
	size_t n;
	int error = query_addresses(l->servers, srv->target, srv->port,
				    patience_within(l->patience, TARGET_MS), found, &n);
	if (error == E_STOPPING || error == E_NO_MEMORY)
		return error;
	if (error) {
		struct check_row *row = add_row(l->check, srv);
		row->verdict = VERDICT_UNRESOLVABLE;
		snprintf(row->detail, sizeof(row->detail), "%s", error_text(error));
	}
	for (size_t i = 0; i < n && l->check->n < CHECK_ROWS_MAX; i++) {
		dns_address_write(&found[i], add_row(l->check, srv)->address);
		l->probes[l->n_probes++].address = found[i];
	}
	return 0;
}

static int resolve_all(struct looking *l)
{
	struct dns_srv srv[DNS_TARGETS_MAX];
	size_t n;
	int error = query_srv(l->servers, l->check->domain, l->patience, srv, &n);
	if (error == E_STOPPING || error == E_NO_MEMORY)
		return error;
	l->check->error = error;
	l->check->present = own_present(l->own, srv, n);
	error = 0;
	for (size_t i = 0; i < n && !error && l->check->n < CHECK_ROWS_MAX; i++)
		error = resolve(l, &srv[i]);
	return error;
}

static void take_verdicts(struct looking *l)
{
	size_t next = 0;
	for (size_t i = 0; i < l->check->n; i++) {
		struct check_row *row = &l->check->rows[i];
		if (!row->address[0])
			continue;
		const struct probe *p = &l->probes[next++];
		bool elsewhere = own_is(l->own, &row->srv) && row->srv.port != l->own->port;
		row->verdict = p->verdict == VERDICT_DEAD || p->verdict == VERDICT_NOT_MUSTER
				       ? (elsewhere ? VERDICT_WRONG_PORT : p->verdict)
				       : p->verdict;
		memcpy(row->detail, p->detail, sizeof(row->detail));
		row->ms = p->ms;
	}
}

int check_run(const struct dns_servers *servers, const char *domain, const struct dns_srv *own,
	      const struct trust *trust, struct patience p, struct check *ret)
{
	struct looking *l = calloc(1, sizeof(*l));
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->domain, sizeof(ret->domain), "%s", domain);
	ret->rows = calloc(CHECK_ROWS_MAX, sizeof(*ret->rows));
	if (!l || !ret->rows) {
		free(l);
		return E_NO_MEMORY;
	}
	*l = (struct looking){.servers = servers,
			      .own = own,
			      .trust = trust,
			      .patience = patience_within(p, CHECK_MS),
			      .check = ret};
	ret->at = trust->now;
	int error = resolve_all(l);
	if (!error && l->n_probes)
		error = probe_run(l->probes, l->n_probes, trust, patience_within(p, CHECK_MS));
	if (!error)
		take_verdicts(l);
	free(l);
	return error;
}

void check_fini(struct check *c)
{
	free(c->rows);
	c->rows = NULL;
	c->n = 0;
}

int check_copy(const struct check *from, struct check *ret)
{
	*ret = *from;
	ret->rows = calloc(from->n + 1, sizeof(*ret->rows));
	if (!ret->rows) {
		memset(ret, 0, sizeof(*ret));
		return E_NO_MEMORY;
	}
	if (from->n)
		memcpy(ret->rows, from->rows, from->n * sizeof(*ret->rows));
	return 0;
}

size_t check_count(const struct check *c, enum dns_verdict v)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++)
		n += c->rows[i].verdict == v;
	return n;
}

bool check_rogue(const struct check *c, const struct check_row *like)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct check_row *row = &c->rows[i];
		if (verdict_rogue(row->verdict) && row->srv.port == like->srv.port &&
		    dns_name_same(row->srv.target, like->srv.target) &&
		    strcmp(row->address, like->address) == 0)
			return true;
	}
	return false;
}
