// SPDX-License-Identifier: GPL-2.0-or-later
/* The parameters of snd-mynah. They say what a card does; the other files do it. */
#include <linux/module.h>
#include "snd-mynah.h"

#define DEFINE(name, what)                                               \
	int manner_##name[CARDS];                                        \
	module_param_array_named(name, manner_##name, int, NULL, 0644);  \
	MODULE_PARM_DESC(name, what);
MANNERS(DEFINE)

unsigned int counts[CARDS * 2 * COUNTS];
module_param_array(counts, uint, NULL, 0444);
MODULE_PARM_DESC(counts, "opens, prepares, starts and stops of each stream since loading");
unsigned int lost[CARDS];
module_param_array(lost, uint, NULL, 0444);
MODULE_PARM_DESC(lost, "frames that the observer has missed");
