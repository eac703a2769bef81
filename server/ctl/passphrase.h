/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases: "-" is standard input, "@FILE" a file, of which the first line counts; else they are typed on
 * the terminal. Main thread. */
#ifndef CTL_PASSPHRASE_H
#define CTL_PASSPHRASE_H

#include "command.h"

#define PASSPHRASE_MAX 1024

/* Read --passphrase, or ask (again: twice, which must agree). *ret: set on success, wiped and freed by
 * passphrase_free. Returns 0, or the exit code after telling the failure. */
int passphrase_read(const struct invocation *, bool again, char **ret);

/* NULL is allowed. */
void passphrase_free(char *);

#endif
