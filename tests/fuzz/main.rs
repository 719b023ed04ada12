//! The libFuzzer binary: passes its inputs to the check named by FUZZ_TARGET. It checks nothing itself.
#![no_main]

#[path = "mod.rs"]
mod fuzz;

use std::sync::OnceLock;

static CHECK: OnceLock<fuzz::Check> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    CHECK.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let found = fuzz::TARGETS.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("FUZZ_TARGET={name:?} is not a target")).1
    })(bytes);
});
