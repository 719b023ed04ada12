/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snd-mynah: a sound card without hardware that can have the bad manners of real ones, and an observer's end to it.
 *
 * Each card has one playback and one capture stream, paced by CLOCK_MONOTONIC. Module parameters, one value for each
 * card, choose its manners; they are writable and apply from the next open, prepare, start or sample. Unbinding
 * snd_mynah.N from its driver disconnects the card, binding reconnects it.
 *
 * It has no mixer, no pause and no suspend.
 */
#ifndef SND_MYNAH_H
#define SND_MYNAH_H

#include <linux/hrtimer.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <sound/core.h>
#include <sound/pcm.h>

#define CARDS 4
#define BUFFER_BYTES_MAX (128u << 10)
/* At least the largest buffer, in frames. */
#define FIFO_FRAMES (1u << 16)
/* 11 s at 48 kHz. */
#define HEARD_FRAMES (1u << 19)

#define MANNERS(MANNER) \
	MANNER(no_playback, "the card has no playback stream") \
	MANNER(no_capture, "the card has no capture stream") \
	MANNER(rate, "the only rate in Hz; 0: the usual ones from 8 to 96 kHz") \
	MANNER(bits, "the only format, 16 or 32; 0: both") \
	MANNER(channels, "the only number of channels; 0: 1 or 2") \
	MANNER(symmetric, "both streams must have the same rate") \
	MANNER(period_bytes, "the shortest period in bytes") \
	MANNER(period_us, "the shortest period in microseconds") \
	MANNER(period_step, "a period is a multiple of this number of frames") \
	MANNER(prepare_ms, "prepare takes this long, and keeps the other stream waiting") \
	MANNER(needs_clock, "capture cannot be prepared (EIO) until playback has started; its hw_free ends that") \
	MANNER(amplifier_ms, "the amplifier is off when either stream stops, and on this long after either starts; 0: never off") \
	MANNER(silent_after_stop, "once playback has stopped it is silent, until the driver is bound again") \
	MANNER(prefetch, "playback reads this number of frames before they are due") \
	MANNER(hidden, "playback has read this number of frames more than it tells") \
	MANNER(burst_us, "the pointer moves in steps of this duration; playback is a step ahead") \
	MANNER(delay, "what is read and not yet heard counts as delay") \
	MANNER(copies_ahead, "playback reads each frame when it is written, so that a rewind is accepted and ignored") \
	MANNER(swapped, "streams start with their channels swapped") \
	MANNER(ppm, "the card's clock is faster by this many parts per million") \
	MANNER(zeros, "the microphone gives exact zeros") \
	MANNER(usb, "the card has a usbid in /proc, as those of snd-usb-audio")

#define DECLARE(name, what) extern int manner_##name[CARDS];
MANNERS(DECLARE)
#undef DECLARE

/* What each stream was asked for since loading: playback and capture of card 0, then of card 1, ... */
enum { OPENS, PREPARES, STARTS, STOPS, COUNTS };
extern unsigned int counts[CARDS * 2 * COUNTS];
/* Frames that the observer has missed. */
extern unsigned int lost[CARDS];

struct frame {
	s32 left, right;
};

/* One frame that was heard, as the observer reads it. */
struct heard {
	u64 ns;
	struct frame frame;
};

/* What the observer writes, followed by 16-bit samples. */
struct sound_header {
	u64 began_ns;
	u32 rate;
	u32 loops;
};

struct stream {
	struct card *card;
	struct snd_pcm_substream *substream; /* while open */
	struct hrtimer timer;
	unsigned int rate; /* while it has hw_params */
	bool running, swapped, copying;
	u64 began_ns;
	/* Frames since prepare: moved from or into the buffer, told to ALSA, and heard. */
	u64 moved, told, heard;
	u64 periods;
	struct frame *fifo; /* playback: frames that were read and are not heard yet */
};

struct card {
	struct unit *unit;
	bool clock;
	struct stream streams[2];
};

/* What outlives a disconnected card. */
struct unit {
	int number;
	spinlock_t lock;
	struct mutex busy; /* as ASoC's: held while a stream is opened or prepared */
	struct card *card;
	bool amplifier_off, was_stopped;
	u64 amplifier_on_ns;
	struct heard *log;
	u64 log_end, log_read;
	struct sound_header sound;
	s16 *samples;
	u64 sample_count;
	struct miscdevice observer;
	char name[24];
	struct platform_device *device;
};

/* frames.c */
void advance(struct stream *stream, u64 now);
void fetch(struct stream *stream, u64 until);

/* stream.c */
extern const struct snd_pcm_ops operations;
enum hrtimer_restart tick(struct hrtimer *timer);

/* observer.c */
int add_observer(struct unit *unit);
void remove_observer(struct unit *unit);

#endif
