/* SPDX-License-Identifier: Apache-2.0 */
/* libmuster's handle with the machine's senses in the world's hands: client.h and store.h do not go together.
 */
#ifndef SIM_HANDLE_H
#define SIM_HANDLE_H

#include <stddef.h>
#include <stdint.h>

#include "muster.h"
#include "uptime.h"

/* A handle on this state folder, whose machine shows the parts below root and knows so many hosts. Freed with
 * muster_free. */
struct muster *handle_open(const char *state, const char *folder, const char *root, size_t hosts);

/* What the machine senses (machine.c). */
int64_t sense_wall(void);
struct boot sense_boot(const char *root);
uint32_t sense_draw(void *context, uint32_t bound);

#endif
