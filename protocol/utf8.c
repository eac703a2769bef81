/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

size_t utf8_length(const uint8_t *at, size_t n)
{
	uint8_t lead = at[0];
	if (lead < 0x80)
		return 1;
	size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
	if (lead < 0xc2 || lead > 0xf4 || more > n - 1)
		return 0;
	uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i <= more; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return more + 1;
}

size_t utf8_printable(const uint8_t *at, size_t n)
{
	size_t length = utf8_length(at, n);
	if (length == 1)
		return at[0] >= 0x20 && at[0] != 0x7f;
	return length == 2 && at[0] == 0xc2 && at[1] < 0xa0 ? 0 : length;
}
