/* SPDX-License-Identifier: Apache-2.0 */
/* Confirmations in words are worth what their host's certificate is worth. */
#include "client_machine.h"
#include "digits.h"
#include "revocations.h"
#include "words.h"

#define END_YEARS (UINT16_MAX - 1) /* in 2199 */

/* The host's certificate as the administrator put it into the folder. */
static void put_certificate(int64_t nbf, uint32_t lease_days_max)
{
	struct certificate c = {.nbf = nbf,
				.exp = PEER_NOW + 1000 * PEER_DAY,
				.name = "peer",
				.org = "fjord",
				.license = "license-1",
				.lease_days_max = lease_days_max};
	char path[512];
	char *token = NULL;
	peer_head(&c.head, acme.public, nbf);
	memcpy(c.vendor, acme.public, sizeof(c.vendor));
	memcpy(c.sign, one->public, sizeof(c.sign));
	memcpy(c.fixed, one->fixed.public, sizeof(c.fixed));
	assert_int_equal(certificate_sign(&c, acme.secret, &token), 0);
	snprintf(path, sizeof(path), "%s/peer.certificate", products);
	assert_int_equal(token_save(&token_certificate, path, token, 0644), 0);
	free(token);
}

/* The vendor's list with this host, or this license, in a file. NULL: neither. */
static void put_list(const char *path, bool host, const char *license)
{
	char hosts[1][PASERK_ID_TEXT];
	char licenses[1][LIMIT_ID + 1] = {""};
	struct revocations list = {.number = 1, .hosts = hosts, .licenses = licenses};
	char *token = NULL;
	peer_head(&list.head, acme.public, PEER_NOW);
	paserk_pid_write(one->public, hosts[0]);
	list.n_hosts = host;
	if (license)
		snprintf(licenses[list.n_licenses++], sizeof(licenses[0]), "%s", license);
	assert_int_equal(revocations_sign(&list, acme.secret, &token), 0);
	assert_int_equal(token_save(&token_revocations, path, token, 0644), 0);
	free(token);
}

static char *list_path(char out[512])
{
	snprintf(out, 512, "%s/acme.revocations", products);
	return out;
}

/* What the host says to this machine, and that it is typed. */
static int say(struct muster *m, uint32_t day, unsigned sequence)
{
	const struct voice_grant grant = {.day = day, .sequence = sequence};
	const char *shown;
	struct digits_report report;
	char bare[DIGITS_BARE];
	char text[WORDS_TEXT];
	uint8_t iid[VOICE_IID];
	struct spoken_words words;
	expect(m, muster_installation_id(m, "acme-cad", &shown), 0);
	assert_int_equal(digits_read(shown, VOICE_IID_GROUPS, bare, &report), 0);
	assert_true(digits_number(bare, VOICE_IID_GROUPS, iid, VOICE_IID));
	words_sign(one->secret, iid, &grant, &words);
	words_write(&words, text);
	return muster_confirm(m, text);
}

static uint32_t in_days(int64_t days)
{
	return voice_day(PEER_NOW + days * PEER_DAY);
}

static void clean(void)
{
	char path[512];
	unlink(list_path(path));
	snprintf(path, sizeof(path), "%s/peer.certificate", products);
	unlink(path);
}

static void a_host_must_be_certified_when_it_is_typed(void **unused)
{
	const struct {
		int64_t nbf;
		uint32_t most;
		uint32_t day;
		bool host;
		const char *license;
		int error;
	} rows[] = {
		{PEER_NOW - PEER_DAY, 0, in_days(180), false, NULL, 0},
		{PEER_NOW - PEER_DAY, 0, END_YEARS, false, NULL, 0},
		{PEER_NOW - PEER_DAY, 0, in_days(180), true, NULL, E_CERTIFICATE_REVOKED},
		{PEER_NOW - PEER_DAY, 0, in_days(180), false, "license-1", E_CERTIFICATE_REVOKED},
		{PEER_NOW - PEER_DAY, 0, in_days(180), false, "license-2", 0},
		{PEER_NOW - PEER_DAY, 180, in_days(180), false, NULL, 0},
		{PEER_NOW - PEER_DAY, 180, in_days(181), false, NULL, 0}, /* the host's clock is ahead */
		{PEER_NOW - PEER_DAY, 180, in_days(182), false, NULL, E_CLAIM_INVALID},
		{PEER_NOW - PEER_DAY, 180, END_YEARS, false, NULL, E_CLAIM_INVALID},
		{PEER_NOW + PEER_DAY, 0, in_days(180), false, NULL, 0},
		{PEER_NOW + PEER_DAY + 1, 0, in_days(180), false, NULL, E_NOT_YET_VALID},
		{PEER_NOW - 2000 * PEER_DAY, 0, in_days(180), false, NULL, 0},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_dir dir = {""};
		struct muster *m = machine(&dir, NULL, NULL);
		char path[512];
		put_certificate(rows[i].nbf, rows[i].most);
		put_list(list_path(path), rows[i].host, rows[i].license);
		/* What is no guess costs no try. */
		for (int try = 0; try < 7; try++) {
			int error = say(m, rows[i].day, 1);
			if (error != rows[i].error)
				fail_msg("row %zu: %s, %s", i, error_name(error), muster_error_detail(m));
		}
		assert_string_equal(state_of(m, "acme-cad"), rows[i].error ? "grace" : "licensed");
		muster_free(m);
	}
	clean();
}

/* The certificate's end bounds only what is typed; but a host that is revoked later proves nothing any more,
 * whoever told of that. */
static void what_was_typed_is_proved_anew(void **unused)
{
	struct machine_dir dir = {""};
	struct muster *m = machine(&dir, NULL, NULL);
	char path[512];
	(void)unused;
	put_certificate(PEER_NOW - PEER_DAY, 0);
	expect(m, say(m, in_days(2000), 1), 0);
	wall = PEER_NOW + 1100 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	expect(m, say(m, in_days(2000), 2), E_CERTIFICATE_EXPIRED);
	put_list(list_path(path), false, "license-2");
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	put_list(path, true, NULL);
	assert_string_equal(state_of(m, "acme-cad"), "unlicensed");
	unlink(path);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	state_file(&dir, "revocations", path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/revocations/%s", dir.path, acme.pid);
	put_list(path, true, NULL);
	assert_string_equal(state_of(m, "acme-cad"), "unlicensed");
	muster_free(m);
	clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_must_be_certified_when_it_is_typed),
		TEST(what_was_typed_is_proved_anew),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
