//! Sample formats: every width is decoded and encoded exactly, on the selected channels.

use mynah::dsp::{FrameCodec, MissingChannel, SampleFormat, float, sample};

#[test]
fn sixteen_bit_samples_round_trip_exactly() {
    let mono = FrameCodec::new(SampleFormat::S16, 1, &[]).unwrap();
    let bytes: Vec<u8> = (i16::MIN..=i16::MAX).flat_map(i16::to_le_bytes).collect();
    let (mut floats, mut back) = (vec![0.0; 65_536], vec![0; bytes.len()]);
    assert_eq!(mono.decode(&bytes, &mut floats), 65_536);
    assert_eq!(mono.encode(&floats, &mut back), bytes.len());
    assert!(back == bytes);
    assert!((i16::MIN..=i16::MAX).all(|whole| sample(float(whole)) == whole));
}

#[test]
fn wider_samples_keep_the_precision_of_a_float() {
    for (format, bytes, float) in [
        (SampleFormat::S24, &[0x01, 0x00, 0x80, 0x5A][..], -1.0 + 1.0 / 8_388_608.0),
        (SampleFormat::S24In3, &[0xFF, 0xFF, 0x7F], 1.0 - 1.0 / 8_388_608.0),
        (SampleFormat::S32, &[0, 0, 0, 0xC0], -0.5),
    ] {
        let frames = FrameCodec::new(format, 1, &[]).unwrap();
        let mut decoded = [0.0];
        assert_eq!(frames.decode(bytes, &mut decoded), 1);
        assert_eq!(decoded, [float], "{format}");
        let mut encoded = [0; 4];
        assert_eq!(frames.encode(&decoded, &mut encoded), bytes.len());
        assert_eq!(encoded[..3], bytes[..3], "{format}");
    }
}

#[test]
fn samples_beyond_full_scale_are_clipped() {
    for (format, least, most) in [
        (SampleFormat::S16, &[0x00, 0x80][..], &[0xFF, 0x7F][..]),
        (SampleFormat::S24, &[0, 0, 0x80, 0xFF], &[0xFF, 0xFF, 0x7F, 0]),
        (SampleFormat::S24In3, &[0, 0, 0x80], &[0xFF, 0xFF, 0x7F]),
        (SampleFormat::S32, &[0, 0, 0, 0x80], &[0xFF, 0xFF, 0xFF, 0x7F]),
    ] {
        let frames = FrameCodec::new(format, 1, &[]).unwrap();
        let mut bytes = [0; 4];
        let written = frames.encode(&[-7.5], &mut bytes);
        assert_eq!(&bytes[..written], least, "{format}");
        frames.encode(&[7.5], &mut bytes);
        assert_eq!(&bytes[..written], most, "{format}");
    }
}

#[test]
fn selected_channels_are_mixed_in_equal_parts() {
    let bytes: Vec<u8> = [100i16, 200, 900, -100, -200, -900].iter().flat_map(|s| s.to_le_bytes()).collect();
    for (chosen, expected) in
        [(&[][..], [400, -400]), (&[1], [200, -200]), (&[0, 1], [150, -150]), (&[2, 2], [900, -900])]
    {
        let mut mono = [0.0; 9];
        assert_eq!(FrameCodec::new(SampleFormat::S16, 3, chosen).unwrap().decode(&bytes, &mut mono), 2);
        assert_eq!([sample(mono[0]), sample(mono[1])], expected, "channels {chosen:?}");
    }
}

#[test]
fn channels_that_are_not_selected_are_silent() {
    let frames = FrameCodec::new(SampleFormat::S16, 3, &[1]).unwrap();
    let mut bytes = [0xEE; 14];
    assert_eq!(frames.encode(&[float(5), float(6), float(7)], &mut bytes), 12, "whole frames only");
    assert_eq!(bytes[..12], [0, 0, 5, 0, 0, 0, 0, 0, 6, 0, 0, 0]);
}

#[test]
fn a_missing_channel_is_an_error() {
    let error = FrameCodec::new(SampleFormat::S32, 2, &[0, 2]).unwrap_err();
    assert_eq!(error, MissingChannel { channel: 2, channels: 2 });
    assert!(error.to_string().contains("channel 2 "), "{error}");
}
