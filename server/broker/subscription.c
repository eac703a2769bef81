/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a subscription by hand: cancelled, taken over, reactivated, and product keys (DESIGN 3;
 * domain.md 5). */
#include <sodium.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "order.h"
#include "rfc3339.h"

#define WRONG_KEYS_MAX 10 /* an hour; then they are not even looked at */
#define WRONG_KEYS_SECONDS 3600

/* The grant that is named, with its marks; refuses when there is none, or several licenses have one. */
static int find_grant(struct order *o, struct catalog_grant *ret, struct row *ret_row)
{
	if (!catalog_grant_named(&o->b->catalog, o->c->license, o->c->grant, ret))
		return order_refuse(o->c, E_NOT_FOUND, o->c->grant);
	return store_grant(o->b->store, catalog_number(ret), o->now, ret_row);
}

static int put_marks(struct order *o, const struct catalog_grant *g, const struct grant_marks *before,
		     const struct grant_marks *after)
{
	seats_forget(o->b);
	return broker_marks(o->b, o->now, catalog_number(g), g->grant->id, before, after, 0, 0);
}

int subscription_cancel(struct order *o)
{
	struct catalog_grant g;
	struct row row;
	int error = find_grant(o, &g, &row);
	if (error || o->c->code)
		return error;
	const struct grant_marks before = row.u.grant.marks;
	if (o->now >= g.grant->cancel_until) {
		o->c->numbers.until = g.grant->cancel_until;
		return order_refuse(o->c, E_CANCEL_WINDOW_OVER, o->c->grant);
	}
	struct grant_marks after = before;
	after.cancelled = before.cancelled ? before.cancelled : o->now;
	if (!before.cancelled)
		order_lose(o, g.grant, &row); /* nobody's lease is renewed any more */
	return put_marks(o, &g, &before, &after);
}

int subscription_takeover(struct order *o)
{
	struct catalog_grant g;
	struct row row;
	int error = find_grant(o, &g, &row);
	if (error || o->c->code)
		return error;
	const struct grant_marks before = row.u.grant.marks;
	if (!g.grant->self_service_owner[0])
		return order_refuse(o->c, E_BAD_REQUEST, "the subscription is the organisation's already");
	struct grant_marks after = before;
	after.taken_over = before.taken_over ? before.taken_over : o->now;
	error = put_marks(o, &g, &before, &after);
	return error ? error : seats_retry(o->b, o->now, g.grant->product);
}

/* --- product keys --- */

struct found_key {
	struct catalog_grant g;
	const struct redemption *r;
	uint8_t hash[KEYCODE_HASH];
};

static bool search_grant(const struct catalog_license *l, const struct grant *grant, const char *key,
			 struct found_key *ret)
{
	if (!grant->n_redemptions)
		return false;
	keycode_hash(key, grant->key_salt, KEYCODE_SALT, ret->hash);
	for (size_t i = 0; i < grant->n_redemptions; i++) {
		if (memcmp(grant->redemptions[i].hash, ret->hash, KEYCODE_HASH) != 0)
			continue;
		ret->g = (struct catalog_grant){l, grant, license_product(&l->license, grant->product)};
		ret->r = &grant->redemptions[i];
		return true;
	}
	return false;
}

static bool search_key(const struct catalog *c, const char *key, struct found_key *ret)
{
	for (size_t i = 0; i < c->n_licenses; i++)
		for (size_t j = 0; j < c->licenses[i].license.n_grants; j++)
			if (c->licenses[i].numbers[j] &&
			    search_grant(&c->licenses[i], &c->licenses[i].license.grants[j], key, ret))
				return true;
	return false;
}

/* The grant's marks as they will be. */
static struct grant_marks gift(const struct found_key *k, const struct grant_marks *before, int64_t now)
{
	struct grant_marks after = *before;
	int64_t end = grant_end(&k->g.license->license, k->g.grant);
	end = before->extended > end ? before->extended : end;
	after.extra += k->r->quantity;
	after.cancelled = 0;
	if (k->r->days)
		after.extended = (end > now ? end : now) + k->r->days * DAY_SECONDS;
	return after;
}

/* Why a key that is known may not be redeemed here and now (domain.md 5.3); 0: it may. */
static int judge_key(struct broker *b, struct redeeming *what, const struct found_key *k,
		     const struct grant_marks *m, int64_t now)
{
	const struct grant *grant = k->g.grant;
	const struct revocations *revoked = catalog_revocations(&b->catalog, k->g.license->vendor);
	int64_t quantity = grant->quantity + m->extra + k->r->quantity;
	if ((*what->product && strcmp(what->product, grant->product) != 0) ||
	    (what->grant && strcmp(what->grant, grant->id) != 0)) {
		snprintf(what->detail, sizeof(what->detail), "it is for %s (grant %s)", grant->product,
			 grant->id);
		return E_KEY_WRONG_PRODUCT;
	}
	if (what->from_device && !grant->redeem_from_device)
		return E_KEY_NOT_PERMITTED;
	if (revoked && revocations_key(revoked, k->hash))
		return E_KEY_BLOCKED;
	if (k->r->exp && now >= k->r->exp) {
		what->numbers.until = k->r->exp;
		return E_KEY_EXPIRED;
	}
	if (revoked && revocations_license(revoked, k->g.license->license.id))
		return E_LICENSE_REVOKED;
	struct grant_marks after = gift(k, m, now);
	struct grant_terms terms = catalog_terms(&b->catalog, &k->g, m, now);
	/* A key that would be used up and change nothing is kept. */
	if (terms.stage == STAGE_DELETED ||
	    catalog_terms(&b->catalog, &k->g, &after, now).stage >= STAGE_DISABLED) {
		what->numbers.until = terms.end;
		return E_GRANT_ENDED;
	}
	if (grant->quantity_max && quantity > grant->quantity_max) {
		what->numbers.used = quantity;
		what->numbers.quantity = grant->quantity_max;
		return E_KEY_EXCEEDS;
	}
	return 0;
}

static void describe_gift(struct redeeming *what, const struct found_key *k, const struct grant_marks *after)
{
	char until[RFC3339_TEXT] = "";
	if (k->r->days)
		rfc3339_write(after->extended, until);
	snprintf(what->detail, sizeof(what->detail), "%s: %lld more%s%s", k->g.grant->id,
		 (long long)k->r->quantity, k->r->days ? ", until " : "", until);
}

static int use_key(struct broker *b, struct redeeming *what, const struct found_key *k,
		   const struct grant_marks *before, int64_t now)
{
	struct grant_marks after = gift(k, before, now);
	struct record r = {.kind = RECORD_REDEEMED,
			   .u.redeemed = {.hash = {k->hash, KEYCODE_HASH},
					  .entitlement = catalog_number(&k->g),
					  .quantity = k->r->quantity,
					  .extended = k->r->days ? after.extended : 0,
					  .at = now}};
	int error = store_put(b->store, &r);
	if (!error)
		error = broker_marks(b, now, catalog_number(&k->g), k->g.grant->id, before, &after, 0, 0);
	if (!error)
		error = broker_audit(b, now, what->actor, "key.redeemed", k->g.grant->id,
				     json_pack("{s:I, s:I}", "quantity", (json_int_t)k->r->quantity, "days",
					       (json_int_t)k->r->days));
	describe_gift(what, k, &after);
	seats_forget(b);
	return error ? error : seats_retry(b, now, k->g.grant->product);
}

int redeem_run(struct broker *b, struct redeeming *what, int64_t now, int *ret_code)
{
	struct tries *tries = broker_tries(b, b->wrong_keys, what->actor, now, WRONG_KEYS_SECONDS);
	struct found_key k = {0};
	struct row row;
	struct record_copy used;
	*ret_code = 0;
	what->numbers = NUMBERS_NONE;
	if (tries->n >= WRONG_KEYS_MAX) {
		what->numbers.until = tries->since + WRONG_KEYS_SECONDS;
		*ret_code = E_KEY_TRY_LATER;
		return 0;
	}
	if (!search_key(&b->catalog, what->key, &k)) {
		tries->n++;
		*ret_code = E_KEY_UNKNOWN;
		return 0;
	}
	struct record like = {.kind = RECORD_REDEEMED, .u.redeemed.hash = {k.hash, KEYCODE_HASH}};
	int error = store_find(b->store, &like, BY(redeemed, hash), &used);
	if (!error) {
		what->numbers.until = used.record.u.redeemed.at;
		*ret_code = E_KEY_USED;
	}
	if (error && error != E_NOT_FOUND)
		return error;
	if (*ret_code)
		return 0;
	error = store_grant(b->store, catalog_number(&k.g), now, &row);
	if (error)
		return error;
	*ret_code = judge_key(b, what, &k, &row.u.grant.marks, now);
	return *ret_code ? 0 : use_key(b, what, &k, &row.u.grant.marks, now);
}

static int redeem(struct order *o, const char *grant)
{
	char bare[KEYCODE_KEY + 1];
	struct redeeming what = {
		.product = o->c->product ? o->c->product : "", .grant = grant, .actor = o->job->actor};
	int code = keycode_read(o->c->key, KEYCODE_KEY, bare);
	int error = 0;
	what.key = bare;
	if (!code)
		error = redeem_run(o->b, &what, o->now, &code);
	sodium_memzero(bare, sizeof(bare));
	o->c->numbers = what.numbers;
	if (code)
		return error ? error : order_refuse(o->c, code, what.detail[0] ? what.detail : NULL);
	memcpy(o->c->detail, what.detail, sizeof(o->c->detail));
	return error;
}

int subscription_redeem(struct order *o)
{
	return redeem(o, o->c->grant);
}

/* By a key; a license of a higher serial reactivates when it is installed. */
int subscription_reactivate(struct order *o)
{
	struct catalog_grant g;
	struct row row;
	int error = find_grant(o, &g, &row);
	if (error || o->c->code)
		return error;
	const struct grant_marks marks = row.u.grant.marks;
	enum grant_stage stage = catalog_terms(&o->b->catalog, &g, &marks, o->now).stage;
	if (o->c->key)
		return redeem(o, o->c->grant);
	if (stage == STAGE_ACTIVE || stage == STAGE_PENDING)
		return order_refuse(o->c, E_NOTHING_TO_REACTIVATE, o->c->grant);
	o->c->numbers.until = marks.cancelled ? marks.cancelled : grant_end(&g.license->license, g.grant);
	return order_refuse(o->c, marks.cancelled ? E_GRANT_CANCELLED : E_GRANT_ENDED, o->c->grant);
}
