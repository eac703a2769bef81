/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "error.h"

static void destroy(struct credentials *c)
{
	for (size_t i = 0; c && i < c->n; i++) {
		free(c->all[i].token);
		free(c->all[i].list);
	}
	free(c);
}

static bool add_list(const struct catalog *catalog, const char *vendor, struct credential *to)
{
	for (size_t i = 0; i < catalog->n_revocations; i++) {
		const struct catalog_revocations *from = &catalog->revocations[i];
		if (strcmp(from->vendor, vendor) != 0)
			continue;
		to->revocations = from->list.number;
		to->list = strdup(from->token);
		return to->list != NULL;
	}
	return true;
}

static struct credentials *make(const struct catalog *catalog)
{
	struct credentials *c = calloc(1, sizeof(*c) + catalog->n_certificates * sizeof(c->all[0]));
	for (size_t i = 0; c && i < catalog->n_certificates; i++) {
		const struct catalog_certificate *from = &catalog->certificates[i];
		struct credential *to = &c->all[c->n];
		if (from->former)
			continue;
		paserk_pid(from->certificate.vendor, to->vendor);
		to->token = strdup(from->token);
		to->end = from->certificate.exp;
		c->n++;
		if (!to->token || !add_list(catalog, from->vendor, to)) {
			destroy(c);
			return NULL;
		}
	}
	return c;
}

void credentials_board_init(struct credentials_board *board)
{
	pthread_mutex_init(&board->lock, NULL);
	board->current = NULL;
}

void credentials_board_fini(struct credentials_board *board)
{
	destroy(board->current);
	pthread_mutex_destroy(&board->lock);
}

int credentials_publish(struct credentials_board *board, const struct catalog *catalog)
{
	struct credentials *c = make(catalog);
	if (!c)
		return E_NO_MEMORY;
	c->references = 1; /* the board's own */
	pthread_mutex_lock(&board->lock);
	struct credentials *old = board->current;
	board->current = c;
	pthread_mutex_unlock(&board->lock);
	credentials_give_back(board, old);
	return 0;
}

struct credentials *credentials_take(struct credentials_board *board)
{
	pthread_mutex_lock(&board->lock);
	struct credentials *c = board->current;
	c->references++;
	pthread_mutex_unlock(&board->lock);
	return c;
}

void credentials_give_back(struct credentials_board *board, struct credentials *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&board->lock);
	size_t left = --c->references;
	pthread_mutex_unlock(&board->lock);
	if (left == 0)
		destroy(c);
}
