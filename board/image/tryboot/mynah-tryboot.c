// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Asks the Raspberry Pi's firmware, as it is loaded, to read tryboot.txt instead of config.txt at the next start and at
 * none after it. Raspberry Pi's own kernel does so for `reboot "0 tryboot"`; Debian's takes the word and drops it. It
 * stays loaded and does nothing more; loaded with flags=0 it takes the asking back.
 */
#include <linux/module.h>
#include <linux/of.h>
#include <soc/bcm2835/raspberrypi-firmware.h>

/* The firmware's property for what the next start is to be like; its lowest bit is tryboot. */
#define SET_REBOOT_FLAGS 0x00038064

static unsigned int flags = 1;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "1 asks for one start by tryboot.txt, 0 for none");

static int __init tryboot_init(void)
{
	struct device_node *node;
	struct rpi_firmware *firmware;
	u32 value = flags;
	int error;

	node = of_find_compatible_node(NULL, NULL, "raspberrypi,bcm2835-firmware");
	if (!node)
		return -ENODEV;
	firmware = rpi_firmware_get(node);
	of_node_put(node);
	if (!firmware)
		return -EPROBE_DEFER;
	error = rpi_firmware_property(firmware, SET_REBOOT_FLAGS, &value, sizeof(value));
	rpi_firmware_put(firmware);
	if (error)
		pr_err("mynah-tryboot: the firmware does not take it: %d\n", error);
	return error;
}

static void __exit tryboot_exit(void)
{
}

module_init(tryboot_init);
module_exit(tryboot_exit);
MODULE_DESCRIPTION("One start of a Raspberry Pi by tryboot.txt");
MODULE_AUTHOR("The mynah authors");
MODULE_LICENSE("Dual MIT/GPL");
