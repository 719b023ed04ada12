//! Checks the repository's Markdown files: every relative link in them leads to a file or folder that exists, and every
//! proof that the threat model names is a test. Links to other hosts are not followed, and anchors are not checked.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_relative_link_in_a_document_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = Vec::new();
    find_documents(root, &mut documents);
    let mut links_checked = 0;
    let mut broken = Vec::new();
    for document in &documents {
        for (line, link) in relative_links(&fs::read_to_string(document).unwrap()) {
            links_checked += 1;
            if !document.with_file_name(&link).exists() {
                let name = document.strip_prefix(root).unwrap_or(document);
                broken.push(format!("{}:{line}: {link}", name.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new(), "these links lead nowhere");
    assert!(documents.len() >= 5 && links_checked >= 10, "{documents:?}: only {links_checked} links");
}

#[test]
fn only_relative_links_are_collected() {
    let text = "\
[a](b.md) ![c](d/e.svg \"title\") [f](https://g.example/h) [i](#j)
    [code](block)
`[code](span)` and [k](l.md#m)
```
[fenced](block)
```";
    let found = relative_links(text);
    assert_eq!(found, [(1, "b.md".into()), (1, "d/e.svg".into()), (3, "l.md".into())]);
}

#[test]
fn every_proof_that_the_threat_model_names_is_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(".github/SECURITY.md")).unwrap();
    let mut sources = Vec::new();
    for folder in ["src", "tests"] {
        find_files(&root.join(folder), "rs", &mut sources);
    }
    let texts: Vec<String> = sources.iter().map(|source| fs::read_to_string(source).unwrap()).collect();
    let proofs: Vec<&str> = text.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect();
    for proof in &proofs {
        let name = proof.rsplit("::").next().unwrap();
        let is_test = texts.iter().any(|text| text.contains(&format!("fn {name}(")));
        let is_module = sources.iter().any(|source| source.file_stem() == Some(OsStr::new(name)));
        assert!(is_test || is_module, "SECURITY.md: there is no test {proof}");
    }
    assert!(proofs.len() > 30, "only {} proofs", proofs.len());
}

/// Adds the Markdown files below `folder`, except in folders named `target` or `.git`.
fn find_documents(folder: &Path, found: &mut Vec<PathBuf>) {
    find_files(folder, "md", found);
}

/// Adds the files with this extension below `folder`, except in folders named `target` or `.git`.
fn find_files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() || path.file_name().is_some_and(|name| name == "target" || name == ".git") {
            continue;
        }
        if path.is_dir() {
            find_files(&path, extension, found);
        } else if path.extension() == Some(OsStr::new(extension)) {
            found.push(path);
        }
    }
}

/// Returns the paths that the links of `text` name without a host, each with the number of its line.
fn relative_links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced || line.starts_with("    ") {
            continue;
        }
        // Every other part between backquotes is code.
        let prose: Vec<&str> = line.split('`').step_by(2).collect();
        for rest in prose.join("`").split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains(':') {
                links.push((index + 1, path.to_owned()));
            }
        }
    }
    links
}
