// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves frames between the buffer and the air: the loudspeaker's into the observer's log, the microphone's from the
 * observer's sound. It is called whenever somebody could see the difference, and with the unit's lock held.
 *
 * A frame is read when it is due, and no earlier than the manners say: a rewind is truly heard. It neither starts nor
 * stops anything: after an underrun old frames are heard, as with real hardware, until ALSA stops the stream.
 */
#include <linux/hash.h>
#include <linux/math64.h>
#include "snd-mynah.h"

static u64 frames_by(struct stream *stream, u64 ns)
{
	s64 elapsed = ns - stream->began_ns;

	elapsed += div_s64(elapsed * manner_ppm[stream->card->unit->number], 1000000);
	return mul_u64_u32_div(elapsed, stream->rate, NSEC_PER_SEC);
}

static u64 due_at(struct stream *stream, u64 frame)
{
	s64 elapsed = div_u64(frame * NSEC_PER_SEC, stream->rate);
	s32 ppm = manner_ppm[stream->card->unit->number];

	return stream->began_ns + elapsed - div_s64(elapsed * ppm, 1000000 + ppm);
}

static u64 burst_frames(struct stream *stream)
{
	return mul_u64_u32_div(manner_burst_us[stream->card->unit->number], stream->rate, USEC_PER_SEC);
}

static void *place(struct snd_pcm_runtime *runtime, u64 frame)
{
	u64 offset;

	div64_u64_rem(frame, runtime->buffer_size, &offset);
	return runtime->dma_area + frames_to_bytes(runtime, offset);
}

static struct frame from_buffer(struct snd_pcm_runtime *runtime, u64 index)
{
	const void *at = place(runtime, index);
	bool wide = runtime->format == SNDRV_PCM_FORMAT_S32_LE;
	bool stereo = runtime->channels > 1;
	s32 left = wide ? ((const s32 *)at)[0] : ((const s16 *)at)[0] * 65536;
	s32 right = !stereo ? left : wide ? ((const s32 *)at)[1] : ((const s16 *)at)[1] * 65536;

	return (struct frame){ left, right };
}

static void into_buffer(struct snd_pcm_runtime *runtime, u64 index, struct frame frame)
{
	void *at = place(runtime, index);
	bool stereo = runtime->channels > 1;

	if (runtime->format == SNDRV_PCM_FORMAT_S32_LE) {
		((s32 *)at)[0] = frame.left;
		if (stereo)
			((s32 *)at)[1] = frame.right;
	} else {
		((s16 *)at)[0] = frame.left >> 16;
		if (stereo)
			((s16 *)at)[1] = frame.right >> 16;
	}
}

static struct frame in_order(struct stream *stream, struct frame frame)
{
	return stream->swapped ? (struct frame){ frame.right, frame.left } : frame;
}

void fetch(struct stream *stream, u64 until)
{
	for (; stream->moved < until; stream->moved++)
		stream->fifo[stream->moved % FIFO_FRAMES] = from_buffer(stream->substream->runtime, stream->moved);
}

static bool amplified(struct unit *unit, u64 ns)
{
	if (manner_silent_after_stop[unit->number] && unit->was_stopped)
		return false;
	return !manner_amplifier_ms[unit->number] || (!unit->amplifier_off && ns >= unit->amplifier_on_ns);
}

/* Lets everything be heard that is due. */
static void play(struct stream *stream, u64 now)
{
	struct unit *unit = stream->card->unit;
	u64 due = frames_by(stream, now), burst = burst_frames(stream), ahead = due + manner_prefetch[unit->number];

	if (burst)
		ahead += burst - due % burst;
	if (!stream->copying)
		fetch(stream, ahead + manner_hidden[unit->number]);
	stream->told = max(stream->told, !stream->copying ? ahead : burst ? due - due % burst : due);
	for (; stream->heard < due; stream->heard++) {
		struct heard heard = { .ns = due_at(stream, stream->heard) };

		if (stream->heard < stream->moved && amplified(unit, heard.ns))
			heard.frame = in_order(stream, stream->fifo[stream->heard % FIFO_FRAMES]);
		unit->log[unit->log_end++ % HEARD_FRAMES] = heard;
		if (unit->log_end - unit->log_read > HEARD_FRAMES) {
			unit->log_read++;
			lost[unit->number]++;
		}
	}
}

/* What the microphone hears: the observer's sound, else room noise, which never repeats. The right one hears half. */
static struct frame spoken(struct unit *unit, u64 ns)
{
	s32 sample = (4 + hash_64(ns, 2)) * 65536;

	if (manner_zeros[unit->number])
		return (struct frame){};
	if (unit->sample_count && ns >= unit->sound.began_ns) {
		u64 index = mul_u64_u32_div(ns - unit->sound.began_ns, unit->sound.rate, NSEC_PER_SEC);

		if (unit->sound.loops)
			div64_u64_rem(index, unit->sample_count, &index);
		if (index < unit->sample_count)
			sample = unit->samples[index] * 65536;
	}
	return (struct frame){ sample, sample / 2 };
}

static void capture(struct stream *stream, u64 now)
{
	u64 until = frames_by(stream, now), burst = burst_frames(stream);

	if (burst)
		until -= until % burst;
	for (; stream->moved < until; stream->moved++) {
		/* Half a frame later, so that rounding never takes the sample before. */
		u64 ns = due_at(stream, stream->moved) + NSEC_PER_SEC / 2 / stream->rate;

		into_buffer(stream->substream->runtime, stream->moved,
			    in_order(stream, spoken(stream->card->unit, ns)));
	}
	stream->told = max(stream->told, until);
}

void advance(struct stream *stream, u64 now)
{
	if (!stream->running)
		return;
	if (stream->substream->stream == SNDRV_PCM_STREAM_PLAYBACK)
		play(stream, now);
	else
		capture(stream, now);
}
