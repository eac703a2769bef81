/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of a program as one table: parsing, help, manual and shell completion all come from it.
 * Options may stand anywhere on the line; "--" ends them. Main thread.
 *
 * A placeholder says what a value is: "ready|ok" one of these words, FILE, PATH or DIR a file, CODE an error,
 * and what else the program has names for (DEVICE, USER).
 */
#ifndef PROTOCOL_COMMAND_H
#define PROTOCOL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_OPTIONS_MAX 1024

/* One option. A name means the same (with or without a value) in every command of a program. */
struct command_option {
	const char *name;  /* without dashes; NULL ends a list */
	const char *value; /* what its value is called in help; NULL: a flag */
	const char *help;
	char letter; /* its short form, or 0 */
};

struct invocation;

/* One verb. */
struct command {
	const char *path; /* "license install"; NULL ends the table */
	const char *args; /* as help shows them: "FILE" */
	int args_min;
	int args_max;
	const char *help;                     /* one line */
	const struct command_option *options; /* its own, may be NULL */
	int (*run)(struct invocation *);      /* returns the exit code */
};

struct completion;

struct program {
	const char *name;
	const char *about; /* one line */
	const char *version;
	const struct command_option *globals;
	const struct command *commands;
	/* Offer the names that a placeholder may stand for (complete.h), quickly and in silence. May be NULL.
	 */
	void (*names)(const struct invocation *, const char *placeholder, const struct completion *);
	/* Called when the command is known and its options are not checked yet: may add some that the
	 * environment stands for. Returns 0 or an exit code. May be NULL. */
	int (*prepare)(struct invocation *);
};

/* A parsed command line. */
struct invocation {
	const struct program *program;
	const struct command *command;
	char **args;
	int n_args;
	struct {
		const char *name;
		const char *value; /* "" for a flag */
	} given[COMMAND_OPTIONS_MAX];
	size_t n_given;
	void *context; /* the program's own */
};

/*
 * Parse and run, without ever leaving a core dump, as keys and codes are in memory: help and version are
 * answered here; a wrong line gets one line on standard error and exit code 64. Returns the exit code. argv
 * is reordered.
 */
int command_main(const struct program *, int argc, char **argv, void *context);

/* Set the command to the longest verb that the arguments begin with, and take it off them. */
void command_find(struct invocation *);

/* Does the command, or the whole program, take this option? */
bool invocation_takes(const struct invocation *, const char *option);

/* Act as if the flag had been given. option lives for ever. */
void invocation_add(struct invocation *, const char *option);

/* The last value of an option, "" for a flag; NULL when it was not given. Borrowed from argv. */
const char *invocation_value(const struct invocation *, const char *option);

/* The same, or another value when it was not given. */
const char *invocation_value_or(const struct invocation *, const char *option, const char *otherwise);

/* Was the option given? */
bool invocation_has(const struct invocation *, const char *option);

/* All values of a repeated option, at most max; returns how many. */
size_t invocation_values(const struct invocation *, const char *option, const char **out, size_t max);

/* One line "PROGRAM: text" on standard error, printf style; returns 64 (usage). */
int command_usage(const struct invocation *, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
