/* SPDX-License-Identifier: Apache-2.0 */
#include "qr.h"

#include <stdio.h>
#include <unistd.h>

#ifdef WITH_QRENCODE
#include <qrencode.h>

#define MARGIN 4 /* light modules around it, as ISO/IEC 18004 wants them */

bool qr_known(void)
{
	return true;
}

static bool is_light(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return true;
	return !(code->data[y * code->width + x] & 1);
}

/* Whatever the terminal's colours are, light is white and dark is black. */
static void print_code(const QRcode *code)
{
	static const char *const blocks[] = {" ", "\u2584", "\u2580", "\u2588"};
	bool colours = isatty(STDOUT_FILENO);
	for (int y = -MARGIN; y < code->width + MARGIN; y += 2) {
		fputs(colours ? "\033[40;37;1m" : "", stdout);
		for (int x = -MARGIN; x < code->width + MARGIN; x++)
			fputs(blocks[2 * is_light(code, x, y) + is_light(code, x, y + 1)], stdout);
		puts(colours ? "\033[0m" : "");
	}
}

bool qr_print(const char *text)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	if (!code)
		return false;
	print_code(code);
	QRcode_free(code);
	return true;
}

#else

bool qr_known(void)
{
	return false;
}

bool qr_print(const char *text)
{
	(void)text;
	return false;
}

#endif
