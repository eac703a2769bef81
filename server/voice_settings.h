/* SPDX-License-Identifier: Apache-2.0 */
/* The [offline] section of the configuration: the site key for activation by telephone. */
#ifndef SERVER_VOICE_SETTINGS_H
#define SERVER_VOICE_SETTINGS_H

#include <stdint.h>

#include "config.h"

/*
 * Read the site key's file. *ret: in locked memory, freed with sodium_free; NULL: none is configured. What is
 * wrong is said on one line of the log. E_CONFIG_INVALID: it has not 32 bytes, or only zeros; E_IO;
 * E_INSECURE: others may read it; E_NO_MEMORY.
 */
int voice_settings_read(const struct config *, uint8_t **ret);

#endif
