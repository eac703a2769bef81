/* SPDX-License-Identifier: Apache-2.0 */
#include "jsontext.h"

#include <errno.h>
#include <locale.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "utf8.h"

#define NUMBER_TEXT 128
#define SMALL_TEXT 4096 /* most documents are smaller, and written at once */

struct reader {
	const uint8_t *text;
	size_t n;
	size_t at;
	int depth;
	int error;
	const char *what;
};

static json_t *take_value(struct reader *r);

/* Remember the first fault, which stands at r->at. */
static void *fault(struct reader *r, const char *what)
{
	if (!r->error) {
		r->error = E_MALFORMED;
		r->what = what;
	}
	return NULL;
}

static void *out_of_memory(struct reader *r)
{
	fault(r, "memory ran out");
	r->error = E_NO_MEMORY;
	return NULL;
}

/* The next byte, or 0 at the end: no token begins with it. */
static uint8_t peek(const struct reader *r)
{
	return r->at < r->n ? r->text[r->at] : 0;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->n && strchr(" \t\r\n", r->text[r->at]) && r->text[r->at])
		r->at++;
}

static bool take(struct reader *r, uint8_t c)
{
	skip_blanks(r);
	if (peek(r) != c || r->at >= r->n)
		return false;
	r->at++;
	return true;
}

/* --- texts --- */

/* Four hexadecimal digits at r->at; -1. */
static int32_t take_hex(struct reader *r)
{
	int32_t value = 0;
	for (int i = 0; i < 4; i++) {
		uint8_t c = peek(r);
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
		r->at++;
	}
	return value;
}

static size_t put_character(uint32_t c, char *out)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = n; i > 1; i--, c >>= 6)
		out[i - 1] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(leads[n] | c);
	return n;
}

/* Behind a backslash and u: a character, perhaps of two escapes. Bytes put, 0 for a fault. */
static size_t take_unicode(struct reader *r, char *out)
{
	int32_t c = take_hex(r);
	if (c >= 0xd800 && c < 0xdc00 && r->n - r->at > 1 && r->text[r->at] == '\\' &&
	    r->text[r->at + 1] == 'u') {
		r->at += 2;
		int32_t low = take_hex(r);
		c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00) : -1;
	} else if (c >= 0xd800 && c < 0xe000) {
		c = -1;
	}
	if (c <= 0) {
		fault(r, c ? "an escape is none of a character" : "U+0000 may not stand in a text");
		return 0;
	}
	return put_character((uint32_t)c, out);
}

/* Behind a backslash. Bytes put, 0 for a fault. */
static size_t take_escape(struct reader *r, char *out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	uint8_t c = peek(r);
	const char *found = c ? strchr(names, c) : NULL;
	if (!found && c != 'u') {
		fault(r, "an escape is not known");
		return 0;
	}
	r->at++;
	if (c == 'u')
		return take_unicode(r, out);
	*out = values[found - names];
	return 1;
}

/* One character of a text. Bytes put (never more than were taken), 0 for a fault. */
static size_t take_character(struct reader *r, char *out)
{
	uint8_t c = peek(r);
	if (c == '\\') {
		r->at++;
		return take_escape(r, out);
	}
	size_t length = r->at < r->n && c >= 0x20 ? utf8_length(r->text + r->at, r->n - r->at) : 0;
	if (!length)
		fault(r, r->at >= r->n ? "the text has no end"
			 : c < 0x20    ? "a control character stands in a text"
				       : "a byte is not UTF-8");
	memcpy(out, r->text + r->at, length);
	r->at += length;
	return length;
}

/* The text that begins behind a quotation mark, unescaped, into memory of the caller's; NULL for a fault. */
static char *take_text(struct reader *r, size_t *ret_n)
{
	size_t end = r->at;
	while (end < r->n && r->text[end] != '"')
		end += r->text[end] == '\\' ? 2 : 1;
	size_t room = (end < r->n ? end : r->n) - r->at + 4;
	char *text = malloc(room);
	size_t n = 0;
	if (!text)
		return out_of_memory(r);
	while (!r->error && peek(r) != '"')
		n += take_character(r, text + n);
	if (r->error) {
		sodium_memzero(text, n);
		free(text);
		return NULL;
	}
	r->at++;
	text[n] = 0;
	*ret_n = n;
	return text;
}

static json_t *take_string(struct reader *r)
{
	size_t n;
	char *text = take_text(r, &n);
	if (!text)
		return NULL;
	json_t *value = json_stringn_nocheck(text, n);
	sodium_memzero(text, n); /* it may be a secret */
	free(text);
	return value ? value : out_of_memory(r);
}

/* --- numbers --- */

static void skip_digits(struct reader *r)
{
	if (peek(r) < '0' || peek(r) > '9')
		fault(r, "a digit is missing");
	while (peek(r) >= '0' && peek(r) <= '9')
		r->at++;
}

/* strtod goes by the program's locale. */
static json_t *make_real(struct reader *r, char *text)
{
	char *point = strchr(text, '.');
	if (point)
		*point = localeconv()->decimal_point[0];
	errno = 0;
	double value = strtod(text, NULL);
	if (errno == ERANGE && (value > 1 || value < -1))
		return fault(r, "a number is too large");
	json_t *real = json_real(value);
	return real ? real : out_of_memory(r);
}

static json_t *make_integer(struct reader *r, const char *text)
{
	errno = 0;
	long long value = strtoll(text, NULL, 10);
	if (errno == ERANGE)
		return fault(r, "a number is too large");
	json_t *integer = json_integer(value);
	return integer ? integer : out_of_memory(r);
}

static json_t *take_number(struct reader *r)
{
	char text[NUMBER_TEXT];
	size_t begin = r->at;
	bool whole = true;
	if (peek(r) == '-')
		r->at++;
	if (peek(r) == '0')
		r->at++;
	else
		skip_digits(r);
	if (!r->error && peek(r) == '.') {
		whole = false;
		r->at++;
		skip_digits(r);
	}
	if (!r->error && (peek(r) == 'e' || peek(r) == 'E')) {
		whole = false;
		r->at++;
		if (peek(r) == '+' || peek(r) == '-')
			r->at++;
		skip_digits(r);
	}
	if (r->error)
		return NULL;
	if (r->at - begin >= sizeof(text))
		return fault(r, "a number is too long");
	memcpy(text, r->text + begin, r->at - begin);
	text[r->at - begin] = 0;
	return whole ? make_integer(r, text) : make_real(r, text);
}

/* --- objects and arrays --- */

static void take_member(struct reader *r, json_t *object)
{
	size_t n;
	if (!take(r, '"')) {
		fault(r, "a name or } is missing");
		return;
	}
	char *name = take_text(r, &n);
	if (!name)
		return;
	if (json_object_get(object, name))
		fault(r, "a duplicate name");
	else if (!take(r, ':'))
		fault(r, ": is missing");
	json_t *value = r->error ? NULL : take_value(r);
	if (value && json_object_set_new_nocheck(object, name, value))
		out_of_memory(r);
	free(name);
}

static json_t *take_object(struct reader *r)
{
	json_t *object = json_object();
	if (!object)
		return out_of_memory(r);
	if (take(r, '}'))
		return object;
	do
		take_member(r, object);
	while (!r->error && take(r, ','));
	if (!r->error && !take(r, '}'))
		fault(r, ", or } is missing");
	if (!r->error)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *take_array(struct reader *r)
{
	json_t *array = json_array();
	if (!array)
		return out_of_memory(r);
	if (take(r, ']'))
		return array;
	do {
		json_t *value = take_value(r);
		if (value && json_array_append_new(array, value))
			out_of_memory(r);
	} while (!r->error && take(r, ','));
	if (!r->error && !take(r, ']'))
		fault(r, ", or ] is missing");
	if (!r->error)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *take_word(struct reader *r)
{
	static const struct {
		const char *word;
		json_t *(*make)(void);
	} words[] = {{"true", json_true}, {"false", json_false}, {"null", json_null}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].word);
		if (r->n - r->at < n || memcmp(r->text + r->at, words[i].word, n) != 0)
			continue;
		r->at += n;
		return words[i].make();
	}
	return fault(r, r->at < r->n ? "this is no value" : "it ends too early");
}

static json_t *take_value(struct reader *r)
{
	json_t *value = NULL;
	skip_blanks(r);
	uint8_t c = peek(r);
	if ((c == '{' || c == '[') && r->depth == JSONTEXT_DEPTH)
		return fault(r, "too many arrays and objects lie within each other");
	if (c == '-' || (c >= '0' && c <= '9'))
		return take_number(r);
	if (c != '{' && c != '[' && c != '"')
		return take_word(r);
	r->at++;
	r->depth++;
	value = c == '{' ? take_object(r) : c == '[' ? take_array(r) : take_string(r);
	r->depth--;
	return value;
}

/* --- the whole --- */

static void tell_place(const struct reader *r, struct jsontext_fault *fault)
{
	*fault = (struct jsontext_fault){.line = 1, .column = 1, .what = r->what};
	for (size_t i = 0; i < r->at && i < r->n; i++) {
		fault->column += (r->text[i] & 0xc0) != 0x80;
		if (r->text[i] == '\n') {
			fault->line++;
			fault->column = 1;
		}
	}
}

static int finish(struct reader *r, json_t *value, json_t **ret, struct jsontext_fault *fault)
{
	if (!r->error) {
		*ret = value;
		return 0;
	}
	json_decref(value);
	if (fault)
		tell_place(r, fault);
	return r->error;
}

int jsontext_next(const void *text, size_t n, size_t *at, json_t **ret, struct jsontext_fault *place)
{
	struct reader r = {.text = text, .n = n, .at = *at};
	int error = finish(&r, take_value(&r), ret, place);
	if (!error)
		*at = r.at;
	return error;
}

int jsontext_read(const void *text, size_t n, json_t **ret, struct jsontext_fault *place)
{
	struct reader r = {.text = text, .n = n};
	skip_blanks(&r);
	json_t *value = peek(&r) == '{' || peek(&r) == '[' ? take_value(&r) : fault(&r, "{ or [ is missing");
	if (value) {
		skip_blanks(&r);
		if (r.at < r.n)
			fault(&r, "something stands behind the end");
	}
	return finish(&r, value, ret, place);
}

char *jsontext_write(const json_t *value, size_t flags)
{
	char small[SMALL_TEXT];
	/* Into memory that is there already nothing can be left out. */
	size_t n = value ? json_dumpb(value, small, sizeof(small), flags) : 0;
	char *text = n ? malloc(n + 1) : NULL;
	if (!text)
		return NULL;
	if (n <= sizeof(small)) {
		memcpy(text, small, n);
	} else if (json_dumpb(value, text, n, flags) != n) {
		free(text);
		return NULL;
	}
	text[n] = 0;
	return text;
}
