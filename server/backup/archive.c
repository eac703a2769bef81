/* SPDX-License-Identifier: Apache-2.0 */
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64url.h"
#include "error.h"
#include "jsontext.h"
#include "rfc3339.h"

#define KEY_INFO "backup.info"
#define KEY_KEYS "backup.key"
#define MAGIC "MUSTER BACKUP 1\n"
#define MAGIC_N 16
#define PIECE 65536

/* --- the rows about it --- */

json_t *archive_json(const struct archive_info *i)
{
	char time[RFC3339_TEXT];
	char ledger[32];
	char hash[64];
	base64url_write(i->ledger, LEDGER_ID, ledger, sizeof(ledger));
	base64url_write(i->file.hash, AUDIT_HASH, hash, sizeof(hash));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:b}", "time",
			 rfc3339_write(i->time, time), "host", i->host, "name", i->name, "version",
			 i->version, "ledger", ledger, "database", (json_int_t)i->file.schema, "audit",
			 (json_int_t)i->file.audit, "audit_hash", hash, "devices",
			 (json_int_t)i->file.devices, "activations", (json_int_t)i->file.activations, "key",
			 i->has_key);
}

int archive_describe(const char *path, const struct archive_info *info, const char *keys)
{
	json_t *object = archive_json(info);
	char *text = object ? jsontext_write(object, JSON_COMPACT) : NULL;
	json_decref(object);
	if (!text)
		return E_NO_MEMORY;
	const struct file_note notes[] = {{KEY_INFO, text, strlen(text)},
					  {KEY_KEYS, keys, keys ? strlen(keys) : 0}};
	int error = store_file_put(path, notes, keys ? 2 : 1);
	free(text);
	return error;
}

struct meta_search {
	char *info;
	char *keys;
	int error;
};

static int take_meta(const struct row *row, void *context)
{
	struct meta_search *s = context;
	char **to = strcmp(row->u.meta.key, KEY_INFO) == 0   ? &s->info
		    : strcmp(row->u.meta.key, KEY_KEYS) == 0 ? &s->keys
							     : NULL;
	if (!to || *to)
		return 0;
	*to = strndup(row->u.meta.bytes, row->u.meta.n);
	return *to ? 0 : E_NO_MEMORY;
}

static void take_text(json_t *object, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(object, key));
	snprintf(out, room, "%s", text ? text : "");
}

int archive_parse(const char *text, struct archive_info *ret)
{
	json_t *object = NULL;
	int loaded = claims_load(text, strlen(text), &object);
	const char *time = json_string_value(json_object_get(object, "time"));
	const char *ledger = json_string_value(json_object_get(object, "ledger"));
	int error = loaded == E_NO_MEMORY ? loaded : time && ledger ? 0 : E_BACKUP_DAMAGED;
	if (!error && (rfc3339_read(time, &ret->time) ||
		       base64url_read_exact(ledger, strlen(ledger), ret->ledger, LEDGER_ID)))
		error = E_BACKUP_DAMAGED;
	take_text(object, "host", ret->host, sizeof(ret->host));
	take_text(object, "name", ret->name, sizeof(ret->name));
	take_text(object, "version", ret->version, sizeof(ret->version));
	json_decref(object);
	return error;
}

int archive_read(struct store *store, struct archive_info *ret, char **ret_keys)
{
	struct meta_search s = {NULL};
	struct listing meta = {.kind = LIST_META};
	*ret = (struct archive_info){0};
	int error = store_page(store, &meta, take_meta, &s);
	if (!error)
		error = s.info ? archive_parse(s.info, ret) : E_BACKUP_DAMAGED;
	if (!error)
		error = store_file_facts(store, &ret->file);
	ret->has_key = s.keys != NULL;
	free(s.info);
	if (ret_keys && !error) {
		*ret_keys = s.keys;
		s.keys = NULL;
	}
	free(s.keys);
	return error;
}

/* --- the seal --- */

/* Hash n bytes from the beginning. */
static int hash_bytes(int fd, int64_t n, uint8_t ret[crypto_generichash_BYTES])
{
	crypto_generichash_state state;
	uint8_t *piece = malloc(PIECE);
	if (!piece)
		return E_NO_MEMORY;
	crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES);
	int error = lseek(fd, 0, SEEK_SET) == 0 ? 0 : E_IO;
	while (n > 0 && !error) {
		ssize_t got = read(fd, piece, n < PIECE ? (size_t)n : PIECE);
		if (got > 0) {
			crypto_generichash_update(&state, piece, (unsigned long long)got);
			n -= got;
		} else if (got == 0 || errno != EINTR) {
			error = got == 0 ? E_BACKUP_DAMAGED : E_IO;
		}
	}
	crypto_generichash_final(&state, ret, crypto_generichash_BYTES);
	free(piece);
	return error;
}

int archive_seal(const char *path)
{
	uint8_t seal[ARCHIVE_SEAL] = MAGIC;
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return E_IO;
	int error = fstat(fd, &st) ? E_IO : hash_bytes(fd, st.st_size, seal + MAGIC_N);
	if (!error && pwrite(fd, seal, sizeof(seal), st.st_size) != (ssize_t)sizeof(seal))
		error = errno == ENOSPC ? E_STORE_FULL : E_IO;
	if (!error && fsync(fd))
		error = errno == ENOSPC ? E_STORE_FULL : E_IO;
	close(fd);
	return error;
}

int archive_sealed(const char *path, int64_t *ret_n)
{
	uint8_t seal[ARCHIVE_SEAL];
	uint8_t hash[crypto_generichash_BYTES];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return E_IO;
	int error = fstat(fd, &st) ? E_IO : 0;
	if (!error && (!S_ISREG(st.st_mode) || st.st_size <= ARCHIVE_SEAL))
		error = E_BACKUP_DAMAGED;
	if (!error && pread(fd, seal, sizeof(seal), st.st_size - ARCHIVE_SEAL) != (ssize_t)sizeof(seal))
		error = E_IO;
	if (!error && memcmp(seal, MAGIC, MAGIC_N) != 0)
		error = E_BACKUP_DAMAGED;
	if (!error)
		error = hash_bytes(fd, st.st_size - ARCHIVE_SEAL, hash);
	if (!error && memcmp(seal + MAGIC_N, hash, sizeof(hash)) != 0)
		error = E_BACKUP_DAMAGED;
	close(fd);
	*ret_n = error ? 0 : st.st_size - ARCHIVE_SEAL;
	return error;
}
