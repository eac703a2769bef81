/* SPDX-License-Identifier: Apache-2.0 */
/* The host's keys under a passphrase, as a backup carries them: {"sign": k4.secret-pw, "static":
 * k4.local-pw}. Any thread. */
#ifndef BACKUP_KEYBAG_H
#define BACKUP_KEYBAG_H

#include "host_key.h"

#define KEYBAG_PASSPHRASE 1024 /* bytes of a passphrase at most */

/* Wrap. *ret: freed by the caller. E_NO_MEMORY: also when Argon2id's memory cannot be had. */
int keybag_write(const struct host_key *, const char *passphrase, size_t n, char **ret);

/* Unwrap. *ret: freed with host_key_free. E_PASSPHRASE_WRONG; E_BACKUP_DAMAGED; E_NO_MEMORY. */
int keybag_read(const char *text, const char *passphrase, size_t n, struct host_key **ret);

#endif
