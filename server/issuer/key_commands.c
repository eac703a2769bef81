/* SPDX-License-Identifier: Apache-2.0 */
/* key generate, list, block: product keys that people redeem, and pool keys with which machines enrol. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "document.h"
#include "file.h"
#include "issued.h"
#include "listing.h"
#include "option.h"
#include "print.h"
#include "vendor.h"

#define KEYS_FILE 65536 /* of keys, one a line */

static const char *kind_of(const struct ledger_key *key)
{
	return key->pool ? "pool" : "redemption";
}

static json_t *key_json(const struct ledger_key *key)
{
	char id[LEDGER_KEY_ID + 1];
	ledger_key_id(key, id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o}", "id", id, "license",
			 key->license, "grant", key->grant, "kind", kind_of(key), "state",
			 key->blocked ? "blocked" : "active", "quantity", (json_int_t)key->gives.quantity,
			 "days", (json_int_t)key->gives.days, "expires", print_json_time(key->gives.exp),
			 "made", print_json_time(key->made), "blocked", print_json_time(key->blocked));
}

/* --- generate --- */

/* Keys under way. text: all of them, one a line, in memory that is wiped. */
struct generating {
	struct vendor vendor;
	struct issued issued;
	struct ledger_license row;
	struct ledger_key key; /* what each of them is, but for its hash */
	uint8_t salt[KEYCODE_SALT];
	int64_t count;
	char *text;
	json_t *items;
};

static int read_kind(const struct invocation *inv, struct ledger_key *key, struct failure *f)
{
	static const char *const gifts[] = {"quantity", "days", "expires"};
	key->pool = invocation_has(inv, "pool");
	for (size_t i = 0; i < sizeof(gifts) / sizeof(gifts[0]) && key->pool; i++)
		if (invocation_has(inv, gifts[i]))
			return failure_set(f, E_USAGE, "--%s: a pool key (--pool) only lets machines in",
					   gifts[i]);
	if (!key->pool && !key->gives.quantity && !key->gives.days)
		return failure_set(
			f, E_USAGE,
			"say what the keys are for: --pool, or what each gives with --quantity or --days");
	if (key->gives.exp && key->gives.exp <= key->made)
		return failure_set(f, E_USAGE, "--expires is over already");
	return 0;
}

static int read_options(const struct invocation *inv, struct generating *g, struct failure *f)
{
	static const char *const needed[] = {"license", "grant", NULL};
	struct redemption *gives = &g->key.gives;
	g->count = 1;
	g->key.made = issuer_now(inv);
	if (option_need(inv, needed, f) || option_slug(inv, "grant", g->key.grant, f) ||
	    option_integer(inv, "count", 1, LIMIT_KEYS, &g->count, f) ||
	    option_integer(inv, "quantity", 1, INT32_MAX, &gives->quantity, f) ||
	    option_integer(inv, "days", 1, LIMIT_KEY_DAYS, &gives->days, f) ||
	    option_date(inv, "expires", &gives->exp, f))
		return f->code;
	return read_kind(inv, &g->key, f);
}

/* Can such keys of this grant ever be used? */
static int check_grant(const struct generating *g, const struct grant *grant, struct failure *f)
{
	bool volume = grant->model == MODEL_VOLUME;
	if (g->key.pool && !volume && grant->model != MODEL_POOL)
		return failure_set(f, E_USAGE, "--pool: seats of grant '%s' (%s) are assigned, not enrolled",
				   grant->id, model_name(grant->model));
	if (g->key.pool && grant->policy.enrol != ENROL_KEY)
		return failure_set(f, E_USAGE, "--pool: grant '%s' lets machines in without a key (enrol=%s)",
				   grant->id, enrol_name(grant->policy.enrol));
	if (g->key.gives.quantity && !grant->quantity)
		return failure_set(f, E_USAGE, "--quantity: grant '%s' has no quantity to add to", grant->id);
	if (grant->quantity_max && grant->quantity + g->key.gives.quantity > grant->quantity_max)
		return failure_set(f, E_USAGE,
				   "--quantity: grant '%s' has %" PRId64 ", and keys may raise it to %" PRId64
				   " at most",
				   grant->id, grant->quantity, grant->quantity_max);
	return 0;
}

/* The keys of a grant and kind that go into its next license. */
struct tally {
	const struct ledger_key *like;
	int64_t n;
};

static int count_key(const struct ledger_key *key, void *context)
{
	struct tally *tally = context;
	tally->n += !key->blocked && key->pool == tally->like->pool &&
		    strcmp(key->grant, tally->like->grant) == 0;
	return 0;
}

static int check_room(struct generating *g, struct failure *f)
{
	struct tally tally = {.like = &g->key};
	int error = ledger_key_each(g->vendor.ledger, g->key.license, count_key, &tally);
	if (error)
		return ledger_explain(g->vendor.ledger, error, f);
	if (tally.n + g->count <= LIMIT_KEYS)
		return 0;
	failure_set(f, E_TOO_LARGE, "grant '%s' has %" PRId64 " %s keys, and a license holds %d of a grant",
		    g->key.grant, tally.n, kind_of(&g->key), LIMIT_KEYS);
	return failure_remedy(f, "Block keys that nobody needs any more.");
}

static int find_grant(struct generating *g, const char *which, struct failure *f)
{
	if (issued_newest(&g->vendor, which, &g->issued, &g->row, f) || issued_refuse_revoked(&g->row, f))
		return f->code;
	const struct license *license = &g->issued.license;
	const struct grant *grant = license_grant(license, g->key.grant);
	memcpy(g->key.license, license->id, sizeof(g->key.license));
	if (grant)
		return check_grant(g, grant, f) ? f->code : check_room(g, f);
	failure_set(f, E_NOT_FOUND, "grant '%s' of license '%s'", g->key.grant, license->id);
	return failure_remedy(f, "'muster-issuer license show' tells which grants it has.");
}

/* One more key: into the ledger by its hash, into the text as it is. */
static int make_key(const struct invocation *inv, struct generating *g, char *out, struct failure *f)
{
	char bare[KEYCODE_KEY + 1];
	keycode_make(KEYCODE_KEY, out);
	keycode_read(out, KEYCODE_KEY, bare);
	keycode_hash(bare, g->salt, sizeof(g->salt), g->key.gives.hash);
	sodium_memzero(bare, sizeof(bare));
	int error = ledger_key_add(g->vendor.ledger, &g->key);
	if (error)
		return ledger_explain(g->vendor.ledger, error, f);
	json_t *item = key_json(&g->key);
	if (!document_path(inv))
		json_object_set_new(item, "key", json_string(out));
	return json_array_append_new(g->items, item) ? failure_set(f, E_NO_MEMORY, "keys") : 0;
}

static int make_keys(const struct invocation *inv, struct generating *g, struct failure *f)
{
	int error = ledger_key_salt(g->vendor.ledger, g->key.license, g->key.grant, g->salt);
	if (error)
		return ledger_explain(g->vendor.ledger, error, f);
	g->text = sodium_malloc((size_t)g->count * KEYCODE_TEXT + 1);
	if (!g->text)
		return failure_set(f, E_NO_MEMORY, "%" PRId64 " keys", g->count);
	char *at = g->text;
	for (int64_t i = 0; i < g->count; i++) {
		if (make_key(inv, g, at, f))
			return f->code;
		at += strlen(at);
		*at++ = '\n';
	}
	*at = 0;
	return 0;
}

static void note_keys(const struct invocation *inv, const struct generating *g)
{
	FILE *notes = document_notes(inv);
	if (!notes)
		return;
	fprintf(notes, "%" PRId64 " %s key%s for grant %s of license %s; the ledger keeps only hashes\n",
		g->count, kind_of(&g->key), g->count == 1 ? "" : "s", g->key.grant, g->key.license);
	fprintf(stderr, "note: hosts know them from the next serial: muster-issuer license renew %s\n",
		g->key.license);
}

static int generate(const struct invocation *inv, struct generating *g, struct failure *f)
{
	if (read_options(inv, g, f) || vendor_open(inv, &g->vendor, f))
		return f->code;
	int error = ledger_begin(g->vendor.ledger);
	if (error)
		return ledger_explain(g->vendor.ledger, error, f);
	if (find_grant(g, invocation_value(inv, "license"), f) || make_keys(inv, g, f))
		return f->code;
	json_t *summary = json_pack("{s:i, s:O}", "schema", 1, "items", g->items);
	if (document_commit_text(inv, g->text, summary, g->vendor.ledger, f)) {
		json_decref(summary);
		return f->code;
	}
	note_keys(inv, g);
	document_end(inv, summary);
	return 0;
}

int key_generate_run(struct invocation *inv)
{
	struct generating g = {.items = json_array()};
	struct failure f = {0};
	int error = generate(inv, &g, &f);
	sodium_free(g.text);
	json_decref(g.items);
	issued_fini(&g.issued);
	vendor_close(&g.vendor);
	return error ? failure_print(inv, &f) : 0;
}

/* --- list --- */

/* For people: "10 more, 365 days more". */
static void add_gives(json_t *item, const struct ledger_key *key)
{
	const struct redemption *gives = &key->gives;
	char text[80] = "enrols machines";
	if (!key->pool && gives->quantity && gives->days)
		snprintf(text, sizeof(text), "%" PRId64 " more, %" PRId64 " days more", gives->quantity,
			 gives->days);
	else if (!key->pool)
		snprintf(text, sizeof(text), "%" PRId64 "%s more",
			 gives->quantity ? gives->quantity : gives->days, gives->quantity ? "" : " days");
	json_object_set_new(item, "gives", json_string(text));
}

static int list_key(const struct ledger_key *key, void *context)
{
	struct listing *listing = context;
	json_t *item = key_json(key);
	if (!listing->json)
		add_gives(item, key);
	return json_array_append_new(listing->items, item) ? E_NO_MEMORY : 0;
}

static int gather_keys(struct ledger *ledger, struct listing *listing)
{
	return ledger_key_each(ledger, invocation_value(listing->inv, "license"), list_key, listing);
}

int key_list_run(struct invocation *inv)
{
	static const struct print_column columns[] = {
		{"KEY", "id"},          {"LICENSE", "license"}, {"GRANT", "grant"},
		{"KIND", "kind"},       {"GIVES", "gives"},     {"STATE", "state"},
		{"EXPIRES", "expires"}, {"MADE", "made"},       {NULL, NULL}};
	return listing_run(inv, columns, gather_keys);
}

/* --- block --- */

/* Keys to be blocked. text: what was read from a file or standard input. */
struct blocking {
	struct vendor vendor;
	char *text;
	size_t text_n;
	json_t *items;
};

static int block_key(const struct invocation *inv, struct blocking *b, struct ledger_key *key,
		     struct failure *f)
{
	int error = key->blocked ? 0 : ledger_key_block(b->vendor.ledger, key, issuer_now(inv));
	if (error)
		return ledger_explain(b->vendor.ledger, error, f);
	if (!key->blocked)
		key->blocked = issuer_now(inv);
	return json_array_append_new(b->items, key_json(key)) ? failure_set(f, E_NO_MEMORY, "keys") : 0;
}

/* what: how to call the key in an error, because the key itself is never shown. */
static int block_code(const struct invocation *inv, struct blocking *b, const char *text, const char *what,
		      struct failure *f)
{
	struct ledger_key key;
	char bare[KEYCODE_KEY + 1];
	int error = keycode_read(text, KEYCODE_KEY, bare);
	if (error)
		return failure_set(f, error, "%s", what);
	error = ledger_key_by_code(b->vendor.ledger, bare, &key);
	sodium_memzero(bare, sizeof(bare));
	if (error && error != E_NOT_FOUND)
		return ledger_explain(b->vendor.ledger, error, f);
	if (!error)
		return block_key(inv, b, &key, f);
	failure_set(f, E_KEY_UNKNOWN, "%s was not made by this vendor", what);
	return failure_remedy(f, "Look at 'muster-issuer key list'.");
}

static int block_lines(const struct invocation *inv, struct blocking *b, const char *path, struct failure *f)
{
	int line = 0;
	int error = file_read(path, KEYS_FILE, &b->text, &b->text_n);
	if (error)
		return failure_system(f, error, path);
	for (char *at = b->text, *next; at; at = next) {
		char what[64];
		next = strchr(at, '\n');
		if (next)
			*next++ = 0;
		snprintf(what, sizeof(what), "the key on line %d", ++line);
		if (at[strspn(at, " \t\r")] && block_code(inv, b, at, what, f))
			return f->code;
	}
	return json_array_size(b->items) ? 0 : failure_set(f, E_KEY_MALFORMED, "%s holds no key", path);
}

static bool is_key_id(const char *text)
{
	size_t n = strlen(text);
	return n >= 4 && n <= 2 * KEYCODE_HASH && strspn(text, "0123456789abcdefABCDEF") == n;
}

static int block_id(const struct invocation *inv, struct blocking *b, const char *id, struct failure *f)
{
	struct ledger_key key;
	int error = ledger_key_by_id(b->vendor.ledger, id, &key);
	if (!error)
		return block_key(inv, b, &key, f);
	if (error == E_DUPLICATE)
		return failure_set(f, E_USAGE, "'%s' fits several keys: give more of the id", id);
	if (error != E_NOT_FOUND)
		return ledger_explain(b->vendor.ledger, error, f);
	failure_set(f, E_NOT_FOUND, "key '%s'", id);
	return failure_remedy(f, "Look at 'muster-issuer key list'.");
}

static int block_which(const struct invocation *inv, struct blocking *b, const char *which, struct failure *f)
{
	char bare[KEYCODE_KEY + 1];
	if (strcmp(which, "-") == 0 || which[0] == '@')
		return block_lines(inv, b, which[0] == '@' ? which + 1 : which, f);
	bool literal = keycode_read(which, KEYCODE_KEY, bare) == 0;
	sodium_memzero(bare, sizeof(bare));
	if (!literal && is_key_id(which))
		return block_id(inv, b, which, f);
	if (literal)
		fputs("warning: a key on the command line can be seen by others; use @FILE or -\n", stderr);
	return block_code(inv, b, which, "what was given", f);
}

static int block(const struct invocation *inv, struct blocking *b, struct failure *f)
{
	if (vendor_open(inv, &b->vendor, f))
		return f->code;
	int error = ledger_begin(b->vendor.ledger);
	if (!error && block_which(inv, b, inv->args[0], f))
		return f->code;
	if (!error)
		error = ledger_commit(b->vendor.ledger);
	return error ? ledger_explain(b->vendor.ledger, error, f) : 0;
}

static void tell_blocked(const struct invocation *inv, json_t *items)
{
	if (invocation_has(inv, "json")) {
		print_json(json_pack("{s:i, s:O}", "schema", 1, "items", items));
		return;
	}
	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *item = json_array_get(items, i);
		printf("key %s of grant %s, license %s, is blocked\n",
		       json_string_value(json_object_get(item, "id")),
		       json_string_value(json_object_get(item, "grant")),
		       json_string_value(json_object_get(item, "license")));
	}
	fputs("hosts learn of it from the next list: muster-issuer revocations -o FILE\n", stderr);
}

int key_block_run(struct invocation *inv)
{
	struct blocking b = {.items = json_array()};
	struct failure f = {0};
	int error = block(inv, &b, &f);
	int code = error ? failure_print(inv, &f) : 0;
	if (!error)
		tell_blocked(inv, b.items);
	if (b.text)
		sodium_memzero(b.text, b.text_n);
	free(b.text);
	json_decref(b.items);
	vendor_close(&b.vendor);
	return code;
}
