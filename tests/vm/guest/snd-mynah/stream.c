// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The streams' operations: what they allow, when they refuse, and what else happens when one starts or stops. It moves
 * no frames.
 */
#include <linux/delay.h>
#include <sound/pcm_params.h>
#include "snd-mynah.h"

#define TICK_NS NSEC_PER_MSEC

static struct stream *stream_of(struct snd_pcm_substream *substream)
{
	struct card *card = snd_pcm_substream_chip(substream);

	return &card->streams[substream->stream];
}

static void count(struct snd_pcm_substream *substream, int what)
{
	struct card *card = snd_pcm_substream_chip(substream);

	counts[(card->unit->number * 2 + substream->stream) * COUNTS + what]++;
}

enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct stream *stream = container_of(timer, struct stream, timer);
	struct unit *unit = stream->card->unit;
	bool elapsed = false, running;
	unsigned long flags;

	spin_lock_irqsave(&unit->lock, flags);
	running = stream->running;
	if (running) {
		u64 periods;

		advance(stream, ktime_get_ns());
		periods = div64_u64(stream->told, stream->substream->runtime->period_size);
		elapsed = periods > stream->periods;
		stream->periods = periods;
	}
	spin_unlock_irqrestore(&unit->lock, flags);
	if (!running)
		return HRTIMER_NORESTART;
	if (elapsed)
		snd_pcm_period_elapsed(stream->substream);
	hrtimer_forward_now(timer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

static int limit(struct snd_pcm_substream *substream, struct card *card)
{
	struct snd_pcm_runtime *runtime = substream->runtime;
	unsigned int other = card->streams[!substream->stream].rate;
	int n = card->unit->number;

	runtime->hw = (struct snd_pcm_hardware){
		.info = SNDRV_PCM_INFO_MMAP | SNDRV_PCM_INFO_MMAP_VALID | SNDRV_PCM_INFO_INTERLEAVED |
			SNDRV_PCM_INFO_BLOCK_TRANSFER | (manner_burst_us[n] ? SNDRV_PCM_INFO_BATCH : 0) |
			(manner_copies_ahead[n] ? SNDRV_PCM_INFO_SYNC_APPLPTR : 0),
		.formats = (manner_bits[n] == 32 ? 0 : SNDRV_PCM_FMTBIT_S16_LE) |
			   (manner_bits[n] == 16 ? 0 : SNDRV_PCM_FMTBIT_S32_LE),
		.rates = manner_rate[n] ? snd_pcm_rate_to_rate_bit(manner_rate[n]) : SNDRV_PCM_RATE_8000_96000,
		.rate_min = manner_rate[n] ? manner_rate[n] : 8000,
		.rate_max = manner_rate[n] ? manner_rate[n] : 96000,
		.channels_min = manner_channels[n] ? manner_channels[n] : 1,
		.channels_max = manner_channels[n] ? manner_channels[n] : 2,
		.buffer_bytes_max = BUFFER_BYTES_MAX,
		.period_bytes_min = max(64, manner_period_bytes[n]),
		.period_bytes_max = BUFFER_BYTES_MAX / 2,
		.periods_min = 2,
		.periods_max = 1024,
	};
	if (manner_symmetric[n] && other) {
		int error = snd_pcm_hw_constraint_single(runtime, SNDRV_PCM_HW_PARAM_RATE, other);

		if (error < 0)
			return error;
	}
	if (manner_period_step[n])
		snd_pcm_hw_constraint_step(runtime, 0, SNDRV_PCM_HW_PARAM_PERIOD_SIZE, manner_period_step[n]);
	if (manner_period_us[n])
		snd_pcm_hw_constraint_minmax(runtime, SNDRV_PCM_HW_PARAM_PERIOD_TIME, manner_period_us[n], UINT_MAX);
	return snd_pcm_hw_constraint_integer(runtime, SNDRV_PCM_HW_PARAM_PERIODS);
}

static int mynah_open(struct snd_pcm_substream *substream)
{
	struct stream *stream = stream_of(substream);
	struct unit *unit = stream->card->unit;
	int error;

	mutex_lock(&unit->busy);
	count(substream, OPENS);
	error = limit(substream, stream->card);
	if (error >= 0)
		stream->substream = substream;
	mutex_unlock(&unit->busy);
	return min(error, 0);
}

static int mynah_close(struct snd_pcm_substream *substream)
{
	stream_of(substream)->substream = NULL;
	return 0;
}

static int mynah_hw_params(struct snd_pcm_substream *substream, struct snd_pcm_hw_params *params)
{
	struct stream *stream = stream_of(substream);
	struct unit *unit = stream->card->unit;
	unsigned int other = stream->card->streams[!substream->stream].rate;
	int error = 0;

	mutex_lock(&unit->busy);
	/* Both may have been opened before either had a rate. */
	if (manner_symmetric[unit->number] && other && other != params_rate(params))
		error = -EINVAL;
	else
		stream->rate = params_rate(params);
	mutex_unlock(&unit->busy);
	return error;
}

static int mynah_hw_free(struct snd_pcm_substream *substream)
{
	struct stream *stream = stream_of(substream);

	stream->rate = 0;
	if (substream->stream == SNDRV_PCM_STREAM_PLAYBACK)
		stream->card->clock = false;
	return 0;
}

static int mynah_prepare(struct snd_pcm_substream *substream)
{
	struct stream *stream = stream_of(substream);
	struct unit *unit = stream->card->unit;
	int n = unit->number, error = 0;

	mutex_lock(&unit->busy);
	count(substream, PREPARES);
	if (manner_prepare_ms[n] > 0)
		msleep(manner_prepare_ms[n]);
	if (manner_needs_clock[n] && substream->stream == SNDRV_PCM_STREAM_CAPTURE && !stream->card->clock)
		error = -EIO;
	stream->moved = stream->told = stream->heard = stream->periods = 0;
	stream->copying = manner_copies_ahead[n];
	mutex_unlock(&unit->busy);
	return error;
}

static void start(struct stream *stream, u64 now)
{
	struct unit *unit = stream->card->unit;

	stream->began_ns = now;
	stream->swapped = manner_swapped[unit->number];
	stream->running = true;
	if (stream->substream->stream == SNDRV_PCM_STREAM_PLAYBACK)
		stream->card->clock = true;
	if (unit->amplifier_off) {
		unit->amplifier_off = false;
		unit->amplifier_on_ns = now + (u64)manner_amplifier_ms[unit->number] * NSEC_PER_MSEC;
	}
}

/* What was read and is not heard yet is lost. */
static void stop(struct stream *stream, u64 now)
{
	struct unit *unit = stream->card->unit;
	struct stream *playback = &stream->card->streams[SNDRV_PCM_STREAM_PLAYBACK];

	/* With the amplifier as it is until now, whichever stream stops. */
	advance(playback, now);
	stream->running = false;
	unit->was_stopped |= stream == playback;
	unit->amplifier_off |= !!playback->substream;
}

static int mynah_trigger(struct snd_pcm_substream *substream, int command)
{
	struct stream *stream = stream_of(substream);
	struct unit *unit = stream->card->unit;
	unsigned long flags;
	int error = 0;

	spin_lock_irqsave(&unit->lock, flags);
	switch (command) {
	case SNDRV_PCM_TRIGGER_START:
		count(substream, STARTS);
		start(stream, ktime_get_ns());
		hrtimer_start(&stream->timer, ns_to_ktime(TICK_NS), HRTIMER_MODE_REL_SOFT);
		break;
	case SNDRV_PCM_TRIGGER_STOP:
		count(substream, STOPS);
		stop(stream, ktime_get_ns());
		break;
	default:
		error = -EINVAL;
	}
	spin_unlock_irqrestore(&unit->lock, flags);
	return error;
}

static int mynah_sync_stop(struct snd_pcm_substream *substream)
{
	hrtimer_cancel(&stream_of(substream)->timer);
	return 0;
}

static snd_pcm_uframes_t mynah_pointer(struct snd_pcm_substream *substream)
{
	struct stream *stream = stream_of(substream);
	struct unit *unit = stream->card->unit;
	unsigned long flags;
	u64 position;

	spin_lock_irqsave(&unit->lock, flags);
	advance(stream, ktime_get_ns());
	if (substream->stream == SNDRV_PCM_STREAM_PLAYBACK)
		substream->runtime->delay = manner_delay[unit->number] ? stream->told - stream->heard : 0;
	div64_u64_rem(stream->told, substream->runtime->buffer_size, &position);
	spin_unlock_irqrestore(&unit->lock, flags);
	return position;
}

/* Called after each write and rewind. ALSA's position of the program also counts from prepare. */
static int mynah_ack(struct snd_pcm_substream *substream)
{
	struct stream *stream = stream_of(substream);
	unsigned long flags;

	spin_lock_irqsave(&stream->card->unit->lock, flags);
	if (stream->copying && substream->stream == SNDRV_PCM_STREAM_PLAYBACK)
		fetch(stream, substream->runtime->control->appl_ptr);
	spin_unlock_irqrestore(&stream->card->unit->lock, flags);
	return 0;
}

const struct snd_pcm_ops operations = {
	.open = mynah_open,
	.close = mynah_close,
	.hw_params = mynah_hw_params,
	.hw_free = mynah_hw_free,
	.prepare = mynah_prepare,
	.trigger = mynah_trigger,
	.sync_stop = mynah_sync_stop,
	.pointer = mynah_pointer,
	.ack = mynah_ack,
};
