//! A key is read as people paste it, from every source, or refused by what is wrong with it.

use std::fs;
use std::path::{Path, PathBuf};

use mynah::config::{Credential, Request};

use super::{Fixture, HOST, assert_problems, azure};

const KEY: &str = "k7f3a9";

const WORK: [&str; 11] = [
    "assign",
    "bom",
    "cr-only",
    "crlf",
    "curly",
    "export-quoted",
    "invisible",
    "quoted",
    "utf16",
    "utf16-no-mark",
    "yaml",
];

const REFUSED: [(&str, &str); 11] = [
    ("address", "is an address | exchanged with the endpoint"),
    ("bearer", "Bearer | space | remove"),
    ("empty", "is empty"),
    ("inside", "U+200B | character 5"),
    ("json", "JSON | keep only the key"),
    ("latin1", "not UTF-8 | Latin-1"),
    ("letter", "U+0430 | character 5"),
    ("one-quote", "quotation mark | character 1"),
    ("placeholder", "placeholder | your resource"),
    ("reference", "refers to a variable | write the key"),
    ("two-keys", "2 lines | only the one with the key"),
];

#[test]
fn keys_are_read_as_they_are_pasted() {
    for name in WORK {
        for (source, fixture) in sources(name) {
            let config = fixture.run();
            let found = match &azure(&config).credential {
                Credential::Key(key) | Credential::Token(key) => key.clone(),
                Credential::TokenFile(file) => {
                    Credential::read_token(file, "bird.services.ai.azure.com").unwrap()
                }
                Credential::SignIn(_) => panic!("a key or a token is set"),
            };
            assert_eq!(found.reveal(), KEY, "{name} as {source}");
        }
    }
}

#[test]
fn other_keys_are_refused_by_what_is_wrong() {
    for (name, expected) in REFUSED {
        for (source, fixture) in sources(name) {
            let error = match fixture.read() {
                Err(error) => error,
                // An empty variable is not set.
                Ok(Request::Run(_)) => panic!("{name} as {source} is accepted"),
                Ok(other) => panic!("{other:?}"),
            };
            println!("{name} as {source}: {error}");
            if name == "empty" && source.starts_with("variable") {
                let [problem] = error.problems() else { panic!("{error}") };
                assert!(problem.contains("no credential") || problem.contains("no token"), "{problem}");
            } else {
                assert_problems(error.problems(), &[&format!(" | {expected}")]);
            }
            assert!(!error.to_string().contains("k7f3") && !error.to_string().contains("other9"), "{error}");
        }
    }
}

#[test]
fn every_fixture_of_a_key_has_an_expectation() {
    let mut known: Vec<_> = WORK.into_iter().chain(REFUSED.iter().map(|(name, _)| *name)).collect();
    known.sort_unstable();
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, known);
}

/// Returns a fixture for each source of a secret, in which it is the contents of the file `name`.
fn sources(name: &str) -> Vec<(&'static str, Fixture)> {
    let bytes = fs::read(folder().join(name)).unwrap();
    let at = |flags: &[&str], file: &str| {
        Fixture::new().flags(&[&["--endpoint", HOST], flags].concat()).bytes(file, &bytes)
    };
    let key = at(&["--api-key-file", "key"], "key");
    let token = at(&["--use-token-credential", "--token-file", "token"], "token");
    let credential = at(&[], "c/api-key");
    let credential_folder = credential.dir.path().join("c");
    let credential = credential.env("CREDENTIALS_DIRECTORY", credential_folder.to_str().unwrap());
    let mut sources = vec![("key file", key), ("token file", token), ("credential", credential)];
    if let Ok(text) = std::str::from_utf8(&bytes)
        && !text.contains('\0')
    {
        let fixture = at(&[], "unused");
        sources.push(("variable of the key", fixture.env("AZURE_VOICELIVE_API_KEY", text)));
        let token = fixture.flags(&["--endpoint", HOST, "--use-token-credential"]);
        sources.push(("variable of the token", token.env("AZURE_VOICELIVE_TOKEN", text)));
    }
    sources
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/fixtures/key")
}
