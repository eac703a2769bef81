/* SPDX-License-Identifier: Apache-2.0 */
/* The deep checks: slow ones that an administrator asks for. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "status.h"

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
	if (code == E_AUDIT_CHECKPOINT)
		code = E_AUDIT_BROKEN; /* one check for rows and checkpoints */
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
