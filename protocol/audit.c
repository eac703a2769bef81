/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <sodium.h>
#include <string.h>

#include "cursor.h"

static void add_number(crypto_generichash_state *state, uint64_t number)
{
	uint8_t bytes[8];
	struct writer w = writer_over(bytes, sizeof(bytes));
	writer_u64(&w, number);
	crypto_generichash_update(state, bytes, sizeof(bytes));
}

static void add_text(crypto_generichash_state *state, const char *text)
{
	add_number(state, strlen(text));
	crypto_generichash_update(state, (const uint8_t *)text, strlen(text));
}

void audit_hash(const uint8_t previous[AUDIT_HASH], int64_t seq, const struct audit *row,
		uint8_t ret[AUDIT_HASH])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, AUDIT_HASH);
	crypto_generichash_update(&state, previous, AUDIT_HASH);
	add_number(&state, (uint64_t)seq);
	add_number(&state, (uint64_t)row->at);
	add_text(&state, row->actor);
	add_text(&state, row->action);
	add_text(&state, row->object);
	add_text(&state, row->detail);
	crypto_generichash_final(&state, ret, AUDIT_HASH);
}
