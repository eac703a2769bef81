/* SPDX-License-Identifier: Apache-2.0 */
/* Names that the shell may complete: of devices, users and so on, asked from the daemon. Main thread. */
#ifndef CTL_OFFER_H
#define CTL_OFFER_H

#include "complete.h"

/*
 * Offer the names that a placeholder of the command table may stand for: PRODUCT, DEVICE, USER, GROUP,
 * DEVICE-GROUP, GRANT, LICENSE, HOLDER. Takes at most 300 ms and says nothing when the daemon is not
 * there: somebody waits for his Tab key.
 */
void offer_names(const struct invocation *, const char *placeholder, const struct completion *);

#endif
