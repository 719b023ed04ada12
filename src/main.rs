//! Wires the rooms together: arguments, profile, lanes, threads, session, exit code.

fn main() {}
