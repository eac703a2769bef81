/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vendor's passphrase. In this order: --passphrase (- for standard input, @FILE, or with a warning the
 * text itself), the file named by MUSTER_ISSUER_PASSPHRASE_FILE, the systemd credential vendor.passphrase, a
 * question on the terminal. Main thread.
 */
#ifndef ISSUER_PASSPHRASE_H
#define ISSUER_PASSPHRASE_H

#include <stdbool.h>

#include "failure.h"

/*
 * twice: it is a new one, so the terminal asks for it twice. *ret: freed with sodium_free, never empty.
 * E_USAGE: nowhere to get it from, or empty; errors of secret_read_file.
 */
int passphrase_get(const struct invocation *, bool twice, char **ret, struct failure *);

#endif
