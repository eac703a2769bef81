/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a request before its handler sees it, by the tables. One socket's thread. */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "exchange.h"

/* Reply to a request that has no route: NOT_FOUND with the path written most alike, or METHOD_NOT_ALLOWED. */
void guard_refuse_path(struct exchange *);

/* Its query parameters, the kind of its body and its Idempotency-Key; false after a problem was replied. */
bool guard_passes(struct exchange *);

#endif
