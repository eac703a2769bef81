/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's configuration as a value: defaults, then the file, then the environment (MUSTERD_SECTION_KEY).
 * Made from config.def. An unknown key, a bad value or an overlong line is an error that names file and line.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_id {
#define OPT(id, section, key, type, otherwise, min, max, reload, prose) CONFIG_##id,
#include "config.def"
#undef OPT
	CONFIG_COUNT
};

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT };

struct config_value {
	char *text; /* paths are absolute or relative to the working folder */
	int64_t number;
	enum config_source source;
	int line;
};

struct config {
	char *path; /* NULL: no file */
	struct config_value values[CONFIG_COUNT];
};

/*
 * Load. path: NULL for defaults and environment alone. Every fault of what is configured is one line on
 * standard error. *ret: freed with config_free. E_CONFIG_INVALID; E_IO: the file cannot be read; E_NO_MEMORY.
 */
int config_load(const char *path, struct config **ret);
void config_free(struct config *);

const char *config_text(const struct config *, enum config_id);
int64_t config_number(const struct config *, enum config_id);

/* Word number i of a LIST into out; false when there is none, or it is too long. */
bool config_word(const struct config *, enum config_id, size_t i, char *out, size_t room);

/* A key that needs a restart and differs, or CONFIG_COUNT. */
enum config_id config_differs(const struct config *, const struct config *);

/* Take over the values of keys that need a restart from the configuration in force. E_NO_MEMORY. */
int config_keep(struct config *fresh, const struct config *in_force);

/* What differs, as an array of key, before and after; NULL without memory. */
json_t *config_changes(const struct config *before, const struct config *after);

/* "section.key" of an id; borrowed for ever. */
const char *config_name(enum config_id);

/* All values and where they came from, as an array. */
json_t *config_items(const struct config *);

#endif
