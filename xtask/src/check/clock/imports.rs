//! What the names in a file stand for, as far as the file itself says.
//!
//! All `use` items count for the whole file, wherever they stand: a name that two of them explain
//! has both meanings, and the rule judges the worse one. Deliberately absent: other files.

use std::collections::{HashMap, HashSet};

use syn::visit::{self, Visit};

/// The imports, type aliases and own types of one file.
#[derive(Default)]
pub(super) struct Imports {
    names: HashMap<String, Vec<Vec<String>>>,
    globs: Vec<Vec<String>>,
    declared: HashSet<String>,
}

/// An import of an import of an import; more is a circle.
const DEEPEST: usize = 4;

impl Imports {
    /// Reads them from a parsed file.
    pub(super) fn of(file: &syn::File) -> Self {
        let mut imports = Self::default();
        imports.visit_file(file);
        imports
    }

    /// The file declares a type of this name itself.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.contains(name)
    }

    /// Every full path that the path may stand for; the path itself if nothing explains it.
    pub(super) fn resolve(&self, path: &[String]) -> Vec<Vec<String>> {
        let mut meanings = vec![path.to_vec()];
        for _ in 0..DEEPEST {
            let next: Vec<Vec<String>> =
                meanings.iter().flat_map(|meaning| self.step(meaning)).collect();
            if next == meanings {
                break;
            }
            meanings = next;
        }
        if meanings == [path] && path.len() == 2 && !self.declares(&path[0]) {
            let by_glob: Vec<_> = self.globs.iter().map(|glob| joined(glob, path)).collect();
            if !by_glob.is_empty() {
                return by_glob;
            }
        }
        meanings
    }

    fn step(&self, path: &[String]) -> Vec<Vec<String>> {
        match path.split_first() {
            Some((first, rest)) if self.names.contains_key(first) => {
                self.names[first].iter().map(|full| joined(full, rest)).collect()
            }
            _ => vec![path.to_vec()],
        }
    }

    fn add(&mut self, prefix: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add(prefix, &path.tree);
                prefix.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add(prefix, tree);
                }
            }
            syn::UseTree::Glob(_) => self.globs.push(prefix.clone()),
            syn::UseTree::Name(name) => {
                self.name(&name.ident.to_string(), prefix, &name.ident.to_string());
            }
            syn::UseTree::Rename(rename) => {
                self.name(&rename.rename.to_string(), prefix, &rename.ident.to_string());
            }
        }
    }

    /// `use a::b::{self}` imports `b`, and `use a` explains nothing.
    fn name(&mut self, known_as: &str, prefix: &[String], last: &str) {
        let mut full = prefix.to_vec();
        if last != "self" {
            full.push(last.to_owned());
        }
        let known_as =
            if known_as == "self" { full.last().cloned() } else { Some(known_as.into()) };
        if let Some(known_as) = known_as.filter(|name| full != [name.clone()]) {
            self.names.entry(known_as).or_default().push(full);
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add(&mut Vec::new(), &item.tree);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if let syn::Type::Path(path) = &*item.ty {
            let full = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.names.entry(item.ident.to_string()).or_default().push(full);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.declared.insert(item.ident.to_string());
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.declared.insert(item.ident.to_string());
        visit::visit_item_enum(self, item);
    }
}

fn joined(front: &[String], back: &[String]) -> Vec<String> {
    front.iter().chain(back).cloned().collect()
}
