/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in plain arrays: for simulation, tests and `memory:`. It forgets at close. A transaction works on
 * the live arrays and keeps the former value of each row it touches, so that rollback puts them back in
 * reverse. One lock serves the writer's transactions and the readers' pages. Look-ups are linear: it is for
 * thousands of rows, not millions.
 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory_handle.h"

static const struct store_ops memory_ops;

/* --- rows --- */

static void free_record(struct record *r)
{
	size_t n;
	const struct record_field *fields = record_fields(r->kind, &n);
	for (size_t i = 0; i < n; i++) {
		if (fields[i].type == FIELD_TEXT)
			free((char *)record_text(r, &fields[i]));
		else if (fields[i].type == FIELD_BYTES)
			free((void *)record_bytes(r, &fields[i]).at);
	}
}

/* Replace what is borrowed by copies; false without memory, when all that was copied is there to be freed. */
static bool own_record(struct record *r)
{
	size_t n;
	bool ok = true;
	const struct record_field *fields = record_fields(r->kind, &n);
	for (size_t i = 0; i < n; i++) {
		const struct record_field *f = &fields[i];
		if (f->type == FIELD_TEXT) {
			char *copy = strdup(record_text(r, f));
			ok &= copy != NULL;
			record_set_text(r, f, copy);
		} else if (f->type == FIELD_BYTES) {
			struct bytes b = record_bytes(r, f);
			void *copy = malloc(b.n ? b.n : 1);
			ok &= copy != NULL;
			if (copy && b.n)
				memcpy(copy, b.at, b.n);
			record_set_bytes(r, f, (struct bytes){copy, b.n});
		}
	}
	return ok;
}

static void item_free(struct item *item)
{
	if (item->record.num)
		free_record(&item->record);
	for (size_t i = 0; i < 5; i++)
		free(item->text[i]);
	free(item->bytes);
}

/* A deep copy; false without memory. */
static bool item_copy(const struct item *from, struct item *to)
{
	*to = *from;
	to->bytes = NULL;
	memset(to->text, 0, sizeof(to->text));
	if (from->record.num && !own_record(&to->record))
		return false;
	for (size_t i = 0; i < 5; i++)
		if (from->text[i] && !(to->text[i] = strdup(from->text[i])))
			return false;
	if (from->bytes) {
		to->bytes = malloc(from->n ? from->n : 1);
		if (!to->bytes)
			return false;
		memcpy(to->bytes, from->bytes, from->n);
	}
	return true;
}

static bool same_key(const struct item *a, const struct item *b)
{
	if (memcmp(a->key, b->key, sizeof(a->key)) != 0)
		return false;
	for (size_t i = 0; i < 2; i++)
		if ((a->text[i] || b->text[i]) &&
		    (!a->text[i] || !b->text[i] || strcmp(a->text[i], b->text[i]) != 0))
			return false;
	return true;
}

/* Tables whose first two texts are part of the key; the others are known by numbers alone. */
static bool keyed_by_text(enum table t)
{
	return t == T_META || t == T_LICENSE || t == T_CERTIFICATE || t == T_DAILY;
}

/* With the dead ones, whose places are taken again. */
static struct item *place(struct memory *m, enum table t, const struct item *key)
{
	for (size_t i = 0; i < m->tables[t].used; i++) {
		struct item *item = &m->tables[t].all[i];
		if (keyed_by_text(t) ? same_key(item, key)
				     : memcmp(item->key, key->key, sizeof(key->key)) == 0)
			return item;
	}
	return NULL;
}

struct item *memory_find(struct memory *m, enum table t, const struct item *key)
{
	struct item *found = place(m, t, key);
	return found && !found->dead ? found : NULL;
}

struct item *memory_number(struct memory *m, enum table t, int64_t a, int64_t b, int64_t c)
{
	struct item key = {.key = {a, b, c}};
	return memory_find(m, t, &key);
}

static bool grow(void **all, size_t *room, size_t used, size_t size)
{
	if (used < *room)
		return true;
	size_t more = *room ? *room * 2 : 64;
	void *bigger = realloc(*all, more * size);
	if (!bigger)
		return false;
	*all = bigger;
	*room = more;
	return true;
}

int memory_put(struct memory *m, enum table t, const struct item *row)
{
	struct rows *rows = &m->tables[t];
	struct item *old = place(m, t, row);
	struct item copy;
	if (!item_copy(row, &copy) ||
	    !grow((void **)&m->journal, &m->journal_room, m->journal_used, sizeof(*m->journal)) ||
	    !grow((void **)&rows->all, &rows->room, rows->used + 1, sizeof(*rows->all))) {
		item_free(&copy);
		return E_NO_MEMORY;
	}
	old = place(m, t, row); /* the array may have moved */
	struct undo *undo = &m->journal[m->journal_used++];
	*undo = (struct undo){.table = t, .inserted = !old};
	if (old) {
		undo->index = (size_t)(old - rows->all);
		undo->before = *old;
		*old = copy;
	} else {
		undo->index = rows->used;
		rows->all[rows->used++] = copy;
	}
	return 0;
}

/* --- transactions --- */

static int memory_begin(struct store *store)
{
	pthread_mutex_lock(&memory_of(store)->lock);
	((struct memory_store *)store)->in_transaction = true;
	return 0;
}

static void end(struct store *store)
{
	struct memory *m = memory_of(store);
	m->journal_used = 0;
	m->n_parts = 0;
	((struct memory_store *)store)->in_transaction = false;
	pthread_mutex_unlock(&m->lock);
}

static int memory_commit(struct store *store)
{
	struct memory *m = memory_of(store);
	for (size_t i = 0; i < m->journal_used; i++)
		if (!m->journal[i].inserted)
			item_free(&m->journal[i].before);
	end(store);
	return 0;
}

/* Take back all that was journalled since a mark. */
static void unwind(struct memory *m, size_t mark)
{
	while (m->journal_used > mark) {
		struct undo *undo = &m->journal[--m->journal_used];
		struct rows *rows = &m->tables[undo->table];
		item_free(&rows->all[undo->index]);
		if (undo->inserted)
			rows->used--; /* insertions are undone last first, so this one is at the end */
		else
			rows->all[undo->index] = undo->before;
	}
}

static void memory_rollback(struct store *store)
{
	if (!((struct memory_store *)store)->in_transaction)
		return;
	unwind(memory_of(store), 0);
	end(store);
}

static int memory_mark(struct store *store)
{
	struct memory *m = memory_of(store);
	if (m->n_parts == MEMORY_PARTS)
		return E_INTERNAL;
	m->parts[m->n_parts++] = m->journal_used;
	return 0;
}

static int memory_keep(struct store *store)
{
	memory_of(store)->n_parts--;
	return 0;
}

static int memory_undo(struct store *store)
{
	struct memory *m = memory_of(store);
	unwind(m, m->parts[--m->n_parts]);
	return 0;
}

static struct store *new_handle(struct memory *m)
{
	struct memory_store *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->store.ops = &memory_ops;
	s->memory = m;
	m->handles++;
	return &s->store;
}

int store_memory_open(struct store **ret)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct store *store = m ? new_handle(m) : NULL;
	if (!store) {
		free(m);
		return E_NO_MEMORY;
	}
	pthread_mutexattr_t recursive; /* a callback may list something else */
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	*ret = store;
	return 0;
}

static int memory_reader(struct store *store, struct store **ret)
{
	struct memory *m = memory_of(store);
	pthread_mutex_lock(&m->lock);
	struct store *reader = new_handle(m);
	pthread_mutex_unlock(&m->lock);
	if (!reader)
		return E_NO_MEMORY;
	*ret = reader;
	return 0;
}

static void memory_close(struct store *store)
{
	struct memory *m = memory_of(store);
	memory_rollback(store);
	free(store);
	pthread_mutex_lock(&m->lock);
	int left = --m->handles;
	pthread_mutex_unlock(&m->lock);
	if (left)
		return;
	for (size_t t = 0; t < TABLES; t++) {
		for (size_t i = 0; i < m->tables[t].used; i++)
			item_free(&m->tables[t].all[i]);
		free(m->tables[t].all);
	}
	free(m->journal);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static const struct store_ops memory_ops = {
	.version = 4,
	.name = "memory",
	.reader = memory_reader,
	.close = memory_close,
	.begin = memory_begin,
	.facts = memory_facts,
	.apply = memory_apply,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.mark = memory_mark,
	.keep = memory_keep,
	.undo = memory_undo,
	.page = memory_page,
	.check = memory_check,
	.devices = memory_devices,
};
