/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ledger.h"
#include "ledger_statement.h"

int ledger_signer_add(struct ledger *ledger, const char *pid, const char *token, int64_t now)
{
	sqlite3_stmt *s = statement(ledger, SIGNER_ADD);
	bind_text(s, 1, pid);
	bind_text(s, 2, token);
	sqlite3_bind_int64(s, 3, now);
	return statement_finish(s, statement_step(ledger, s));
}

static void take_signer(sqlite3_stmt *s, struct ledger_signer *ret)
{
	*ret = (struct ledger_signer){.made = sqlite3_column_int64(s, 2),
				      .revoked = sqlite3_column_int64(s, 3)};
	column_text(s, 0, ret->pid, sizeof(ret->pid));
	column_text(s, 1, ret->statement, sizeof(ret->statement));
	column_text(s, 4, ret->reason, sizeof(ret->reason));
}

int ledger_signer_get(struct ledger *ledger, const char *pid, struct ledger_signer *ret)
{
	sqlite3_stmt *s = statement(ledger, SIGNER_GET);
	bind_text(s, 1, pid);
	int result = statement_step(ledger, s);
	bool found = result == SQLITE_ROW;
	if (found)
		take_signer(s, ret);
	int error = statement_finish(s, result);
	return error || found ? error : E_NOT_FOUND;
}

int ledger_signer_revoke(struct ledger *ledger, const char *pid, int64_t now, const char *reason)
{
	sqlite3_stmt *s = statement(ledger, SIGNER_REVOKE);
	bind_text(s, 1, pid);
	sqlite3_bind_int64(s, 2, now);
	bind_text(s, 3, reason);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_signer_each(struct ledger *ledger, int (*visit)(const struct ledger_signer *, void *),
		       void *context)
{
	struct ledger_signer row;
	sqlite3_stmt *s = statement(ledger, SIGNER_EACH);
	int result;
	int stop = 0;
	while (!stop && (result = statement_step(ledger, s)) == SQLITE_ROW) {
		take_signer(s, &row);
		stop = visit(&row, context);
	}
	int error = statement_finish(s, stop ? SQLITE_DONE : result);
	return stop ? stop : error;
}
