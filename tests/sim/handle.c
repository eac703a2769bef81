/* SPDX-License-Identifier: Apache-2.0 */
#include "handle.h"

#include <stdio.h>
#include <stdlib.h>

#include "client.h"

static void set(struct muster *m, const char *option, const char *value)
{
	if (muster_set(m, option, value))
		abort();
}

struct muster *handle_open(const char *state, const char *folder, const char *root, size_t hosts)
{
	struct muster *m = muster_new();
	char text[128];
	if (!m)
		abort();
	m->wall = sense_wall;
	m->boot = sense_boot;
	m->draw = sense_draw;
	m->root = root;
	set(m, "state", state);
	set(m, "hostname", "sim");
	snprintf(text, sizeof(text), "%s/products", folder);
	set(m, "products", text);
	for (size_t i = 0; i < hosts; i++) {
		snprintf(text, sizeof(text), "127.0.0.1:%zu", i + 1);
		set(m, "host", text);
	}
	return m;
}
