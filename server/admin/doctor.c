/* SPDX-License-Identifier: Apache-2.0 */
/* The deep checks: slow ones that an administrator asks for. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "error.h"
#include "status.h"

/* --- the audit chain --- */

struct chain_check {
	struct audit_chain chain;
	int64_t bad; /* seq of the first row that does not follow; 0: none */
};

static int check_link(const struct row *row, void *context)
{
	struct chain_check *c = context;
	if (audit_follows(&c->chain, row->u.audit.seq, &row->u.audit.audit, row->u.audit.hash))
		return 0;
	c->bad = row->u.audit.seq;
	return 1;
}

void audit_verify(struct exchange *x)
{
	struct listing all = {.kind = LIST_AUDIT};
	struct chain_check c = {0};
	int error = store_page(x->admin->reader, &all, check_link, &c);
	if (error < 0) {
		exchange_problem(x, error, NULL);
		return;
	}
	json_t *reply =
		json_pack("{s:i, s:I, s:b}", "schema", 1, "rows", (json_int_t)c.chain.rows, "ok", c.bad == 0);
	if (c.bad) {
		const struct error_row *row = error_row(E_AUDIT_BROKEN);
		json_set_number(reply, "bad_seq", c.bad);
		json_object_set_new(reply, "error",
				    json_pack("{s:s, s:s, s:s, s:{}}", "code", row->name, "text", row->text,
					      "remedy", row->remedy, "numbers"));
	}
	exchange_json(x, MHD_HTTP_OK, reply);
}

/* --- doctor --- */

/* What store_check may find, as checks with names. */
static const struct {
	int code;
	const char *check;
	const char *good;
} store_checks[] = {
	{E_STORE_CORRUPT, "integrity", "the database is sound"},
	{E_COUNT_BROKEN, "counts", "every kept count equals a recount"},
	{E_AUDIT_BROKEN, "audit", "the audit chain holds"},
};

#define STORE_CHECKS (sizeof(store_checks) / sizeof(store_checks[0]))

struct findings {
	char text[STORE_CHECKS][200];
};

static void take_finding(int code, const char *text, void *context)
{
	struct findings *f = context;
	for (size_t i = 0; i < STORE_CHECKS; i++)
		if (store_checks[i].code == code && !f->text[i][0])
			snprintf(f->text[i], sizeof(f->text[i]), "%s", text);
}

static void add_check(json_t *checks, const char *name, bool ok, enum severity severity, const char *message,
		      const char *remedy)
{
	json_array_append_new(checks,
			      json_pack("{s:s, s:b, s:s, s:s, s:s}", "check", name, "ok", ok, "severity",
					severity_name(severity), "message", message, "remedy", remedy));
}

static bool check_store(struct exchange *x, json_t *checks)
{
	struct findings f = {0};
	bool ok = true;
	int error = store_check(x->admin->reader, x->now, take_finding, &f);
	for (size_t i = 0; i < STORE_CHECKS; i++) {
		if (error && !f.text[i][0])
			snprintf(f.text[i], sizeof(f.text[i]), "could not be checked: %s", error_text(error));
		bool good = !f.text[i][0];
		ok &= good;
		add_check(checks, store_checks[i].check, good, good ? SEVERITY_INFO : SEVERITY_ERROR,
			  good ? store_checks[i].good : f.text[i],
			  good ? "" : error_row(store_checks[i].code)->remedy);
	}
	return ok;
}

void doctor_show(struct exchange *x)
{
	struct overview *o;
	int error = overview_gather(x, &o);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	json_t *checks = json_array();
	bool ok = check_store(x, checks);
	for (size_t i = 0; i < o->n_health; i++) {
		const struct health_item *h = &o->health[i];
		bool good = h->severity == SEVERITY_INFO;
		ok &= good;
		add_check(checks, error_name(h->code), good, h->severity, h->message, h->remedy);
	}
	if (o->n_health == 0)
		add_check(checks, "licenses", true, SEVERITY_INFO, "licenses and certificates are in force",
			  "");
	free(o);
	exchange_json(x, MHD_HTTP_OK, json_pack("{s:i, s:b, s:o}", "schema", 1, "ok", ok, "checks", checks));
}
