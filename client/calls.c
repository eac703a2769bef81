/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "claims.h"
#include "error.h"
#include "file.h"
#include "folder.h"

#define CALLS_FILE "calls"
#define CALLS_MODE 0600
#define TITLE "muster-calls 1\n"
#define LABEL "muster/1 calls"
#define MAC 32
#define MAC_TEXT 44
#define MAC_LINE "mac "
#define NONE "-"

struct spoken *calls_find(struct calls *c, const char *product)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->rows[i].product, product) == 0)
			return &c->rows[i];
	return NULL;
}

struct spoken *calls_need(struct calls *c, const char *product)
{
	struct spoken *s = calls_find(c, product);
	if (!s && c->n < CALLS_MAX) {
		s = &c->rows[c->n++];
		memset(s, 0, sizeof(*s));
		snprintf(s->product, sizeof(s->product), "%s", product);
	}
	return s;
}

void calls_wrong(struct calls *c, int64_t now)
{
	int64_t wait = CALL_WAIT_SECONDS;
	c->wrong += c->wrong < UINT16_MAX;
	if (c->wrong < CALL_TRIES)
		return;
	for (unsigned i = CALL_TRIES; i < c->wrong && wait < CALL_WAIT_MAX; i++)
		wait *= 2;
	c->until = now + (wait < CALL_WAIT_MAX ? wait : CALL_WAIT_MAX);
}

/* --- the text: "tries WRONG UNTIL", then "call PRODUCT SEQUENCE IN-ROW DIGITS" --- */

void calls_write(const struct calls *c, char out[CALLS_TEXT])
{
	size_t n = (size_t)snprintf(out, CALLS_TEXT, TITLE "tries %u %lld\n", c->wrong, (long long)c->until);
	for (size_t i = 0; i < c->n; i++) {
		const struct spoken *s = &c->rows[i];
		n += (size_t)snprintf(out + n, CALLS_TEXT - n, "call %s %u %u %s\n", s->product, s->sequence,
				      s->in_row, s->proof[0] ? s->proof : NONE);
	}
}

static bool is_proof(const char *text)
{
	size_t n = strlen(text);
	if (text[0] == SPOKEN_WORDS)
		return n == 1 + base64url_length(sizeof(struct spoken_words));
	return n == VOICE_CID_GROUPS * DIGITS_GROUP && strspn(text, "0123456789") == n;
}

/* A word behind `before`, of at most room - 1 characters; *at moves behind it. */
static bool take_word(const char **at, const char *before, char *out, size_t room)
{
	size_t skip = strlen(before);
	if (strncmp(*at, before, skip) != 0)
		return false;
	size_t n = strcspn(*at + skip, " \n");
	if (n == 0 || n >= room)
		return false;
	memcpy(out, *at + skip, n);
	out[n] = 0;
	*at += skip + n;
	return true;
}

static bool take_number(const char **at, const char *before, int64_t max, int64_t *ret)
{
	char word[20];
	if (!take_word(at, before, word, sizeof(word)) || strspn(word, "0123456789") != strlen(word))
		return false;
	*ret = strtoll(word, NULL, 10);
	return *ret <= max;
}

static bool end_line(const char **at)
{
	return *(*at)++ == '\n';
}

static bool read_row(const char **at, struct calls *c)
{
	char product[LIMIT_ID + 1];
	char proof[SPOKEN_PROOF];
	int64_t sequence;
	int64_t in_row;
	if (!take_word(at, "call ", product, sizeof(product)) ||
	    !take_number(at, " ", VOICE_SEQUENCE_MAX, &sequence) ||
	    !take_number(at, " ", VOICE_SEQUENCE_MAX, &in_row) || !take_word(at, " ", proof, sizeof(proof)) ||
	    !end_line(at))
		return false;
	bool none = strcmp(proof, NONE) == 0;
	if (!slug_ok(product) || calls_find(c, product) || c->n == CALLS_MAX || (!none && !is_proof(proof)))
		return false;
	struct spoken *s = calls_need(c, product);
	s->sequence = (unsigned)sequence;
	s->in_row = (unsigned)in_row;
	if (!none)
		memcpy(s->proof, proof, sizeof(s->proof));
	return true;
}

bool calls_read(const char *text, struct calls *ret)
{
	int64_t wrong;
	*ret = (struct calls){.n = 0};
	if (strncmp(text, TITLE, strlen(TITLE)) != 0)
		return false;
	text += strlen(TITLE);
	if (!take_number(&text, "tries ", UINT16_MAX, &wrong) ||
	    !take_number(&text, " ", INT64_MAX / 2, &ret->until) || !end_line(&text))
		return false;
	ret->wrong = (unsigned)wrong;
	while (*text)
		if (!read_row(&text, ret))
			return false;
	return true;
}

/* --- the file --- */

static void make_mac(const struct device *device, const char *text, size_t n, char out[MAC_TEXT])
{
	crypto_generichash_state state;
	uint8_t mac[MAC];
	crypto_generichash_init(&state, device->mac_key, DEVICE_MAC_KEY, MAC);
	crypto_generichash_update(&state, (const uint8_t *)LABEL, sizeof(LABEL));
	crypto_generichash_update(&state, (const uint8_t *)text, n);
	crypto_generichash_final(&state, mac, MAC);
	base64url_write(mac, MAC, out, MAC_TEXT);
}

/* The last line is the MAC over those before; it is cut off. */
static bool unseal(const struct device *device, char *text)
{
	char want[MAC_TEXT];
	char *last = NULL;
	for (char *at = text; (at = strstr(at, "\n" MAC_LINE)) != NULL; at++)
		last = at + 1;
	if (!last)
		return false;
	make_mac(device, text, (size_t)(last - text), want);
	const char *have = last + strlen(MAC_LINE);
	bool ok = strlen(have) == strlen(want) + 1 && have[strlen(want)] == '\n' &&
		  sodium_memcmp(have, want, strlen(want)) == 0;
	*last = 0;
	return ok;
}

static int path_of(const char *folder, char path[PATH_MAX], struct fault *f)
{
	return folder_path(folder, CALLS_FILE, path, PATH_MAX)
		       ? fault_set(f, E_IO, "%s: the path is too long", folder)
		       : 0;
}

int calls_load(const char *folder, const struct device *device, struct calls *ret, struct fault *f)
{
	char path[PATH_MAX];
	char *text;
	size_t n;
	memset(ret, 0, sizeof(*ret));
	int error = path_of(folder, path, f);
	if (error)
		return error;
	error = file_read(path, CALLS_TEXT, &text, &n);
	if (error == E_IO)
		return errno == ENOENT ? 0 : fault_system(f, error, path);
	if (error)
		return error == E_TOO_LARGE ? 0 : fault_code(f, error);
	if (!unseal(device, text) || !calls_read(text, ret))
		memset(ret, 0, sizeof(*ret));
	free(text);
	return 0;
}

int calls_save(const char *folder, const struct device *device, const struct calls *c, struct fault *f)
{
	char path[PATH_MAX];
	char mac[MAC_TEXT];
	char *text = malloc(CALLS_TEXT + sizeof(MAC_LINE) + MAC_TEXT + 1);
	int error = text ? path_of(folder, path, f) : fault_code(f, E_NO_MEMORY);
	if (!error) {
		calls_write(c, text);
		size_t n = strlen(text);
		make_mac(device, text, n, mac);
		snprintf(text + n, sizeof(MAC_LINE) + MAC_TEXT + 1, MAC_LINE "%s\n", mac);
		error = file_replace(path, text, strlen(text), CALLS_MODE);
		if (error)
			error = fault_system(f, error == E_STORE_FULL ? E_IO : error, path);
	}
	free(text);
	return error;
}
