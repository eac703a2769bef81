/* SPDX-License-Identifier: Apache-2.0 */
#include "slots.h"

#include <stdlib.h>

#define NO_SLOT UINT32_MAX

void slots_init(struct slots *s)
{
	*s = (struct slots){.first_free = NO_SLOT};
}

void slots_fini(struct slots *s)
{
	free(s->all);
	slots_init(s);
}

static int grow(struct slots *s)
{
	uint32_t room = s->room ? s->room * 2 : 64;
	struct slot *all = realloc(s->all, room * sizeof(*all));
	if (!all)
		return -1;
	s->all = all;
	s->room = room;
	return 0;
}

static uint64_t id_of(const struct slots *s, uint32_t index)
{
	return (uint64_t)s->all[index].generation << 32 | index;
}

uint64_t slots_add(struct slots *s, void *thing)
{
	uint32_t index = s->first_free;
	if (index != NO_SLOT) {
		s->first_free = s->all[index].next_free;
	} else {
		if (s->used == s->room && grow(s))
			return 0;
		index = s->used++;
		s->all[index].generation = 1; /* so that no id is 0 */
	}
	s->all[index].thing = thing;
	return id_of(s, index);
}

void *slots_find(const struct slots *s, uint64_t id)
{
	uint32_t index = (uint32_t)id;
	if (index >= s->used || s->all[index].generation != id >> 32)
		return NULL;
	return s->all[index].thing;
}

void slots_remove(struct slots *s, uint64_t id)
{
	uint32_t index = (uint32_t)id;
	if (!slots_find(s, id))
		return;
	s->all[index].thing = NULL;
	s->all[index].generation++;
	s->all[index].next_free = s->first_free;
	s->first_free = index;
}
