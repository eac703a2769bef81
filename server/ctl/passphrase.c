/* SPDX-License-Identifier: Apache-2.0 */
#include "passphrase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "failure.h"
#include "input.h"

#define FILE_MAX (PASSPHRASE_MAX + 2)

void passphrase_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* One line without its echo; NULL at the end of the input or without memory. */
static char *type_in(const char *prompt)
{
	struct termios before;
	struct termios silent;
	char *line = calloc(1, FILE_MAX);
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	fputs(prompt, stderr);
	fflush(stderr);
	if (terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	bool got = line && fgets(line, FILE_MAX, stdin);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	if (!got) {
		passphrase_free(line);
		return NULL;
	}
	/* Of a line that is too long the rest is no answer to the next question. */
	for (int c = strchr(line, '\n') ? '\n' : 0; c != '\n' && c != EOF;)
		c = getchar();
	line[strcspn(line, "\r\n")] = 0;
	return line;
}

static int refuse_length(const struct invocation *inv)
{
	return failure_say(inv, E_USAGE, "--passphrase: 1 to %d bytes", PASSPHRASE_MAX);
}

static int ask(const struct invocation *inv, bool again, char **ret)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return failure_say(inv, E_USAGE,
				   "--passphrase: give - or @FILE, there is no terminal to ask on");
	char *first = type_in("passphrase: ");
	char *second = first && again ? type_in("the same again: ") : NULL;
	bool same = first && (!again || (second && strcmp(first, second) == 0));
	bool fits = same && *first && strlen(first) <= PASSPHRASE_MAX;
	passphrase_free(second);
	if (fits) {
		*ret = first;
		return 0;
	}
	passphrase_free(first);
	return same ? refuse_length(inv) : failure_say(inv, E_USAGE, "the two passphrases differ");
}

int passphrase_read(const struct invocation *inv, bool again, char **ret)
{
	const char *given = invocation_value(inv, "passphrase");
	char *text;
	size_t n;
	if (!given)
		return ask(inv, again, ret);
	if (strcmp(given, "-") != 0 && *given != '@')
		return failure_say(inv, E_USAGE,
				   "--passphrase: give - or @FILE; others can see it on a command line");
	int code = input_read(inv, *given == '@' ? given + 1 : given, FILE_MAX, &text, &n);
	if (code)
		return code;
	/* Behind its first line there may be more that nobody else is to see. */
	size_t line = strcspn(text, "\r\n");
	explicit_bzero(text + line, n - line);
	if (*text && strlen(text) <= PASSPHRASE_MAX) {
		*ret = text;
		return 0;
	}
	passphrase_free(text);
	return refuse_length(inv);
}
