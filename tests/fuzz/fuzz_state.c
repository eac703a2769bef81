/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's state file and the undo file of a reset: the input as it stands, and as a document that this
 * device has sealed.
 */
#include "fuzz.h"
#include "state_json.h"
#include "undo.h"

static const uint8_t key[DEVICE_MAC_KEY] = {'k'};

static void check_state(const char *text, size_t n)
{
	static struct state state;
	static struct state again;
	char *copy;
	if (state_read(text, n, key, &state))
		return;
	fuzz_accepted(state_read);
	fuzz_require(state.n_pins <= STATE_PINS && state.n_ledgers <= STATE_LEDGERS &&
		     state.n_records <= STATE_RECORDS);
	for (size_t i = 0; i < state.n_ledgers; i++) {
		const struct ledger *l = &state.ledgers[i];
		fuzz_require(l->ratchet_n <= RATCHET_MAX && l->call.n <= LIMIT_LINES);
		fuzz_accepted(ledger);
		if (l->pending)
			fuzz_accepted(pending_call);
		fuzz_require(!l->pending || (l->call.n && l->call.kind < CALL_PREFLIGHT));
		fuzz_require(call_same(&l->call, &l->call));
	}
	if (state.n_pins)
		fuzz_accepted(pin);
	if (state.n_records)
		fuzz_accepted(record_read);
	/* What was read can be written, and reads the same. */
	fuzz_require(state_write(&state, key, &copy) == 0);
	fuzz_require(state_read(copy, strlen(copy), key, &again) == 0);
	fuzz_require(again.n_records == state.n_records && again.mark == state.mark);
	free(copy);
}

static void check_undo(json_t *document)
{
	static struct undo undo;
	static struct undo again;
	char *copy;
	if (undo_parse(document, &undo))
		return;
	fuzz_accepted(undo_parse);
	fuzz_require(undo_write(&undo, key, &copy) == 0);
	fuzz_require(undo_read(copy, strlen(copy), key, &again) == 0);
	fuzz_accepted(undo_read);
	fuzz_require(strcmp(again.record.user, undo.record.user) == 0);
	undo_fini(&again);
	undo_fini(&undo);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = NULL;
	check_state((const char *)data, n);
	json_t *document = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(document)) {
		check_undo(document);
		if (sealed_write(document, key, &text) == 0)
			check_state(text, strlen(text));
	}
	free(text);
	json_decref(document);
	return 0;
}
