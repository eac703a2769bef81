/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "ledger_statement.h"

int ledger_license_revoke(struct ledger *ledger, const char *license, int64_t now, const char *reason)
{
	sqlite3_stmt *s = statement(ledger, LICENSE_REVOKE);
	bind_text(s, 1, license);
	sqlite3_bind_int64(s, 2, now);
	bind_text(s, 3, reason);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_host_revoke(struct ledger *ledger, const uint8_t sign[PASETO_PUBLIC], int64_t now,
		       const char *reason)
{
	sqlite3_stmt *s = statement(ledger, HOST_REVOKE);
	bind_bytes(s, 1, sign, PASETO_PUBLIC);
	sqlite3_bind_int64(s, 2, now);
	bind_text(s, 3, reason);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_host_revoked(struct ledger *ledger, const uint8_t sign[PASETO_PUBLIC], int64_t *ret_at)
{
	sqlite3_stmt *s = statement(ledger, HOST_REVOKED);
	bind_bytes(s, 1, sign, PASETO_PUBLIC);
	int result = statement_step(ledger, s);
	*ret_at = result == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	return statement_finish(s, result);
}

/* --- all of it --- */

static void take_host(sqlite3_stmt *s, struct revocations *ret)
{
	uint8_t sign[PASETO_PUBLIC] = {0};
	column_bytes(s, 0, sign, sizeof(sign));
	paserk_pid_write(sign, ret->hosts[ret->n_hosts++]);
}

static void take_signer(sqlite3_stmt *s, struct revocations *ret)
{
	column_text(s, 0, ret->signers[ret->n_signers++], PASERK_ID_TEXT);
}

static void take_license(sqlite3_stmt *s, struct revocations *ret)
{
	column_text(s, 0, ret->licenses[ret->n_licenses++], LIMIT_ID + 1);
}

static void take_key(sqlite3_stmt *s, struct revocations *ret)
{
	column_bytes(s, 0, ret->keys[ret->n_keys++], KEYCODE_HASH);
}

static int take_all(struct ledger *ledger, enum statement which,
		    void (*take)(sqlite3_stmt *, struct revocations *), struct revocations *ret)
{
	sqlite3_stmt *s = statement(ledger, which);
	int result = SQLITE_DONE;
	int rows = 0;
	for (; rows <= LIMIT_REVOCATIONS && (result = statement_step(ledger, s)) == SQLITE_ROW; rows++)
		if (rows < LIMIT_REVOCATIONS)
			take(s, ret);
	int error = statement_finish(s, result);
	return !error && rows > LIMIT_REVOCATIONS ? E_TOO_LARGE : error;
}

int ledger_revoked(struct ledger *ledger, struct revocations *ret)
{
	*ret = (struct revocations){
		.hosts = calloc(LIMIT_REVOCATIONS, sizeof(*ret->hosts)),
		.signers = calloc(LIMIT_REVOCATIONS, sizeof(*ret->signers)),
		.licenses = calloc(LIMIT_REVOCATIONS, sizeof(*ret->licenses)),
		.keys = calloc(LIMIT_REVOCATIONS, sizeof(*ret->keys)),
	};
	if (!ret->hosts || !ret->signers || !ret->licenses || !ret->keys)
		return E_NO_MEMORY;
	int error = take_all(ledger, REVOKED_HOSTS, take_host, ret);
	if (!error)
		error = take_all(ledger, REVOKED_SIGNERS, take_signer, ret);
	if (!error)
		error = take_all(ledger, REVOKED_LICENSES, take_license, ret);
	return error ? error : take_all(ledger, REVOKED_KEYS, take_key, ret);
}

/* --- signed lists --- */

int ledger_list_last(struct ledger *ledger, int64_t *ret_number, char **ret_token)
{
	sqlite3_stmt *s = statement(ledger, LIST_LAST);
	int result = statement_step(ledger, s);
	bool found = result == SQLITE_ROW;
	*ret_number = found ? sqlite3_column_int64(s, 0) : 0;
	char *token = found && ret_token ? column_copy(s, 1) : NULL;
	int error = statement_finish(s, result);
	if (!ret_token)
		return error;
	*ret_token = token;
	return !error && found && !token ? E_NO_MEMORY : error;
}

int ledger_list_add(struct ledger *ledger, const struct revocations *list, const char *token)
{
	sqlite3_stmt *s = statement(ledger, LIST_ADD);
	sqlite3_bind_int64(s, 1, list->number);
	sqlite3_bind_int64(s, 2, list->head.iat);
	bind_text(s, 3, token);
	return statement_finish(s, statement_step(ledger, s));
}
