/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state as JSON with a MAC. The MAC covers the document without its "mac" member, dumped compact with
 * sorted keys: the same members always give the same bytes, however the file is laid out.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "jsontext.h"
#include "state_json.h"

#define MAC 32
#define CODE_MAX 65535
#define UPTIME_MAX (1LL << 40)
#define FAILURES_MAX 1000000

static const char *const kind_names[CALL_KINDS] = {
	"activate", "renew", "release", "sign-in", "sign-out", "redeem", "preflight",
};

/* --- writing --- */

static void set_text(json_t *object, const char *key, const char *text)
{
	if (*text)
		claims_set_text(object, key, text);
}

static void set_integer(json_t *object, const char *key, int64_t value)
{
	if (value)
		claims_set_integer(object, key, value);
}

static void set_slugs(json_t *object, const char *key, const char (*slugs)[LIMIT_ID + 1], size_t n)
{
	if (n)
		claims_set_slugs(object, key, slugs, n);
}

static json_t *write_numbers(const struct numbers *n)
{
	json_t *object = json_object();
	set_integer(object, "have", n->have);
	set_integer(object, "need", n->need);
	set_integer(object, "used", n->used);
	set_integer(object, "quantity", n->quantity);
	set_integer(object, "until", n->until);
	return object;
}

static json_t *write_call(const struct call *call)
{
	json_t *object = json_object();
	json_t *wants = json_array();
	for (size_t i = 0; i < call->n; i++) {
		json_t *want = json_object();
		set_text(want, "product", call->wants[i].product);
		set_text(want, "user", call->wants[i].user);
		set_text(want, "version", call->wants[i].version);
		set_slugs(want, "plans", call->wants[i].plans, call->wants[i].n_plans);
		set_integer(want, "serial", call->wants[i].serial);
		set_text(want, "key", call->wants[i].key);
		if (call->wants[i].reinstalled)
			claims_set(want, "reinstalled", json_true());
		claims_append(wants, want);
	}
	claims_set_text(object, "kind", kind_names[call->kind]);
	claims_set(object, "wants", wants);
	set_text(object, "secret", call->secret);
	return object;
}

static json_t *write_ledger(const struct ledger *l)
{
	json_t *object = json_object();
	char ratchet[2 * RATCHET_MAX];
	claims_set_bytes(object, "ledger", l->id, LEDGER_ID);
	base64url_write(l->ratchet, l->ratchet_n, ratchet, sizeof(ratchet));
	set_text(object, "ratchet", ratchet);
	claims_set_integer(object, "counter", (int64_t)l->counter);
	claims_set_integer(object, "used", l->used);
	if (l->pending) {
		json_t *call = write_call(&l->call);
		claims_set_bytes(call, "token", l->token, TOKEN_ID);
		claims_set(object, "pending", call);
	}
	return object;
}

static json_t *write_pin(const struct pin *p)
{
	json_t *object = json_object();
	char host[ENDPOINT_TEXT];
	claims_set_text(object, "vendor", p->vendor);
	set_text(object, "org", p->org);
	if (p->host.host.host[0])
		claims_set_text(object, "host", endpoint_write(&p->host.host, host));
	set_text(object, "address", p->host.address);
	return object;
}

static json_t *write_refusal(const struct refusal *r)
{
	json_t *object = json_object();
	claims_set_integer(object, "code", -r->code);
	claims_set(object, "numbers", write_numbers(&r->numbers));
	set_integer(object, "retry_after", r->retry_after);
	claims_set(object, "answered", json_boolean(r->answered));
	set_text(object, "detail", r->detail);
	set_text(object, "correlation", r->correlation);
	return object;
}

json_t *record_write(const struct record *r)
{
	json_t *object = json_object();
	claims_set_text(object, "product", r->product);
	claims_set_text(object, "vendor", r->vendor);
	claims_set_integer(object, "first_call", r->first_call);
	claims_set(object, "wanted", json_boolean(r->wanted));
	set_text(object, "user", r->user);
	set_text(object, "version", r->version);
	set_slugs(object, "plans", r->plans, r->n_plans);
	set_integer(object, "serial", r->serial);
	set_integer(object, "stored", r->stored);
	set_text(object, "host", r->host);
	set_integer(object, "retry_minutes", r->retry_minutes);
	claims_set(object, "count", write_numbers(&r->count));
	set_integer(object, "tried", r->tried);
	set_integer(object, "failures", r->failures);
	if (r->refusal.code)
		claims_set(object, "refusal", write_refusal(&r->refusal));
	return object;
}

static json_t *write_state(const struct state *s)
{
	claims_begin();
	json_t *object = json_object();
	json_t *pins = json_array();
	json_t *ledgers = json_array();
	json_t *records = json_array();
	for (size_t i = 0; i < s->n_pins; i++)
		claims_append(pins, write_pin(&s->pins[i]));
	for (size_t i = 0; i < s->n_ledgers; i++)
		claims_append(ledgers, write_ledger(&s->ledgers[i]));
	for (size_t i = 0; i < s->n_records; i++)
		claims_append(records, record_write(&s->records[i]));
	claims_set_integer(object, "schema", 1);
	set_integer(object, "mark", s->mark);
	set_text(object, "boot", s->up.seen.id);
	set_integer(object, "up", s->up.seen.seconds);
	set_integer(object, "used", s->up.used);
	set_integer(object, "tampered", s->tampered);
	claims_set_bytes(object, "device", s->device, DEVICE_ID);
	if (s->forked) {
		claims_set_bytes(object, "forked_from", s->forked_from, DEVICE_ID);
		claims_set_integer(object, "forked_at", s->forked_at);
	}
	claims_set(object, "pins", pins);
	claims_set(object, "ledgers", ledgers);
	claims_set(object, "products", records);
	return object;
}

static int mac_of(json_t *object, const uint8_t key[DEVICE_MAC_KEY], uint8_t ret[MAC])
{
	char *text = jsontext_write(object, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return E_NO_MEMORY;
	crypto_generichash(ret, MAC, (const uint8_t *)text, strlen(text), key, DEVICE_MAC_KEY);
	free(text);
	return 0;
}

int sealed_write(json_t *document, const uint8_t mac_key[DEVICE_MAC_KEY], char **ret)
{
	uint8_t mac[MAC];
	int error = claims_made();
	if (!error)
		error = mac_of(document, mac_key, mac);
	if (!error)
		claims_set_bytes(document, "mac", mac, MAC);
	if (!error)
		error = claims_made();
	if (error)
		return error;
	*ret = jsontext_write(document, JSON_INDENT(1) | JSON_SORT_KEYS);
	return *ret ? 0 : E_NO_MEMORY;
}

int state_write(const struct state *s, const uint8_t mac_key[DEVICE_MAC_KEY], char **ret)
{
	json_t *object = write_state(s);
	int error = sealed_write(object, mac_key, ret);
	json_decref(object);
	return error;
}

/* --- reading --- */

/* A member that must be true or false. */
static bool json_flag(struct claims *c, json_t *object, const char *key)
{
	json_t *member = json_object_get(object, key);
	if (!json_is_boolean(member))
		claims_fault(c, key);
	return json_is_true(member);
}

static void read_numbers(struct claims *c, json_t *object, const char *key, struct numbers *ret)
{
	json_t *numbers = claims_object(c, object, key);
	if (!numbers)
		return;
	claims_integer_opt(c, numbers, "have", 0, INT64_MAX, &ret->have);
	claims_integer_opt(c, numbers, "need", 0, INT64_MAX, &ret->need);
	claims_integer_opt(c, numbers, "used", 0, INT64_MAX, &ret->used);
	claims_integer_opt(c, numbers, "quantity", 0, INT64_MAX, &ret->quantity);
	claims_integer_opt(c, numbers, "until", 0, INT64_MAX, &ret->until);
}

static void read_kind(struct claims *c, json_t *object, enum call_kind *ret)
{
	char name[16] = "";
	claims_text(c, object, "kind", name, sizeof(name));
	for (int kind = 0; kind < CALL_PREFLIGHT; kind++) {
		if (strcmp(name, kind_names[kind]) == 0) {
			*ret = (enum call_kind)kind;
			return;
		}
	}
	claims_fault(c, "kind");
}

static void read_call(struct claims *c, json_t *object, struct call *ret)
{
	json_t *wants = claims_array_opt(c, object, "wants", LIMIT_LINES, &ret->n);
	read_kind(c, object, &ret->kind);
	for (size_t i = 0; i < ret->n && !c->error; i++) {
		json_t *want = json_array_get(wants, i);
		struct want *w = &ret->wants[i];
		if (ret->kind != CALL_SIGN_OUT || claims_has(want, "product"))
			claims_slug(c, want, "product", w->product);
		claims_text_opt(c, want, "user", w->user, sizeof(w->user));
		claims_text_opt(c, want, "version", w->version, sizeof(w->version));
		claims_slugs_opt(c, want, "plans", w->plans, LIMIT_PLANS, &w->n_plans);
		claims_integer_opt(c, want, "serial", 1, INT64_MAX, &w->serial);
		claims_text_opt(c, want, "key", w->key, sizeof(w->key));
		claims_bool_opt(c, want, "reinstalled", &w->reinstalled);
	}
	claims_text_opt(c, object, "secret", ret->secret, sizeof(ret->secret));
	if (ret->n == 0)
		claims_fault(c, "wants");
}

static void read_ledger(struct claims *c, json_t *object, struct ledger *ret)
{
	int64_t counter = 0;
	const char *ratchet = json_string_value(json_object_get(object, "ratchet"));
	claims_bytes(c, object, "ledger", ret->id, LEDGER_ID);
	if (ratchet && base64url_read(ratchet, strlen(ratchet), ret->ratchet, RATCHET_MAX, &ret->ratchet_n))
		claims_fault(c, "ratchet");
	claims_integer(c, object, "counter", 0, INT64_MAX, &counter);
	claims_integer(c, object, "used", 0, INT64_MAX, &ret->used);
	ret->counter = (uint64_t)counter;
	if (c->error || !claims_has(object, "pending"))
		return;
	json_t *pending = claims_object(c, object, "pending");
	if (!pending)
		return;
	ret->pending = true;
	claims_bytes(c, pending, "token", ret->token, TOKEN_ID);
	read_call(c, pending, &ret->call);
}

static void read_pin(struct claims *c, json_t *object, struct pin *ret)
{
	char host[ENDPOINT_TEXT] = "";
	claims_text(c, object, "vendor", ret->vendor, sizeof(ret->vendor));
	claims_text_opt(c, object, "org", ret->org, sizeof(ret->org));
	claims_text_opt(c, object, "host", host, sizeof(host));
	claims_text_opt(c, object, "address", ret->host.address, sizeof(ret->host.address));
	if (host[0] && endpoint_read(host, &ret->host.host))
		claims_fault(c, "host");
}

static void read_refusal(struct claims *c, json_t *object, struct refusal *ret)
{
	int64_t code = 0;
	json_t *refusal = claims_object(c, object, "refusal");
	if (!refusal)
		return;
	claims_integer(c, refusal, "code", 1, CODE_MAX, &code);
	read_numbers(c, refusal, "numbers", &ret->numbers);
	claims_u32_opt(c, refusal, "retry_after", UINT32_MAX, &ret->retry_after);
	ret->answered = json_flag(c, refusal, "answered");
	claims_text_opt(c, refusal, "detail", ret->detail, sizeof(ret->detail));
	claims_text_opt(c, refusal, "correlation", ret->correlation, sizeof(ret->correlation));
	ret->code = -(int)code;
}

void record_read(struct claims *c, json_t *object, struct record *ret)
{
	claims_slug(c, object, "product", ret->product);
	claims_text(c, object, "vendor", ret->vendor, sizeof(ret->vendor));
	claims_integer(c, object, "first_call", 0, INT64_MAX, &ret->first_call);
	ret->wanted = json_flag(c, object, "wanted");
	claims_text_opt(c, object, "user", ret->user, sizeof(ret->user));
	claims_text_opt(c, object, "version", ret->version, sizeof(ret->version));
	claims_slugs_opt(c, object, "plans", ret->plans, LIMIT_PLANS, &ret->n_plans);
	claims_integer_opt(c, object, "serial", 1, INT64_MAX, &ret->serial);
	claims_integer_opt(c, object, "stored", 0, INT64_MAX, &ret->stored);
	claims_text_opt(c, object, "host", ret->host, sizeof(ret->host));
	claims_u32_opt(c, object, "retry_minutes", LIMIT_INTERVAL_MAX, &ret->retry_minutes);
	read_numbers(c, object, "count", &ret->count);
	claims_integer_opt(c, object, "tried", 0, INT64_MAX, &ret->tried);
	claims_u32_opt(c, object, "failures", FAILURES_MAX, &ret->failures);
	if (claims_has(object, "refusal"))
		read_refusal(c, object, &ret->refusal);
}

static void read_state(struct claims *c, json_t *object, struct state *ret)
{
	int64_t schema = 0;
	claims_integer(c, object, "schema", 1, 1, &schema);
	claims_integer_opt(c, object, "mark", 0, INT64_MAX, &ret->mark);
	claims_text_opt(c, object, "boot", ret->up.seen.id, sizeof(ret->up.seen.id));
	claims_integer_opt(c, object, "up", 0, UPTIME_MAX, &ret->up.seen.seconds);
	claims_integer_opt(c, object, "used", 0, UPTIME_MAX, &ret->up.used);
	claims_integer_opt(c, object, "tampered", 0, INT64_MAX, &ret->tampered);
	claims_bytes(c, object, "device", ret->device, DEVICE_ID);
	ret->forked = claims_has(object, "forked_from");
	if (ret->forked) {
		claims_bytes(c, object, "forked_from", ret->forked_from, DEVICE_ID);
		claims_integer(c, object, "forked_at", 0, INT64_MAX, &ret->forked_at);
	}
	json_t *pins = claims_array_opt(c, object, "pins", STATE_PINS, &ret->n_pins);
	for (size_t i = 0; i < ret->n_pins && !c->error; i++)
		read_pin(c, json_array_get(pins, i), &ret->pins[i]);
	json_t *ledgers = claims_array_opt(c, object, "ledgers", STATE_LEDGERS, &ret->n_ledgers);
	for (size_t i = 0; i < ret->n_ledgers && !c->error; i++)
		read_ledger(c, json_array_get(ledgers, i), &ret->ledgers[i]);
	json_t *records = claims_array_opt(c, object, "products", STATE_RECORDS, &ret->n_records);
	for (size_t i = 0; i < ret->n_records && !c->error; i++)
		record_read(c, json_array_get(records, i), &ret->records[i]);
}

/* Take the MAC out of the document and compare. */
static int check_mac(json_t *object, const uint8_t key[DEVICE_MAC_KEY])
{
	struct claims c = {0};
	uint8_t told[MAC] = {0};
	uint8_t own[MAC];
	claims_bytes(&c, object, "mac", told, MAC);
	if (c.error)
		return E_STATE_TAMPERED;
	json_object_del(object, "mac");
	int error = mac_of(object, key, own);
	if (error)
		return error;
	return sodium_memcmp(told, own, MAC) ? E_STATE_TAMPERED : 0;
}

int sealed_read(const char *text, size_t n, const uint8_t mac_key[DEVICE_MAC_KEY], json_t **ret)
{
	json_t *object = NULL;
	int error = claims_load(text, n, &object);
	error = error ? error == E_NO_MEMORY ? error : E_STATE_TAMPERED : check_mac(object, mac_key);
	if (error)
		json_decref(object);
	else
		*ret = object;
	return error;
}

int state_read(const char *text, size_t n, const uint8_t mac_key[DEVICE_MAC_KEY], struct state *ret)
{
	struct claims c = {0};
	json_t *object = NULL;
	memset(ret, 0, sizeof(*ret));
	int error = sealed_read(text, n, mac_key, &object);
	if (!error)
		read_state(&c, object, ret);
	json_decref(object);
	if (c.error)
		error = E_STATE_TAMPERED;
	if (error)
		memset(ret, 0, sizeof(*ret));
	return error;
}
