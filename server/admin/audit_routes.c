/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: its rows, the checkpoints over them, and whether all that is whole. */
#include <microhttpd.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "jsontext.h"
#include "page.h"

#define DEVICE_LEAST 6 /* characters of an id */

/* The parameters of /v1/audit. */
struct audit_wish {
	const char *actor;
	const char *action;
	const char *object;
	const char *device; /* the begin of its id */
	int64_t since;
	int64_t until;
	bool raw;
};

static int add_audit(const struct row *row, void *context)
{
	struct page *p = context;
	const struct audit_wish *wish = p->context;
	const struct audit *a = &row->u.audit.audit;
	char hash[64];
	if (!page_take(p, row))
		return 1;
	json_t *detail = wish->raw ? json_string(a->detail) : NULL;
	if (!wish->raw && jsontext_read(a->detail, strlen(a->detail), &detail, NULL) == E_NO_MEMORY)
		return E_NO_MEMORY;
	json_t *item = json_object();
	base64url_write(row->u.audit.hash, AUDIT_HASH, hash, sizeof(hash));
	json_set_number(item, "seq", row->u.audit.seq);
	json_set_time(item, "at", a->at);
	json_set_text(item, "actor", a->actor);
	json_set_text(item, "action", a->action);
	json_set_text(item, "object", a->object);
	json_object_set_new(item, "detail", detail ? detail : json_object());
	json_set_text(item, "hash", hash);
	json_array_append_new(p->items, item);
	return 0;
}

/* Is it by the device, or about it? */
static bool concerns(const struct audit *a, const char *device)
{
	static const char by[] = "device:";
	size_t n = strlen(device);
	return strncmp(a->object, device, n) == 0 || (strncmp(a->actor, by, sizeof(by) - 1) == 0 &&
						      strncmp(a->actor + sizeof(by) - 1, device, n) == 0);
}

static bool wants_audit(const struct page *p, const struct row *row)
{
	const struct audit_wish *w = p->context;
	const struct audit *a = &row->u.audit.audit;
	return (!w->device || concerns(a, w->device)) && (!w->since || a->at >= w->since) &&
	       (!w->until || a->at < w->until) && (!w->actor || glob_fits(w->actor, a->actor)) &&
	       (!w->action || glob_fits(w->action, a->action)) &&
	       (!w->object || glob_fits(w->object, a->object));
}

void audit_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_AUDIT};
	struct audit_wish wish = {
		.actor = exchange_query(x, "actor"),
		.action = exchange_query(x, "action"),
		.object = exchange_query(x, "object"),
		.device = exchange_query(x, "device"),
		.since = exchange_time(x, "since"),
		.until = exchange_time(x, "until"),
		.raw = exchange_query(x, "raw") && strcmp(exchange_query(x, "raw"), "true") == 0,
	};
	if (wish.device && strlen(wish.device) < DEVICE_LEAST)
		exchange_problem(x, E_BAD_REQUEST, "device: give 6 characters of its id or more");
	else if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_audit, wants_audit, &wish);
}

/* --- checkpoints --- */

static int add_checkpoint(const struct row *row, void *context)
{
	struct page *p = context;
	const struct record *r = &row->u.record;
	if (!page_take(p, row))
		return 1;
	json_t *item = json_object();
	json_set_number(item, "seq", r->u.checkpoint.seq);
	json_set_time(item, "at", r->u.checkpoint.at);
	json_set_text(item, "token", r->u.checkpoint.token);
	json_array_append_new(p->items, item);
	return 0;
}

void checkpoint_list(struct exchange *x)
{
	struct record any = {.kind = RECORD_CHECKPOINT};
	struct listing l = {.kind = LIST_RECORD, .like = &any};
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply(x, &l, add_checkpoint);
}

/* --- is it whole? --- */

/* The last word must be this host's: whoever signs last could have rewritten everything before. */
static void check_newest(const struct exchange *x, struct audit_check *c)
{
	const uint8_t *own = x->admin->settings.broker->key->public;
	if (c->code || !c->points || memcmp(c->signer, own, PASETO_PUBLIC) == 0)
		return;
	c->code = E_AUDIT_CHECKPOINT;
	c->bad = c->signed_through;
	strcpy(c->what, "the newest checkpoint was signed by another host than this one");
}

static json_t *signers_of(const struct exchange *x, const struct audit_check *c)
{
	const uint8_t *own = x->admin->settings.broker->key->public;
	char id[PASERK_ID_TEXT];
	char key[PASERK_PUBLIC_TEXT];
	json_t *all = json_array();
	for (size_t i = 0; i < c->n_signers; i++) {
		const struct audit_signer *s = &c->signers[i];
		json_t *item = json_object();
		paserk_pid_write(s->sign, id);
		paserk_public_write(s->sign, key);
		json_set_text(item, "host", id);
		json_set_text(item, "sign", key);
		json_object_set_new(item, "own", json_boolean(memcmp(s->sign, own, PASETO_PUBLIC) == 0));
		json_set_number(item, "checkpoints", s->points);
		json_array_append_new(all, item);
	}
	return all;
}

static json_t *verdict(const struct exchange *x, const struct audit_check *c)
{
	char ledger[LEDGER_ID * 2];
	json_t *reply =
		json_pack("{s:i, s:I, s:b}", "schema", 1, "rows", (json_int_t)c->rows, "ok", !c->code);
	base64url_write(x->admin->settings.broker->ledger, LEDGER_ID, ledger, sizeof(ledger));
	json_set_text(reply, "ledger", ledger);
	json_set_number(reply, "first_seq", c->first);
	json_set_number(reply, "last_seq", c->last);
	json_set_number(reply, "pruned_through", c->pruned);
	json_set_number(reply, "checkpoints", c->points);
	json_set_number(reply, "signed_through", c->signed_through);
	json_set_time(reply, "signed_at", c->signed_at);
	json_object_set_new(reply, "signers", signers_of(x, c));
	if (c->code) {
		json_set_number(reply, "bad_seq", c->bad);
		json_object_set_new(reply, "error", exchange_error(c->code, c->what, &NUMBERS_NONE));
	}
	return reply;
}

void audit_verify(struct exchange *x)
{
	struct audit_check c = {.ledger = NULL};
	int error = store_audit(x->admin->reader, &c);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	check_newest(x, &c);
	exchange_json(x, MHD_HTTP_OK, verdict(x, &c));
}
