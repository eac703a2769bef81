/* SPDX-License-Identifier: Apache-2.0 */
#include "base64url.h"

#include <sodium.h>
#include <stdbool.h>

#include "error.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

size_t base64url_length(size_t n)
{
	return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

size_t base64url_write(const void *bytes, size_t n, char *out, size_t room)
{
	sodium_bin2base64(out, room, bytes, n, VARIANT);
	return base64url_length(n);
}

size_t base64url_write_public(const void *bytes, size_t n, char *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *in = bytes;
	char *at = out;
	for (; n >= 3; n -= 3, in += 3) {
		uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		*at++ = letters[group >> 18];
		*at++ = letters[group >> 12 & 63];
		*at++ = letters[group >> 6 & 63];
		*at++ = letters[group & 63];
	}
	if (n) {
		uint32_t group = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);
		*at++ = letters[group >> 18];
		*at++ = letters[group >> 12 & 63];
		if (n == 2)
			*at++ = letters[group >> 6 & 63];
	}
	*at = 0;
	return (size_t)(at - out);
}

/* libsodium 1.0.18 takes bytes from 0x80 up for letters where char is signed. */
static bool is_ascii(const char *text, size_t n)
{
	unsigned char all = 0;
	for (size_t i = 0; i < n; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

int base64url_read(const char *text, size_t n, uint8_t *out, size_t room, size_t *ret_n)
{
	if (n % 4 == 1 || !is_ascii(text, n))
		return E_MALFORMED;
	if (n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0) > room)
		return E_TOO_LARGE;
	const char *end = NULL;
	size_t made = 0;
	if (sodium_base642bin(out, room, text, n, NULL, &made, &end, VARIANT) != 0 || end != text + n)
		return E_MALFORMED;
	*ret_n = made;
	return 0;
}

int base64url_read_exact(const char *text, size_t n, uint8_t *out, size_t want)
{
	size_t made = 0;
	if (n != base64url_length(want))
		return E_MALFORMED;
	return base64url_read(text, n, out, want, &made);
}
