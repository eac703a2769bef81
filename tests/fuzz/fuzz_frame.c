/* SPDX-License-Identifier: Apache-2.0 */
/* Preamble, frame header and clear refusal, at every offset of the input. */
#include "error.h"
#include "frame.h"
#include "fuzz.h"

static void try_preamble(const uint8_t *data)
{
	struct preamble p = {0, 0, 0};
	int error = preamble_read(data, &p);
	fuzz_require(error == 0 || error == E_MALFORMED || error == E_VERSION_UNSUPPORTED);
	if (!error)
		fuzz_accepted(preamble_read);
	if (!error)
		fuzz_require(p.lowest >= 1 && p.lowest <= FRAME_VERSION && p.highest >= p.lowest);
	fuzz_use(p.type);
}

static void try_frame(const uint8_t *data, size_t n)
{
	static const size_t limits[] = {FRAME_REFUSAL_BODY, LIMIT_HANDSHAKE_OUT, LIMIT_RESPONSE, 65535};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t body = 0;
		int whole = frame_peek(data, n, limits[i], &body);
		fuzz_require(whole == 0 || whole == 1 || whole == E_TOO_LARGE || whole == E_MALFORMED);
		if (whole == 1)
			fuzz_accepted(frame_peek);
		if (whole == 1)
			fuzz_require(body >= 1 && body <= limits[i] && FRAME_HEADER + body <= n);
		fuzz_use(body);
	}
}

static void try_refusal(const uint8_t *data, size_t n)
{
	unsigned retry = 1;
	int code = refusal_read(data, n, &retry);
	fuzz_require(code < 0 && retry <= LIMIT_BUSY_DELAY_S);
	if (code != E_MALFORMED)
		fuzz_accepted(refusal_read);
	fuzz_use_text(error_text(code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (size_t at = 0; at <= n && at < 64; at++) {
		if (n - at >= LIMIT_PREAMBLE)
			try_preamble(data + at);
		try_frame(data + at, n - at);
		try_refusal(data + at, n - at);
	}
	return 0;
}
