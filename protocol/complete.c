/* SPDX-License-Identifier: Apache-2.0 */
#include "complete.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

#define WORDS_MAX 256
#define VALUE_ROOM 128

void completion_offer(const struct completion *c, const char *word, const char *help)
{
	if (strncmp(word, c->begun, strlen(c->begun)) == 0)
		printf("%s%s%s%s\n", c->before, word, help ? "\t" : "", help ? help : "");
}

/* --- the line so far --- */

/* A line as far as it is written. */
struct line {
	struct invocation inv;
	char *args[WORDS_MAX];
	const struct command_option *open; /* it stands before its value */
	bool only_args;                    /* "--" was there */
};

static const struct command_option *named(const struct command_option *options, const char *name, size_t n)
{
	for (; options && options->name; options++)
		if (strlen(options->name) == n && memcmp(options->name, name, n) == 0)
			return options;
	return NULL;
}

static const struct command_option *lettered(const struct command_option *options, char letter)
{
	for (; options && options->name; options++)
		if (options->letter == letter)
			return options;
	return NULL;
}

/* An option of the program, wherever it belongs: the verb may come behind it. name: to its end or to '='. */
static const struct command_option *find_option(const struct program *p, const char *word)
{
	bool is_long = word[1] == '-';
	size_t n = strcspn(word + 1 + is_long, "=");
	const struct command_option *found =
		is_long ? named(p->globals, word + 2, n) : lettered(p->globals, word[1]);
	for (const struct command *c = p->commands; c->path && !found; c++)
		found = is_long ? named(c->options, word + 2, n) : lettered(c->options, word[1]);
	return found;
}

static void note(struct line *l, const char *name, const char *value)
{
	if (l->inv.n_given == COMMAND_OPTIONS_MAX)
		return;
	l->inv.given[l->inv.n_given].name = name;
	l->inv.given[l->inv.n_given++].value = value;
}

static void take_option(struct line *l, const char *word)
{
	const struct command_option *o = find_option(l->inv.program, word);
	const char *equals = strchr(word, '=');
	if (!o)
		return;
	if (o->value && !equals && (word[1] == '-' || !word[2]))
		l->open = o;
	else
		note(l, o->name, equals ? equals + 1 : o->value ? word + 2 : "");
}

static void take_word(struct line *l, char *word)
{
	if (l->open) {
		note(l, l->open->name, word);
		l->open = NULL;
	} else if (!l->only_args && strcmp(word, "--") == 0) {
		l->only_args = true;
	} else if (!l->only_args && word[0] == '-' && word[1]) {
		take_option(l, word);
	} else if (l->inv.n_args < WORDS_MAX) {
		l->args[l->inv.n_args++] = word;
	}
}

/* --- what may stand next --- */

static void offer_value(struct line *l, const char *value, const struct completion *c);

/* "user|group" offers both words; in "FILE|ID" each part stands for something. */
static void offer_words(struct line *l, const char *value, const struct completion *c)
{
	while (*value) {
		char word[VALUE_ROOM];
		size_t n = strcspn(value, "|");
		snprintf(word, sizeof(word), "%.*s", (int)n, value);
		if (islower((unsigned char)word[0]))
			completion_offer(c, word, NULL);
		else
			offer_value(l, word, c);
		value += n + (value[n] == '|');
	}
}

static void offer_codes(const struct completion *c)
{
	size_t n;
	const struct error_row *rows = error_table(&n);
	for (size_t i = 0; i < n; i++)
		completion_offer(c, rows[i].name, rows[i].text);
}

/* What a placeholder of the table stands for. */
static void offer_value(struct line *l, const char *value, const struct completion *c)
{
	static const char *const files[] = {"FILE", "PATH", "DIR", "REQUEST"};
	if (strchr(value, '|')) {
		offer_words(l, value, c);
		return;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(value, files[i]) == 0)
			puts("\tfile");
	if (strcmp(value, "CODE") == 0)
		offer_codes(c);
	if (l->inv.program->names)
		l->inv.program->names(&l->inv, value, c);
}

static void offer_options(const struct command_option *options, const struct completion *c)
{
	char word[VALUE_ROOM];
	for (; options && options->name; options++) {
		snprintf(word, sizeof(word), "--%s", options->name);
		completion_offer(c, word, options->help);
	}
}

/* The i-th word of a verb's path; its length, 0 when it has fewer. */
static size_t path_word(const char *path, int i, const char **ret)
{
	while (i-- > 0) {
		path += strcspn(path, " ");
		path += *path == ' ';
	}
	*ret = path;
	return strcspn(path, " ");
}

static bool begins_alike(const struct line *l, const struct command *c)
{
	for (int i = 0; i < l->inv.n_args; i++) {
		const char *word;
		size_t n = path_word(c->path, i, &word);
		if (n == 0 || strlen(l->args[i]) != n || memcmp(l->args[i], word, n) != 0)
			return false;
	}
	return true;
}

/* The next word of every verb that the line may become, each once. */
static void offer_verbs(const struct line *l, const struct completion *c)
{
	char before[VALUE_ROOM] = "";
	for (const struct command *row = l->inv.program->commands; row->path; row++) {
		char word[VALUE_ROOM];
		const char *at;
		size_t n = begins_alike(l, row) ? path_word(row->path, l->inv.n_args, &at) : 0;
		snprintf(word, sizeof(word), "%.*s", (int)n, n ? at : "");
		if (n == 0 || strcmp(word, before) == 0)
			continue;
		completion_offer(c, word, at[n] ? NULL : row->help);
		strcpy(before, word);
	}
}

/* The placeholder of the i-th argument, bare: of "GROUP [DEVICE...]" the second, and so every one behind it.
 * "": there is none. */
static void placeholder(const char *args, int i, char out[VALUE_ROOM])
{
	const char *at = args;
	size_t n = strcspn(at, " ");
	while (i-- > 0 && n && !memmem(at, n, "...", 3)) {
		at += n;
		at += strspn(at, " ");
		n = strcspn(at, " ");
	}
	at += strspn(at, "[");
	n = strcspn(at, " ].");
	snprintf(out, VALUE_ROOM, "%.*s", (int)n, at);
}

static void offer_arguments(struct line *l, const struct completion *c)
{
	char value[VALUE_ROOM];
	offer_verbs(l, c);
	command_find(&l->inv);
	if (!l->inv.command)
		return;
	placeholder(l->inv.command->args, l->inv.n_args, value);
	offer_value(l, value, c);
}

/* What the option takes: the verb's own word for it, where the verb stands before. */
static void offer_value_of(struct line *l, const struct command_option *o, const struct completion *c)
{
	command_find(&l->inv);
	const struct command_option *own =
		named(l->inv.command ? l->inv.command->options : NULL, o->name, strlen(o->name));
	offer_value(l, own ? own->value : o->value, c);
}

/* The value of "--option=value" as it is being written. */
static void offer_joined(struct line *l, char *word)
{
	char before[VALUE_ROOM];
	const char *value = strchr(word, '=') + 1;
	const struct command_option *o = find_option(l->inv.program, word);
	snprintf(before, sizeof(before), "%.*s", (int)(value - word), word);
	if (o && o->value)
		offer_value_of(l, o, &(struct completion){before, value});
}

static void offer(struct line *l, char *word)
{
	const struct completion c = {"", word};
	bool option = !l->only_args && word[0] == '-';
	if (l->open) {
		offer_value_of(l, l->open, &c);
	} else if (option && word[1] == '-' && strchr(word, '=')) {
		offer_joined(l, word);
	} else if (option) {
		command_find(&l->inv);
		offer_options(l->inv.command ? l->inv.command->options : NULL, &c);
		offer_options(l->inv.program->globals, &c);
		completion_offer(&c, "--help", "show this help");
	} else {
		offer_arguments(l, &c);
	}
}

int completion_answer(const struct program *program, int n, char **words, void *context)
{
	struct line l = {.inv = {.program = program, .context = context}};
	char nothing[1] = "";
	l.inv.args = l.args;
	for (int i = 0; i + 1 < n; i++)
		take_word(&l, words[i]);
	offer(&l, n ? words[n - 1] : nothing);
	return 0;
}

/* --- scripts: %1$s is the program, %2$s its name as part of a function's --- */

static void print_bash(const char *program, const char *function)
{
	/* Words are taken from the line itself: bash would break user@example.org and --product=x apart. It
	 * replaces only what stands behind the last break, so the rest is cut off each word. */
	printf("# bash completion of %1$s\n"
	       "_%2$s() {\n"
	       "\tlocal line=\"${COMP_LINE:0:COMP_POINT}\" word before\n"
	       "\tlocal -a words\n"
	       "\tread -ra words <<<\"$line\"\n"
	       "\t[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
	       "\tword=\"${words[-1]}\"\n"
	       "\tbefore=\"${word%%\"${word##*[\"$COMP_WORDBREAKS\"]}\"}\"\n"
	       "\tCOMPREPLY=()\n"
	       "\twhile IFS= read -r line; do\n"
	       "\t\tif [[ $line == $'\\t'file ]]; then\n"
	       "\t\t\tcompopt -o filenames 2>/dev/null\n"
	       "\t\t\twhile IFS= read -r line; do\n"
	       "\t\t\t\tCOMPREPLY+=(\"${line#\"${before#--*=}\"}\")\n"
	       "\t\t\tdone < <(compgen -f -- \"${word#--*=}\")\n"
	       "\t\telse\n"
	       "\t\t\tline=\"${line%%%%$'\\t'*}\"\n"
	       "\t\t\tCOMPREPLY+=(\"${line#\"$before\"}\")\n"
	       "\t\tfi\n"
	       "\tdone < <(\"${words[0]}\" --complete \"${words[@]:1}\" 2>/dev/null)\n"
	       "}\n"
	       "complete -F _%2$s %1$s\n",
	       program, function);
}

static void print_zsh(const char *program, const char *function)
{
	printf("#compdef %1$s\n"
	       "_%2$s() {\n"
	       "\tlocal line file\n"
	       "\tlocal -a offers\n"
	       "\twhile IFS= read -r line; do\n"
	       "\t\tif [[ $line == $'\\t'file ]]; then\n"
	       "\t\t\tfile=1\n"
	       "\t\telse\n"
	       "\t\t\toffers+=(\"${${line%%%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
	       "\t\tfi\n"
	       "\tdone < <(${(Q)words[1]} --complete \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\n"
	       "\t(( $#offers )) && _describe '%1$s' offers\n"
	       "\tif [[ -n $file ]]; then\n"
	       "\t\tcompset -P '--*='\n"
	       "\t\t_files\n"
	       "\tfi\n"
	       "}\n"
	       "if [[ $funcstack[1] == _%2$s ]]; then\n"
	       "\t_%2$s \"$@\"\n"
	       "else\n"
	       "\tcompdef _%2$s %1$s\n"
	       "fi\n",
	       program, function);
}

static void print_fish(const char *program, const char *function)
{
	printf("# fish completion of %1$s\n"
	       "function __%2$s_complete\n"
	       "\tset -l words (commandline -opc)\n"
	       "\tset -l current (commandline -ct)\n"
	       "\tfor line in ($words[1] --complete $words[2..-1] \"$current\" 2>/dev/null)\n"
	       "\t\tif test \"$line\" = \\tfile\n"
	       "\t\t\t__fish_complete_path \"$current\"\n"
	       "\t\telse\n"
	       "\t\t\techo $line\n"
	       "\t\tend\n"
	       "\tend\n"
	       "end\n"
	       "complete -c %1$s -f -a '(__%2$s_complete)'\n",
	       program, function);
}

int completion_run(struct invocation *inv)
{
	static const struct {
		const char *shell;
		void (*print)(const char *program, const char *function);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
	char function[VALUE_ROOM];
	snprintf(function, sizeof(function), "%s", inv->program->name);
	for (char *at = function; *at; at++)
		if (*at == '-')
			*at = '_';
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(inv->args[0], shells[i].shell) == 0) {
			shells[i].print(inv->program->name, function);
			return 0;
		}
	}
	return command_usage(inv, "'%s' is none of bash, zsh and fish", inv->args[0]);
}
