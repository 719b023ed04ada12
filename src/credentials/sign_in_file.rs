//! The text that keeps the sign-in of `mynah login`: the refresh token, and for whom and where it was issued.
//!
//! A sign-in that systemd hands over cannot be written back, so that the renewed one is kept in the file with a mark of
//! the one it came from. It opens no file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::config::{Application, HttpAddress, Secret};

/// A kept sign-in.
#[derive(Clone, Debug)]
pub struct KeptToken {
    pub application: Application,
    /// The login service that has issued it; it is sent to no other one.
    pub authority: HttpAddress,
    pub refresh: Secret,
    /// The mark of the handed-over sign-in that this one continues.
    pub continues: Option<String>,
}

impl KeptToken {
    /// Returns the text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { application, authority, refresh, continues } = self;
        let mut json = json!({
            "authority": authority.to_string(),
            "tenant": application.tenant,
            "client_id": application.client_id,
            "refresh_token": refresh.reveal(),
        });
        if let (Some(mark), Some(object)) = (continues, json.as_object_mut()) {
            object.insert("continues".to_owned(), mark.clone().into());
        }
        format!("{json}\n")
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// Returns what is wrong, as the end of a sentence that begins with the file; it quotes nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        const AGAIN: &str = "run mynah login again";
        let json: Value =
            serde_json::from_str(text).map_err(|_| format!("is not a sign-in of mynah login; {AGAIN}"))?;
        let text = |key: &str| {
            let found = json.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            found.ok_or_else(|| format!("lacks {key}; {AGAIN}"))
        };
        let refresh = Secret::new(text("refresh_token")?)
            .map_err(|reason| format!("has a refresh_token that {reason}; {AGAIN}"))?;
        let authority = HttpAddress::of_authority(text("authority")?)
            .map_err(|reason| format!("has an authority that {reason}; {AGAIN}"))?;
        let application =
            Application { tenant: text("tenant")?.to_owned(), client_id: text("client_id")?.to_owned() };
        let continues = json.get("continues").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { application, authority, refresh, continues })
    }

    /// Returns the mark by which a later sign-in says that it continues this one. No token can be found from it.
    fn mark(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.refresh.reveal().as_bytes()))
    }

    /// Returns the sign-in with the next refresh token.
    #[must_use]
    pub fn renewed(&self, refresh: Secret) -> Self {
        Self { refresh, ..self.clone() }
    }
}

/// Returns the sign-in to use: that of the file, unless another one was handed over since.
#[must_use]
pub fn choose_kept(file: Option<KeptToken>, handed_over: Option<KeptToken>) -> Option<KeptToken> {
    match (file, handed_over) {
        (Some(file), Some(given)) if file.continues.as_ref() == Some(&given.mark()) => Some(file),
        (_, Some(given)) => Some(KeptToken { continues: Some(given.mark()), ..given }),
        (file, None) => file,
    }
}
