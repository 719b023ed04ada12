//! Where words go: for somebody at a terminal, and elsewhere only as asked.

use mynah::config::{WordGate, WordRequest};

#[test]
fn words_go_to_a_terminal_without_a_service_manager_and_elsewhere_only_as_asked() {
    for (print, is_terminal, is_service, expected) in [
        (false, false, false, false),
        (false, false, true, false),
        (false, true, false, true),
        (false, true, true, false),
        (true, false, false, true),
        (true, false, true, true),
        (true, true, false, true),
        (true, true, true, true),
    ] {
        for record in [false, true] {
            let gate = WordGate::new(WordRequest { print, record, is_terminal, is_service });
            assert_eq!(gate.prints(), expected, "{print} {is_terminal} {is_service}");
            assert_eq!(gate.records(), record, "what is printed and what is recorded are asked for apart");
        }
    }
}
