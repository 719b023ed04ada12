//! An assertion is signed with the key of the certificate that the file has; other files are refused in words.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mynah::credentials::{ClientCertificate, certificate_request};
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

use super::{CLOCK_S, SCOPE, application, authority, decoded, text};

#[test]
fn an_assertion_is_signed_for_the_login_service_and_for_ten_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let pem = key_and_certificate(folder.path(), "one");
    let stranger = key_and_certificate(folder.path(), "other");
    // The certificate of the key is not the first one.
    let (_, strangers_certificate) = split(&stranger);
    let certificate = ClientCertificate::from_pem(&format!("Bag\n{strangers_certificate}{pem}")).unwrap();
    let request = certificate_request(&authority(), &application(), &certificate, SCOPE, CLOCK_S).unwrap();
    let text = text(&request);
    let assertion = text.split("client_assertion=").nth(1).unwrap().split('&').next().unwrap();
    let parts: Vec<_> = assertion.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{assertion}") };
    let (signed, header, claims) = (format!("{header}.{claims}"), decoded(header), decoded(claims));
    assert_eq!(header["alg"], "PS256");
    let der = openssl(folder.path(), &["x509", "-in", "one.pem", "-outform", "DER"]);
    assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)));
    assert_eq!(claims["aud"], "https://login.microsoftonline.us/bird.example/oauth2/v2.0/token");
    assert_eq!((&claims["iss"], &claims["sub"]), (&"app-1".into(), &"app-1".into()));
    assert_eq!((&claims["nbf"], &claims["exp"]), (&(CLOCK_S - 120).into(), &(CLOCK_S + 600).into()));
    let public = openssl(folder.path(), &["rsa", "-in", "one.pem", "-RSAPublicKey_out", "-outform", "DER"]);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public);
    assert!(key.verify(signed.as_bytes(), &signature).is_ok(), "the signature is wrong");
    assert!(!format!("{certificate:?}").contains("MII"));
    let again = certificate_request(&authority(), &application(), &certificate, SCOPE, CLOCK_S).unwrap();
    assert_ne!(super::text(&again), text, "an assertion is used once");
}

#[test]
fn a_file_that_cannot_sign_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let pem = key_and_certificate(folder.path(), "one");
    let other = key_and_certificate(folder.path(), "other");
    let (key, certificate) = split(&pem);
    let (other_key, other_certificate) = split(&other);
    openssl(folder.path(), &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec"]);
    let curve = fs::read_to_string(folder.path().join("ec")).unwrap();
    openssl(folder.path(), &["pkey", "-in", "one.pem", "-aes128", "-passout", "pass:x", "-out", "locked"]);
    let locked = fs::read_to_string(folder.path().join("locked")).unwrap();
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for (text, fact) in [
        (String::new(), "no PEM block"),
        ("\u{0}0\u{82}pfx".to_owned(), "openssl pkcs12"),
        (key.clone(), "no certificate"),
        (certificate.clone(), "no private key"),
        (format!("{key}{other_certificate}"), "belongs to none"),
        (format!("{key}{other_key}{certificate}"), "several private keys"),
        (format!("{locked}{certificate}"), "with a password"),
        (format!("{old}{certificate}"), "with a password"),
        (format!("{curve}{certificate}"), "not RSA"),
        (key[..key.len() - 30].to_owned(), "ends inside"),
        ("-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----\n".to_owned(), "not base64"),
    ] {
        let error = ClientCertificate::from_pem(&text).unwrap_err();
        assert!(error.contains(fact) && !error.contains("MII"), "no {fact} in {error}");
    }
}

/// Creates a self-signed certificate with its RSA key, as Azure's documentation tells.
pub(crate) fn key_and_certificate(folder: &Path, name: &str) -> String {
    let [key, certificate, both] = ["key", "crt", "pem"].map(|end| format!("{name}.{end}"));
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-noenc",
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-days",
            "2",
            "-subj",
            "/CN=mynah-test",
        ],
    );
    let text = [key, certificate].map(|file| fs::read_to_string(folder.join(file)).unwrap()).concat();
    fs::write(folder.join(both), &text).unwrap();
    text
}

fn split(pem: &str) -> (String, String) {
    let at = pem.find("-----BEGIN CERTIFICATE").unwrap();
    (pem[..at].to_owned(), pem[at..].to_owned())
}

fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output =
        Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
