/* SPDX-License-Identifier: Apache-2.0 */
/* A product that asks: am I licensed? No network: an agent or 'muster' keeps the machine activated. */
#include <muster.h>
#include <stdio.h>

int main(void)
{
	struct muster *m = muster_new();
	struct muster_status *s;
	int code = m ? muster_status(m, &s) : -1;
	int i = code ? -1 : muster_status_find(s, "acme-cad");
	printf("acme-cad: %s\n", i < 0 ? "unknown" : muster_status_state(s, i));
	int exit_code = i < 0 ? 3 : muster_status_exit(s, i); /* 0: licensed; 2: it works for now */
	if (!code)
		muster_status_free(s);
	muster_free(m);
	return exit_code;
}
