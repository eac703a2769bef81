/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list as a stream of CSV or NDJSON: the route's handler is called for one page after the other, each in a
 * read of its own, whenever the reader has room for more. So memory stays flat, the log of the database can
 * be merged in meanwhile, and others on the same socket are served between two pages. An error in the middle
 * ends the chunked body without its last chunk. One socket's thread.
 */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include "exchange.h"

enum stream_format { STREAM_NONE, STREAM_CSV, STREAM_NDJSON };

/* The form that is asked for by format=, or else by Accept. */
enum stream_format stream_wanted(const struct exchange *);

/* Begin with the first page, or reply with a problem. */
void stream_begin(struct exchange *, enum stream_format);

/* The response that goes on with it; NULL without memory. The exchange outlives it. */
struct MHD_Response *stream_response(struct exchange *);

/* Where the next page begins and how many rows it may have. E_BAD_REQUEST. */
int stream_page(struct exchange *, struct listing *);

/* Take a page (items is taken over) and the cursor of the next one, NULL after the last. */
void stream_take(struct exchange *, json_t *items, const char *next);

void stream_free(struct exchange *);

#endif
