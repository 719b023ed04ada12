// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The observer's end of a card, /dev/mynah-observerN, which stays while the card is disconnected.
 *
 * Reading returns every frame that came out of the loudspeaker since the last read, with its time. What a switched-off
 * amplifier swallows is zero; while nothing plays there are no frames. A read never waits. A write sets what is said
 * into the microphone from which time on, in one piece: a sample is heard at its own time or not at all.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "snd-mynah.h"

#define SOUND_BYTES_MAX (64u << 20)
#define BLOCK 32

static struct unit *unit_of(struct file *file)
{
	return container_of(file->private_data, struct unit, observer);
}

static size_t take(struct unit *unit, struct heard *into, size_t most)
{
	unsigned long flags;
	size_t count = 0;

	spin_lock_irqsave(&unit->lock, flags);
	if (unit->card)
		advance(&unit->card->streams[SNDRV_PCM_STREAM_PLAYBACK], ktime_get_ns());
	for (; count < most && unit->log_read < unit->log_end; count++)
		into[count] = unit->log[unit->log_read++ % HEARD_FRAMES];
	spin_unlock_irqrestore(&unit->lock, flags);
	return count;
}

static ssize_t observer_read(struct file *file, char __user *into, size_t size, loff_t *offset)
{
	size_t most = size / sizeof(struct heard), done = 0, count;
	struct heard block[BLOCK];

	while (done < most) {
		count = take(unit_of(file), block, min_t(size_t, BLOCK, most - done));
		if (!count)
			break;
		if (copy_to_user(into + done * sizeof(struct heard), block, count * sizeof(struct heard)))
			return -EFAULT;
		done += count;
	}
	return done * sizeof(struct heard);
}

static ssize_t observer_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	struct unit *unit = unit_of(file);
	struct sound_header sound;
	unsigned long flags;
	s16 *samples, *old;
	size_t bytes;

	if (size < sizeof(sound) || size > SOUND_BYTES_MAX || copy_from_user(&sound, from, sizeof(sound)))
		return -EINVAL;
	bytes = size - sizeof(sound);
	samples = vmalloc(bytes + 1);
	if (!samples)
		return -ENOMEM;
	if (copy_from_user(samples, from + sizeof(sound), bytes)) {
		vfree(samples);
		return -EFAULT;
	}
	spin_lock_irqsave(&unit->lock, flags);
	/* What was captured until now heard the old sound. */
	if (unit->card)
		advance(&unit->card->streams[SNDRV_PCM_STREAM_CAPTURE], ktime_get_ns());
	old = unit->samples;
	unit->samples = samples;
	unit->sample_count = bytes / sizeof(s16);
	unit->sound = sound;
	spin_unlock_irqrestore(&unit->lock, flags);
	vfree(old);
	return size;
}

static const struct file_operations operations_of_observer = {
	.owner = THIS_MODULE,
	.read = observer_read,
	.write = observer_write,
};

int add_observer(struct unit *unit)
{
	int error;

	unit->log = vzalloc(HEARD_FRAMES * sizeof(struct heard));
	if (!unit->log)
		return -ENOMEM;
	snprintf(unit->name, sizeof(unit->name), "mynah-observer%d", unit->number);
	unit->observer.minor = MISC_DYNAMIC_MINOR;
	unit->observer.name = unit->name;
	unit->observer.fops = &operations_of_observer;
	error = misc_register(&unit->observer);
	if (error)
		vfree(unit->log);
	return error;
}

void remove_observer(struct unit *unit)
{
	misc_deregister(&unit->observer);
	vfree(unit->log);
	vfree(unit->samples);
}
