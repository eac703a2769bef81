/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine is made of, as the kernel shows it to whoever asks; each part may be missing. The values
 * stay here: only tags of them are sent (protocol/hardware.h). Any thread.
 */
#ifndef CLIENT_PARTS_H
#define CLIENT_PARTS_H

#include "hardware.h"
#include "limit.h"

#define PART_VALUE 128

struct part {
	enum hardware_kind kind;
	char value[PART_VALUE]; /* as PROTOCOL.md "Hardware tags" has it */
};

struct parts {
	struct part rows[LIMIT_COMPONENTS]; /* in the order of their kinds */
	size_t n;
};

/* Read what can be read below a root directory, "" for the machine's own. No error: what is missing is left
 * out. */
void parts_read(const char *root, struct parts *ret);

/* Only those that tell one machine from another at once: machine-id and the firmware's UUID. */
void parts_read_origin(const char *root, struct parts *ret);

#endif
