/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"
#include "ledger_statement.h"

int ledger_host_key_add(struct ledger *ledger, const uint8_t hash[KEYCODE_HASH], const char *license,
			int64_t now)
{
	sqlite3_stmt *s = statement(ledger, HOST_KEY_ADD);
	bind_bytes(s, 1, hash, KEYCODE_HASH);
	bind_text(s, 2, license);
	sqlite3_bind_int64(s, 3, now);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_host_key_get(struct ledger *ledger, const uint8_t hash[KEYCODE_HASH], struct ledger_host_key *ret)
{
	sqlite3_stmt *s = statement(ledger, HOST_KEY_GET);
	bind_bytes(s, 1, hash, KEYCODE_HASH);
	int result = statement_step(ledger, s);
	bool found = result == SQLITE_ROW;
	*ret = (struct ledger_host_key){.used = found ? sqlite3_column_int64(s, 1) : 0};
	if (found) {
		column_text(s, 0, ret->license, sizeof(ret->license));
		column_bytes(s, 2, ret->sign, sizeof(ret->sign));
	}
	int error = statement_finish(s, result);
	return error || found ? error : E_NOT_FOUND;
}

int ledger_host_key_use(struct ledger *ledger, const uint8_t hash[KEYCODE_HASH],
			const uint8_t sign[PASETO_PUBLIC], int64_t now)
{
	sqlite3_stmt *s = statement(ledger, HOST_KEY_USE);
	bind_bytes(s, 1, hash, KEYCODE_HASH);
	sqlite3_bind_int64(s, 2, now);
	bind_bytes(s, 3, sign, PASETO_PUBLIC);
	return statement_finish(s, statement_step(ledger, s));
}
