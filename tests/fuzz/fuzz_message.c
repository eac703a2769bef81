/* SPDX-License-Identifier: Apache-2.0 */
/* Every message; the first byte says which. What can be read can be written, and reads the same again. */
#include "fuzz.h"
#include "message.h"

#define ROOM 65536

static uint8_t first[ROOM];
static uint8_t second[ROOM];

#define TRY(noun, reading)                                                                                   \
	static void try_##noun(const uint8_t *data, size_t n)                                                \
	{                                                                                                    \
		static wire_##noun message;                                                                  \
		size_t made = 0;                                                                             \
		size_t again = 0;                                                                            \
		if (reading)                                                                                 \
			return;                                                                              \
		fuzz_accepted(noun##_read);                                                                  \
		fuzz_require(noun##_write(&message, first, sizeof(first), &made) == 0);                      \
		fuzz_require(noun##_read(first, made, &message) == 0);                                       \
		fuzz_require(noun##_write(&message, second, sizeof(second), &again) == 0);                   \
		fuzz_require(made == again && memcmp(first, second, made) == 0);                             \
		fuzz_use(made);                                                                              \
	}

TRY(client_hello, client_hello_read(data, n, &message))
TRY(server_hello, server_hello_read(data, n, &message))
TRY(request, request_read(data, n, &message))
TRY(response, response_read(data, n, &message))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const tries[])(const uint8_t *, size_t) = {try_client_hello, try_server_hello,
								 try_request, try_response};
	if (n)
		tries[data[0] % 4](data + 1, n - 1);
	return 0;
}
