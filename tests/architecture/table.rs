//! Parses the table of rooms in the crate docs, and queries the sources for the contents of its columns.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Absolute, Sources, WrittenPath, joined};
use super::uses::Use;

/// The row of a room or sub-room.
pub(crate) struct Row {
    /// The rooms it uses; for a sub-room siblings, parents and top-level rooms.
    pub(crate) uses: BTreeSet<String>,
    /// The crates that no other room uses.
    pub(crate) exclusive_crates: BTreeSet<String>,
    /// The rooms, crates and items of other crates that no path in it may resolve to.
    pub(crate) forbidden: BTreeSet<String>,
}

/// Returns the rows by the name of the room.
pub(crate) fn table(docs: &str) -> BTreeMap<String, Row> {
    let rows = docs.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let [room, uses, exclusive, forbidden, _] = cells[..] else {
            panic!("not a row of four cells: {row}")
        };
        let name = room.trim().trim_end_matches('`').to_owned();
        (name, Row { uses: quoted(uses), exclusive_crates: quoted(exclusive), forbidden: quoted(forbidden) })
    })
    .collect()
}

/// Returns the texts between backticks.
pub(crate) fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Sources {
    /// Returns the paths written in `room` and below.
    pub(crate) fn uses_in(&self, room: &str) -> impl Iterator<Item = &Use> {
        let room = absolute(room);
        self.uses.iter().filter(move |found| found.module.starts_with(&room))
    }

    /// Returns the rooms that `room` uses, each with one place where it does.
    pub(crate) fn rooms_used_in(&self, room: &str) -> BTreeMap<String, String> {
        let path = absolute(room);
        let named = |found: &Use| Some((self.room_used(&path, found)?, self.place(found)));
        self.uses_in(room).filter_map(named).collect()
    }

    /// Returns the paths that name a crate directly, not through another module's re-export.
    pub(crate) fn uses_of_crate(&self, krate: &str) -> impl Iterator<Item = &Use> {
        self.uses.iter().filter(move |found| {
            let outside = found.chain.iter().find(|step| !step.starts_with(&found.module));
            outside.is_some_and(|step| step[0] == krate)
        })
    }

    /// Returns the places of all paths whose target `matches`.
    pub(crate) fn places(&self, matches: impl Fn(&Absolute) -> bool) -> Vec<String> {
        let is_match = |found: &&Use| found.chain.last().is_some_and(&matches);
        self.uses.iter().filter(is_match).map(|found| self.place(found)).collect()
    }

    /// Returns whether a path from the root of the crate names a module, an item, a variant, a field or a function.
    pub(crate) fn defines(&self, name: &str) -> bool {
        let root = absolute(name)[..1].to_vec();
        let path = WrittenPath { global: false, names: absolute(name) };
        self.defined.contains(&path.names)
            || self.chains(&root, &[], &path).iter().flatten().any(|step| self.defined.contains(step))
    }

    /// Returns the places of paths in `room` that resolve to `forbidden`, through any re-exports.
    pub(crate) fn paths_to(&self, room: &str, forbidden: &str) -> Vec<String> {
        let target = self.target(forbidden);
        let is_match = |found: &&Use| found.chain.iter().any(|step| step.starts_with(&target));
        self.uses_in(room).filter(is_match).map(|found| self.place(found)).collect()
    }

    /// Returns the file, line and steps of a path as text.
    pub(crate) fn place(&self, found: &Use) -> String {
        let steps: Vec<_> = found.chain.iter().map(|step| step.join("::")).collect();
        format!("{}:{}: {}", self.modules[&found.module].file, found.line, steps.join(" = "))
    }

    /// Returns the first room outside `room` on the way of a path. A parent that only re-exports an item does not count.
    fn room_used(&self, room: &Absolute, found: &Use) -> Option<String> {
        for step in found.chain.iter().filter(|step| step[0] == "crate") {
            let module = self.module_of(step);
            let shared = room.iter().zip(module).take_while(|(ours, theirs)| ours == theirs).count();
            let is_own = shared == room.len();
            let is_bare_parent = step.len() == shared;
            if is_own || is_bare_parent {
                continue;
            }
            if module.len() > shared {
                return Some(module[1..=shared].join("::"));
            }
            if self.defined.contains(step) {
                return Some(module[1..].join("::"));
            }
        }
        None
    }

    /// Returns the path of a name in the last column: a room, or an item of another crate.
    fn target(&self, name: &str) -> Absolute {
        let path = absolute(name);
        if self.defined.contains(&path) {
            return path;
        }
        let outside: Absolute = path[1..].to_vec();
        assert!(
            self.is_crate(&outside[0]),
            "the table forbids {name}, which is neither a room nor part of a dependency"
        );
        outside
    }
}

/// Returns the absolute path of a room in the table.
pub(crate) fn absolute(room: &str) -> Absolute {
    joined(&["crate".to_owned()], &room.split("::").map(str::to_owned).collect::<Vec<_>>())
}
