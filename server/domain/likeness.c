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

/* Tags under another salt, such as a newer license's, cannot be compared. */
static bool comparable(const struct hardware *stored, const struct hardware *shown)
{
	for (size_t i = 0; i < stored->n; i++)
		if (stored->parts[i].kind == HARDWARE_SCOPE && has_kind(shown, HARDWARE_SCOPE))
			return has_part(shown, HARDWARE_SCOPE, stored->parts[i].tag);
	return true;
}

bool likeness_same(const struct hardware *stored, const struct hardware *shown, uint32_t percent)
{
	uint32_t compared = 0;
	uint32_t agreed = 0;
	bool strong_compared = false;
	bool strong_agreed = false;
	if (!comparable(stored, shown))
		return true;
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
	if (!comparable(stored, shown))
		return false;
	for (size_t i = 0; i < stored->n; i++) {
		uint32_t weight = hardware_weight(stored->parts[i].kind);
		all += weight;
		agreed += has_part(shown, stored->parts[i].kind, stored->parts[i].tag) ? weight : 0;
	}
	return all && agreed * 100 >= all * percent && likeness_same(stored, shown, percent);
}

struct hardware likeness_known(const struct hardware *stored, const struct hardware *shown)
{
	struct hardware known = *shown;
	if (!shown->n)
		return *stored;
	if (!comparable(stored, shown))
		return known;
	for (size_t i = 0; i < stored->n && known.n < LIMIT_COMPONENTS; i++)
		if (!has_kind(shown, stored->parts[i].kind))
			known.parts[known.n++] = stored->parts[i];
	return known;
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
