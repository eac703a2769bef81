/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl offline: requests of machines that reach no host, answered and gathered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "cli/qr.h"
#include "commands.h"
#include "failure.h"
#include "file.h"
#include "input.h"
#include "jsontext.h"
#include "key_arg.h"
#include "offline_request.h"
#include "print.h"
#include "request.h"
#include "show.h"
#include "voice.h"

#define FILE_MODE 0644
#define SECRET_MODE 0600
#define SOME_REFUSED 1

static const struct column columns[] = {{"product", "PRODUCT", NULL, 0},
					{"device", "DEVICE", NULL, COLUMN_CUT},
					{"hostname", "HOSTNAME", NULL, COLUMN_CUT},
					{"user", "USER", NULL, COLUMN_CUT},
					{"grant", "GRANT", NULL, 0},
					{"expires", "EXPIRES", NULL, 0},
					{"error", "WHY NOT", NULL, COLUMN_CUT | COLUMN_ERROR},
					{NULL, NULL, NULL, 0}};

/* --- a text that goes into a file --- */

/* Lines of printable ASCII: it may be shown on a terminal. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text != '\n' && (*text < ' ' || *text > '~'))
			return false;
	return true;
}

/* To --output's file, or standard output. Returns 0, or the exit code. */
static int write_text(const struct invocation *inv, const char *text)
{
	const char *path = invocation_value(inv, "output");
	errno = 0;
	int error =
		is_plain(text) ? file_replace(path ? path : "-", text, strlen(text), FILE_MODE) : E_MALFORMED;
	return error ? failure_say(inv, error, "%s%s%s", path ? path : "standard output", errno ? ": " : "",
				   errno ? strerror(errno) : "")
		     : 0;
}

/* --- answer --- */

/* All refusals that a table does not show, in full. Returns the exit code: of the only one, or of some. */
static int tell_refusals(json_t *items)
{
	size_t i;
	json_t *item;
	int code = 0;
	json_array_foreach (items, i, item) {
		struct failure f = {0};
		char where[PRINT_TEXT];
		json_t *error = json_object_get(item, "error");
		if (!json_is_object(error))
			continue;
		const char *key = json_is_string(json_object_get(item, "hostname")) ? "hostname" : "device";
		failure_take(&f, error);
		code = failure_tell_at(print_value(json_object_get(item, key), where), &f);
		failure_fini(&f);
	}
	return json_array_size(items) > 1 && code ? SOME_REFUSED : code;
}

static int show_qr(const struct invocation *inv, const char *text)
{
	return qr_print_lines(text)
		       ? 0
		       : failure_say(inv, E_TOO_LARGE, "so many answers are no QR codes; use --output FILE");
}

static int show(const struct invocation *inv, json_t *reply)
{
	json_t *items = json_object_get(reply, "items");
	const char *text = json_string_value(json_object_get(reply, "answer"));
	const char *path = invocation_value(inv, "output");
	bool json = invocation_has(inv, "json");
	bool qr = invocation_has(inv, "qr");
	struct table table = {0};
	int code = 0;
	if (text && (path || (!json && !qr)))
		code = write_text(inv, text);
	if (text && qr && !code)
		code = show_qr(inv, text);
	if (code)
		return code;
	if (json)
		print_json(reply);
	else if (path && strcmp(path, "-") != 0 && print_table(&table, columns, items))
		return failure_say(inv, E_NO_MEMORY, "the table");
	fflush(stdout);
	return tell_refusals(items);
}

static int send_requests(const struct invocation *inv, const char *text, const char *key)
{
	json_t *document = json_pack("{s:s, s:s*}", "requests", text, "key", *key ? key : NULL);
	char *body = document ? jsontext_write(document, JSON_COMPACT) : NULL;
	struct request req = {.method = "POST",
			      .path = "/v1/offline/answer",
			      .body = body,
			      .n_body = body ? strlen(body) : 0,
			      .type = REQUEST_JSON,
			      .timeout_ms = REQUEST_LONG_TIMEOUT_MS,
			      .progress = "answering"};
	struct reply reply;
	int code = body ? request_run(inv, &req, &reply)
			: failure_say(inv, E_ARMOUR_INVALID, "%s", inv->args[0]);
	if (body && !code) {
		code = show(inv, reply.json);
		reply_fini(&reply);
	}
	if (body)
		explicit_bzero(body, strlen(body));
	free(body);
	json_decref(document);
	return code;
}

int offline_answer_run(struct invocation *inv)
{
	const char *given = invocation_value(inv, "key");
	char key[KEYCODE_KEY + 1] = "";
	char *text;
	size_t n;
	int wrong = qr_check(inv);
	if (wrong)
		return wrong;
	int code = input_read(inv, inv->args[0], LIMIT_BUNDLE_BYTES, &text, &n);
	if (code)
		return code;
	if (given)
		code = key_arg_read(inv, given, key);
	if (!code)
		code = send_requests(inv, text, key);
	explicit_bzero(key, sizeof(key));
	free(text);
	return code;
}

/* --- bundle --- */

/* The newest request of each device, product and user. */
struct member {
	struct offline_request request;
	char *token; /* borrowed */
};

struct gathering {
	const struct invocation *inv;
	struct member *all;
	size_t n;
};

static bool same_wish(const struct offline_request *a, const struct offline_request *b)
{
	return memcmp(a->device, b->device, DEVICE_ID) == 0 && strcmp(a->product, b->product) == 0 &&
	       strcmp(a->vendor, b->vendor) == 0 && strcmp(a->user, b->user) == 0;
}

static int add_member(struct gathering *g, const struct member *m)
{
	for (size_t i = 0; i < g->n; i++) {
		if (!same_wish(&g->all[i].request, &m->request))
			continue;
		if (m->request.head.iat >= g->all[i].request.head.iat)
			g->all[i] = *m;
		return 0;
	}
	struct member *more = realloc(g->all, (g->n + 1) * sizeof(*more));
	if (!more)
		return E_NO_MEMORY;
	g->all = more;
	g->all[g->n++] = *m;
	return 0;
}

static int add_token(struct gathering *g, const char *path, char *token)
{
	struct member m = {.token = token};
	int error = offline_request_open(token, strlen(token), &m.request, NULL);
	if (error)
		return failure_say(g->inv, error, "%s; nothing was written", path);
	if (invocation_has(g->inv, "no-names") && (m.request.hostname[0] || m.request.user[0]))
		return failure_say(g->inv, E_NAMES_TOLD, "%s; nothing was written", path);
	error = add_member(g, &m);
	return error ? failure_say(g->inv, error, "%s", path) : 0;
}

static int add_file(struct gathering *g, const char *path, struct bundle *b)
{
	char *text;
	size_t n;
	int code = input_read(g->inv, path, LIMIT_BUNDLE_BYTES, &text, &n);
	if (code)
		return code;
	int error = bundle_read(&token_request, text, n, b);
	free(text);
	if (error)
		return failure_say(g->inv, error, "%s; nothing was written", path);
	for (size_t i = 0; i < b->n && !code; i++)
		code = add_token(g, path, b->tokens[i]);
	return code;
}

static int write_bundle(const struct gathering *g)
{
	struct bundle b = {.kind = &token_request};
	const char *path = invocation_value(g->inv, "output");
	char *text = NULL;
	int error = 0;
	for (size_t i = 0; i < g->n && !error; i++)
		error = bundle_add(&b, g->all[i].token);
	if (!error)
		error = bundle_write(&b, &text);
	bundle_fini(&b);
	int code = error ? failure_say(g->inv, error, "more than %d requests", LIMIT_BUNDLE)
			 : write_text(g->inv, text);
	free(text);
	if (!code && invocation_has(g->inv, "json") && path && strcmp(path, "-") != 0)
		print_json_new(json_pack("{s:i, s:I}", "schema", 1, "requests", (json_int_t)g->n));
	else if (!code && path && strcmp(path, "-") != 0)
		printf("%zu request%s\n", g->n, g->n == 1 ? "" : "s");
	return code;
}

int offline_bundle_run(struct invocation *inv)
{
	struct gathering g = {.inv = inv};
	struct bundle *files = calloc((size_t)inv->n_args, sizeof(*files));
	int code = files ? 0 : failure_say(inv, E_NO_MEMORY, "the files");
	for (int i = 0; i < inv->n_args && !code; i++)
		code = add_file(&g, inv->args[i], &files[i]);
	if (!code)
		code = write_bundle(&g);
	for (int i = 0; files && i < inv->n_args; i++)
		bundle_fini(&files[i]);
	free(files);
	free(g.all);
	return code;
}

/* --- by telephone --- */

/* Groups of digits, or three words, a line. What is neither a digit nor a letter is not shown. */
static void read_out(const char *text)
{
	bool words = *text >= 'a';
	for (unsigned i = 1; *text; i++) {
		size_t n = strcspn(text, words ? " " : "-");
		if (!words || i % 3 == 1)
			printf("  %2u:  ", i);
		for (size_t j = 0; j < n; j++) {
			bool known = (text[j] >= '0' && text[j] <= '9') || (text[j] >= 'a' && text[j] <= 'z');
			printf("%c%s", known ? text[j] : '?', words ? "" : " ");
		}
		text += n + (text[n] != 0);
		putchar(words && i % 3 && *text ? ' ' : '\n');
	}
}

static int print_confirmation(json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "confirmation"));
	fputs("product  ", stdout);
	print_member(stdout, answer, "product");
	fputs("\nuntil    ", stdout);
	print_member(stdout, answer, "expires");
	fputs("\n\nRead this out, line by line:\n", stdout);
	if (text)
		read_out(text);
	return 0;
}

int offline_confirm_run(struct invocation *inv)
{
	char typed[DIGITS_WORDS] = ""; /* with blanks between the groups they come as words */
	for (int i = 0; i < inv->n_args && strlen(typed) + strlen(inv->args[i]) + 2 < sizeof(typed); i++) {
		strcat(typed, inv->args[i]);
		strcat(typed, " ");
	}
	json_t *document = json_pack("{s:s, s:b, s:s*}", "installation", typed, "words",
				     invocation_has(inv, "words"), "name", invocation_value(inv, "name"));
	char *body = document ? jsontext_write(document, JSON_COMPACT) : NULL;
	struct request req = {.method = "POST",
			      .path = "/v1/offline/confirm",
			      .body = body,
			      .n_body = body ? strlen(body) : 0,
			      .type = REQUEST_JSON};
	int code = body ? show_answer(inv, &req, print_confirmation)
			: failure_say(inv, E_USAGE, "a value is not UTF-8 text");
	free(body);
	json_decref(document);
	return code;
}

/* It is secret: nobody else may read the file, and nothing is shown without one. */
int offline_site_key_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/offline/site-key", .plain = true};
	struct reply reply;
	const char *path = invocation_value(inv, "output");
	if (!path)
		return command_usage(inv, "'%s' needs --output FILE", inv->command->path);
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	errno = 0;
	int error = file_replace(path, reply.body.bytes, reply.body.used - 1, SECRET_MODE);
	explicit_bzero(reply.body.bytes, reply.body.used);
	reply_fini(&reply);
	return error ? failure_say(inv, error, "%s: %s", path, strerror(errno)) : 0;
}
