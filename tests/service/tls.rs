//! Creates a TLS certificate for `localhost` and `voice.example.test`, and a CA for it, new for every service.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// Returns the server's TLS acceptor and the CA certificate as PEM.
pub(crate) fn acceptor() -> (TlsAcceptor, String) {
    acceptor_with(|_| {})
}

/// As [`acceptor`], with a server's certificate that `change` has changed.
pub(crate) fn acceptor_with(change: impl FnOnce(&mut CertificateParams)) -> (TlsAcceptor, String) {
    let (config, ca_pem) = server_config(change);
    (TlsAcceptor::from(Arc::new(config)), ca_pem)
}

/// Returns the configuration behind [`acceptor_with`], and the CA certificate as PEM.
pub(crate) fn server_config(change: impl FnOnce(&mut CertificateParams)) -> (ServerConfig, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority.distinguished_name.push(DnType::CommonName, "mynah's test authority");
    let authority_key = KeyPair::generate().unwrap();
    let ca_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().unwrap();
    let names = ["localhost", "127.0.0.1", "voice.example.test"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    (config, ca_pem)
}
