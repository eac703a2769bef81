/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "complete.h"
#include "error.h"

#define EXIT_WRONG_USAGE 64
#define ROWS_MAX 256
#define GROUP_TEXT 96 /* the first words of a command's path */

static const struct command_option always[] = {{"help", NULL, "show this help", 'h'},
					       {"version", NULL, "show the version", 0},
					       {NULL, NULL, NULL, 0}};

/* --- help --- */

static void print_options(const char *title, const struct command_option *options)
{
	if (!options || !options->name)
		return;
	printf("\n%s:\n", title);
	for (; options->name; options++) {
		char left[112];
		snprintf(left, sizeof(left), "--%s%s%s%s%s", options->name, options->letter ? ", -" : "",
			 options->letter ? (char[]){options->letter, 0} : "", options->value ? " " : "",
			 options->value ? options->value : "");
		printf("  %-30s %s\n", left, options->help);
	}
}

/* Does the path begin with these words, and go on? */
static bool goes_on(const char *path, const char *group)
{
	size_t n = strlen(group);
	return strncmp(path, group, n) == 0 && (n == 0 || path[n] == ' ');
}

/* All commands, or those that begin with a group's words. */
static void print_program(const struct program *program, const char *group)
{
	printf("%s: %s\n\nUsage: %s%s%s [options] COMMAND ...\n\nCommands:\n", program->name, program->about,
	       program->name, *group ? " " : "", group);
	for (const struct command *c = program->commands; c->path; c++) {
		char left[96];
		if (!goes_on(c->path, group))
			continue;
		snprintf(left, sizeof(left), "%s%s%s", c->path, *c->args ? " " : "", c->args);
		printf("  %-38s %s\n", left, c->help);
	}
	print_options("Options", program->globals);
	print_options("Always", always);
}

static void print_command(const struct program *program, const struct command *c)
{
	printf("%s %s: %s\n\nUsage: %s %s%s%s%s\n", program->name, c->path, c->help, program->name, c->path,
	       c->options && c->options->name ? " [options]" : "", *c->args ? " " : "", c->args);
	print_options("Options", c->options);
	print_options("Options of every command", program->globals);
}

/* --- manual: the parts of a page for scdoc that come from the table --- */

/* What scdoc would take for its own is put behind a backslash. */
static void print_plain(const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_<>[]|#~`+", *text))
			putchar('\\');
		putchar(*text);
	}
}

static void print_emphasis(char mark, const char *text)
{
	putchar(mark);
	print_plain(text);
	putchar(mark);
}

static void print_man_options(const struct command_option *options, const char *indent)
{
	for (; options && options->name; options++) {
		char name[96];
		snprintf(name, sizeof(name), "--%s%s%s", options->name, options->letter ? ", -" : "",
			 options->letter ? (char[]){options->letter, 0} : "");
		fputs(indent, stdout);
		print_emphasis('*', name);
		if (options->value) {
			putchar(' ');
			print_emphasis('_', options->value);
		}
		printf("\n%s\t", indent);
		print_plain(options->help);
		fputs("\n\n", stdout);
	}
}

static int print_man(const struct program *program)
{
	puts("# COMMANDS\n");
	for (const struct command *c = program->commands; c->path; c++) {
		print_emphasis('*', c->path);
		if (*c->args) {
			putchar(' ');
			print_emphasis('_', c->args);
		}
		fputs("\n\t", stdout);
		print_plain(c->help);
		fputs("\n\n", stdout);
		print_man_options(c->options, "\t");
	}
	puts("# OPTIONS\n");
	print_man_options(program->globals, "");
	print_man_options(always, "");
	return 0;
}

/* --- parsing --- */

int command_usage(const struct invocation *inv, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", inv->program->name);
	vfprintf(stderr, format, args);
	fprintf(stderr, "; see '%s%s%s --help'\n", inv->program->name, inv->command ? " " : "",
		inv->command ? inv->command->path : "");
	va_end(args);
	return EXIT_WRONG_USAGE;
}

/* What getopt is told: all options of the program, each name once. */
struct rows {
	struct option rows[ROWS_MAX];
	const struct command_option *source[ROWS_MAX];
	size_t n;
	char letters[2 * ROWS_MAX + 2];
	size_t n_letters;
};

static void add_rows(struct rows *r, const struct command_option *options)
{
	for (; options && options->name; options++) {
		size_t i = 0;
		while (i < r->n && strcmp(r->rows[i].name, options->name) != 0)
			i++;
		if (i < r->n || r->n == ROWS_MAX - 1)
			continue;
		r->source[r->n] = options;
		r->rows[r->n++] = (struct option){options->name,
						  options->value ? required_argument : no_argument, NULL, 0};
		if (options->letter) {
			r->letters[r->n_letters++] = options->letter;
			if (options->value)
				r->letters[r->n_letters++] = ':';
		}
	}
}

static void collect_rows(const struct program *program, struct rows *r)
{
	memset(r, 0, sizeof(*r));
	r->letters[r->n_letters++] = ':';
	add_rows(r, always);
	add_rows(r, program->globals);
	for (const struct command *c = program->commands; c->path; c++)
		add_rows(r, c->options);
}

/* The long name of what getopt found, or NULL. */
static const char *name_of(const struct rows *r, int got, int row)
{
	if (got == 0)
		return r->rows[row].name;
	for (size_t i = 0; i < r->n; i++)
		if (r->source[i]->letter == got)
			return r->source[i]->name;
	return NULL;
}

/* How many of the words does the verb's path take up? 0: it does not match. */
static int match_path(const char *path, char **words, int n)
{
	int used = 0;
	while (*path) {
		size_t length = strcspn(path, " ");
		if (used >= n || strlen(words[used]) != length || memcmp(words[used], path, length) != 0)
			return 0;
		used++;
		path += length;
		path += *path == ' ';
	}
	return used;
}

void command_find(struct invocation *inv)
{
	int best = 0;
	for (const struct command *c = inv->program->commands; c->path; c++) {
		int used = match_path(c->path, inv->args, inv->n_args);
		if (used > best) {
			best = used;
			inv->command = c;
		}
	}
	inv->args += best;
	inv->n_args -= best;
}

/* As many first words as commands begin with: "license" of "license lst". */
static void find_group(const struct invocation *inv, char out[GROUP_TEXT])
{
	char longer[GROUP_TEXT];
	bool found = true;
	out[0] = 0;
	for (int i = 0; i < inv->n_args && found; i++) {
		snprintf(longer, sizeof(longer), "%s%s%s", out, i ? " " : "", inv->args[i]);
		found = false;
		for (const struct command *c = inv->program->commands; c->path && !found; c++)
			found = *longer && goes_on(c->path, longer);
		if (found)
			strcpy(out, longer);
	}
}

/* No command: what is missing, or what could have been meant. */
static int complain(const struct invocation *inv)
{
	char group[GROUP_TEXT];
	char words[256] = "";
	char last_word[64];
	find_group(inv, group);
	if (!inv->n_args)
		return command_usage(inv, "a command is needed");
	if (!*group)
		return command_usage(inv, "'%s' is not a command", inv->args[0]);
	/* Commands of one beginning stand together. */
	const char *last = "";
	for (const struct command *c = inv->program->commands; c->path; c++) {
		const char *rest = c->path + strlen(group) + 1;
		size_t n = strlen(words);
		if (!goes_on(c->path, group) || (*last && goes_on(rest, last)) || strcmp(rest, last) == 0)
			continue;
		snprintf(last_word, sizeof(last_word), "%.*s", (int)strcspn(rest, " "), rest);
		last = last_word;
		snprintf(words + n, sizeof(words) - n, "%s%s", n ? ", " : "", last);
	}
	return command_usage(inv, "'%s' is not a whole command, it goes on with one of: %s", group, words);
}

static bool belongs(const struct command_option *options, const char *name)
{
	for (; options && options->name; options++)
		if (strcmp(options->name, name) == 0)
			return true;
	return false;
}

bool invocation_takes(const struct invocation *inv, const char *option)
{
	return belongs(inv->command->options, option) || belongs(inv->program->globals, option);
}

void invocation_add(struct invocation *inv, const char *option)
{
	if (inv->n_given == COMMAND_OPTIONS_MAX)
		return;
	inv->given[inv->n_given].name = option;
	inv->given[inv->n_given++].value = "";
}

static int check(const struct invocation *inv)
{
	for (size_t i = 0; i < inv->n_given; i++) {
		const char *name = inv->given[i].name;
		if (!invocation_takes(inv, name))
			return command_usage(inv, "--%s is not an option of '%s'", name, inv->command->path);
	}
	if (inv->n_args < inv->command->args_min)
		return command_usage(inv, "'%s' needs %s", inv->command->path, inv->command->args);
	if (inv->n_args > inv->command->args_max)
		return command_usage(inv, "'%s' does not take '%s'", inv->command->path,
				     inv->args[inv->command->args_max]);
	return 0;
}

static int parse(struct invocation *inv, int argc, char **argv)
{
	struct rows rows;
	int row = 0;
	int got;
	collect_rows(inv->program, &rows);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	while ((got = getopt_long(argc, argv, rows.letters, rows.rows, &row)) != -1) {
		const char *name = name_of(&rows, got, row);
		if (!name) {
			/* A letter may stand within a word that getopt has not passed yet. */
			char letter[] = {'-', (char)optopt, 0};
			return command_usage(
				inv,
				got == ':' ? "%s lacks its value"
					   : "%s is no option (write -- before an argument that begins so)",
				optopt ? letter : argv[optind - 1]);
		}
		if (inv->n_given == COMMAND_OPTIONS_MAX)
			return command_usage(inv, "too many options");
		inv->given[inv->n_given].name = name;
		inv->given[inv->n_given++].value = optarg ? optarg : "";
	}
	inv->args = argv + optind;
	inv->n_args = argc - optind;
	return 0;
}

/* A document that lacks a part, because there was no memory for it, would be taken for the whole one. */
static void *take_memory(size_t n)
{
	const struct error_row *row = error_row(E_NO_MEMORY);
	void *p = malloc(n);
	if (p || !n)
		return p;
	fprintf(stderr, "%s: %s\nremedy: %s\n", row->name, row->text, row->remedy);
	_exit(row->exit);
}

int command_main(const struct program *program, int argc, char **argv, void *context)
{
	struct invocation inv = {.program = program, .context = context};
	const struct rlimit no_core = {0, 0};
	setrlimit(RLIMIT_CORE, &no_core);
	json_set_alloc_funcs(take_memory, free);
	/* Two that are for machines: the words behind them are no options of this line. */
	if (argc > 1 && strcmp(argv[1], "--complete") == 0)
		return completion_answer(program, argc - 2, argv + 2, context);
	if (argc > 1 && strcmp(argv[1], "--help-man") == 0)
		return print_man(program);
	int code = parse(&inv, argc, argv);
	if (code)
		return code;
	command_find(&inv);
	if (invocation_has(&inv, "version")) {
		printf("%s %s\n", program->name, program->version);
		return 0;
	}
	if (invocation_has(&inv, "help")) {
		char group[GROUP_TEXT];
		find_group(&inv, group);
		if (inv.command)
			print_command(program, inv.command);
		else
			print_program(program, group);
		return 0;
	}
	if (!inv.command)
		return complain(&inv);
	code = program->prepare ? program->prepare(&inv) : 0;
	if (!code)
		code = check(&inv);
	return code ? code : inv.command->run(&inv);
}

const char *invocation_value(const struct invocation *inv, const char *option)
{
	for (size_t i = inv->n_given; i > 0; i--)
		if (strcmp(inv->given[i - 1].name, option) == 0)
			return inv->given[i - 1].value;
	return NULL;
}

const char *invocation_value_or(const struct invocation *inv, const char *option, const char *otherwise)
{
	const char *value = invocation_value(inv, option);
	return value ? value : otherwise;
}

bool invocation_has(const struct invocation *inv, const char *option)
{
	return invocation_value(inv, option) != NULL;
}

size_t invocation_values(const struct invocation *inv, const char *option, const char **out, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < inv->n_given && n < max; i++)
		if (strcmp(inv->given[i].name, option) == 0)
			out[n++] = inv->given[i].value;
	return n;
}
