/* SPDX-License-Identifier: Apache-2.0 */
#include "tsig_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "name.h"

#define SECRET_MIN 16 /* bytes; shorter ones can be guessed */

/* The text under reading. */
struct reader {
	const char *at;
	const char *end;
	int line;
	char *why;
};

struct word {
	const char *at;
	size_t n;
	bool quoted;
};

static int fault(struct reader *r, const char *what)
{
	snprintf(r->why, TSIG_WHY, "%s", what);
	return E_CONFIG_INVALID;
}

/* --- words --- */

static void skip_line(struct reader *r)
{
	while (r->at < r->end && *r->at != '\n')
		r->at++;
}

static bool starts(const struct reader *r, const char *with)
{
	size_t n = strlen(with);
	return (size_t)(r->end - r->at) >= n && memcmp(r->at, with, n) == 0;
}

static int skip_block(struct reader *r)
{
	for (r->at += 2; r->at < r->end; r->at++) {
		if (starts(r, "*/")) {
			r->at += 2;
			return 0;
		}
		r->line += *r->at == '\n';
	}
	return fault(r, "a comment does not end");
}

static int skip_blanks(struct reader *r)
{
	int error = 0;
	while (!error && r->at < r->end) {
		if (*r->at == '#' || starts(r, "//"))
			skip_line(r);
		else if (starts(r, "/*"))
			error = skip_block(r);
		else if (*r->at && strchr(" \t\r\n", *r->at))
			r->line += *r->at++ == '\n';
		else
			break;
	}
	return error;
}

static int quoted(struct reader *r, struct word *ret)
{
	const char *from = ++r->at;
	while (r->at < r->end && *r->at != '"' && *r->at != '\n')
		r->at++;
	if (r->at == r->end || *r->at != '"')
		return fault(r, "a quoted text does not end on its line");
	*ret = (struct word){from, (size_t)(r->at - from), true};
	r->at++;
	return 0;
}

/* The next word, a quoted text or one of { } ; and n = 0 at the end. */
static int next(struct reader *r, struct word *ret)
{
	int error = skip_blanks(r);
	if (error)
		return error;
	if (r->at < r->end && *r->at == '"')
		return quoted(r, ret);
	const char *from = r->at;
	while (r->at < r->end && *r->at && !strchr(" \t\r\n{};\"#", *r->at))
		r->at++;
	if (r->at == from && r->at < r->end)
		r->at++;
	*ret = (struct word){from, (size_t)(r->at - from), false};
	return 0;
}

static bool word_is(const struct word *w, const char *text)
{
	return !w->quoted && w->n == strlen(text) && strncasecmp(w->at, text, w->n) == 0;
}

static int expect(struct reader *r, const char *text)
{
	char what[TSIG_WHY];
	struct word w;
	int error = next(r, &w);
	if (error || word_is(&w, text))
		return error;
	snprintf(what, sizeof(what), "'%s' is missing here", text);
	return fault(r, what);
}

/* The next word as a text. */
static int take(struct reader *r, char *out, size_t room, const char *what)
{
	struct word w;
	int error = next(r, &w);
	if (error)
		return error;
	if (w.n == 0 || w.n >= room || memchr(w.at, 0, w.n) || (!w.quoted && strchr("{};", *w.at)))
		return fault(r, what);
	memcpy(out, w.at, w.n);
	out[w.n] = 0;
	return 0;
}

/* --- the key --- */

static int check_secret(struct reader *r, const char *secret)
{
	uint8_t bytes[TSIG_SECRET_TEXT];
	size_t n;
	int bad = sodium_base642bin(bytes, sizeof(bytes), secret, strlen(secret), NULL, &n, NULL,
				    sodium_base64_VARIANT_ORIGINAL);
	sodium_memzero(bytes, sizeof(bytes));
	if (bad)
		return fault(r, "the secret is not base64");
	return n < SECRET_MIN ? fault(r, "the secret is shorter than 128 bits") : 0;
}

static int check_algorithm(struct reader *r, const char *name)
{
	static const char *const known[] = {"hmac-sha256", "hmac-sha512"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i]) == 0)
			return 0;
	return fault(r, "the algorithm must be hmac-sha256 or hmac-sha512");
}

static int read_clause(struct reader *r, const struct word *w, struct tsig_key *ret)
{
	bool algorithm = word_is(w, "algorithm");
	bool secret = word_is(w, "secret");
	if (!algorithm && !secret)
		return fault(r, "only 'algorithm' and 'secret' may stand in a key");
	if (algorithm ? ret->algorithm[0] : ret->secret[0])
		return fault(r, "it is given twice");
	int error = algorithm
			    ? take(r, ret->algorithm, sizeof(ret->algorithm),
				   "the algorithm must be hmac-sha256 or hmac-sha512")
			    : take(r, ret->secret, sizeof(ret->secret), "the secret is missing or too long");
	if (!error)
		error = algorithm ? check_algorithm(r, ret->algorithm) : check_secret(r, ret->secret);
	return error ? error : expect(r, ";");
}

static int read_body(struct reader *r, struct tsig_key *ret)
{
	struct word w;
	int error = expect(r, "{");
	while (!error) {
		error = next(r, &w);
		if (error || word_is(&w, "}"))
			break;
		error = w.n || w.quoted ? read_clause(r, &w, ret) : fault(r, "'}' is missing at the end");
	}
	if (!error)
		error = expect(r, ";");
	if (!error && (!ret->algorithm[0] || !ret->secret[0]))
		error = fault(r, "a key has an algorithm and a secret");
	return error;
}

int tsig_key_read(const char *text, size_t n, struct tsig_key *ret, int *ret_line, char why[TSIG_WHY])
{
	struct reader r = {text, text + n, 1, why};
	struct word w;
	memset(ret, 0, sizeof(*ret));
	why[0] = 0;
	int error = expect(&r, "key");
	if (!error)
		error = take(&r, ret->name, sizeof(ret->name), "the key's name is missing or too long");
	if (!error && !dns_name_ok(ret->name))
		error = fault(&r, "the key's name is not a DNS name");
	if (!error)
		error = read_body(&r, ret);
	if (!error)
		error = next(&r, &w);
	if (!error && (w.n || w.quoted))
		error = fault(&r, "one key is enough: something follows it");
	*ret_line = r.line;
	if (error)
		sodium_memzero(ret, sizeof(*ret));
	return error;
}

static int read_file(int fd, bool private, char *text, size_t room, size_t *ret_n)
{
	struct stat st;
	if (fstat(fd, &st))
		return E_IO;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return E_IO;
	}
	if (private && (st.st_mode & (S_IRWXG | S_IRWXO)))
		return E_INSECURE;
	ssize_t n = read(fd, text, room);
	if (n < 0)
		return E_IO;
	*ret_n = (size_t)n;
	return 0;
}

int tsig_key_load(const char *path, bool private, struct tsig_key *ret, int *ret_line, char why[TSIG_WHY])
{
	char text[TSIG_KEY_FILE_MAX];
	size_t n = 0;
	*ret_line = 0;
	why[0] = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return E_IO;
	int error = read_file(fd, private, text, sizeof(text), &n);
	int reason = errno;
	close(fd);
	errno = reason;
	if (!error && n == sizeof(text)) {
		snprintf(why, TSIG_WHY, "the file is too long for one key");
		error = E_CONFIG_INVALID;
	}
	if (!error)
		error = tsig_key_read(text, n, ret, ret_line, why);
	sodium_memzero(text, sizeof(text));
	return error;
}
