/* SPDX-License-Identifier: Apache-2.0 */
#include "likeness.h"

#include "cursor.h"
#include "hardware.h"

static bool has_kind(const struct hardware *h, uint8_t kind)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->parts[i].kind == kind)
			return true;
	return false;
}

static bool has_part(const struct hardware *h, uint8_t kind, uint16_t tag)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->parts[i].kind == kind && h->parts[i].tag == tag)
			return true;
	return false;
}

bool likeness_same(const struct hardware *stored, const struct hardware *shown, uint32_t percent)
{
	uint32_t compared = 0;
	uint32_t agreed = 0;
	bool strong_compared = false;
	bool strong_agreed = false;
	for (size_t i = 0; i < stored->n; i++) {
		uint8_t kind = stored->parts[i].kind;
		if (!has_kind(shown, kind))
			continue;
		bool same = has_part(shown, kind, stored->parts[i].tag);
		compared += hardware_weight(kind);
		agreed += same ? hardware_weight(kind) : 0;
		strong_compared |= hardware_strong(kind);
		strong_agreed |= same && hardware_strong(kind);
	}
	return agreed * 100 >= compared * percent && (strong_agreed || !strong_compared);
}

bool likeness_twin(const struct hardware *stored, const struct hardware *shown, uint32_t percent)
{
	uint32_t all = 0;
	uint32_t agreed = 0;
	for (size_t i = 0; i < stored->n; i++) {
		uint32_t weight = hardware_weight(stored->parts[i].kind);
		all += weight;
		agreed += has_part(shown, stored->parts[i].kind, stored->parts[i].tag) ? weight : 0;
	}
	return all && agreed * 100 >= all * percent && likeness_same(stored, shown, percent);
}

size_t likeness_write(const struct hardware *h, uint8_t out[3 * LIMIT_COMPONENTS])
{
	struct writer w = writer_over(out, 3 * LIMIT_COMPONENTS);
	for (size_t i = 0; i < h->n; i++) {
		writer_u8(&w, h->parts[i].kind);
		writer_u16(&w, h->parts[i].tag);
	}
	return 3 * h->n;
}

bool likeness_read(const void *bytes, size_t n, struct hardware *ret)
{
	struct reader r = reader_over(bytes, n);
	*ret = (struct hardware){.n = n / 3};
	if (n % 3 || ret->n > LIMIT_COMPONENTS)
		return false;
	for (size_t i = 0; i < ret->n; i++) {
		ret->parts[i].kind = reader_u8(&r);
		ret->parts[i].tag = reader_u16(&r);
	}
	return reader_done(&r);
}
