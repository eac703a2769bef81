/* SPDX-License-Identifier: Apache-2.0 */
/* A signed text that the daemon makes, for somebody else to read: put where the user wants it. Main thread.
 */
#ifndef CTL_SIGNED_TEXT_H
#define CTL_SIGNED_TEXT_H

#include "request.h"
#include "token.h"

#define SIGNED_TEXT_OPTION                                                                                   \
	{                                                                                                    \
		"output", "FILE", "write it there instead of to standard output", 'o'                        \
	}

/*
 * Ask for it and write it to --output's file or standard output; with --json also, or instead,
 * {"schema":1,"request":...}. Failures are told. Returns the exit code.
 */
int signed_text_run(const struct invocation *, const struct request *, const struct token_kind *);

#endif
