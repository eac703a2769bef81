/* SPDX-License-Identifier: Apache-2.0 */
#include "voice_settings.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "log.h"
#include "voice.h"

static int say(int error, const char *path, const char *why)
{
	const struct error_row *row = error_row(error);
	log_event(EVENT_CONFIG_FAULT, LOG_CODE(error), LOG_TEXT(KEY, "[offline] site_key_file"),
		  LOG_TEXT(FILE, path), LOG_TEXT(DETAIL, why), LOG_TEXT(REMEDY, row->remedy));
	return error;
}

int voice_settings_read(const struct config *c, uint8_t **ret)
{
	const char *path = config_text(c, CONFIG_OFFLINE_KEY);
	struct stat st;
	char *bytes;
	size_t n;
	*ret = NULL;
	if (!*path)
		return 0;
	if (stat(path, &st))
		return say(E_IO, path, strerror(errno));
	if (st.st_mode & 027)
		return say(E_INSECURE, path, "only the daemon's user may write it, and its group read it");
	int error = file_read(path, VOICE_KEY, &bytes, &n);
	if (error && error != E_TOO_LARGE)
		return say(error, path, error == E_IO ? strerror(errno) : error_text(error));
	if (error || n != VOICE_KEY || sodium_is_zero((const uint8_t *)bytes, n)) {
		if (!error)
			free(bytes);
		return say(E_CONFIG_INVALID, path, "a site key is 32 random bytes");
	}
	*ret = sodium_malloc(VOICE_KEY);
	if (*ret)
		memcpy(*ret, bytes, VOICE_KEY);
	sodium_memzero(bytes, n);
	free(bytes);
	return *ret ? 0 : say(E_NO_MEMORY, path, error_text(E_NO_MEMORY));
}
