//! Says in words why TLS has failed: which date is wrong, for which names a certificate is, who may have signed it.
//!
//! It decides nothing, and never prints a type of rustls: its `Debug` text is not for users.

use std::fmt::Debug;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};

use super::TransportErrorKind;
use super::trusted_time::RELEASED_S;
use crate::printable::clipped;

/// Number of a certificate's names that a message shows; some certificates have a hundred.
const SHOWN_NAMES: usize = 3;

/// Returns the kind of a TLS error, and a message for the user without a full stop.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls may add variants")]
pub(super) fn describe(error: &Error) -> (TransportErrorKind, String) {
    let broken = |message: String| (TransportErrorKind::Broken, message);
    match error {
        Error::InvalidCertificate(reason) => certificate(reason),
        Error::NoCertificatesPresented => {
            (TransportErrorKind::Untrusted, "the service showed no TLS certificate".to_owned())
        }
        Error::InvalidMessage(_) => broken(
            "what answers at this address does not speak TLS; check the endpoint and its port".to_owned(),
        ),
        Error::AlertReceived(alert) => {
            broken(format!("the service ended the TLS handshake with the alert \"{}\"", words(alert)))
        }
        Error::PeerIncompatible(why) => {
            broken(format!("the service has no version of TLS in common with mynah ({})", words(why)))
        }
        Error::PeerMisbehaved(why) => broken(format!("the service breaks the rules of TLS ({})", words(why))),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            broken("the service sent TLS messages in the wrong order".to_owned())
        }
        // These texts are sentences of rustls.
        other => broken(format!("TLS: {other}")),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls may add variants")]
fn certificate(reason: &CertificateError) -> (TransportErrorKind, String) {
    let untrusted = |message: String| (TransportErrorKind::Untrusted, message);
    match reason {
        CertificateError::NotValidYetContext { time, not_before } if time.as_secs() <= RELEASED_S => (
            TransportErrorKind::WrongClock,
            format!(
                "this machine's clock is not after {}, when this version of mynah was released, and the service's TLS \
                 certificate is good only since {}: the clock is behind",
                date(time),
                date(not_before)
            ),
        ),
        CertificateError::NotValidYetContext { time, not_before } => (
            TransportErrorKind::WrongClock,
            format!(
                "this machine's clock says {}, but the service's TLS certificate is good only since {}: the clock is \
                 behind",
                date(time),
                date(not_before)
            ),
        ),
        CertificateError::NotValidYet => (
            TransportErrorKind::WrongClock,
            "the service's TLS certificate is not good yet by this machine's clock, which is behind".to_owned(),
        ),
        CertificateError::ExpiredContext { time, not_after } => (
            TransportErrorKind::WrongClock,
            format!(
                "the service's TLS certificate was good until {}, and this machine's clock says {}: the certificate \
                 has expired, or the clock is ahead",
                date(not_after),
                date(time)
            ),
        ),
        CertificateError::Expired => (
            TransportErrorKind::WrongClock,
            "the service's TLS certificate has expired by this machine's clock, or the clock is ahead".to_owned(),
        ),
        CertificateError::NotValidForNameContext { expected, presented } => untrusted(format!(
            "the TLS certificate that was shown is for {}, not for {}: the address is wrong, or something in between \
             answers, such as the login page of a network",
            names(presented),
            clipped(&expected.to_str())
        )),
        CertificateError::NotValidForName => untrusted(
            "the TLS certificate that was shown is for another name: the address is wrong, or something in between \
             answers, such as the login page of a network"
                .to_owned(),
        ),
        CertificateError::UnknownIssuer => untrusted(
            "the TLS certificate that was shown is signed by nobody whom mynah trusts: a company's proxy or a virus \
             scanner may be reading along, or it is a server with a certificate authority of its own"
                .to_owned(),
        ),
        CertificateError::Revoked => untrusted("the service's TLS certificate was revoked".to_owned()),
        CertificateError::BadEncoding | CertificateError::BadSignature => {
            untrusted("the service's TLS certificate is damaged or forged".to_owned())
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            untrusted("the TLS certificate that was shown is not one for servers".to_owned())
        }
        // Rare, and of no use to the user in more detail.
        other => untrusted(format!("the service's TLS certificate cannot be verified ({})", words(other))),
    }
}

fn date(time: &UnixTime) -> String {
    utc_date(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

/// Returns a date, in seconds of the Unix epoch, as UTC to the minute.
#[must_use]
pub fn utc_date(unix_s: i64) -> String {
    Timestamp::from_second(unix_s)
        .map_or_else(|_| "a date out of range".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// Returns the names of a certificate. rustls writes them as types: `DnsName("a.example")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner.trim_end_matches(')'));
        clipped(inner.trim_matches('"'))
    };
    let shown: Vec<_> = presented.iter().take(SHOWN_NAMES).map(plain).collect();
    match presented.len() {
        0 => "no name at all".to_owned(),
        all if all > SHOWN_NAMES => format!("{} and {} more", shown.join(", "), all - SHOWN_NAMES),
        _ => shown.join(", "),
    }
}

/// Returns the name of a variant as words: `HandshakeFailure` is "handshake failure".
fn words(variant: &impl Debug) -> String {
    let name = format!("{variant:?}");
    let name = name.split(|end: char| !end.is_ascii_alphanumeric()).next().unwrap_or_default();
    let mut words = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && words.ends_with(|last: char| last.is_ascii_lowercase()) {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::ServerName;
    use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};

    use super::*;

    #[test]
    fn a_wrong_clock_is_told_in_dates() {
        let (behind, good) = (at(1_804_136_760), at(1_830_297_600));
        let (kind, text) =
            describe_certificate(CertificateError::NotValidYetContext { time: behind, not_before: good });
        assert_eq!(kind, TransportErrorKind::WrongClock);
        assert!(text.contains("2027-03-04 05:06 UTC") && text.contains("2028-01-01 00:00 UTC"), "{text}");
        let (kind, text) =
            describe_certificate(CertificateError::ExpiredContext { time: good, not_after: behind });
        assert_eq!(kind, TransportErrorKind::WrongClock);
        assert!(text.contains("until 2027-03-04") && text.contains("says 2028-01-01"), "{text}");
        let (_, text) = describe_certificate(CertificateError::NotValidYetContext {
            time: at(0),
            not_before: at(u64::MAX),
        });
        assert!(text.contains("1970-01-01") && text.contains("out of range"), "{text}");
    }

    #[test]
    fn a_wrong_name_is_told_with_both_names() {
        let presented: Vec<_> =
            ["a", "b", "c", "d"].iter().map(|name| format!("DnsName(\"{name}.example\")")).collect();
        let expected = ServerName::try_from("voice.example").unwrap_or_else(|_| unreachable!());
        let (kind, text) =
            describe_certificate(CertificateError::NotValidForNameContext { expected, presented });
        assert_eq!(kind, TransportErrorKind::Untrusted);
        assert!(
            text.contains("for a.example, b.example, c.example and 1 more, not for voice.example"),
            "{text}"
        );
    }

    #[test]
    fn no_tls_error_is_told_as_a_type() {
        let certificate_errors = [
            CertificateError::UnknownIssuer,
            CertificateError::BadSignature,
            CertificateError::InvalidPurpose,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![1, 2],
                supported_algorithms: vec![],
            },
        ];
        let errors = [
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered),
            Error::NoCertificatesPresented,
        ];
        for error in certificate_errors.into_iter().map(Error::InvalidCertificate).chain(errors) {
            let (_, text) = describe(&error);
            let is_type = |word: &str| word.chars().skip(1).any(|c| c.is_ascii_uppercase()) && word != "TLS";
            let plain = |c: char| !c.is_ascii_alphanumeric();
            assert!(!text.split(plain).any(is_type) && !text.contains(['{', '[']), "{text}");
        }
    }

    fn describe_certificate(reason: CertificateError) -> (TransportErrorKind, String) {
        describe(&Error::InvalidCertificate(reason))
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }
}
