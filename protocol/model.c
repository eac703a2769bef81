/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <string.h>

static const char *const model_names[MODEL_COUNT] = {"volume", "pool", "device", "user", "shared"};
static const char *const overage_names[OVERAGE_COUNT] = {"deny", "allow+report"};
static const char *const on_expiry_names[ON_EXPIRY_COUNT] = {"notice", "reduced"};
static const char *const enrol_names[ENROL_COUNT] = {"open", "key", "approve"};
static const char *const overflow_names[OVERFLOW_COUNT] = {"deny", "release"};

#define DAY (24 * 60)
#define POLICY(lease, renew, retry, expiry, how)                                                             \
	{                                                                                                    \
		.threshold = 1, .window_days = 30, .lease_days = (lease), .renew_minutes = (renew),          \
		.retry_minutes = (retry), .grace_days = 30, .devices_per_user = 5, .hardware_percent = 60,   \
		.overage = OVERAGE_DENY, .on_expiry = (expiry), .enrol = (how)                               \
	}

static const struct grant_policy policies[MODEL_COUNT] = {
	[MODEL_VOLUME] = POLICY(180, 7 * DAY, 120, ON_EXPIRY_NOTICE, ENROL_OPEN),
	[MODEL_POOL] = POLICY(0, 0, 120, ON_EXPIRY_NOTICE, ENROL_KEY),
	[MODEL_DEVICE] = POLICY(90, 7 * DAY, 120, ON_EXPIRY_REDUCED, ENROL_OPEN),
	[MODEL_USER] = POLICY(30, 1 * DAY, 120, ON_EXPIRY_REDUCED, ENROL_OPEN),
	[MODEL_SHARED] = POLICY(30, 25 * DAY, 120, ON_EXPIRY_REDUCED, ENROL_OPEN),
};

struct grant_policy model_policy(enum model model)
{
	return policies[model];
}

static bool find(const char *const *names, int n, const char *name, int *ret)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

const char *model_name(enum model model)
{
	return model_names[model];
}

bool model_read(const char *name, enum model *ret)
{
	int i;
	bool found = find(model_names, MODEL_COUNT, name, &i);
	if (found)
		*ret = (enum model)i;
	return found;
}

const char *overage_name(enum overage overage)
{
	return overage_names[overage];
}

bool overage_read(const char *name, enum overage *ret)
{
	int i;
	bool found = find(overage_names, OVERAGE_COUNT, name, &i);
	if (found)
		*ret = (enum overage)i;
	return found;
}

const char *on_expiry_name(enum on_expiry on_expiry)
{
	return on_expiry_names[on_expiry];
}

bool on_expiry_read(const char *name, enum on_expiry *ret)
{
	int i;
	bool found = find(on_expiry_names, ON_EXPIRY_COUNT, name, &i);
	if (found)
		*ret = (enum on_expiry)i;
	return found;
}

const char *enrol_name(enum enrol enrol)
{
	return enrol_names[enrol];
}

bool enrol_read(const char *name, enum enrol *ret)
{
	int i;
	bool found = find(enrol_names, ENROL_COUNT, name, &i);
	if (found)
		*ret = (enum enrol)i;
	return found;
}

const char *overflow_name(enum overflow overflow)
{
	return overflow_names[overflow];
}

bool overflow_read(const char *name, enum overflow *ret)
{
	int i;
	bool found = find(overflow_names, OVERFLOW_COUNT, name, &i);
	if (found)
		*ret = (enum overflow)i;
	return found;
}

bool model_seats(enum model model)
{
	return model == MODEL_DEVICE || model_of_users(model);
}

bool model_of_users(enum model model)
{
	return model == MODEL_USER || model == MODEL_SHARED;
}
