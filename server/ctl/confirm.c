/* SPDX-License-Identifier: Apache-2.0 */
#include "confirm.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "print.h"

bool confirm_given(const struct invocation *inv)
{
	return invocation_has(inv, "yes") || invocation_has(inv, "force");
}

bool confirm_possible(const struct invocation *inv)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !invocation_has(inv, "json");
}

bool confirm_ask(const char *question)
{
	char answer[16];
	/* What was shown must stand above the question. */
	fflush(stdout);
	print_safe(stderr, question);
	fputs(" [y/N] ", stderr);
	fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		answer[0] = 0;
	answer[strcspn(answer, "\r\n")] = 0;
	if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
		return true;
	fputs("nothing was changed\n", stderr);
	return false;
}
