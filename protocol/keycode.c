/* SPDX-License-Identifier: Apache-2.0 */
#include "keycode.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "error.h"

#define HASH_LABEL "muster/1 key"
#define SYMBOLS 26

static const char alphabet[SYMBOLS + 1] = "346789ABCDEFGHJKMNPQRTVWXY";

static int value_of(char c)
{
	char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	const char *at = upper ? strchr(alphabet, upper) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

/* ISO/IEC 7064, hybrid system MOD 27,26: the check character of n others. */
static char check_of(const char *bare, size_t n)
{
	int p = SYMBOLS;
	for (size_t i = 0; i < n; i++) {
		int sum = (p + value_of(bare[i])) % SYMBOLS;
		p = (sum ? sum : SYMBOLS) * 2 % (SYMBOLS + 1);
	}
	return alphabet[(SYMBOLS + 1 - p) % SYMBOLS];
}

void keycode_make(size_t n, char out[KEYCODE_TEXT])
{
	size_t group = n == KEYCODE_KEY ? 5 : 4;
	char bare[KEYCODE_KEY + 1] = "";
	for (size_t i = 0; i + 1 < n; i++)
		bare[i] = alphabet[randombytes_uniform(SYMBOLS)];
	bare[n - 1] = check_of(bare, n - 1);
	for (size_t i = 0; i < n; i++) {
		if (i && i % group == 0)
			*out++ = '-';
		*out++ = bare[i];
	}
	*out = 0;
	sodium_memzero(bare, sizeof(bare));
}

/* How many bytes of a blank or a dash of any kind stand here? 0: none. */
static size_t passed_over(const char *at)
{
	const unsigned char *u = (const unsigned char *)at;
	if (*u == ' ' || (*u >= '\t' && *u <= '\r') || *u == '-' || *u == '_')
		return 1;
	if (u[0] == 0xc2 && (u[1] == 0xa0 || u[1] == 0xad)) /* no-break space, soft hyphen */
		return 2;
	if (u[0] == 0xe2 && u[1] == 0x80 && u[2] >= 0x90 && u[2] <= 0x95) /* hyphens and dashes */
		return 3;
	return u[0] == 0xe2 && u[1] == 0x88 && u[2] == 0x92 ? 3 : 0; /* the minus sign */
}

int keycode_read(const char *text, size_t n, char ret[KEYCODE_KEY + 1])
{
	size_t used = 0;
	while (*text) {
		size_t skip = passed_over(text);
		int value = skip ? -1 : value_of(*text);
		if (!skip && (value < 0 || used == n))
			return E_KEY_MALFORMED;
		if (!skip)
			ret[used++] = alphabet[value];
		text += skip ? skip : 1;
	}
	ret[used] = 0;
	return used == n && ret[n - 1] == check_of(ret, n - 1) ? 0 : E_KEY_MALFORMED;
}

void keycode_hash(const char *bare, const uint8_t *salt, size_t salt_n, uint8_t ret[KEYCODE_HASH])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, salt, salt_n, KEYCODE_HASH);
	crypto_generichash_update(&state, (const uint8_t *)HASH_LABEL, sizeof(HASH_LABEL) - 1);
	crypto_generichash_update(&state, (const uint8_t *)bare, strlen(bare));
	crypto_generichash_final(&state, ret, KEYCODE_HASH);
	sodium_memzero(&state, sizeof(state));
}
