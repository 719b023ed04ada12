//! The token of an application that has a certificate: an assertion that is signed with its private key (RFC 7523), as
//! in <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.
//!
//! The file is PEM with an RSA key and its certificate. A password, a PFX file and other keys are refused in words. It
//! does not look at the dates of the certificate; the login service does.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PSS_SHA256, RsaKeyPair};
use serde_json::json;

use super::http::HttpRequest;
use super::oauth;
use super::workload_identity::ASSERTION_TYPE;
use crate::config::{Application, Authority};

/// How long an assertion is good.
const ASSERTION_S: i64 = 600;
/// How far the clocks of machine and service may be apart.
const CLOCK_SKEW_S: i64 = 120;

/// A private key and the mark of its certificate. `Debug` shows neither.
pub struct ClientCertificate {
    key: RsaKeyPair,
    /// SHA-256 of the certificate, as `x5t#S256` (RFC 7515 §4.1.8).
    thumbprint: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(***)")
    }
}

impl ClientCertificate {
    /// Reads the text of a PEM file: a private key, and the certificate that belongs to it among others.
    ///
    /// # Errors
    /// Returns what is wrong, as the end of a sentence that begins with the file; it quotes nothing.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let blocks = pem_blocks(text)?;
        if blocks.is_empty() {
            return Err(
                "contains no PEM block; a PFX file is converted by: openssl pkcs12 -in FILE.pfx -out FILE.pem -noenc"
                    .to_owned(),
            );
        }
        let mut key = None;
        for (label, der) in &blocks {
            let parsed = match label.as_str() {
                "PRIVATE KEY" => RsaKeyPair::from_pkcs8(der),
                "RSA PRIVATE KEY" => RsaKeyPair::from_der(der),
                "ENCRYPTED PRIVATE KEY" => {
                    return Err("has a key with a password, which mynah cannot ask for; remove it by: openssl pkey -in \
                                FILE -out NEW"
                        .to_owned());
                }
                "EC PRIVATE KEY" => return Err(NOT_RSA.to_owned()),
                _ => continue,
            };
            if key.is_some() {
                return Err("has several private keys; keep the one of the certificate".to_owned());
            }
            key = Some(parsed.map_err(|_| NOT_RSA.to_owned())?);
        }
        let key = key.ok_or("has no private key; put it and the certificate into one PEM file")?;
        let public = key.public_key().as_ref();
        let is_of_key = |der: &[u8]| der.windows(public.len()).any(|part| part == public);
        let mut certificates = blocks.iter().filter(|(label, _)| label == "CERTIFICATE").peekable();
        if certificates.peek().is_none() {
            return Err("has no certificate; put it and its private key into one PEM file".to_owned());
        }
        let (_, certificate) = certificates
            .find(|(_, der)| is_of_key(der))
            .ok_or("has a private key that belongs to none of its certificates")?;
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate));
        Ok(Self { key, thumbprint })
    }

    /// Returns the signed assertion of `client_id` for the login service at `audience`. `id` makes it unique.
    ///
    /// # Errors
    /// When the key does not sign.
    fn assertion(&self, client_id: &str, audience: &str, clock_s: i64, id: &str) -> Result<String, String> {
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": audience, "iss": client_id, "sub": client_id, "jti": id,
            "iat": clock_s, "nbf": clock_s - CLOCK_SKEW_S, "exp": clock_s + ASSERTION_S,
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "has a key that cannot sign".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

const NOT_RSA: &str =
    "has a private key that is not RSA of at least 2048 bits, the only kind that mynah signs with";

/// Returns the request for a token of `application`, signed at `clock_s`, in seconds of the Unix epoch.
///
/// # Errors
/// When the key does not sign: the end of a sentence that begins with the file.
pub fn certificate_request(
    authority: &Authority,
    application: &Application,
    certificate: &ClientCertificate,
    scope: &str,
    clock_s: i64,
) -> Result<HttpRequest, String> {
    let address = oauth(authority, application, "token");
    let mut id = [0; 16];
    ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut id)
        .map_err(|_| "is not used: the kernel gives no random numbers".to_owned())?;
    let id = URL_SAFE_NO_PAD.encode(id);
    let assertion = certificate.assertion(&application.client_id, &address.to_string(), clock_s, &id)?;
    Ok(HttpRequest::form(
        address,
        &[
            ("client_id", &application.client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ],
    ))
}

/// Returns the blocks of a PEM file (RFC 7468): labels and decoded contents. Text between them is skipped.
fn pem_blocks(text: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let label = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        let Some(label) = label else { continue };
        let end = format!("-----END {label}-----");
        let mut body = String::new();
        loop {
            match lines.next() {
                None => return Err(format!("ends inside its block {}", crate::printable::clipped(label))),
                Some(line) if line == end => break,
                // A header of the old encrypted form.
                Some(line) if line.contains(':') => {
                    return Err("has a key with a password, which mynah cannot ask for; remove it by: openssl pkey -in \
                                FILE -out NEW"
                        .to_owned());
                }
                Some(line) => body.push_str(line),
            }
        }
        let der = STANDARD
            .decode(&body)
            .map_err(|_| format!("has a block {} that is not base64", crate::printable::clipped(label)))?;
        blocks.push((label.to_owned(), der));
    }
    Ok(blocks)
}
