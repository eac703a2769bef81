/* SPDX-License-Identifier: Apache-2.0 */
#include "sitekey.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base64url.h"
#include "claims.h"
#include "error.h"
#include "file.h"
#include "folder.h"

#define FILE_MAX 65536
#define FIELD 80

static bool read_line(const char *line, size_t n, struct sitekey *ret)
{
	char copy[4 * FIELD];
	char vendor[FIELD];
	char license[FIELD];
	char key[FIELD];
	char index[3];
	uint8_t id[PASERK_ID];
	int end = 0;
	if (n >= sizeof(copy))
		return false;
	memcpy(copy, line, n);
	copy[n] = 0;
	bool ok = sscanf(copy, "key %79s %79s %2[0-9] %79s%n", vendor, license, index, key, &end) == 4 &&
		  (size_t)end == n && slug_ok(license) &&
		  (ret->index = (unsigned)atoi(index)) <= VOICE_INDEX_MAX &&
		  paserk_pid_read(vendor, strlen(vendor), id) == 0 &&
		  base64url_read_exact(key, strlen(key), ret->key, VOICE_KEY) == 0;
	if (ok) {
		snprintf(ret->vendor, sizeof(ret->vendor), "%.51s", vendor);
		snprintf(ret->license, sizeof(ret->license), "%.63s", license);
	}
	sodium_memzero(copy, sizeof(copy));
	sodium_memzero(key, sizeof(key));
	return ok;
}

bool sitekeys_read(const char *text, struct sitekeys *ret)
{
	ret->n = 0;
	if (strncmp(text, VOICE_KEY_TITLE, strlen(VOICE_KEY_TITLE)) != 0)
		return false;
	for (text += strlen(VOICE_KEY_TITLE); *text;) {
		size_t n = strcspn(text, "\n");
		if (ret->n == SITE_KEYS || text[n] != '\n' || !read_line(text, n, &ret->rows[ret->n]))
			return false;
		ret->n++;
		text += n + 1;
	}
	return true;
}

void sitekeys_free(struct sitekeys *keys)
{
	sodium_free(keys);
}

int sitekeys_load(const char *path, struct sitekeys **ret, struct fault *f)
{
	struct stat st;
	char *text;
	size_t n;
	if (stat(path, &st))
		return fault_system(f, E_IO, path);
	if (!S_ISREG(st.st_mode) || !folder_private(&st) || (st.st_mode & 027))
		return fault_set(f, E_INSECURE, "%s: it must be a file of mode 0600 or 0640", path);
	int error = file_read(path, FILE_MAX, &text, &n);
	if (error == E_IO)
		return fault_system(f, error, path);
	if (error)
		return fault_set(f, error == E_TOO_LARGE ? E_KEY_INVALID : error, "%s", path);
	*ret = sodium_malloc(sizeof(**ret));
	if (!*ret)
		error = fault_code(f, E_NO_MEMORY);
	else if (!sitekeys_read(text, *ret))
		error = fault_set(f, E_KEY_INVALID, "%s: it is not what 'musterctl offline site-key' writes",
				  path);
	if (error) {
		sitekeys_free(*ret);
		*ret = NULL;
	}
	sodium_memzero(text, n);
	free(text);
	return error;
}
