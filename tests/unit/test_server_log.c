/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: what a value may do to a line (nothing), levels, JSON, and how a storm is left out and counted.
 */
#include "fixture.h"

#include <fcntl.h>
#include <jansson.h>

#include "log.h"

static char said[65536];
static int saved = -1;
static int file = -1;

static int listen_begin(void **state)
{
	char path[256];
	(void)state;
	fixture_file("log", path);
	saved = dup(STDERR_FILENO);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	assert_true(saved >= 0 && file >= 0);
	dup2(file, STDERR_FILENO);
	log_level_set(LOG_LEVEL_INFO);
	log_format_set(LOG_FORMAT_TEXT);
	return 0;
}

static int listen_end(void **state)
{
	(void)state;
	log_tell_suppressed(true);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(file);
	return 0;
}

/* What was written since the last call. */
static const char *heard(void)
{
	ssize_t n = pread(file, said, sizeof(said) - 1, 0);
	assert_true(n >= 0);
	said[n] = 0;
	assert_int_equal(ftruncate(file, 0), 0);
	return said;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void test_text(void **state)
{
	(void)state;
	log_event(EVENT_CONFIG_RELOADED);
	assert_string_equal(heard(), "musterd: info: configuration reloaded\n");
	log_event(EVENT_HOST_STOPPING, LOG_NUMBER(SIGNAL, 15), LOG_TEXT(DETAIL, ""), LOG_TEXT(USER, NULL));
	assert_string_equal(heard(), "musterd: info: stopping signal=15\n");
	log_event(EVENT_STORE_ERROR, LOG_CODE(E_STORE_FULL), LOG_TEXT(USER, "J\xc3\xb8rgen"));
	assert_string_equal(heard(), "musterd: error: database error code=STORE_FULL user=J\xc3\xb8rgen\n");
}

static void test_no_line_is_forged(void **state)
{
	(void)state;
	log_event(EVENT_HOST_SOCKET, LOG_TEXT(HOSTNAME, "a\nmusterd: info: ready x\r\x1b[2J\x80\xc2\x85"));
	assert_string_equal(
		heard(), "musterd: warning: socket rights could not be set hostname=\"a?musterd: info: ready "
			 "x??[2J???\"\n");
	log_event(EVENT_HOST_SOCKET, LOG_TEXT(HOSTNAME, "pc actor=uid:0"),
		  LOG_TEXT(USER, "a\" actor=\"root\\"));
	assert_string_equal(heard(),
			    "musterd: warning: socket rights could not be set hostname=\"pc actor=uid:0\" "
			    "user=\"a\\\" actor=\\\"root\\\\\"\n");
}

static void test_level(void **state)
{
	(void)state;
	log_event(EVENT_CONNECTION_CLOSED, LOG_CODE(E_MALFORMED));
	assert_string_equal(heard(), "");
	log_level_set(LOG_LEVEL_ERROR);
	log_event(EVENT_HOST_READY);
	assert_string_equal(heard(), "");
	log_level_set(LOG_LEVEL_DEBUG);
	log_event(EVENT_CONNECTION_CLOSED, LOG_CODE(E_MALFORMED));
	assert_string_equal(heard(), "musterd: debug: connection closed code=MALFORMED\n");
}

static void test_json(void **state)
{
	json_error_t error;
	(void)state;
	log_format_set(LOG_FORMAT_JSON);
	log_event(EVENT_HOST_SOCKET, LOG_TEXT(HOSTNAME, "a\"\\\n\xff,\"event\":\"x"), LOG_NUMBER(COUNT, -7));
	json_t *line = json_loads(heard(), JSON_REJECT_DUPLICATES, &error);
	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "event")), "host.socket");
	assert_string_equal(json_string_value(json_object_get(line, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(line, "hostname")), "a\"\\??,\"event\":\"x");
	assert_int_equal(json_integer_value(json_object_get(line, "count")), -7);
	assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))), 24);
	json_decref(line);
}

/* However long the values, the line stays whole. */
static void test_long_values(void **state)
{
	static char quotes[3000];
	json_error_t error;
	(void)state;
	memset(quotes, '"', sizeof(quotes) - 1);
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
		log_format_set((enum log_format)format);
		log_event(EVENT_HOST_SOCKET, LOG_TEXT(HOSTNAME, quotes), LOG_TEXT(USER, quotes),
			  LOG_TEXT(OBJECT, quotes), LOG_TEXT(DETAIL, quotes), LOG_TEXT(ACTOR, quotes));
		assert_int_equal(count_lines(heard()), 1);
		assert_int_equal(said[strlen(said) - 1], '\n');
	}
	json_t *line = json_loads(said, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(line);
	assert_int_equal(strlen(json_string_value(json_object_get(line, "hostname"))), LOG_VALUE_MAX);
	json_decref(line);
}

static void test_storm(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++)
		log_event(EVENT_ACTIVATION_REFUSED, LOG_CODE(E_THRESHOLD_NOT_MET));
	size_t written = count_lines(heard());
	log_tell_suppressed(true);
	char left_out[96];
	/* A minute may end in between; then it is told of twice. */
	if (written == 60) {
		snprintf(left_out, sizeof(left_out),
			 "musterd: warning: lines left out of=activation.refused count=%d\n", 5000 - 60);
		assert_string_equal(heard(), left_out);
	} else {
		assert_in_range(written, 61, 121);
	}
	log_tell_suppressed(true);
	assert_string_equal(heard(), "");
	log_level_set(LOG_LEVEL_DEBUG); /* then nothing is left out */
	for (int i = 0; i < 500; i++)
		log_event(EVENT_ACTIVATION_REFUSED, LOG_CODE(E_THRESHOLD_NOT_MET));
	assert_int_equal(count_lines(heard()), 500);
}

static void test_names(void **state)
{
	enum log_level level;
	enum log_format format;
	(void)state;
	assert_true(log_level_read("debug", &level) && level == LOG_LEVEL_DEBUG);
	assert_false(log_level_read("loud", &level));
	assert_true(log_format_read("json", &format) && format == LOG_FORMAT_JSON);
	assert_false(log_format_read("xml", &format));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, listen_begin, listen_end),
		cmocka_unit_test_setup_teardown(test_no_line_is_forged, listen_begin, listen_end),
		cmocka_unit_test_setup_teardown(test_level, listen_begin, listen_end),
		cmocka_unit_test_setup_teardown(test_json, listen_begin, listen_end),
		cmocka_unit_test_setup_teardown(test_long_values, listen_begin, listen_end),
		cmocka_unit_test_setup_teardown(test_storm, listen_begin, listen_end),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests_name("server/log", tests, NULL, NULL);
}
