/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers behind a record: every verdict, decided from what a host showed. */
#include "fixture.h"

#include "verdict.h"

static struct vendor ours;
static struct vendor foreign;
static struct host_key *self;
static struct host_key *peer;
static struct revocations none;
static const uint8_t ledger[LEDGER_ID] = {1};

static int setup(void **state)
{
	(void)state;
	self = fixture_host_key("self.key");
	peer = fixture_host_key("peer.key");
	ours = fixture_vendor(1);
	foreign = fixture_vendor(2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_key_free(self);
	host_key_free(peer);
	return 0;
}

static struct trust trusting(const struct revocations *revocations)
{
	struct trust t = {.n = 1, .now = NOW};
	t.vendors[0].roots = roots_of(ours.public);
	t.vendors[0].revocations = revocations;
	strcpy(t.vendors[0].org, "fjord");
	memcpy(t.self, self->fixed.public, NOISE_KEY);
	return t;
}

/* The verdict on the peer when it shows this certificate of a vendor. */
static enum dns_verdict shown(const struct trust *t, const struct vendor *v, const struct certificate *c,
			      char detail[VERDICT_DETAIL])
{
	char *token = fixture_certificate_token(v, c);
	const char *tokens[] = {"v4.public.garbage", token};
	enum dns_verdict verdict = verdict_of_host(t, peer->fixed.public, tokens, 2, detail);
	free(token);
	return verdict;
}

static void test_certificates(void **state)
{
	struct trust t = trusting(&none);
	struct certificate c = fixture_certificate(&ours, peer, ledger);
	struct certificate other = fixture_certificate(&foreign, peer, ledger);
	char detail[VERDICT_DETAIL];
	(void)state;
	assert_int_equal(shown(&t, &ours, &c, detail), VERDICT_OK);
	assert_string_equal(detail, "host");
	assert_int_equal(shown(&t, &foreign, &other, detail), VERDICT_UNTRUSTED);
	assert_int_equal(verdict_of_host(&t, peer->fixed.public, NULL, 0, detail), VERDICT_UNTRUSTED);
	strcpy(c.org, "elv");
	assert_int_equal(shown(&t, &ours, &c, detail), VERDICT_OTHER_ORG);
	assert_non_null(strstr(detail, "elv"));
	strcpy(c.org, "fjord");
	t.now = c.exp;
	assert_int_equal(shown(&t, &ours, &c, detail), VERDICT_EXPIRED);
	t.now = c.nbf - 1;
	assert_int_equal(shown(&t, &ours, &c, detail), VERDICT_EXPIRED);
	assert_non_null(strstr(detail, "begins"));
}

static void test_a_certificate_without_its_key(void **state)
{
	struct trust t = trusting(&none);
	struct certificate c = fixture_certificate(&ours, self, ledger); /* ours, shown by the peer */
	char detail[VERDICT_DETAIL];
	(void)state;
	assert_int_equal(shown(&t, &ours, &c, detail), VERDICT_UNTRUSTED);
	assert_non_null(strstr(detail, "without having its key"));
}

static void test_oneself_needs_no_certificate(void **state)
{
	struct trust t = trusting(&none);
	char detail[VERDICT_DETAIL];
	(void)state;
	assert_int_equal(verdict_of_host(&t, self->fixed.public, NULL, 0, detail), VERDICT_SELF);
}

static void test_a_revoked_host(void **state)
{
	char hosts[1][PASERK_ID_TEXT];
	struct revocations list = {.hosts = hosts, .n_hosts = 1};
	struct trust t = trusting(&list);
	struct certificate c = fixture_certificate(&ours, peer, ledger);
	char detail[VERDICT_DETAIL];
	(void)state;
	paserk_pid_write(peer->public, hosts[0]);
	assert_int_equal(shown(&t, &ours, &c, detail), VERDICT_REVOKED);
	assert_true(verdict_rogue(VERDICT_REVOKED));
}

static void test_errors(void **state)
{
	struct trust t = trusting(NULL);
	struct trust nobody = {0};
	(void)state;
	assert_int_equal(verdict_of_error(&t, E_CONNECT_FAILED, false), VERDICT_DEAD);
	assert_int_equal(verdict_of_error(&t, E_TIMEOUT, false), VERDICT_DEAD);
	assert_int_equal(verdict_of_error(&t, E_TIMEOUT, true), VERDICT_NOT_MUSTER);
	assert_int_equal(verdict_of_error(&t, E_MALFORMED, true), VERDICT_NOT_MUSTER);
	assert_int_equal(verdict_of_error(&t, E_CLOSED, true), VERDICT_NOT_MUSTER);
	assert_int_equal(verdict_of_error(&t, E_HANDSHAKE_FAILED, true), VERDICT_UNTRUSTED);
	assert_int_equal(verdict_of_error(&t, E_UNKNOWN_VENDOR, true), VERDICT_UNTRUSTED);
	assert_int_equal(verdict_of_error(&nobody, E_UNKNOWN_VENDOR, true), VERDICT_UNKNOWN);
	assert_int_equal(verdict_of_error(&t, E_BUSY, true), VERDICT_BUSY);
	assert_int_equal(verdict_of_error(&t, E_IO, false), VERDICT_UNKNOWN);
	assert_int_equal(verdict_of_error(&t, E_NO_MEMORY, true), VERDICT_UNKNOWN);
}

static void test_every_fault_has_a_code_and_every_rogue_is_one(void **state)
{
	(void)state;
	for (enum dns_verdict v = 0; v < VERDICT_COUNT; v++) {
		assert_true(*verdict_name(v) && *verdict_meaning(v));
		if (verdict_rogue(v))
			assert_int_not_equal(verdict_code(v), 0);
		if (verdict_code(v))
			assert_true(*error_row(verdict_code(v))->remedy);
	}
	assert_int_equal(verdict_code(VERDICT_SELF) | verdict_code(VERDICT_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_a_certificate_without_its_key),
		cmocka_unit_test(test_oneself_needs_no_certificate),
		cmocka_unit_test(test_a_revoked_host),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_every_fault_has_a_code_and_every_rogue_is_one),
	};
	return cmocka_run_group_tests_name("server/verdict", tests, setup, teardown);
}
