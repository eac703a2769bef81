/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include <string.h>

#define INT(name, field) {#field, FIELD_INT, offsetof(struct record, u.name.field)},
#define TEXT(name, field) {#field, FIELD_TEXT, offsetof(struct record, u.name.field)},
#define BYTES(name, field) {#field, FIELD_BYTES, offsetof(struct record, u.name.field)},
#define RECORD(ID, name, fields) static const struct record_field name##_fields[] = {fields};
#include "records.def"
#undef RECORD
#undef INT
#undef TEXT
#undef BYTES

static const struct {
	const char *name;
	const struct record_field *fields;
	size_t n;
} kinds[RECORD_KINDS] = {
#define RECORD(ID, name, fields) {#name, name##_fields, sizeof(name##_fields) / sizeof(name##_fields[0])},
#include "records.def"
#undef RECORD
};

const char *record_name(enum record_kind kind)
{
	return kinds[kind].name;
}

const struct record_field *record_fields(enum record_kind kind, size_t *ret_count)
{
	*ret_count = kinds[kind].n;
	return kinds[kind].fields;
}

static const void *at(const struct record *r, const struct record_field *f)
{
	return (const char *)r + f->at;
}

int64_t record_int(const struct record *r, const struct record_field *f)
{
	return *(const int64_t *)at(r, f);
}

const char *record_text(const struct record *r, const struct record_field *f)
{
	return *(const char *const *)at(r, f);
}

struct bytes record_bytes(const struct record *r, const struct record_field *f)
{
	return *(const struct bytes *)at(r, f);
}

void record_set_int(struct record *r, const struct record_field *f, int64_t value)
{
	*(int64_t *)((char *)r + f->at) = value;
}

void record_set_text(struct record *r, const struct record_field *f, const char *value)
{
	*(const char **)((char *)r + f->at) = value;
}

void record_set_bytes(struct record *r, const struct record_field *f, struct bytes value)
{
	*(struct bytes *)((char *)r + f->at) = value;
}

bool record_copy(const struct record *r, struct record_copy *ret)
{
	size_t n;
	size_t used = 0;
	const struct record_field *fields = record_fields(r->kind, &n);
	ret->record = *r;
	for (size_t i = 0; i < n; i++) {
		const struct record_field *f = &fields[i];
		if (f->type == FIELD_INT)
			continue;
		struct bytes b =
			f->type == FIELD_BYTES ? record_bytes(r, f) : (struct bytes){record_text(r, f), 0};
		if (f->type == FIELD_TEXT)
			b.n = strlen(b.at) + 1;
		if (b.n > RECORD_ROOM - used)
			return false;
		if (b.n)
			memcpy(ret->room + used, b.at, b.n);
		if (f->type == FIELD_TEXT)
			record_set_text(&ret->record, f, ret->room + used);
		else
			record_set_bytes(&ret->record, f, (struct bytes){ret->room + used, b.n});
		used += b.n;
	}
	return true;
}
