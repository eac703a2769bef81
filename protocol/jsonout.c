/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonout.h"

#include <stdio.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "rfc3339.h"

#define NUMBER_TEXT 24
#define BYTES_TEXT 96

static void put(struct jsonout *o, const char *bytes, size_t n)
{
	if (o->full || n > o->room - o->n) {
		o->full = true;
		return;
	}
	memcpy(o->text + o->n, bytes, n);
	o->n += n;
}

static void put_escaped(struct jsonout *o, char c)
{
	static const char shorts[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *at = strchr(shorts, c);
	char text[8];
	int n = at ? snprintf(text, sizeof(text), "\\%c", letters[at - shorts])
		   : snprintf(text, sizeof(text), "\\u%04X", (unsigned)c);
	put(o, text, (size_t)n);
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static void put_text(struct jsonout *o, const char *text)
{
	put(o, "\"", 1);
	while (*text) {
		size_t n = 0;
		while (text[n] && is_plain(text[n]))
			n++;
		put(o, text, n);
		text += n;
		if (*text)
			put_escaped(o, *text++);
	}
	put(o, "\"", 1);
}

static void put_key(struct jsonout *o, const char *key)
{
	if (o->comma)
		put(o, ",", 1);
	put(o, "\"", 1);
	put(o, key, strlen(key));
	put(o, "\":", 2);
	o->comma = true;
}

void jsonout_begin(struct jsonout *o, char *text, size_t room)
{
	*o = (struct jsonout){.text = text, .room = room};
	put(o, "{", 1);
}

void jsonout_text(struct jsonout *o, const char *key, const char *text)
{
	put_key(o, key);
	put_text(o, text);
}

void jsonout_integer(struct jsonout *o, const char *key, int64_t value)
{
	char text[NUMBER_TEXT];
	int n = snprintf(text, sizeof(text), "%lld", (long long)value);
	put_key(o, key);
	put(o, text, (size_t)n);
}

void jsonout_time(struct jsonout *o, const char *key, int64_t time)
{
	char text[RFC3339_TEXT];
	jsonout_text(o, key, rfc3339_write(time, text));
}

void jsonout_bytes(struct jsonout *o, const char *key, const void *bytes, size_t n)
{
	char text[BYTES_TEXT];
	base64url_write(bytes, n, text, sizeof(text));
	jsonout_text(o, key, text);
}

void jsonout_slugs(struct jsonout *o, const char *key, const char (*slugs)[LIMIT_ID + 1], size_t n)
{
	put_key(o, key);
	put(o, "[", 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			put(o, ",", 1);
		put_text(o, slugs[i]);
	}
	put(o, "]", 1);
}

void jsonout_open(struct jsonout *o, const char *key)
{
	put_key(o, key);
	put(o, "{", 1);
	o->comma = false;
}

void jsonout_close(struct jsonout *o)
{
	put(o, "}", 1);
	o->comma = true;
}

int jsonout_end(struct jsonout *o, size_t *ret_n)
{
	put(o, "}", 2);
	*ret_n = o->full ? 0 : o->n - 1;
	return o->full ? E_TOO_LARGE : 0;
}
