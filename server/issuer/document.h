/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed files on their way in and out of a command. Out means --output FILE or standard output; what the
 * command says about the file then goes to the other place: standard output, or standard error. Main thread.
 */
#ifndef ISSUER_DOCUMENT_H
#define ISSUER_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "failure.h"
#include "ledger.h"
#include "token.h"

/* Read a file of one kind. *ret_token: freed by the caller. E_WRONG_TYPE: a whole block, but of another kind.
 */
int document_load(const struct token_kind *, const char *path, char **ret_token, struct failure *);

/*
 * Tell why opening a token with a key failed. where: the claim at fault, or "". A token that names another
 * key than the one it was checked with is E_WRONG_VENDOR rather than E_SIGNATURE_INVALID. Returns the code.
 */
int document_refused(struct failure *, int error, const char *path, const char *token, const struct roots *,
		     const char *where);

/*
 * Write the signed file. summary (borrowed): what --json says about it; without --output the two become one
 * document, printed here, with the armoured text as "file". The vendor's own files are never overwritten.
 */
int document_give(const struct invocation *, const struct token_kind *, const char *token, json_t *summary,
		  struct failure *);

/* Write the file, then commit what the ledger holds about it: both or neither. */
int document_commit(const struct invocation *, const struct token_kind *, const char *token, json_t *summary,
		    struct ledger *, struct failure *);

/*
 * The same for text that is no signed file and can be had only once: for the owner's eyes (0600), and never
 * over a file that is there. With --json and without --output the summary is printed in its place, and must
 * hold what the text says.
 */
int document_commit_text(const struct invocation *, const char *text, json_t *summary, struct ledger *,
			 struct failure *);

/* The path of --output, or NULL for standard output. */
const char *document_path(const struct invocation *);

/* Where a line for people about the file goes; NULL: nowhere, because of --json. */
FILE *document_notes(const struct invocation *);

/* With --json and --output: print the summary, whose reference is taken. Otherwise only take it. */
void document_end(const struct invocation *, json_t *summary);

#endif
