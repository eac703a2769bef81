/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate.h"

#include <stdio.h>

#include "error.h"
#include "log.h"

static const struct {
	const char *name;
	const char *sql;
} migrations[] = {
#include "schema.inc"
};

#define MIGRATIONS ((int)(sizeof(migrations) / sizeof(migrations[0])))

static int pragma(sqlite3 *db, const char *sql, int *ret)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return E_INTERNAL;
	int error = sqlite3_step(stmt) == SQLITE_ROW ? 0 : E_INTERNAL;
	if (!error)
		*ret = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return error;
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : E_INTERNAL;
}

static int step(sqlite3 *db, int index)
{
	char sql[128];
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		 MIGRATE_APPLICATION, index + 1);
	int error = run(db, "BEGIN IMMEDIATE");
	if (!error)
		error = run(db, migrations[index].sql);
	if (!error)
		error = run(db, sql);
	if (error) {
		int ignored = sqlite3_get_autocommit(db) ? 0 : run(db, "ROLLBACK");
		(void)ignored;
		return error;
	}
	return 0;
}

static int step_and_tell(sqlite3 *db, int index)
{
	int error = step(db, index);
	if (!error)
		log_event(EVENT_STORE_MIGRATED, LOG_TEXT(OBJECT, migrations[index].name));
	return error;
}

int migrate_check(sqlite3 *db)
{
	int version;
	int application;
	int tables;
	if (pragma(db, "PRAGMA user_version", &version) ||
	    pragma(db, "PRAGMA application_id", &application) ||
	    pragma(db, "SELECT count(*) FROM sqlite_master", &tables))
		return E_INTERNAL;
	if (application != MIGRATE_APPLICATION && (application != 0 || version != 0 || tables != 0))
		return E_STORE_CORRUPT;
	return version > MIGRATIONS ? E_STORE_NEWER : 0;
}

int migrate_older(sqlite3 *db, bool *ret)
{
	int version = 0;
	int error = pragma(db, "PRAGMA user_version", &version);
	*ret = version < MIGRATIONS;
	return error;
}

int migrate_as_of(sqlite3 *db, int version)
{
	int error = 0;
	for (int i = 0; i < version && i < MIGRATIONS && !error; i++)
		error = step(db, i);
	return error;
}

int migrate_version(sqlite3 *db, int *ret)
{
	return pragma(db, "PRAGMA user_version", ret);
}

int migrate(sqlite3 *db)
{
	int version;
	int error = migrate_check(db);
	if (!error)
		error = pragma(db, "PRAGMA user_version", &version);
	for (int i = error ? MIGRATIONS : version; i < MIGRATIONS && !error; i++)
		error = step_and_tell(db, i);
	return error;
}
