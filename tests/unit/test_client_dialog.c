/* SPDX-License-Identifier: Apache-2.0 */
/* One connection against the in-process host: what goes well, and every way in which a host can fail to
 * answer. */
#include "client_peer.h"
#include "dial.h"
#include "dialog.h"

static struct peer_vendor vendor;
static struct peer *host;

struct call_result {
	int opened;
	int called;
	unsigned retry_after;
	int ms;
	wire_response response;
};

static struct address at_port(uint16_t port)
{
	struct address rows[RESOLVER_ADDRESSES];
	size_t n;
	assert_int_equal(resolver_addresses(NULL, "127.0.0.1", port, deadline_in(1000, NULL), rows, &n), 0);
	assert_int_equal(n, 1);
	return rows[0];
}

static int connect_host(void)
{
	struct address at = at_port(host->port);
	size_t index;
	int fd = -1;
	assert_int_equal(dial(&at, 1, deadline_in(1000, NULL), &fd, &index), 0);
	return fd;
}

static wire_request request(void)
{
	wire_request r = {.which_call = muster_v1_Request_activate_tag};
	r.call.activate.has_once = r.call.activate.has_device = true;
	r.call.activate.wants_count = 1;
	strcpy(r.call.activate.wants[0].product, "acme-cad");
	return r;
}

/* Open and call once in this mode of the host. */
static void run(enum peer_mode mode, int deadline_ms, struct call_result *ret)
{
	struct noise_pair device;
	struct dialog *d = malloc(sizeof(*d));
	uint8_t pid[1][PASERK_ID];
	wire_request r = request();
	int64_t began = deadline_clock();
	memset(ret, 0, sizeof(*ret));
	noise_pair_make(&device);
	paserk_pid(vendor.public, pid[0]);
	host->mode = mode;
	ret->opened = dialog_open(d, connect_host(), &device, (const uint8_t(*)[PASERK_ID])pid, 1,
				  deadline_in(deadline_ms, NULL));
	ret->retry_after = dialog_retry_after(d);
	if (!ret->opened)
		assert_memory_equal(dialog_remote(d), host->fixed.public, NOISE_KEY);
	if (!ret->opened)
		ret->called = dialog_call(d, &r, &ret->response);
	ret->ms = (int)(deadline_clock() - began);
	dialog_close(d);
	free(d);
	host->mode = PEER_SERVE;
}

static void serves(void **unused)
{
	struct call_result *r = malloc(sizeof(*r));
	(void)unused;
	run(PEER_SERVE, 2000, r);
	assert_int_equal(r->opened, 0);
	assert_int_equal(r->called, 0);
	assert_int_equal(r->response.which_result, muster_v1_Response_answer_tag);
	assert_string_equal(r->response.result.answer.results[0].product, "acme-cad");
	free(r);
}

static void second_call_on_the_same_connection(void **unused)
{
	struct noise_pair device;
	struct dialog *d = malloc(sizeof(*d));
	wire_response *response = malloc(sizeof(*response));
	uint8_t pid[1][PASERK_ID];
	int before = host->connections;
	(void)unused;
	noise_pair_make(&device);
	paserk_pid(vendor.public, pid[0]);
	assert_int_equal(dialog_open(d, connect_host(), &device, (const uint8_t(*)[PASERK_ID])pid, 1,
				     deadline_in(2000, NULL)),
			 0);
	for (uint32_t i = 1; i <= 3; i++) {
		wire_request r = request();
		assert_int_equal(dialog_call(d, &r, response), 0);
		assert_int_equal(response->id, i);
	}
	assert_int_equal(host->connections, before + 1);
	dialog_close(d);
	free(d);
	free(response);
}

static void failures(void **unused)
{
	static const struct {
		const char *what;
		enum peer_mode mode;
		int opened, called;
	} rows[] = {
		{"silence", PEER_SILENT, E_TIMEOUT, 0},
		{"another protocol", PEER_GARBAGE, E_MALFORMED, 0},
		{"half a frame", PEER_HALF, E_TIMEOUT, 0},
		{"closed at once", PEER_CLOSE, E_CLOSED, 0},
		{"no answer to the request", PEER_MUTE, 0, E_TIMEOUT},
		{"closed instead of an answer", PEER_LOSE, 0, E_CLOSED},
		{"an altered answer", PEER_DAMAGE, 0, E_HANDSHAKE_FAILED},
		{"sealed nonsense", PEER_NONSENSE, 0, E_MALFORMED},
		{"another request's answer first", PEER_STRAY, 0, 0},
	};
	struct call_result *r = malloc(sizeof(*r));
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(rows[i].mode, 300, r);
		if (r->opened != rows[i].opened || r->called != rows[i].called)
			fail_msg("%s: %s, %s", rows[i].what, r->opened ? error_name(r->opened) : "opened",
				 r->called ? error_name(r->called) : "called");
		if (!r->opened && !r->called)
			assert_int_equal(r->response.which_result, muster_v1_Response_answer_tag);
		if (r->opened == E_TIMEOUT || r->called == E_TIMEOUT)
			assert_in_range(r->ms, 290, 600);
	}
	free(r);
}

/* Nobody has signed it, so it may ask for 60 seconds at most; the peer asks for 3000. */
static void clear_refusals(void **unused)
{
	static const int codes[] = {E_BUSY, E_VERSION_UNSUPPORTED, E_MALFORMED, E_STOPPING};
	struct call_result *r = malloc(sizeof(*r));
	(void)unused;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		host->code = codes[i];
		run(PEER_REFUSE, 2000, r);
		assert_int_equal(r->opened, codes[i]);
		assert_int_equal(r->retry_after, LIMIT_BUSY_DELAY_S);
	}
	free(r);
}

/* A cancelled call ends soon, although its deadline is far. */
static void cancelled(void **unused)
{
	atomic_bool flag = true;
	struct pollfd none = {.fd = -1};
	(void)unused;
	int64_t began = deadline_clock();
	assert_int_equal(deadline_poll(deadline_in(60000, &flag), &none, 1), 0);
	assert_true(deadline_clock() - began < 500);
}

static void dials(void **unused)
{
	struct address rows[2] = {at_port(1), at_port(host->port)};
	size_t index = 9;
	int fd = -1;
	struct deadline d = deadline_in(3000, NULL);
	(void)unused;
	/* A dead port first: refused at once, the next one is taken. */
	assert_int_equal(dial(rows, 1, d, &fd, &index), E_CONNECT_FAILED);
	assert_int_equal(dial(rows, 2, d, &fd, &index), 0);
	assert_int_equal(index, 1);
	close(fd);
	/* One that is silent holds nobody up: a listener whose backlog is full. */
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int full = socket(AF_INET, SOCK_STREAM, 0);
	int fill[4];
	assert_int_equal(bind(full, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(full, 0), 0);
	assert_int_equal(getsockname(full, (struct sockaddr *)&at, &size), 0);
	for (int i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], (struct sockaddr *)&at, sizeof(at));
	}
	rows[0] = at_port(ntohs(at.sin_port));
	int64_t began = deadline_clock();
	assert_int_equal(dial(rows, 1, deadline_in(300, NULL), &fd, &index), E_TIMEOUT);
	assert_int_equal(dial(rows, 2, deadline_in(3000, NULL), &fd, &index), 0);
	assert_int_equal(index, 1);
	assert_in_range(deadline_clock() - began, 500, 1200);
	close(fd);
	for (int i = 0; i < 4; i++)
		close(fill[i]);
	close(full);
}

static int start(void **unused)
{
	(void)unused;
	vendor = peer_vendor_make(1);
	host = peer_start(&vendor, 1);
	return 0;
}

static int stop(void **unused)
{
	(void)unused;
	peer_stop(host);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves),    cmocka_unit_test(second_call_on_the_same_connection),
		cmocka_unit_test(failures),  cmocka_unit_test(clear_refusals),
		cmocka_unit_test(cancelled), cmocka_unit_test(dials),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
