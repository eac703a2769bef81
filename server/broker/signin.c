/* SPDX-License-Identifier: Apache-2.0 */
#include "signin.h"

#include <sodium.h>
#include <string.h>

#include "error.h"
#include "store.h"

/* --- a user's code --- */

static int find_user(struct broker *b, const char *name, int64_t *ret)
{
	struct record like = {.kind = RECORD_USER, .u.user.name = name};
	return store_find_num(b->store, &like, BY(user, name), ret);
}

static int is_bound(struct broker *b, int64_t device, int64_t user, bool *ret)
{
	struct record like = {.kind = RECORD_BINDING, .u.binding = {.device = device, .user = user}};
	int64_t found;
	int error = store_find_num(b->store, &like, BY(binding, device) | BY(binding, user), &found);
	*ret = found != 0;
	return error;
}

int signin_bind(struct broker *b, struct job *job, int64_t device, int64_t user, int64_t now)
{
	char id[DEVICE_ID_TEXT];
	struct record r = {.kind = RECORD_BINDING, .u.binding = {.device = device, .user = user, .at = now}};
	bool bound;
	int error = is_bound(b, device, user, &bound);
	if (error || bound)
		return error;
	device_id_write(job->device, id);
	error = store_put(b->store, &r);
	return error ? error
		     : broker_audit(b, now, "host", "user.signed-in", id,
				    json_pack("{s:s, s:s}", "user", job->lines[0].user, "hostname",
					      job->hostname));
}

/* The same request again, after a lost answer, is no other try: of the same device, for the same user, with
 * the same code. */
static bool is_new_try(struct broker *b, const struct job *job)
{
	crypto_generichash_state state;
	const char *user = job->lines[0].user;
	uint8_t hash[crypto_generichash_BYTES_MIN];
	uint64_t mark;
	crypto_generichash_init(&state, b->secret, RATCHET_SECRET, sizeof(hash));
	crypto_generichash_update(&state, job->shown.token, sizeof(job->shown.token));
	crypto_generichash_update(&state, job->device, DEVICE_ID);
	crypto_generichash_update(&state, (const uint8_t *)job->signin_code, sizeof(job->signin_code));
	crypto_generichash_update(&state, (const uint8_t *)user, strlen(user));
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(&mark, hash, sizeof(mark));
	uint64_t *slot = &b->tried[mark % TRIED_MAX];
	bool is_new = *slot != mark;
	*slot = mark;
	return is_new;
}

/* A name without a code is answered as one that has a code: nobody learns here who works there. */
static void judge_stranger(struct broker *b, struct job *job, int64_t now, int *ret_code)
{
	struct tries *t = broker_tries(b, b->strangers, job->lines[0].user, now, SIGNIN_SECONDS);
	if (t->n < SIGNIN_TRIES && is_new_try(b, job))
		t->n++;
	*ret_code = t->n < SIGNIN_TRIES ? E_SIGNIN_REFUSED : E_SIGNIN_LOCKED;
}

/* A wrong try is remembered before it is answered. Only who has the right code hears that it has ended. */
static int judge_code(struct broker *b, struct job *job, struct record *stored, int64_t now, int *ret_code)
{
	uint8_t hash[KEYCODE_HASH];
	struct record_signin *s = &stored->u.signin;
	keycode_hash(job->signin_code, b->secret, RATCHET_SECRET, hash);
	bool right = s->hash.n == sizeof(hash) && sodium_memcmp(s->hash.at, hash, sizeof(hash)) == 0;
	bool ended = now >= s->made + SIGNIN_SECONDS;
	if (ended && !right) {
		judge_stranger(b, job, now, ret_code);
		return 0;
	}
	if (s->tries >= SIGNIN_TRIES) {
		*ret_code = E_SIGNIN_LOCKED;
		return 0;
	}
	if (ended) {
		*ret_code = E_SIGNIN_CODE_EXPIRED;
		job->numbers.until = s->made + SIGNIN_SECONDS;
		return 0;
	}
	if (right)
		return store_drop(b->store, RECORD_SIGNIN, stored->num);
	if (!is_new_try(b, job)) {
		*ret_code = E_SIGNIN_REFUSED;
		return 0;
	}
	s->tries++;
	*ret_code = s->tries >= SIGNIN_TRIES ? E_SIGNIN_LOCKED : E_SIGNIN_REFUSED;
	return store_put(b->store, stored);
}

int signin_check(struct broker *b, struct job *job, int64_t device, int64_t now, int *ret_code)
{
	struct record_copy found;
	int64_t user;
	bool bound = false;
	job->numbers = NUMBERS_NONE;
	job->numbers.need = SIGNIN_TRIES; /* how many there are; how many are left is nobody's business */
	*ret_code = 0;
	int error = find_user(b, job->lines[0].user, &user);
	if (!error && user && !job->signin_code[0])
		error = is_bound(b, device, user, &bound);
	if (error || bound)
		return error;
	if (!job->signin_code[0]) {
		*ret_code = E_SIGNIN_NEEDED;
		return 0;
	}
	struct record like = {.kind = RECORD_SIGNIN, .u.signin.user = user};
	error = user ? store_find(b->store, &like, BY(signin, user), &found) : E_NOT_FOUND;
	if (error == E_NOT_FOUND) {
		judge_stranger(b, job, now, ret_code);
		error = 0;
	} else if (!error) {
		error = judge_code(b, job, &found.record, now, ret_code);
	}
	if (*ret_code == E_SIGNIN_LOCKED)
		job->numbers.have = SIGNIN_TRIES;
	return error || *ret_code ? error : signin_bind(b, job, device, user, now);
}

/* --- enrolment keys --- */

static int find_key(struct broker *b, const char *key, int64_t now, struct record_copy *ret, bool *ret_holds)
{
	uint8_t hash[KEYCODE_HASH];
	struct record like = {.kind = RECORD_ENROLKEY, .u.enrolkey.hash = {hash, sizeof(hash)}};
	keycode_hash(key, b->secret, RATCHET_SECRET, hash);
	int error = store_find(b->store, &like, BY(enrolkey, hash), ret);
	const struct record_enrolkey *k = &ret->record.u.enrolkey;
	*ret_holds = !error && (!k->uses || k->used < k->uses) && (!k->until || now < k->until);
	return error == E_NOT_FOUND ? 0 : error;
}

int enrol_find(struct broker *b, const char *key, int64_t now, bool *ret_joins)
{
	struct record_copy found;
	return find_key(b, key, now, &found, ret_joins);
}

int enrol_join(struct broker *b, const struct job *job, const char *key, int64_t device, int64_t now)
{
	struct record_copy found;
	int64_t old;
	char id[DEVICE_ID_TEXT];
	bool holds;
	int error = find_key(b, key, now, &found, &holds);
	if (error || !holds)
		return error;
	int64_t circle = found.record.u.enrolkey.circle;
	struct record member = {.kind = RECORD_MEMBERSHIP,
				.u.membership = {.kind = MEMBER_DEVICE, .member = device, .circle = circle}};
	error = store_find_num(b->store, &member,
			       BY(membership, kind) | BY(membership, member) | BY(membership, circle), &old);
	if (error || old)
		return error; /* it is in already: the key is not used up */
	found.record.u.enrolkey.used++;
	error = store_put(b->store, &member);
	if (!error)
		error = store_put(b->store, &found.record);
	device_id_write(job->device, id);
	if (!error)
		error = broker_audit(b, now, "host", "device.enrolled", id,
				     json_pack("{s:s, s:I}", "hostname", job->hostname, "key",
					       (json_int_t)found.record.num));
	return error ? error : seats_settle_member(b, now, (struct holder){MEMBER_DEVICE, device}, circle);
}
