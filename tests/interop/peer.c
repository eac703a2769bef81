/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol module behind a line-by-line dialogue, so that programs in other languages can talk to it: one
 * command a line on standard input, one line of answer, "ok [VALUE]" or "error CODE". Bytes are hexadecimal,
 * "-" is nothing.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "bundle.h"
#include "certificate.h"
#include "channel.h"
#include "checkpoint.h"
#include "error.h"
#include "lease.h"
#include "license.h"
#include "license_request.h"
#include "message.h"
#include "offline_answer.h"
#include "offline_request.h"
#include "paserk.h"
#include "product.h"
#include "revocations.h"

#define WORDS_MAX 8

/* One argument as bytes. */
struct bytes {
	uint8_t *at;
	size_t n;
};

static struct channel channel;

static struct bytes bytes_of(const char *hex)
{
	struct bytes b = {malloc(strlen(hex) / 2 + 1), 0};
	if (!b.at || (strcmp(hex, "-") != 0 &&
		      sodium_hex2bin(b.at, strlen(hex) / 2 + 1, hex, strlen(hex), NULL, &b.n, NULL) != 0)) {
		fprintf(stderr, "peer: not hexadecimal: %.40s\n", hex);
		exit(2);
	}
	return b;
}

/* Exactly n bytes, or the end of the program: a test must not go on with half a key. */
static struct bytes exactly(const char *hex, size_t n)
{
	struct bytes b = bytes_of(hex);
	if (b.n != n) {
		fprintf(stderr, "peer: %zu bytes wanted, %zu given\n", n, b.n);
		exit(2);
	}
	return b;
}

static int answer_bytes(int error, const uint8_t *bytes, size_t n)
{
	if (error)
		return error;
	printf("ok ");
	if (n == 0)
		putchar('-');
	for (size_t i = 0; i < n; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
	return 0;
}

static int answer_text(int error, const char *text)
{
	if (!error)
		printf("ok%s%s\n", *text ? " " : "", text);
	return error;
}

/* --- the channel --- */

static int do_channel(char **words)
{
	struct bytes local = exactly(words[2], NOISE_KEY);
	struct noise_pair pair;
	struct noise_pair ephemeral;
	bool fresh = strcmp(words[3], "-") == 0;
	noise_pair_from(local.at, &pair);
	if (!fresh) {
		struct bytes secret = exactly(words[3], NOISE_KEY);
		noise_pair_from(secret.at, &ephemeral);
		free(secret.at);
	}
	channel_fini(&channel);
	channel_init(&channel, strcmp(words[1], "client") == 0 ? NOISE_INITIATOR : NOISE_RESPONDER, &pair,
		     fresh ? NULL : &ephemeral);
	free(local.at);
	return answer_text(0, "");
}

static int do_feed(char **words)
{
	struct bytes b = bytes_of(words[1]);
	int error = channel_feed(&channel, b.at, b.n);
	free(b.at);
	return answer_text(error, "");
}

static int do_next(char **words)
{
	static const char *const names[] = {"want", "hello", "sealed", "answer", "message"};
	int event = channel_next(&channel);
	(void)words;
	return event < 0 ? event : answer_text(0, names[event]);
}

static int do_payload(char **words)
{
	size_t n;
	const uint8_t *at = channel_payload(&channel, &n);
	(void)words;
	return answer_bytes(0, at, n);
}

/* start, accept, confirm and seal take bytes and queue some. */
static int do_give(char **words)
{
	struct bytes b = bytes_of(words[1]);
	int error = E_USAGE;
	if (strcmp(words[0], "start") == 0)
		error = channel_start(&channel, b.at, b.n);
	else if (strcmp(words[0], "accept") == 0)
		error = channel_accept(&channel, b.at, b.n);
	else if (strcmp(words[0], "confirm") == 0)
		error = channel_confirm(&channel, b.at, b.n);
	else if (strcmp(words[0], "seal") == 0)
		error = channel_seal(&channel, b.at, b.n);
	free(b.at);
	return answer_text(error, "");
}

/* answer, finish and open give bytes. */
static int do_take(char **words)
{
	const uint8_t *at = NULL;
	size_t n = 0;
	int error = E_USAGE;
	if (strcmp(words[0], "answer") == 0)
		error = channel_answer(&channel, &at, &n);
	else if (strcmp(words[0], "finish") == 0)
		error = channel_finish(&channel, &at, &n);
	else if (strcmp(words[0], "open") == 0)
		error = channel_open(&channel, &at, &n);
	error = answer_bytes(error, at, n);
	if (!error && strcmp(words[0], "answer") != 0)
		channel_done(&channel);
	return error;
}

static int do_out(char **words)
{
	(void)words;
	answer_bytes(0, channel.out.bytes, channel.out.used);
	buffer_drop(&channel.out, channel.out.used);
	return 0;
}

static int do_remote(char **words)
{
	return answer_bytes(
		0, strcmp(words[0], "hash") == 0 ? channel_hash(&channel) : channel_remote(&channel), 32);
}

static int do_retry(char **words)
{
	char text[16];
	(void)words;
	snprintf(text, sizeof(text), "%u", channel.retry_after);
	return answer_text(0, text);
}

/* --- keys --- */

static int do_key(char **words)
{
	char text[PASERK_SECRET_TEXT] = "";
	bool secret = strcmp(words[0], "sid") == 0 || strcmp(words[0], "secret") == 0;
	struct bytes key = exactly(words[1], secret ? PASETO_SECRET : PASETO_PUBLIC);
	if (strcmp(words[0], "public") == 0)
		paserk_public_write(key.at, text);
	else if (strcmp(words[0], "secret") == 0)
		paserk_secret_write(key.at, text);
	else if (strcmp(words[0], "pid") == 0)
		paserk_pid_write(key.at, text);
	else
		paserk_sid_write(key.at, text);
	free(key.at);
	return answer_text(0, text);
}

static int do_device_id(char **words)
{
	struct bytes fixed = exactly(words[1], NOISE_KEY);
	struct bytes sign = exactly(words[2], PASETO_PUBLIC);
	uint8_t id[DEVICE_ID];
	char text[DEVICE_ID_TEXT];
	device_id(fixed.at, sign.at, id);
	device_id_write(id, text);
	free(fixed.at);
	free(sign.at);
	return answer_text(0, text);
}

/* --- product keys --- */

static int do_key_make(char **words)
{
	char text[KEYCODE_TEXT];
	(void)words;
	keycode_make(KEYCODE_KEY, text);
	return answer_text(0, text);
}

static int do_key_hash(char **words)
{
	struct bytes salt = exactly(words[1], KEYCODE_SALT);
	char bare[KEYCODE_KEY + 1];
	uint8_t hash[KEYCODE_HASH];
	int error = keycode_read(words[2], KEYCODE_KEY, bare);
	if (!error)
		keycode_hash(bare, salt.at, KEYCODE_SALT, hash);
	error = answer_bytes(error, hash, KEYCODE_HASH);
	free(salt.at);
	return error;
}

/* --- tokens --- */

static int answer_token(int error, char *token)
{
	error = answer_text(error, token ? token : "");
	free(token);
	return error;
}

/* Open a token into its struct and sign the struct again: both the reader and the writer of a kind. */
static int resign(const char *kind, const char *token, const uint8_t *public, const uint8_t *secret,
		  char **ret)
{
	size_t n = strlen(token);
	struct license license = {.n_grants = 0};
	static struct product_file product;
	static struct certificate certificate;
	static struct lease lease;
	static struct host_request request;
	static struct license_request more;
	static struct offline_request offline;
	static struct offline_answer answer;
	struct checkpoint point;
	struct revocations list = {.number = 0};
	int error = E_USAGE;
	if (strcmp(kind, "license") == 0 &&
	    (error = license_open(token, n, ROOTS_OF(public), &license, NULL)) == 0)
		error = license_sign(&license, secret, ret);
	if (strcmp(kind, "product") == 0 &&
	    (error = product_file_open(token, n, ROOTS_OF(public), &product, NULL)) == 0)
		error = product_file_sign(&product, secret, ret);
	if (strcmp(kind, "certificate") == 0 &&
	    (error = certificate_open(token, n, ROOTS_OF(public), &certificate, NULL)) == 0)
		error = certificate_sign(&certificate, secret, ret);
	if (strcmp(kind, "lease") == 0 && (error = lease_open(token, n, public, &lease, NULL)) == 0)
		error = lease_sign(&lease, secret, ret);
	if (strcmp(kind, "host-request") == 0 && (error = host_request_open(token, n, &request, NULL)) == 0)
		error = host_request_sign(&request, secret, ret);
	if (strcmp(kind, "license-request") == 0 &&
	    (error = license_request_open(token, n, public, &more, NULL)) == 0)
		error = license_request_sign(&more, secret, ret);
	if (strcmp(kind, "revocations") == 0 &&
	    (error = revocations_open(token, n, ROOTS_OF(public), &list, NULL)) == 0)
		error = revocations_sign(&list, secret, ret);
	if (strcmp(kind, "checkpoint") == 0 && (error = checkpoint_open(token, n, &point, NULL)) == 0)
		error = checkpoint_sign(&point, secret, ret);
	if (strcmp(kind, "request") == 0 && (error = offline_request_open(token, n, &offline, NULL)) == 0)
		error = offline_request_sign(&offline, secret, ret);
	if (strcmp(kind, "answer") == 0 &&
	    (error = offline_answer_open(token, n, public, &answer, NULL)) == 0)
		error = offline_answer_sign(&answer, secret, ret);
	license_fini(&license);
	revocations_fini(&list);
	return error;
}

static int do_resign(char **words)
{
	struct bytes public = exactly(words[2], PASETO_PUBLIC);
	struct bytes secret = exactly(words[3], PASETO_SECRET);
	char *token = NULL;
	int error = resign(words[1], words[4], public.at, secret.at, &token);
	free(public.at);
	free(secret.at);
	return answer_token(error, token);
}

static int do_sign(char **words)
{
	struct bytes secret = exactly(words[1], PASETO_SECRET);
	struct bytes payload = bytes_of(words[2]);
	struct bytes footer = bytes_of(words[3]);
	struct bytes implicit = bytes_of(words[4]);
	char *token = NULL;
	footer.at[footer.n] = 0;
	implicit.at[implicit.n] = 0;
	int error =
		paseto_sign(secret.at, payload.at, payload.n, (char *)footer.at, (char *)implicit.at, &token);
	free(secret.at);
	free(payload.at);
	free(footer.at);
	free(implicit.at);
	return answer_token(error, token);
}

static int do_verify(char **words)
{
	struct bytes public = exactly(words[1], PASETO_PUBLIC);
	struct bytes implicit = bytes_of(words[3]);
	uint8_t *payload = NULL;
	size_t n = 0;
	implicit.at[implicit.n] = 0;
	int error = paseto_open(words[2], strlen(words[2]), public.at, (char *)implicit.at, &payload, &n);
	error = answer_bytes(error, payload, n);
	free(public.at);
	free(implicit.at);
	free(payload);
	return error;
}

static int do_lease_verify(char **words)
{
	struct bytes vendor = exactly(words[3], PASETO_PUBLIC);
	struct bytes device = bytes_of(words[5]);
	static struct lease lease;
	static struct certificate certificate;
	int error = lease_verify(words[1], words[2], ROOTS_OF(vendor.at), words[4],
				 device.n == DEVICE_ID ? device.at : NULL, &lease, &certificate);
	free(vendor.at);
	free(device.at);
	return answer_text(error, "");
}

static int do_answer_verify(char **words)
{
	struct bytes vendor = exactly(words[2], PASETO_PUBLIC);
	struct bytes device = exactly(words[4], DEVICE_ID);
	static struct offline_answer answer;
	static struct lease lease;
	static struct certificate certificate;
	int error = offline_answer_verify(words[1], strlen(words[1]), ROOTS_OF(vendor.at), words[3],
					  device.at, &answer, &lease, &certificate);
	free(vendor.at);
	free(device.at);
	return answer_text(error, "");
}

/* --- bundles --- */

static const struct token_kind *kind_of(const char *name)
{
	return strcmp(name, "request") == 0 ? &token_request : &token_answer;
}

/* Members with commas between them become what stands in the block. */
static int do_bundle(char **words)
{
	struct bundle b = {.kind = kind_of(words[1])};
	char *text = NULL;
	char *inside = NULL;
	char *rest = words[2];
	size_t at = 0;
	int error = 0;
	for (char *token; !error && (token = strsep(&rest, ",")) != NULL;)
		error = bundle_add(&b, token);
	if (!error)
		error = bundle_write(&b, &text);
	if (!error)
		error = armour_next("BUNDLE", text, strlen(text), &at, &inside);
	bundle_fini(&b);
	free(text);
	return answer_token(error, inside);
}

static int do_unbundle(char **words)
{
	struct bytes text = bytes_of(words[2]);
	struct bundle b;
	int error = bundle_read(kind_of(words[1]), (char *)text.at, text.n, &b);
	for (size_t i = 0; !error && i < b.n; i++)
		printf("%s%s", i ? "," : "ok ", b.tokens[i]);
	if (!error)
		putchar('\n');
	bundle_fini(&b);
	free(text.at);
	return error;
}

/* --- messages --- */

static int recode(const char *kind, const struct bytes *in, uint8_t *out, size_t room, size_t *ret_n)
{
	static wire_client_hello client_hello;
	static wire_server_hello server_hello;
	static wire_request request;
	static wire_response response;
	int error = E_USAGE;
	if (strcmp(kind, "ClientHello") == 0 &&
	    (error = client_hello_read(in->at, in->n, &client_hello)) == 0)
		error = client_hello_write(&client_hello, out, room, ret_n);
	if (strcmp(kind, "ServerHello") == 0 &&
	    (error = server_hello_read(in->at, in->n, &server_hello)) == 0)
		error = server_hello_write(&server_hello, out, room, ret_n);
	if (strcmp(kind, "Request") == 0 && (error = request_read(in->at, in->n, &request)) == 0)
		error = request_write(&request, out, room, ret_n);
	if (strcmp(kind, "Response") == 0 && (error = response_read(in->at, in->n, &response)) == 0)
		error = response_write(&response, out, room, ret_n);
	return error;
}

static int do_recode(char **words)
{
	static uint8_t out[65536];
	struct bytes in = bytes_of(words[2]);
	size_t n = 0;
	int error = recode(words[1], &in, out, sizeof(out), &n);
	free(in.at);
	return answer_bytes(error, out, n);
}

/* --- the dialogue --- */

static const struct {
	const char *name;
	int n_words;
	int (*run)(char **words); /* answers by itself when it returns 0 */
} commands[] = {
	{"channel", 4, do_channel},   {"feed", 2, do_feed},
	{"next", 1, do_next},         {"payload", 1, do_payload},
	{"start", 2, do_give},        {"accept", 2, do_give},
	{"confirm", 2, do_give},      {"seal", 2, do_give},
	{"answer", 1, do_take},       {"finish", 1, do_take},
	{"open", 1, do_take},         {"out", 1, do_out},
	{"remote", 1, do_remote},     {"hash", 1, do_remote},
	{"retry", 1, do_retry},       {"public", 2, do_key},
	{"secret", 2, do_key},        {"pid", 2, do_key},
	{"sid", 2, do_key},           {"device-id", 3, do_device_id},
	{"resign", 5, do_resign},     {"sign", 5, do_sign},
	{"verify", 4, do_verify},     {"lease-verify", 6, do_lease_verify},
	{"recode", 3, do_recode},     {"key-make", 1, do_key_make},
	{"key-hash", 3, do_key_hash}, {"answer-verify", 5, do_answer_verify},
	{"bundle", 3, do_bundle},     {"unbundle", 3, do_unbundle},
};

static int run_line(char *line)
{
	char *words[WORDS_MAX + 1] = {NULL};
	int n = 0;
	for (char *at = strtok(line, " \n"); at && n < WORDS_MAX; at = strtok(NULL, " \n"))
		words[n++] = at;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, words[0]) == 0 && commands[i].n_words == n)
			return commands[i].run(words);
	return E_USAGE;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	if (sodium_init() < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 1 << 17);
	while (getline(&line, &room, stdin) > 0) {
		int error = run_line(line);
		if (error)
			printf("error %s\n", error_name(error));
		fflush(stdout);
	}
	free(line);
	channel_fini(&channel);
	return 0;
}
