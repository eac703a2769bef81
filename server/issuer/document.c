/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "armour.h"
#include "file.h"
#include "print.h"
#include "vendor.h"

#define LABEL_ROOM 64

/* --- in --- */

static int pick_block(const struct token_kind *kind, const char *path, const char *text, size_t n,
		      char **ret_token, struct failure *f)
{
	char label[LABEL_ROOM];
	int error = armour_label(text, n, label, sizeof(label));
	if (!error && label[0] && strcmp(label, kind->label) != 0)
		return failure_set(f, E_WRONG_TYPE, "%s holds a MUSTER %s, not a MUSTER %s", path, label,
				   kind->label);
	if (!error)
		error = armour_read(kind->label, text, n, ret_token);
	return error ? failure_set(f, error, "%s", path) : 0;
}

int document_load(const struct token_kind *kind, const char *path, char **ret_token, struct failure *f)
{
	char *text;
	size_t n;
	int error = file_read(path, LIMIT_TOKEN, &text, &n);
	if (error)
		return failure_system(f, error, path);
	error = pick_block(kind, path, text, n, ret_token, f);
	free(text);
	return error;
}

int document_refused(struct failure *f, int error, const char *path, const char *token,
		     const struct roots *roots, const char *where)
{
	char named[PASERK_ID_TEXT];
	char used[PASERK_ID_TEXT];
	uint8_t id[PASERK_ID];
	if (error == E_CLAIM_INVALID)
		return failure_set(f, error, "%s%s%s", path, where[0] ? ": " : "", where);
	if (error != E_SIGNATURE_INVALID || paseto_footer(token, strlen(token), named, sizeof(named)) ||
	    paserk_pid_read(named, strlen(named), id))
		return failure_set(f, error, "%s", path);
	for (size_t i = 0; i < roots->n; i++) {
		paserk_pid_write(roots->keys[i], used);
		if (strcmp(named, used) == 0)
			return failure_set(f, error, "%s", path);
	}
	paserk_pid_write(roots->keys[0], used);
	return failure_set(f, E_WRONG_VENDOR, "%s says that it is signed with %s, and the key here is %s",
			   path, named, used);
}

/* --- out --- */

const char *document_path(const struct invocation *inv)
{
	const char *path = invocation_value(inv, "output");
	return path && strcmp(path, "-") != 0 ? path : NULL;
}

static int check_not_own(const struct invocation *inv, const struct stat *target, const char *path,
			 struct failure *f)
{
	static const char *const own[] = {VENDOR_KEY,       VENDOR_NEXT, VENDOR_ISSUING,
					  VENDOR_STATEMENT, VENDOR_PUB,  VENDOR_LEDGER};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		char theirs[PATH_MAX];
		struct stat st;
		if (vendor_path(invocation_value_or(inv, "dir", "."), own[i], theirs) || stat(theirs, &st))
			continue;
		if (st.st_dev == target->st_dev && st.st_ino == target->st_ino)
			return failure_set(f, E_USAGE, "--output '%s' is the vendor's own %s", path, own[i]);
	}
	return 0;
}

/* Devices and pipes are written to, not replaced by a file of their name. */
static int write_into(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return E_CANNOT_CREATE;
	size_t n = strlen(text);
	int error = 0;
	while (n && !error) {
		ssize_t put = write(fd, text, n);
		if (put < 0 && errno != EINTR)
			error = errno == ENOSPC ? E_STORE_FULL : E_IO;
		text += put > 0 ? put : 0;
		n -= put > 0 ? (size_t)put : 0;
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return error;
}

static int write_file(const struct invocation *inv, const char *path, const char *text, unsigned mode,
		      struct failure *f)
{
	struct stat st;
	int error;
	bool exists = stat(path, &st) == 0;
	if (exists && S_ISDIR(st.st_mode))
		return failure_set(f, E_CANNOT_CREATE, "%s: is a folder", path);
	if (exists && check_not_own(inv, &st, path, f))
		return f->code;
	if (exists && !S_ISREG(st.st_mode))
		error = write_into(path, text);
	else
		error = file_replace(path, text, strlen(text), mode);
	return error ? failure_system(f, error, path) : 0;
}

static int write_stdout(const struct invocation *inv, const char *text, json_t *summary, struct failure *f)
{
	int error;
	if (invocation_has(inv, "json")) {
		json_t *both = json_copy(summary);
		json_object_set_new(both, "file", json_string(text));
		error = print_json(both);
	} else {
		error = file_replace("-", text, strlen(text), 0);
	}
	return error ? failure_system(f, error, "standard output") : 0;
}

int document_give(const struct invocation *inv, const struct token_kind *kind, const char *token,
		  json_t *summary, struct failure *f)
{
	const char *path = document_path(inv);
	char *text;
	int error = armour_write(kind->label, token, &text);
	if (error)
		return failure_set(f, error, "%s", kind->label);
	error = path ? write_file(inv, path, text, 0644, f) : write_stdout(inv, text, summary, f);
	free(text);
	return error;
}

/* Remove what was written, because what belongs to it could not be kept. */
static void withdraw(const struct invocation *inv)
{
	const char *path = document_path(inv);
	struct stat st;
	if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		unlink(path);
}

static int commit(const struct invocation *inv, struct ledger *ledger, struct failure *f)
{
	int error = ledger_commit(ledger);
	if (!error)
		return 0;
	ledger_explain(ledger, error, f);
	withdraw(inv);
	return error;
}

int document_commit(const struct invocation *inv, const struct token_kind *kind, const char *token,
		    json_t *summary, struct ledger *ledger, struct failure *f)
{
	return document_give(inv, kind, token, summary, f) ? f->code : commit(inv, ledger, f);
}

static int write_text(const struct invocation *inv, const char *path, const char *text, struct failure *f)
{
	struct stat st;
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return write_file(inv, path, text, 0600, f);
	failure_set(f, E_CANNOT_CREATE, "%s: is there already, and what is in it may exist nowhere else",
		    path);
	return failure_remedy(f, "Give another name, or move the file away.");
}

static int print_text(const struct invocation *inv, const char *text, json_t *summary, struct failure *f)
{
	int error = invocation_has(inv, "json") ? print_json(json_incref(summary))
						: file_replace("-", text, strlen(text), 0);
	return error ? failure_system(f, error, "standard output") : 0;
}

int document_commit_text(const struct invocation *inv, const char *text, json_t *summary,
			 struct ledger *ledger, struct failure *f)
{
	const char *path = document_path(inv);
	int error = path ? write_text(inv, path, text, f) : print_text(inv, text, summary, f);
	return error ? error : commit(inv, ledger, f);
}

FILE *document_notes(const struct invocation *inv)
{
	if (invocation_has(inv, "json"))
		return NULL;
	return document_path(inv) ? stdout : stderr;
}

void document_end(const struct invocation *inv, json_t *summary)
{
	const char *path = document_path(inv);
	if (!path || !invocation_has(inv, "json")) {
		json_decref(summary);
		return;
	}
	json_object_set_new(summary, "output", print_json_text(path));
	print_json(summary);
}
