/* SPDX-License-Identifier: Apache-2.0 */
#include "offline.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "repair.h"
#include "restore.h"
#include "state_dir.h"

static int print(json_t *document, int code)
{
	if (!document || json_dumpf(document, stdout, JSON_INDENT(1)) || putchar('\n') == EOF ||
	    fflush(stdout))
		code = error_row(E_IO)->exit;
	json_decref(document);
	return code;
}

static int refuse(int code, const char *detail, const struct numbers *n)
{
	const struct error_row *row = error_row(code);
	json_t *numbers = json_object();
	if (n && n->have >= 0)
		json_object_set_new(numbers, "have", json_integer(n->have));
	if (n && n->need >= 0)
		json_object_set_new(numbers, "need", json_integer(n->need));
	return print(json_pack("{s:i, s:{s:s, s:s, s:s, s:s, s:o}}", "schema", 1, "error", "code", row->name,
			       "text", row->text, "remedy", row->remedy, "detail", detail, "numbers",
			       numbers),
		     row->exit);
}

static int verify(const char *path)
{
	struct archive_info info;
	struct clock clock = clock_system();
	char detail[BACKUP_DETAIL];
	int error = backup_verify(path, clock_wall(&clock), &info, detail);
	if (error)
		return refuse(error, detail, NULL);
	return print(json_pack("{s:i, s:b, s:o}", "schema", 1, "ok", 1, "backup", archive_json(&info)), 0);
}

/* Where the SQLite file is; false: the store is not one. */
static bool find_database(const struct config *config, char out[PATH_MAX])
{
	static const char sqlite[] = "sqlite:";
	const char *url = config_text(config, CONFIG_STORE_URL);
	if (!*url)
		snprintf(out, PATH_MAX, "%s/muster.db", config_text(config, CONFIG_SERVER_STATE_DIR));
	else if (strncmp(url, sqlite, sizeof(sqlite) - 1) == 0)
		snprintf(out, PATH_MAX, "%s", url + sizeof(sqlite) - 1);
	else
		return false;
	return true;
}

/* The first line of standard input. */
static int read_passphrase(char *out, size_t *ret_n)
{
	if (!fgets(out, KEYBAG_PASSPHRASE + 2, stdin))
		return E_PASSPHRASE_WRONG;
	*ret_n = strcspn(out, "\n");
	return *ret_n && *ret_n <= KEYBAG_PASSPHRASE ? 0 : E_PASSPHRASE_WRONG;
}

static int restore_locked(const struct offline *o, const struct config *config, const char *database,
			  char *passphrase)
{
	char detail[BACKUP_DETAIL] = "";
	char actor[32];
	struct numbers numbers = NUMBERS_NONE;
	struct clock clock = clock_system();
	json_t *document = NULL;
	size_t n = 0;
	int error = passphrase ? read_passphrase(passphrase, &n) : 0;
	snprintf(actor, sizeof(actor), "uid:%u", (unsigned)getuid());
	struct restore_order order = {.file = o->restore,
				      .folder = config_text(config, CONFIG_SERVER_STATE_DIR),
				      .database = database,
				      .passphrase = passphrase,
				      .passphrase_n = n,
				      .force = o->force,
				      .dry_run = o->dry_run,
				      .now = clock_wall(&clock),
				      .actor = actor};
	if (!error)
		error = restore_run(&order, &document, &numbers, detail);
	return error ? refuse(error, detail, &numbers) : print(document, 0);
}

static int restore(const struct offline *o, const struct config *config)
{
	char database[PATH_MAX];
	char what[PATH_MAX];
	int lock;
	if (!find_database(config, database))
		return refuse(E_CONFIG_INVALID, "[store] url: only a SQLite database can be restored", NULL);
	umask(077);
	int error = state_dir_open(config_text(config, CONFIG_SERVER_STATE_DIR), &lock, what);
	if (error) {
		what[BACKUP_DETAIL - 1] = 0;
		return refuse(error, what, NULL);
	}
	char *passphrase = o->with_key ? sodium_malloc(KEYBAG_PASSPHRASE + 2) : NULL;
	int code = o->with_key && !passphrase ? refuse(E_NO_MEMORY, "", NULL)
					      : restore_locked(o, config, database, passphrase);
	sodium_free(passphrase);
	close(lock);
	return code;
}

/* --- repairing --- */

/* A refusal that still tells what was found. */
static int refuse_damaged(int code, const char *detail, json_t *report)
{
	const struct error_row *row = error_row(code);
	json_t *error = json_pack("{s:s, s:s, s:s, s:s, s:{}}", "code", row->name, "text", row->text,
				  "remedy", row->remedy, "detail", detail, "numbers");
	if (report)
		json_object_set_new(report, "error", error);
	else
		json_decref(error);
	return report ? print(report, row->exit) : refuse(code, detail, NULL);
}

static int repair(const struct offline *o)
{
	char folder[PATH_MAX];
	char what[PATH_MAX];
	char actor[32];
	char detail[BACKUP_DETAIL] = "";
	struct clock clock = clock_system();
	struct stat st;
	json_t *report = NULL;
	int lock;
	if (stat(o->repair, &st) || !S_ISREG(st.st_mode) ||
	    snprintf(folder, sizeof(folder), "%s", o->repair) >= (int)sizeof(folder))
		return refuse(E_IO, o->repair, NULL);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	else
		strcpy(folder, ".");
	umask(077);
	int error = state_dir_open(folder, &lock, what);
	if (error) {
		what[BACKUP_DETAIL - 1] = 0;
		return refuse(error, what, NULL);
	}
	snprintf(actor, sizeof(actor), "uid:%u", (unsigned)getuid());
	struct repair_order order = {.database = o->repair,
				     .folder = folder,
				     .dry_run = o->dry_run,
				     .now = clock_wall(&clock),
				     .actor = actor};
	error = repair_run(&order, &report, detail);
	close(lock);
	return error ? refuse_damaged(error, detail, report) : print(report, 0);
}

int offline_run(const struct offline *o, const struct config *config)
{
	return o->verify ? verify(o->verify) : o->repair ? repair(o) : restore(o, config);
}
