/* SPDX-License-Identifier: Apache-2.0 */
#include "suspect.h"

#include "likeness.h"

enum suspicion suspect_judge(const struct suspect_facts *f)
{
	if (f->late)
		return SUSPECT_LATE;
	if (f->abandoned)
		return SUSPECT_ABANDONED;
	if (!likeness_same(f->stored, f->shown, SAME_MACHINE_PERCENT))
		return SUSPECT_MACHINE;
	return f->rollbacks >= ROLLBACKS_MAX ? SUSPECT_TOO_OFTEN : SUSPECT_ROLLBACK;
}

const char *suspect_word(enum suspicion s)
{
	static const char *const words[] = {
		[SUSPECT_LATE] = "late",           [SUSPECT_ROLLBACK] = "rollback",
		[SUSPECT_ABANDONED] = "both-live", [SUSPECT_MACHINE] = "other-machine",
		[SUSPECT_TOO_OFTEN] = "too-often",
	};
	return words[s];
}
