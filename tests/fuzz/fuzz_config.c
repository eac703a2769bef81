/* SPDX-License-Identifier: Apache-2.0 */
/* The input as musterd's configuration. Every value of a file that is taken can be asked for. */
#include <unistd.h>

#include "config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config *c;
	char path[FUZZ_PATH];
	char word[256];
	int fd = fuzz_file(data, n, path);
	if (config_load(path, &c) == 0) {
		fuzz_accepted(config_load);
		for (int id = 0; id < CONFIG_COUNT; id++) {
			fuzz_use_text(config_text(c, (enum config_id)id));
			fuzz_use((size_t)config_number(c, (enum config_id)id));
			for (size_t i = 0; config_word(c, (enum config_id)id, i, word, sizeof(word)); i++)
				fuzz_use_text(word);
		}
		config_free(c);
	}
	close(fd);
	return 0;
}
