/* SPDX-License-Identifier: Apache-2.0 */
#include "packet.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "name.h"
#include "wire.h"

ldns_rdf *packet_name(const char *name)
{
	ldns_rdf *out = ldns_dname_new_frm_str(name);
	if (out)
		ldns_dname2canonical(out);
	return out;
}

bool packet_name_text(const ldns_rdf *name, char out[LIMIT_HOSTNAME + 1])
{
	char *text = ldns_rdf2str(name);
	size_t n = text ? strlen(text) : 0;
	if (n && text[n - 1] == '.')
		text[--n] = 0;
	bool ok = text && n <= LIMIT_HOSTNAME && (n == 0 || dns_name_ok(text));
	if (ok)
		memcpy(out, text, n + 1);
	free(text);
	return ok;
}

static int take_wire(struct buffer *answer, uint8_t **ret_wire, size_t *ret_n)
{
	*ret_wire = malloc(answer->used);
	if (!*ret_wire)
		return E_NO_MEMORY;
	memcpy(*ret_wire, answer->bytes, answer->used);
	*ret_n = answer->used;
	return 0;
}

int packet_exchange(const struct dns_address *server, bool tcp, const ldns_pkt *packet, struct patience p,
		    ldns_pkt **ret, uint8_t **ret_wire, size_t *ret_n)
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	struct buffer answer;
	ldns_pkt *read = NULL;
	if (ldns_pkt2wire(&bytes, packet, &n) != LDNS_STATUS_OK)
		return E_NO_MEMORY;
	buffer_init(&answer, WIRE_MESSAGE_MAX);
	int error = wire_exchange(server, tcp, bytes, n, p, &answer);
	free(bytes);
	if (!error && ldns_wire2pkt(&read, answer.bytes, answer.used) != LDNS_STATUS_OK)
		error = E_MALFORMED;
	if (!error && ret_wire)
		error = take_wire(&answer, ret_wire, ret_n);
	buffer_fini(&answer);
	if (error)
		ldns_pkt_free(read);
	else
		*ret = read;
	return error;
}

bool packet_srv(const ldns_rr *rr, struct dns_srv *ret)
{
	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SRV || ldns_rr_rd_count(rr) != 4)
		return false;
	*ret = (struct dns_srv){.priority = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0)),
				.weight = ldns_rdf2native_int16(ldns_rr_rdf(rr, 1)),
				.port = ldns_rdf2native_int16(ldns_rr_rdf(rr, 2)),
				.ttl = ldns_rr_ttl(rr)};
	return packet_name_text(ldns_rr_rdf(rr, 3), ret->target);
}
