//! Collects every path of a source file with its resolution, and every item that the file defines.
//!
//! Macros are parsed as expressions or statements where possible, and scanned token by token otherwise. Comments and
//! strings are ignored, except for the paths in attributes such as `#[serde(with = "…")]`.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, ImplItem, Item, Macro, Stmt, Token, TraitItem, Type};

use super::sources::{Absolute, Chain, Scope, Sources, WrittenPath, below, joined, leaves, text};

/// Keys of `#[serde(…)]` whose strings are paths.
const SERDE_PATHS: [&str; 7] =
    ["default", "deserialize_with", "from", "into", "serialize_with", "try_from", "with"];

/// One path in the sources.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    /// The module in which it is written.
    pub(crate) module: Absolute,
    pub(crate) line: usize,
    pub(crate) chain: Chain,
}

/// Adds what the module at `path` uses and defines.
pub(crate) fn collect(sources: &mut Sources, path: &Absolute, items: &[Item]) {
    let mut reader = Reader {
        sources,
        module: path,
        blocks: Vec::new(),
        uses: Vec::new(),
        defined: Vec::new(),
        types: Vec::new(),
    };
    items.iter().for_each(|item| reader.visit_item(item));
    let Reader { uses, defined, types, .. } = reader;
    sources.uses.extend(uses);
    sources.defined.extend(defined);
    let module = &sources.modules[path];
    if !module.is_test {
        for name in types {
            sources.types.entry(name).or_default().push(path[1..].join("::"));
        }
    }
}

/// Whether a path of a single name may be a module or a crate, as in `use libc;`, or must be a value, as in `f(lane)`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NameKind {
    Any,
    Value,
}

struct Reader<'a> {
    sources: &'a Sources,
    module: &'a Absolute,
    blocks: Vec<Scope>,
    uses: Vec<Use>,
    defined: Vec<Absolute>,
    types: Vec<String>,
}

impl Reader<'_> {
    fn record(&mut self, path: &WrittenPath, kind: NameKind, line: usize) {
        for chain in self.sources.chains(self.module, &self.blocks, path) {
            let last = chain.last().expect("no chain is empty");
            let names_no_value = self.sources.modules.contains_key(last) || last.len() == 1;
            if kind == NameKind::Value && path.names.len() == 1 && names_no_value {
                continue;
            }
            self.uses.push(Use { module: self.module.clone(), line, chain });
        }
    }

    fn define(&mut self, name: &str) -> Absolute {
        let path = below(self.module, name);
        self.defined.push(path.clone());
        path
    }

    /// Parses or scans the tokens of a macro.
    fn tokens(&mut self, tokens: &TokenStream) {
        let expressions = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(expressions) = expressions.parse2(tokens.clone()) {
            expressions.iter().for_each(|expression| self.visit_expr(expression));
        } else if let Ok(statements) = Block::parse_within.parse2(tokens.clone()) {
            self.block(&statements);
        } else {
            self.scan(&WrittenPath { global: false, names: Vec::new() }, tokens);
        }
    }

    /// Scans tokens that do not parse as Rust for names joined by `::`; in braces they are relative to `prefix`.
    fn scan(&mut self, prefix: &WrittenPath, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut next = 0;
        // A `::` after a closing `>` continues a type that cannot be resolved here.
        let mut follows_type = false;
        while next < tokens.len() {
            let start = next;
            let mut path = prefix.clone();
            path.global |= prefix.names.is_empty() && is_path_sep(&tokens, next);
            next += if is_path_sep(&tokens, next) { 2 } else { 0 };
            while let Some(TokenTree::Ident(ident)) = tokens.get(next) {
                path.names.push(text(ident));
                next += 1;
                if !is_path_sep(&tokens, next) {
                    break;
                }
                let goes_on = matches!(tokens.get(next + 2), Some(TokenTree::Ident(_) | TokenTree::Group(_)));
                next += 2;
                if !goes_on {
                    break;
                }
            }
            let line = tokens[start].span().start().line;
            let is_group_of_path = path.names.len() > prefix.names.len();
            if !follows_type && (path.names.len() > 1 || path.global) && is_group_of_path {
                self.record(&path, NameKind::Any, line);
            }
            match tokens.get(next) {
                Some(TokenTree::Group(group)) if is_path_sep(&tokens, next.saturating_sub(2)) => {
                    self.scan(&path, &group.stream());
                    next += 1;
                }
                Some(TokenTree::Group(group)) if next == start => {
                    // A group may parse as Rust where the whole does not.
                    self.tokens(&group.stream());
                    next += 1;
                }
                _ if next == start => next += 1,
                _ => {}
            }
            follows_type = is_punct(&tokens, next - 1, '>')
                && is_path_sep(&tokens, next)
                && !(next > 1 && (is_punct(&tokens, next - 2, '=') || is_punct(&tokens, next - 2, '-')));
        }
    }

    fn block(&mut self, statements: &[Stmt]) {
        let items = statements.iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item),
            Stmt::Local(_) | Stmt::Expr(..) | Stmt::Macro(_) => None,
        });
        self.blocks.push(Scope::of(items));
        statements.iter().for_each(|statement| self.visit_stmt(statement));
        self.blocks.pop();
    }

    /// Records the functions of an `impl` below its type and below this module.
    fn define_methods(&mut self, ty: &Type, items: &[ImplItem]) {
        let Type::Path(ty) = ty else { return };
        let types: Vec<Absolute> = self
            .sources
            .chains(self.module, &self.blocks, &WrittenPath::of(&ty.path))
            .into_iter()
            .filter_map(|mut chain| chain.pop())
            .collect();
        for item in items {
            let name = match item {
                ImplItem::Fn(item) => text(&item.sig.ident),
                ImplItem::Const(item) => text(&item.ident),
                _ => continue,
            };
            self.define(&name);
            self.defined.extend(types.iter().map(|ty| below(ty, &name)));
        }
    }

    fn define_item(&mut self, item: &Item) {
        match item {
            Item::Fn(item) => drop(self.define(&text(&item.sig.ident))),
            Item::Const(item) => drop(self.define(&text(&item.ident))),
            Item::Static(item) => drop(self.define(&text(&item.ident))),
            Item::Struct(item) => self
                .define_type(&text(&item.ident), item.fields.iter().filter_map(|field| field.ident.as_ref())),
            Item::Union(item) => self.define_type(&text(&item.ident), []),
            Item::Enum(item) => {
                self.define_type(&text(&item.ident), item.variants.iter().map(|variant| &variant.ident))
            }
            Item::Type(item) => self.define_type(&text(&item.ident), []),
            Item::Trait(item) => {
                let functions = item.items.iter().filter_map(|item| match item {
                    TraitItem::Fn(function) => Some(&function.sig.ident),
                    _ => None,
                });
                self.define_type(&text(&item.ident), functions);
            }
            Item::Impl(item) => self.define_methods(&item.self_ty, &item.items),
            _ => {}
        }
    }

    fn define_type<'a>(&mut self, name: &str, members: impl IntoIterator<Item = &'a proc_macro2::Ident>) {
        let path = self.define(name);
        self.types.push(name.to_owned());
        self.defined.extend(members.into_iter().map(|member| below(&path, &text(member))));
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        self.define_item(item);
        visit::visit_item(self, item);
    }

    /// Modules are visited separately.
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for leaf in leaves(item) {
            self.record(&leaf.path, NameKind::Any, leaf.line);
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.block(&block.stmts);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.record(&WrittenPath::of(path), NameKind::Value, line_of(path));
        visit::visit_path(self, path);
    }

    /// Records `<Type>::name` as `Type::name`.
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if let Some(qself) = &path.qself
            && let (Type::Path(ty), 0) = (&*qself.ty, qself.position)
        {
            let names = joined(&WrittenPath::of(&ty.path).names, &WrittenPath::of(&path.path).names);
            let written = WrittenPath { global: ty.path.leading_colon.is_some(), names };
            self.record(&written, NameKind::Value, line_of(&path.path));
        }
        visit::visit_expr_path(self, path);
    }

    /// Only its upper-case first letter tells a constant in a pattern from a new variable.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = text(&pattern.ident);
        if name.starts_with(char::is_uppercase) {
            let path = WrittenPath { global: false, names: vec![name] };
            self.record(&path, NameKind::Value, pattern.ident.span().start().line);
        }
        visit::visit_pat_ident(self, pattern);
    }

    /// Scans syntax that `syn` does not parse.
    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.scan(&WrittenPath { global: false, names: Vec::new() }, tokens);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.visit_path(&invocation.path);
        self.tokens(&invocation.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.scan(&WrittenPath { global: false, names: Vec::new() }, &list.tokens);
            if list.path.is_ident("serde") {
                self.serde(&list.tokens);
            }
        }
        self.visit_path(attribute.path());
    }
}

impl Reader<'_> {
    fn serde(&mut self, tokens: &TokenStream) {
        let options = Punctuated::<syn::Meta, Token![,]>::parse_terminated.parse2(tokens.clone());
        for option in options.into_iter().flatten() {
            if let syn::Meta::NameValue(pair) = &option
                && SERDE_PATHS.iter().any(|key| pair.path.is_ident(key))
                && let Expr::Lit(literal) = &pair.value
                && let syn::Lit::Str(path) = &literal.lit
                && let Ok(path) = path.parse::<syn::Path>()
            {
                self.record(&WrittenPath::of(&path), NameKind::Any, line_of(&pair.path));
            }
        }
    }
}

fn line_of(path: &syn::Path) -> usize {
    path.segments.first().map_or(0, |segment| segment.ident.span().start().line)
}

fn is_punct(tokens: &[TokenTree], at: usize, wanted: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_path_sep(tokens: &[TokenTree], at: usize) -> bool {
    let is_joint =
        matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.spacing() == Spacing::Joint);
    is_joint && is_punct(tokens, at, ':') && is_punct(tokens, at + 1, ':')
}
