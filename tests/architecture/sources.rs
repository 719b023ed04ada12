//! The crate as a module tree: the names that each module declares and imports, and the resolution of paths.
//!
//! It resolves names, not types: it does not see a value whose type is not named, nor the expansion of a macro.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Attribute, Item, UseTree};

use super::uses::{self, Use};

/// An absolute path: first `crate` or the name of another crate, then the names below it.
pub(crate) type Absolute = Vec<String>;
/// The steps of a resolved path: the path as written, then the target of each import or alias on the way.
pub(crate) type Chain = Vec<Absolute>;

/// The parsed sources.
pub(crate) struct Sources {
    pub(crate) modules: BTreeMap<Absolute, Module>,
    pub(crate) uses: Vec<Use>,
    /// Modules, items, variants and methods; a method is named below its type and below the module of its `impl`.
    pub(crate) defined: BTreeSet<Absolute>,
    /// The modules that define each type, trait or alias, without test code.
    pub(crate) types: BTreeMap<String, Vec<String>>,
    crates: BTreeSet<String>,
}

pub(crate) struct Module {
    pub(crate) file: String,
    /// Compiled for tests only.
    pub(crate) is_test: bool,
    pub(crate) scope: Scope,
}

/// The names declared in a module or a block.
#[derive(Default)]
pub(crate) struct Scope {
    names: BTreeMap<String, Vec<Binding>>,
    globs: Vec<WrittenPath>,
}

enum Binding {
    Module,
    Item { alias: Option<WrittenPath>, variants: BTreeSet<String> },
    Import(WrittenPath),
}

/// A path as written in the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WrittenPath {
    /// Whether it starts with `::`.
    pub(crate) global: bool,
    pub(crate) names: Vec<String>,
}

/// One leaf of a `use` tree.
pub(crate) struct Leaf {
    pub(crate) path: WrittenPath,
    pub(crate) line: usize,
    /// The imported name; `None` for a glob.
    name: Option<String>,
}

impl Sources {
    /// Parses the library in `src`.
    pub(crate) fn read(root: &Path) -> Sources {
        let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
        let sections =
            ["dependencies", "dev-dependencies"].map(|section| manifest[section].as_table().unwrap());
        let crates =
            sections.into_iter().flat_map(toml::Table::keys).map(|name| name.replace('-', "_")).collect();
        let file = root.join("src/lib.rs");
        let items = parse(&file);
        Self::build(crates, &file.display().to_string(), items, &root.join("src"))
    }

    /// Parses a crate of one file.
    pub(crate) fn of_text(crates: &[&str], text: &str) -> Sources {
        let crates = crates.iter().copied().map(str::to_owned).collect();
        Self::build(crates, "snippet", syn::parse_file(text).unwrap().items, Path::new(""))
    }

    fn build(mut crates: BTreeSet<String>, file: &str, items: Vec<Item>, children: &Path) -> Sources {
        crates.extend(["std", "core", "alloc"].map(str::to_owned));
        let mut sources = Sources {
            modules: BTreeMap::new(),
            uses: Vec::new(),
            defined: BTreeSet::new(),
            types: BTreeMap::new(),
            crates,
        };
        let mut parsed = Vec::new();
        sources.load(vec!["crate".to_owned()], file, false, items, children, &mut parsed);
        for (path, items) in &parsed {
            uses::collect(&mut sources, path, items);
        }
        sources
    }

    fn load(
        &mut self,
        path: Absolute,
        file: &str,
        is_test: bool,
        mut items: Vec<Item>,
        children: &Path,
        parsed: &mut Vec<(Absolute, Vec<Item>)>,
    ) {
        let mut scope = Scope::default();
        for item in &mut items {
            scope.declare(item);
            let Item::Mod(module) = item else { continue };
            let name = text(&module.ident);
            let is_test = is_test || is_for_tests(&module.attrs);
            let inner = below(&path, &name);
            let folder = children.join(&name);
            if let Some((_, items)) = module.content.take() {
                self.load(inner, file, is_test, items, &folder, parsed);
            } else {
                let files = [children.join(format!("{name}.rs")), folder.join("mod.rs")];
                let file = files.iter().find(|file| file.exists()).expect("a module has a file");
                self.load(inner, &file.display().to_string(), is_test, parse(file), &folder, parsed);
            }
        }
        self.defined.insert(path.clone());
        self.modules.insert(path.clone(), Module { file: file.to_owned(), is_test, scope });
        parsed.push((path, items));
    }

    /// Resolves `path` as written in module `at` within `blocks`.
    ///
    /// Returns several chains for a name that is both a module and a function, and none for a local variable, a type
    /// parameter, a primitive type or the prelude.
    pub(crate) fn chains(&self, at: &Absolute, blocks: &[Scope], path: &WrittenPath) -> Vec<Chain> {
        self.resolve(at, blocks, path, &mut Vec::new())
    }

    /// Returns the longest prefix of `path` that is a module.
    pub(crate) fn module_of<'a>(&self, path: &'a [String]) -> &'a [String] {
        let longest = (0..=path.len()).rev().find(|len| self.modules.contains_key(&path[..*len]));
        &path[..longest.unwrap_or(0)]
    }

    pub(crate) fn is_crate(&self, name: &str) -> bool {
        self.crates.contains(name)
    }

    fn resolve(
        &self,
        at: &Absolute,
        blocks: &[Scope],
        path: &WrittenPath,
        seen: &mut Vec<(Absolute, WrittenPath)>,
    ) -> Vec<Chain> {
        let Some(first) = path.names.first() else { return Vec::new() };
        if path.global {
            return if self.crates.contains(first) { vec![vec![path.names.clone()]] } else { Vec::new() };
        }
        let mut base = at.clone();
        let mut rest = path.names.as_slice();
        while let Some((name, after)) = rest.split_first() {
            match name.as_str() {
                "crate" => base.truncate(1),
                "super" => {
                    base.pop();
                }
                "self" => {}
                _ => break,
            }
            rest = after;
        }
        if rest.len() < path.names.len() {
            return self.resolve_below(&base, rest, seen);
        }
        for (depth, scope) in blocks.iter().enumerate().rev() {
            let found = self.find(at, scope, &blocks[..=depth], rest, seen);
            if !found.is_empty() {
                return found;
            }
        }
        let scope = &self.modules[at].scope;
        let found = self.find(at, scope, &[], rest, seen);
        if found.is_empty() && self.crates.contains(first) { vec![vec![path.names.clone()]] } else { found }
    }

    /// Resolves `rest` from module `at`; a name that is not found there is kept as written.
    fn resolve_below(
        &self,
        at: &Absolute,
        rest: &[String],
        seen: &mut Vec<(Absolute, WrittenPath)>,
    ) -> Vec<Chain> {
        if rest.is_empty() {
            return vec![vec![at.clone()]];
        }
        let Some(module) = self.modules.get(at) else { return Vec::new() };
        let found = self.find(at, &module.scope, &[], rest, seen);
        if found.is_empty() { vec![vec![joined(at, rest)]] } else { found }
    }

    fn find(
        &self,
        at: &Absolute,
        scope: &Scope,
        blocks: &[Scope],
        rest: &[String],
        seen: &mut Vec<(Absolute, WrittenPath)>,
    ) -> Vec<Chain> {
        let Some((name, after)) = rest.split_first() else { return Vec::new() };
        let written = joined(at, rest);
        let mut found = Vec::new();
        for binding in scope.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Module => found.extend(self.resolve_below(&below(at, name), after, seen)),
                Binding::Item { alias: None, .. } => found.push(vec![written.clone()]),
                Binding::Item { alias: Some(path), .. } | Binding::Import(path) => {
                    let step = (at.clone(), path.clone());
                    if seen.contains(&step) {
                        continue;
                    }
                    seen.push(step);
                    let chains = self.resolve(at, blocks, &path.then(after), seen);
                    seen.pop();
                    let is_alias = matches!(binding, Binding::Item { .. });
                    if chains.is_empty() && is_alias {
                        found.push(vec![written.clone()]);
                    }
                    found.extend(chains.into_iter().map(|chain| with_head(&written, chain)));
                }
            }
        }
        if found.is_empty() { self.find_through_globs(at, scope, blocks, rest, seen) } else { found }
    }

    fn find_through_globs(
        &self,
        at: &Absolute,
        scope: &Scope,
        blocks: &[Scope],
        rest: &[String],
        seen: &mut Vec<(Absolute, WrittenPath)>,
    ) -> Vec<Chain> {
        let mut found = Vec::new();
        for glob in &scope.globs {
            let step = (at.clone(), glob.clone());
            if seen.contains(&step) {
                continue;
            }
            seen.push(step);
            for target in self.resolve(at, blocks, glob, seen).into_iter().filter_map(|mut chain| chain.pop())
            {
                if let Some(module) = self.modules.get(&target) {
                    found.extend(self.find(&target, &module.scope, &[], rest, seen));
                } else if self.has_variant(&target, &rest[0]) {
                    found.push(vec![joined(&target, rest)]);
                }
            }
            seen.pop();
        }
        let written = joined(at, rest);
        found.into_iter().map(|chain| with_head(&written, chain)).collect()
    }

    fn has_variant(&self, item: &[String], name: &str) -> bool {
        let Some((last, module)) = item.split_last() else { return false };
        let Some(module) = self.modules.get(module) else { return false };
        let bindings = module.scope.names.get(last).into_iter().flatten();
        bindings
            .into_iter()
            .any(|binding| matches!(binding, Binding::Item { variants, .. } if variants.contains(name)))
    }
}

impl Scope {
    pub(crate) fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Scope {
        let mut scope = Scope::default();
        items.into_iter().for_each(|item| scope.declare(item));
        scope
    }

    fn declare(&mut self, item: &Item) {
        let plain = || Binding::Item { alias: None, variants: BTreeSet::new() };
        let (ident, binding) = match item {
            Item::Use(item) => return self.import(item),
            Item::ExternCrate(item) => {
                let path = WrittenPath { global: true, names: vec![text(&item.ident)] };
                (item.rename.as_ref().map_or(&item.ident, |(_, name)| name), Binding::Import(path))
            }
            Item::Mod(item) => (&item.ident, Binding::Module),
            Item::Type(item) => {
                let alias =
                    if let syn::Type::Path(ty) = &*item.ty { Some(WrittenPath::of(&ty.path)) } else { None };
                (&item.ident, Binding::Item { alias, variants: BTreeSet::new() })
            }
            Item::Enum(item) => {
                let variants = item.variants.iter().map(|variant| text(&variant.ident)).collect();
                (&item.ident, Binding::Item { alias: None, variants })
            }
            Item::Struct(item) => (&item.ident, plain()),
            Item::Union(item) => (&item.ident, plain()),
            Item::Trait(item) => (&item.ident, plain()),
            Item::TraitAlias(item) => (&item.ident, plain()),
            Item::Fn(item) => (&item.sig.ident, plain()),
            Item::Const(item) => (&item.ident, plain()),
            Item::Static(item) => (&item.ident, plain()),
            _ => return,
        };
        self.names.entry(text(ident)).or_default().push(binding);
    }

    fn import(&mut self, item: &syn::ItemUse) {
        for leaf in leaves(item) {
            match leaf.name {
                Some(name) => self.names.entry(name).or_default().push(Binding::Import(leaf.path)),
                None => self.globs.push(leaf.path),
            }
        }
    }
}

impl WrittenPath {
    pub(crate) fn of(path: &syn::Path) -> WrittenPath {
        let names = path.segments.iter().map(|segment| text(&segment.ident)).collect();
        WrittenPath { global: path.leading_colon.is_some(), names }
    }

    fn then(&self, rest: &[String]) -> WrittenPath {
        WrittenPath { global: self.global, names: joined(&self.names, rest) }
    }
}

/// Returns all paths that a `use` item imports.
pub(crate) fn leaves(item: &syn::ItemUse) -> Vec<Leaf> {
    let mut found = Vec::new();
    flatten(&item.tree, &WrittenPath { global: item.leading_colon.is_some(), names: Vec::new() }, &mut found);
    found
}

fn flatten(tree: &UseTree, prefix: &WrittenPath, into: &mut Vec<Leaf>) {
    let mut leaf = |ident: &Ident, name: &Ident| {
        let is_self = ident == "self" && !prefix.names.is_empty();
        let path = if is_self { prefix.clone() } else { prefix.then(&[text(ident)]) };
        let name = if name == "self" { path.names.last().cloned() } else { Some(text(name)) };
        into.push(Leaf { path, line: ident.span().start().line, name });
    };
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &prefix.then(&[text(&path.ident)]), into),
        UseTree::Name(name) => leaf(&name.ident, &name.ident),
        UseTree::Rename(name) => leaf(&name.ident, &name.rename),
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            into.push(Leaf { path: prefix.clone(), line, name: None });
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, into)),
    }
}

pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        matches!(&attribute.meta, syn::Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    })
}

pub(crate) fn text(ident: &Ident) -> String {
    ident.unraw().to_string()
}

pub(crate) fn below(path: &[String], name: &str) -> Absolute {
    joined(path, &[name.to_owned()])
}

pub(crate) fn joined(path: &[String], rest: &[String]) -> Absolute {
    [path, rest].concat()
}

fn with_head(written: &Absolute, chain: Chain) -> Chain {
    if chain.first() == Some(written) { chain } else { [vec![written.clone()], chain].concat() }
}

fn parse(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap();
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items
}
