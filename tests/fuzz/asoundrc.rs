//! ALSA's configuration files: every entry and fault has its line, and the memory that they take is bounded.

use mynah::audio::AsoundFile;

pub(super) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let file = AsoundFile::parse(&text);
    let lines = text.matches('\n').count() + 1;
    let faulty = file.fault.iter().map(|fault| fault.line);
    assert!(
        file.entries.iter().map(|entry| entry.line).chain(faulty).all(|line| (1..=lines).contains(&line))
    );
    assert!(file.entries.iter().all(|entry| entry.path.len() < 1200), "{file:?}");
    assert!(file.entries.len() <= bytes.len(), "{file:?}");
    let mut shifted = AsoundFile::parse(&format!("# moved down\n{text}"));
    shifted.entries.iter_mut().for_each(|entry| entry.line -= 1);
    shifted.fault.iter_mut().for_each(|fault| fault.line -= 1);
    // A fault may name the line of another place.
    shifted.fault = shifted.fault.map(|fault| mynah::audio::AsoundFault { reason: String::new(), ..fault });
    let fault = file.fault.map(|fault| mynah::audio::AsoundFault { reason: String::new(), ..fault });
    assert_eq!((shifted.entries, shifted.fault), (file.entries, fault));
}
