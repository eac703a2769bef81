/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <string.h>

#include "ledger.h"
#include "ledger_statement.h"

void ledger_key_id(const struct ledger_key *key, char out[LEDGER_KEY_ID + 1])
{
	sodium_bin2hex(out, LEDGER_KEY_ID + 1, key->gives.hash, LEDGER_KEY_ID / 2);
}

/* --- salts --- */

static int get_salt(struct ledger *ledger, const char *license, const char *grant, uint8_t ret[KEYCODE_SALT])
{
	sqlite3_stmt *s = statement(ledger, SALT_GET);
	bind_text(s, 1, license);
	bind_text(s, 2, grant);
	int result = statement_step(ledger, s);
	if (result == SQLITE_ROW)
		column_bytes(s, 0, ret, KEYCODE_SALT);
	int error = statement_finish(s, result);
	return error || result == SQLITE_ROW ? error : E_NOT_FOUND;
}

int ledger_key_salt(struct ledger *ledger, const char *license, const char *grant, uint8_t ret[KEYCODE_SALT])
{
	int error = get_salt(ledger, license, grant, ret);
	if (error != E_NOT_FOUND)
		return error;
	sqlite3_stmt *s = statement(ledger, SALT_ADD);
	randombytes_buf(ret, KEYCODE_SALT);
	bind_text(s, 1, license);
	bind_text(s, 2, grant);
	bind_bytes(s, 3, ret, KEYCODE_SALT);
	return statement_finish(s, statement_step(ledger, s));
}

/* --- keys --- */

int ledger_key_add(struct ledger *ledger, const struct ledger_key *key)
{
	sqlite3_stmt *s = statement(ledger, KEY_ADD);
	bind_text(s, 1, key->license);
	bind_text(s, 2, key->grant);
	bind_bytes(s, 3, key->gives.hash, KEYCODE_HASH);
	sqlite3_bind_int64(s, 4, key->pool);
	sqlite3_bind_int64(s, 5, key->gives.quantity);
	sqlite3_bind_int64(s, 6, key->gives.days);
	sqlite3_bind_int64(s, 7, key->gives.exp);
	sqlite3_bind_int64(s, 8, key->made);
	return statement_finish(s, statement_step(ledger, s));
}

static void read_key(sqlite3_stmt *s, struct ledger_key *ret)
{
	*ret = (struct ledger_key){
		.pool = sqlite3_column_int64(s, 3) != 0,
		.gives = {.quantity = sqlite3_column_int64(s, 4),
			  .days = sqlite3_column_int64(s, 5),
			  .exp = sqlite3_column_int64(s, 6)},
		.made = sqlite3_column_int64(s, 7),
		.blocked = sqlite3_column_int64(s, 8),
	};
	column_text(s, 0, ret->license, sizeof(ret->license));
	column_text(s, 1, ret->grant, sizeof(ret->grant));
	column_bytes(s, 2, ret->gives.hash, KEYCODE_HASH);
}

static int by_hash(struct ledger *ledger, const uint8_t hash[KEYCODE_HASH], struct ledger_key *ret)
{
	sqlite3_stmt *s = statement(ledger, KEY_BY_HASH);
	bind_bytes(s, 1, hash, KEYCODE_HASH);
	int result = statement_step(ledger, s);
	if (result == SQLITE_ROW)
		read_key(s, ret);
	int error = statement_finish(s, result);
	return error || result == SQLITE_ROW ? error : E_NOT_FOUND;
}

/* Nobody knows of which grant a key is before its hash is found under that grant's salt. */
int ledger_key_by_code(struct ledger *ledger, const char *bare, struct ledger_key *ret)
{
	sqlite3_stmt *s = statement(ledger, SALT_EACH);
	int found = E_NOT_FOUND;
	int result = SQLITE_DONE;
	while (found == E_NOT_FOUND && (result = statement_step(ledger, s)) == SQLITE_ROW) {
		uint8_t salt[KEYCODE_SALT] = {0};
		uint8_t hash[KEYCODE_HASH];
		column_bytes(s, 0, salt, sizeof(salt));
		keycode_hash(bare, salt, sizeof(salt), hash);
		found = by_hash(ledger, hash, ret);
	}
	int error = statement_finish(s, result);
	return error ? error : found;
}

int ledger_key_by_id(struct ledger *ledger, const char *id, struct ledger_key *ret)
{
	sqlite3_stmt *s = statement(ledger, KEY_BY_ID);
	bind_text(s, 1, id);
	int result = statement_step(ledger, s);
	bool found = result == SQLITE_ROW;
	if (found) {
		read_key(s, ret);
		result = statement_step(ledger, s);
	}
	int error = statement_finish(s, result);
	if (error)
		return error;
	return !found ? E_NOT_FOUND : result == SQLITE_ROW ? E_DUPLICATE : 0;
}

int ledger_key_block(struct ledger *ledger, const struct ledger_key *key, int64_t now)
{
	sqlite3_stmt *s = statement(ledger, KEY_BLOCK);
	bind_bytes(s, 1, key->gives.hash, KEYCODE_HASH);
	sqlite3_bind_int64(s, 2, now);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_key_each(struct ledger *ledger, const char *license,
		    int (*visit)(const struct ledger_key *, void *), void *context)
{
	sqlite3_stmt *s = statement(ledger, KEY_EACH);
	struct ledger_key key;
	int stop = 0;
	int result = SQLITE_DONE;
	bind_text(s, 1, license);
	while (!stop && (result = statement_step(ledger, s)) == SQLITE_ROW) {
		read_key(s, &key);
		stop = visit(&key, context);
	}
	int error = statement_finish(s, stop ? SQLITE_OK : result);
	return stop ? stop : error;
}
