/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"

/* --- a terminal without echo --- */

static struct termios with_echo;

/* Whoever breaks off gets the echo back. */
static void on_break(int number)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &with_echo);
	signal(number, SIG_DFL);
	raise(number);
}

static bool echo_off(void)
{
	struct termios quiet;
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &with_echo))
		return false;
	quiet = with_echo;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	signal(SIGINT, on_break);
	signal(SIGTERM, on_break);
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
}

static void echo_on(void)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &with_echo);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	fputc('\n', stderr);
}

/* --- reading --- */

/* The first line, without its end; the stream keeps no copy. */
static int read_line(const struct cli *cli, FILE *in, const char *name, char out[SECRET_ROOM])
{
	setvbuf(in, NULL, _IONBF, 0);
	out[0] = 0;
	if (!fgets(out, SECRET_ROOM, in) && ferror(in))
		return print_own_error(cli, "IO", name);
	size_t n = strcspn(out, "\r\n");
	if (n == SECRET_ROOM - 1)
		return print_own_error(cli, "KEY_MALFORMED", name);
	out[n] = 0;
	return 0;
}

static int read_file(const struct cli *cli, const char *path, char out[SECRET_ROOM])
{
	char detail[SECRET_ROOM + 256];
	FILE *in = fopen(path, "re");
	if (!in) {
		snprintf(detail, sizeof(detail), "%.255s: %s", path, strerror(errno));
		return print_own_error(cli, "IO", detail);
	}
	int code = read_line(cli, in, path, out);
	fclose(in);
	return code;
}

static int read_terminal(const struct cli *cli, const char *prompt, char out[SECRET_ROOM])
{
	fprintf(stderr, "%s: ", prompt);
	int code = read_line(cli, stdin, "standard input", out);
	echo_on();
	return code;
}

int secret_ask(const struct cli *cli, const char *prompt, char out[SECRET_ROOM])
{
	out[0] = 0;
	return echo_off() ? read_terminal(cli, prompt, out) : 0;
}

static int take_literal(const struct cli *cli, const char *given, const char *what, char out[SECRET_ROOM])
{
	if (strlen(given) >= SECRET_ROOM)
		return print_own_error(cli, "KEY_MALFORMED", "");
	fprintf(stderr, "warning: others on this machine can see a %s on the command line; use - or @FILE\n",
		what);
	strcpy(out, given);
	return 0;
}

int secret_take(const struct cli *cli, const char *given, const char *what, char out[SECRET_ROOM])
{
	int code;
	if (given[0] == '@')
		code = read_file(cli, given + 1, out);
	else if (strcmp(given, "-") != 0)
		code = take_literal(cli, given, what, out);
	else if (echo_off())
		code = read_terminal(cli, what, out);
	else
		code = read_line(cli, stdin, "standard input", out);
	return code || *out ? code : print_own_error(cli, "KEY_MALFORMED", "it is empty");
}
