/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A confirmation by telephone as 51 words (DESIGN 5.5): what it grants, nine bits that check the words, and
 * the host's whole Ed25519 signature. Anybody with the host's certificate can verify it, and nobody else can
 * make it: worth as much as a file. Words are counted from 1. Pure; any thread.
 */
#ifndef PROTOCOL_WORDS_H
#define PROTOCOL_WORDS_H

#include "voice.h"

#define WORDS 51
#define WORDS_LIST 2048
#define WORDS_TEXT 512 /* room for all of them, with blanks */
#define WORDS_EXPLAIN 512
#define WORDS_WORD 24 /* room for one as it was typed */

/* What the words say. */
struct spoken_words {
	uint8_t head[VOICE_HEAD];
	uint8_t signature[64];
};

/* Sign what is granted to an installation id, and write it. */
void words_sign(const uint8_t host_secret[PASETO_SECRET], const uint8_t iid[VOICE_IID],
		const struct voice_grant *, struct spoken_words *ret);
void words_write(const struct spoken_words *, char out[WORDS_TEXT]);

enum words_trouble {
	WORDS_COUNT,    /* `word` words were typed */
	WORDS_STRANGE,  /* the word is not of the list; `want` may be meant */
	WORDS_MISTAKEN, /* the word should be `want` */
	WORDS_SWAPPED,  /* the words `word` and `other` changed places */
	WORDS_WRONG,    /* some word is wrong, and which cannot be told */
};

struct words_report {
	size_t n;
	struct {
		enum words_trouble trouble;
		unsigned word;
		unsigned other;
		const char *want; /* NULL: not known */
		char typed[WORDS_WORD];
	} faults[8];
};

/*
 * Read what was typed: words, or their first four letters or more, with blanks between. *ret_report: every
 * fault that can be told. E_DIGITS_WRONG when there is one; then numbers has what could be read (0xffff for a
 * strange word), and *ret nothing.
 */
int words_read(const char *typed, uint16_t numbers[WORDS], struct spoken_words *ret,
	       struct words_report *ret_report);

/* What is granted to this installation id by the host of this key. E_VOICE_REFUSED; E_VERSION_UNSUPPORTED. */
int words_check(const uint8_t host[PASETO_PUBLIC], const uint8_t iid[VOICE_IID], const struct spoken_words *,
		struct voice_grant *ret);

/*
 * Where 51 words were typed, and `right` can tell whether they are right as a whole: look for the one that is
 * wrong, or two that changed places. True: *ret_report names them.
 */
bool words_mend(const uint16_t numbers[WORDS], bool (*right)(const struct spoken_words *, void *context),
		void *context, struct words_report *ret_report);

/* What is wrong, for people. Returns out. */
const char *words_explain(const struct words_report *, char out[WORDS_EXPLAIN]);

/* A word of the list. */
const char *words_word(unsigned number);

#endif
