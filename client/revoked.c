/* SPDX-License-Identifier: Apache-2.0 */
#include "revoked.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "error.h"
#include "file.h"
#include "folder.h"

#define FOLDER "revocations"
#define LIST_MODE 0600

/* Take a list over if it is newer. Its memory goes to the key, or is freed. */
static int take(struct trust_key *key, const char *token)
{
	struct revocations *list = calloc(1, sizeof(*list));
	if (!list)
		return E_NO_MEMORY;
	int error = revocations_open(token, strlen(token), &key->roots, list, NULL);
	if (!error && key->revoked && revocations_signer(key->revoked, &list->chain))
		error = E_SIGNER_REVOKED;
	if (!error && list->number <= revoked_number(key))
		error = E_REVOCATIONS_OLD;
	struct revocations *old = error ? list : key->revoked;
	if (!error)
		key->revoked = list;
	revoked_free(old);
	return error;
}

void revoked_free(struct revocations *list)
{
	if (list)
		revocations_fini(list);
	free(list);
}

int64_t revoked_number(const struct trust_key *key)
{
	return key->revoked ? key->revoked->number : 0;
}

int revoked_offer(struct trust *t, const char *token)
{
	int error = E_SIGNATURE_INVALID;
	for (size_t i = 0; i < t->n_keys && error == E_SIGNATURE_INVALID; i++)
		error = take(&t->keys[i], token);
	return error == E_NO_MEMORY ? error : 0;
}

/* --- the state directory --- */

static int path_of(const struct trust_key *key, const char *state_folder, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/" FOLDER "/%s", state_folder, key->pid);
	return n < 0 || n >= PATH_MAX ? E_TOO_LARGE : 0;
}

int revoked_read(struct trust *t, const struct trust_key *key, const char *state_folder)
{
	struct trust_key *own = &t->keys[key - t->keys];
	char path[PATH_MAX];
	char *token = NULL;
	if (own->revoked_read || path_of(key, state_folder, path))
		return 0;
	int error = token_load(&token_revocations, path, &token);
	if (!error)
		error = take(own, token);
	free(token);
	own->revoked_read = error != E_NO_MEMORY;
	return error == E_NO_MEMORY ? error : 0;
}

int revoked_keep(struct trust_key *key, const char *state_folder, const char *token, struct fault *f)
{
	char path[PATH_MAX];
	char folder[PATH_MAX];
	int error = take(key, token);
	if (error)
		return fault_set(f, error, "the list of revocations: %s", error_text(error));
	if (folder_path(state_folder, FOLDER, folder, sizeof(folder)) || path_of(key, state_folder, path))
		return fault_set(f, E_IO, "%s: the path is too long", state_folder);
	error = folder_make(folder, f);
	if (error)
		return error;
	error = token_save(&token_revocations, path, token, LIST_MODE);
	return error ? fault_system(f, E_IO, path) : 0;
}
