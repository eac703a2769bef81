/* SPDX-License-Identifier: Apache-2.0 */
#include "qr.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef WITH_QRENCODE
#include <qrencode.h>

#define MARGIN 4      /* light modules around it, as ISO/IEC 18004 wants them */
#define PART_MAX 1000 /* bytes: 113 columns of a terminal, which telephones read well */
#define PARTS_MAX 9

static const bool known = true;

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

/* The bytes of as many whole lines as fit into a code, with the last one's end; 0: the first is too long. */
static size_t part_of(const char *text)
{
	size_t n = strlen(text);
	if (n <= PART_MAX)
		return n;
	for (n = PART_MAX; n && text[n - 1] != '\n';)
		n--;
	return n;
}

bool qr_print_lines(const char *text)
{
	char part[PART_MAX + 1];
	int parts = 0;
	for (const char *at = text; *at; at += part_of(at))
		if (++parts > PARTS_MAX || !part_of(at))
			return false;
	for (int i = 1; *text; i++) {
		size_t n = part_of(text);
		memcpy(part, text, n);
		part[n - (part[n - 1] == '\n')] = 0;
		printf("%d of %d\n", i, parts);
		if (!qr_print(part))
			return false;
		text += n;
	}
	return true;
}

#else

static const bool known = false;

bool qr_print_lines(const char *text)
{
	(void)text;
	return false;
}

bool qr_print(const char *text)
{
	(void)text;
	return false;
}

#endif

int qr_check(const struct invocation *inv)
{
	if (!invocation_has(inv, "qr"))
		return 0;
	if (invocation_has(inv, "json"))
		return command_usage(inv, "--qr and --json do not go together");
	return known ? 0 : command_usage(inv, "this program was built without libqrencode: there is no --qr");
}
