/* SPDX-License-Identifier: Apache-2.0 */
#include "passphrase.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "secret.h"

#define CONTROL_C 3

/* --- the terminal --- */

static int ask(int tty, const char *question, char **ret, struct failure *f)
{
	struct termios before;
	if (tcgetattr(tty, &before))
		return failure_system(f, E_IO, "the terminal");
	/* Without ISIG, Ctrl-C is a character, so that no signal can leave the terminal without echo. */
	struct termios silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	silent.c_lflag |= ECHONL;
	if (write(tty, question, strlen(question)) < 0 || tcsetattr(tty, TCSAFLUSH, &silent))
		return failure_system(f, E_IO, "the terminal");
	char *line;
	int error = secret_read_line(tty, "the terminal", &line, f);
	tcsetattr(tty, TCSAFLUSH, &before);
	if (error)
		return error;
	if (strchr(line, CONTROL_C)) {
		sodium_free(line);
		return failure_set(f, E_USAGE, "no passphrase was given");
	}
	*ret = line;
	return 0;
}

static int ask_twice(int tty, char **ret, struct failure *f)
{
	char *first = NULL;
	char *second = NULL;
	int error = ask(tty, "New passphrase of the vendor's key: ", &first, f);
	if (!error)
		error = ask(tty, "The same again: ", &second, f);
	if (!error && strcmp(first, second) != 0)
		error = failure_set(f, E_USAGE, "the two passphrases differ");
	if (second)
		sodium_free(second);
	if (error) {
		if (first)
			sodium_free(first);
		return error;
	}
	*ret = first;
	return 0;
}

static int from_terminal(bool twice, char **ret, struct failure *f)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0) {
		failure_set(f, E_USAGE,
			    "the vendor's key needs a passphrase, and there is no terminal to ask on");
		return failure_remedy(f, "Give --passphrase @FILE (or - for standard input), or set "
					 "MUSTER_ISSUER_PASSPHRASE_FILE.");
	}
	int error = twice ? ask_twice(tty, ret, f) : ask(tty, "Passphrase of the vendor's key: ", ret, f);
	close(tty);
	return error;
}

/* --- the other sources --- */

static int from_literal(const char *value, char **ret, struct failure *f)
{
	fputs("warning: a passphrase on the command line can be seen by others; use --passphrase @FILE or "
	      "-\n",
	      stderr);
	if (strlen(value) >= SECRET_ROOM)
		return failure_set(f, E_TOO_LARGE, "--passphrase");
	char *line = secret_new();
	if (!line)
		return failure_set(f, E_NO_MEMORY, "--passphrase");
	memcpy(line, value, strlen(value) + 1);
	*ret = line;
	return 0;
}

static int from_input(const struct invocation *inv, char **ret, struct failure *f)
{
	for (int i = 0; i < inv->n_args; i++)
		if (strcmp(inv->args[i], "-") == 0)
			return failure_set(f, E_USAGE,
					   "standard input cannot be both the passphrase and a file");
	return secret_read_line(STDIN_FILENO, "standard input", ret, f);
}

/* The systemd credential's path, if there is one. */
static bool find_credential(char out[PATH_MAX])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!folder || (size_t)snprintf(out, PATH_MAX, "%s/vendor.passphrase", folder) >= PATH_MAX)
		return false;
	return access(out, F_OK) == 0;
}

static int from_anywhere(const struct invocation *inv, bool twice, char **ret, struct failure *f)
{
	const char *value = invocation_value(inv, "passphrase");
	const char *file = getenv("MUSTER_ISSUER_PASSPHRASE_FILE");
	char credential[PATH_MAX];
	if (value && strcmp(value, "-") == 0)
		return from_input(inv, ret, f);
	if (value && value[0] == '@')
		return secret_read_file(value + 1, false, ret, f);
	if (value)
		return from_literal(value, ret, f);
	if (file && *file)
		return secret_read_file(file, false, ret, f);
	if (find_credential(credential))
		return secret_read_file(credential, false, ret, f);
	return from_terminal(twice, ret, f);
}

int passphrase_get(const struct invocation *inv, bool twice, char **ret, struct failure *f)
{
	char *line;
	int error = from_anywhere(inv, twice, &line, f);
	if (error)
		return error;
	if (!line[0]) {
		sodium_free(line);
		return failure_set(f, E_USAGE, "the passphrase is empty");
	}
	*ret = line;
	return 0;
}
