/* SPDX-License-Identifier: Apache-2.0 */
/* The [dns] section of the configuration as the watchdog's settings. */
#ifndef SERVER_DNS_SETTINGS_H
#define SERVER_DNS_SETTINGS_H

#include "config.h"
#include "watch.h"

/*
 * Read. name: the host's; listener: its first address, "ADDR:PORT". The key file is read, too, or the systemd
 * credential musterd.tsig. What is wrong is said on one line of the log. E_CONFIG_INVALID; E_IO: the key file
 * cannot be read; E_INSECURE: others may read it.
 */
int dns_settings_read(const struct config *, const char *name, const char *listener,
		      struct watch_settings *ret);

#endif
