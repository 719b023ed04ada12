// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * When loaded, asks the Raspberry Pi's firmware to read tryboot.txt instead of config.txt at the next start only. Raspberry
 * Pi's own kernel does so for `reboot "0 tryboot"`; Debian's ignores that argument. The module does nothing else; loaded
 * with flags=0 it withdraws the request.
 */
#include <linux/module.h>
#include <linux/of.h>
#include <soc/bcm2835/raspberrypi-firmware.h>

/* The firmware's property with the flags of the next start; bit 0 is tryboot. */
#define SET_REBOOT_FLAGS 0x00038064

static unsigned int flags = 1;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "1 requests one start with tryboot.txt, 0 withdraws the request");

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
		pr_err("mynah-tryboot: the firmware rejects the request: %d\n", error);
	return error;
}

static void __exit tryboot_exit(void)
{
}

module_init(tryboot_init);
module_exit(tryboot_exit);
MODULE_DESCRIPTION("Requests one start of a Raspberry Pi with tryboot.txt");
MODULE_AUTHOR("The mynah authors");
MODULE_LICENSE("Dual MIT/GPL");
