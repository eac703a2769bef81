/* SPDX-License-Identifier: Apache-2.0 */
#include "revoked_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

#define PARTS_MAX 16 /* of at most 48 KiB; a host must not keep us for ever */

/* What is behind `used` characters, into the response. */
static int ask(const struct roots *vendor, size_t used, struct dialog *d, wire_request *request,
	       wire_response *response)
{
	memset(request, 0, sizeof(*request));
	request->which_call = muster_v1_Request_get_revocations_tag;
	paserk_pid(vendor->keys[0], request->call.get_revocations.vendor);
	request->call.get_revocations.offset = (uint32_t)used;
	int error = dialog_call(d, request, response);
	if (error)
		return error;
	return response->which_result == muster_v1_Response_revocations_tag ? 0 : E_MALFORMED;
}

static int add_part(const muster_v1_Revocations *part, char **list, size_t *used)
{
	size_t n = strlen(part->list);
	if (part->length == 0)
		return E_NOT_FOUND;
	if (part->length > LIMIT_TOKEN)
		return E_TOO_LARGE;
	if (n == 0 || *used + n > part->length)
		return E_MALFORMED;
	char *more = realloc(*list, *used + n + 1);
	if (!more)
		return E_NO_MEMORY;
	memcpy(more + *used, part->list, n + 1);
	*list = more;
	*used += n;
	return 0;
}

int revoked_fetch(const struct roots *vendor, struct dialog *d, wire_request *request,
		  wire_response *response, char **ret)
{
	const muster_v1_Revocations *part = &response->result.revocations;
	size_t used = 0;
	int error = 0;
	*ret = NULL;
	for (int i = 0; i < PARTS_MAX && !error; i++) {
		error = ask(vendor, used, d, request, response);
		if (!error)
			error = add_part(part, ret, &used);
		if (!error && used == part->length)
			return 0;
	}
	free(*ret);
	*ret = NULL;
	return error ? error : E_MALFORMED;
}
