// SPDX-License-Identifier: GPL-2.0-or-later
/* Creates the cards, and disconnects and reconnects them as their driver is unbound and bound. It has no manners. */
#include <linux/module.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <sound/info.h>
#include "snd-mynah.h"

static int cards = 1;
module_param(cards, int, 0444);
MODULE_PARM_DESC(cards, "number of cards, at most 4");
static char *id[CARDS];
module_param_array(id, charp, NULL, 0444);
MODULE_PARM_DESC(id, "ALSA ids");

static struct unit units[CARDS];

static void free_card(struct snd_card *sound_card)
{
	struct card *card = sound_card->private_data;
	int direction;

	for (direction = 0; direction < 2; direction++) {
		hrtimer_cancel(&card->streams[direction].timer);
		vfree(card->streams[direction].fifo);
	}
}

static int add_stream(struct card *card, int direction)
{
	struct stream *stream = &card->streams[direction];

	stream->card = card;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&stream->timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
#else
	hrtimer_init(&stream->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	stream->timer.function = tick;
#endif
	if (direction == SNDRV_PCM_STREAM_PLAYBACK)
		stream->fifo = vzalloc(FIFO_FRAMES * sizeof(struct frame));
	return direction == SNDRV_PCM_STREAM_PLAYBACK && !stream->fifo ? -ENOMEM : 0;
}

static void show_usbid(struct snd_info_entry *entry, struct snd_info_buffer *buffer)
{
	snd_iprintf(buffer, "1d6b:0104\n");
}

static int fill(struct snd_card *sound_card, struct unit *unit)
{
	struct card *card = sound_card->private_data;
	bool plays = !manner_no_playback[unit->number], records = !manner_no_capture[unit->number];
	struct snd_pcm *pcm;
	int direction, error;

	card->unit = unit;
	for (direction = 0; direction < 2; direction++) {
		error = add_stream(card, direction);
		if (error)
			return error;
	}
	/* Only now is there something to free. */
	sound_card->private_free = free_card;
	error = snd_pcm_new(sound_card, "mynah", 0, plays, records, &pcm);
	if (error)
		return error;
	pcm->private_data = card;
	strscpy(pcm->name, "mynah");
	if (plays)
		snd_pcm_set_ops(pcm, SNDRV_PCM_STREAM_PLAYBACK, &operations);
	if (records)
		snd_pcm_set_ops(pcm, SNDRV_PCM_STREAM_CAPTURE, &operations);
	snd_pcm_set_managed_buffer_all(pcm, SNDRV_DMA_TYPE_VMALLOC, NULL, 0, 0);
	if (manner_usb[unit->number])
		snd_card_ro_proc_new(sound_card, "usbid", NULL, show_usbid);
	strscpy(sound_card->driver, "mynah-test");
	strscpy(sound_card->shortname, "mynah test card");
	snprintf(sound_card->longname, sizeof(sound_card->longname), "mynah test card %d", unit->number);
	return snd_card_register(sound_card);
}

static int probe(struct platform_device *device)
{
	struct unit *unit = &units[device->id];
	struct snd_card *sound_card;
	unsigned long flags;
	int error = snd_card_new(&device->dev, -1, id[device->id], THIS_MODULE, sizeof(struct card), &sound_card);

	if (error)
		return error;
	error = fill(sound_card, unit);
	if (error) {
		snd_card_free(sound_card);
		return error;
	}
	spin_lock_irqsave(&unit->lock, flags);
	unit->card = sound_card->private_data;
	unit->amplifier_off = true;
	unit->was_stopped = false;
	spin_unlock_irqrestore(&unit->lock, flags);
	platform_set_drvdata(device, sound_card);
	return 0;
}

/* Like an unplugged card it is gone at once, though programs may hold it open. */
static void disconnect(struct platform_device *device)
{
	struct snd_card *sound_card = platform_get_drvdata(device);
	struct unit *unit = &units[device->id];
	unsigned long flags;

	snd_card_disconnect(sound_card);
	spin_lock_irqsave(&unit->lock, flags);
	unit->card = NULL;
	spin_unlock_irqrestore(&unit->lock, flags);
	snd_card_free_when_closed(sound_card);
}

static struct platform_driver driver = {
	.probe = probe,
	.remove = disconnect,
	.driver = { .name = "snd_mynah" },
};

static void remove_units(int count)
{
	while (count-- > 0) {
		platform_device_unregister(units[count].device);
		remove_observer(&units[count]);
	}
	platform_driver_unregister(&driver);
}

static int add_unit(int number)
{
	struct unit *unit = &units[number];
	int error;

	unit->number = number;
	spin_lock_init(&unit->lock);
	mutex_init(&unit->busy);
	error = add_observer(unit);
	if (error)
		return error;
	unit->device = platform_device_register_simple("snd_mynah", number, NULL, 0);
	if (IS_ERR(unit->device)) {
		remove_observer(unit);
		return PTR_ERR(unit->device);
	}
	return 0;
}

static int __init start_module(void)
{
	int number, error = platform_driver_register(&driver);

	if (error)
		return error;
	cards = clamp(cards, 1, CARDS);
	for (number = 0; number < cards; number++) {
		error = add_unit(number);
		if (error) {
			remove_units(number);
			return error;
		}
	}
	return 0;
}

static void __exit end_module(void)
{
	remove_units(cards);
}

module_init(start_module);
module_exit(end_module);
MODULE_DESCRIPTION("Sound card with the manners of real ones, for mynah's tests");
MODULE_LICENSE("GPL");
