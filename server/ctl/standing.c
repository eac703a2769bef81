/* SPDX-License-Identifier: Apache-2.0 */
#include "standing.h"

#include <string.h>

#include "request.h"

const char *standing_text(json_t *object, const char *key)
{
	const char *found = json_string_value(json_object_get(object, key));
	return found ? found : "";
}

static int get(const struct invocation *inv, const char *path, const char *member, json_t **ret)
{
	struct request req = {.path = path};
	json_t *answer;
	int code = request_json(inv, &req, &answer);
	if (code)
		return code;
	*ret = json_incref(json_object_get(answer, member));
	json_decref(answer);
	return 0;
}

int standing_vendors(const struct invocation *inv, json_t **ret)
{
	return get(inv, "/v1/vendors", "items", ret);
}

/* Asked for by its id: a list comes in pages. Another vendor's of that name is another license. */
static int read_serial(const struct invocation *inv, json_t *certificate, json_int_t *ret)
{
	struct request req = {.path = "/v1/licenses", .id = standing_text(certificate, "license")};
	struct reply reply;
	int error = request_exchange(inv, &req, &reply);
	int code = error && error != E_NOT_FOUND ? failure_print(inv, &reply.failure) : 0;
	bool own = !error &&
		   strcmp(standing_text(reply.json, "vendor"), standing_text(certificate, "vendor")) == 0;
	*ret = own ? json_integer_value(json_object_get(reply.json, "serial")) : 0;
	reply_fini(&reply);
	return code;
}

int standing_read(const struct invocation *inv, json_t **ret)
{
	json_t *certificates = NULL;
	json_t *row;
	size_t i;
	int code = get(inv, "/v1/host", "certificates", &certificates);
	*ret = json_array();
	json_array_foreach (certificates, i, row) {
		json_int_t serial = 0;
		if (!code)
			code = read_serial(inv, row, &serial);
		json_array_append_new(*ret, json_pack("{s:s, s:s, s:s, s:s, s:I}", "license",
						      standing_text(row, "license"), "vendor",
						      standing_text(row, "vendor"), "vendor_key",
						      standing_text(row, "vendor_key"), "expires",
						      standing_text(row, "expires"), "serial", serial));
	}
	json_decref(certificates);
	if (code) {
		json_decref(*ret);
		*ret = NULL;
	}
	return code;
}

json_t *standing_told(json_t *standing)
{
	json_t *told = json_array();
	json_t *row;
	size_t i;
	json_array_foreach (standing, i, row)
		json_array_append_new(told,
				      json_pack("{s:O, s:O}", "license", json_object_get(row, "license"),
						"serial", json_object_get(row, "serial")));
	return told;
}
