/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that people read out and type (DESIGN 5.5): groups of five decimal digits, each closed by a Damm
 * check digit that began with the group's number, so that a wrong digit, two digits that changed places, and
 * a group in another one's place show. Groups and digits are counted from 1. Pure; any thread.
 */
#ifndef PROTOCOL_DIGITS_H
#define PROTOCOL_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGITS_GROUP 6 /* digits of a group, its check digit the last */
#define DIGITS_GROUPS 9
#define DIGITS_BARE (DIGITS_GROUP * DIGITS_GROUPS + 1)
#define DIGITS_TEXT ((DIGITS_GROUP + 1) * DIGITS_GROUPS) /* with dashes, and NUL */
#define DIGITS_WORDS 512                                 /* room for an explanation */

enum digits_trouble {
	DIGITS_ALIEN,    /* a character that is no digit: `digit` is its place, `other` the character */
	DIGITS_COUNT,    /* `other` digits were typed in all */
	DIGITS_LENGTH,   /* the group has `other` digits */
	DIGITS_MISTYPED, /* the group; with `digit` also that one, which should be `other` */
	DIGITS_CROSSED,  /* the digits `digit` and `digit` + 1 of the group changed places */
	DIGITS_SWAPPED,  /* the group and the group `other` changed places */
	DIGITS_MOVED,    /* what stands in the group belongs into the group `other` */
	DIGITS_REPEATED, /* the group is the group `other` once more */
};

struct digits_fault {
	enum digits_trouble trouble;
	unsigned group;
	unsigned digit; /* 0: not known */
	unsigned other;
};

struct digits_report {
	struct digits_fault faults[DIGITS_GROUPS];
	size_t n;
};

/* Write a big-endian number of n <= 20 bytes as groups with dashes; it must fit into their digits. */
void digits_write(const uint8_t *number, size_t n, size_t groups, char out[DIGITS_TEXT]);

/*
 * Read what was typed: digits with blanks, dashes and the like between. bare: all of them, when there are as
 * many as there must be. *ret: every fault that can be told. E_DIGITS_WRONG when there is one.
 */
int digits_read(const char *typed, size_t groups, char bare[DIGITS_BARE], struct digits_report *ret);

/* Is the group right, as the group of this number? */
bool digits_right(const char group[DIGITS_GROUP], unsigned number);

/* The number that bare digits stand for, in n bytes; the check digits are not looked at. False: it needs
 * more. */
bool digits_number(const char *bare, size_t groups, uint8_t *out, size_t n);

/*
 * Where digits are wrong of which `right` can tell whether they are right as a whole: look for the one digit,
 * or the two that changed places, in each of at most two wrong groups, or for groups that changed places.
 * True: it was found, *ret names it, and bare is as it should be. At most DIGITS_TRIALS calls of `right`.
 */
#define DIGITS_TRIALS 122
bool digits_mend(char bare[DIGITS_BARE], size_t groups, bool (*right)(const char *bare, void *context),
		 void *context, struct digits_report *ret);

/* What is wrong, for people: "group 4: the digit 2 is mistyped; groups 5 and 6 are swapped". Returns out. */
const char *digits_explain(const struct digits_report *, char out[DIGITS_WORDS]);

#endif
