//! The sources of a module: which of them are on this machine, and where those are now that were elsewhere when it was
//! compiled.

use std::path::{Path, PathBuf};

/// Longer paths are left as they are.
const LONGEST: usize = 4096;

/// Beginnings of paths in debug info, each with what stands for it. The first that fits counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMap(Vec<(String, String)>);

/// Whether the source file at a path is there. Relative paths are relative to where the debugger looks for them.
pub type SourceExists<'s> = &'s dyn Fn(&Path) -> bool;

impl PathMap {
    /// No path changes.
    pub const UNCHANGED: &'static Self = &Self(Vec::new());

    /// Of pairs of directories: as the debug info has it, and as it is. A slash at the end says nothing.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let without_slash = |path: String| path.trim_end_matches('/').to_owned();
        let pairs = pairs.into_iter().map(|(old, new)| {
            let is_root = !new.is_empty() && new.bytes().all(|byte| byte == b'/');
            (without_slash(old), if is_root { "/".to_owned() } else { without_slash(new) })
        });
        Self(pairs.collect())
    }

    /// Whether no path changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a path has become. None if it has not changed.
    #[must_use]
    pub fn apply(&self, path: &[u8]) -> Option<Vec<u8>> {
        if path.len() > LONGEST {
            return None;
        }
        self.0.iter().find_map(|(old, new)| {
            let rest = path.strip_prefix(old.as_bytes())?;
            // Of directories, not of letters.
            let is_whole = rest.first().is_none_or(|first| *first == b'/');
            is_whole
                .then(|| [new.trim_end_matches('/').as_bytes(), rest].concat())
                .map(|path| if path.is_empty() { new.as_bytes().to_vec() } else { path })
        })
    }
}

/// What is known of the sources of a module.
#[derive(Clone, Copy)]
pub struct Sources<'s> {
    exists: Option<SourceExists<'s>>,
    paths: &'s PathMap,
}

impl<'s> Sources<'s> {
    /// Which files are there, if that is known, and where those are now that were elsewhere. The files are asked for as they
    /// are now.
    #[must_use]
    pub fn new(exists: Option<SourceExists<'s>>, paths: &'s PathMap) -> Self {
        Self { exists, paths }
    }

    /// Whether it is known which files are there.
    pub(crate) fn are_known(self) -> bool {
        self.exists.is_some()
    }

    /// Whether a file is there, as the debug info names it. True if nothing is known.
    pub(crate) fn has(self, path: &Path) -> bool {
        self.exists.is_none_or(|exists| exists(&self.place(path)))
    }

    /// What the path of a file has become.
    pub(crate) fn place(self, path: &Path) -> PathBuf {
        let changed =
            path.to_str().and_then(|path| String::from_utf8(self.paths.apply(path.as_bytes())?).ok());
        changed.map_or_else(|| path.to_owned(), PathBuf::from)
    }

    /// How paths have changed.
    pub(crate) fn paths(self) -> &'s PathMap {
        self.paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(pairs: &[(&str, &str)], path: &str) -> Option<String> {
        let pairs = pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
        PathMap::new(pairs).apply(path.as_bytes()).map(|path| String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn whole_directories_are_replaced() {
        let pairs = [("/build/src/", "/home/me/src"), ("/build", "/other"), (".", "/here")];
        for (path, expected) in [
            ("/build/src/a.c", Some("/home/me/src/a.c")),
            ("/build/src", Some("/home/me/src")),
            ("/build/srcs/a.c", Some("/other/srcs/a.c")),
            ("./a.c", Some("/here/a.c")),
            (".", Some("/here")),
            ("../a.c", None),
            ("a.c", None),
            ("/builds/a.c", None),
        ] {
            assert_eq!(applied(&pairs, path).as_deref(), expected, "{path}");
        }
        assert_eq!(applied(&[("/", "/mnt")], "/a.c").as_deref(), Some("/mnt/a.c"));
        assert_eq!(applied(&[("/build", "/")], "/build/a.c").as_deref(), Some("/a.c"));
        assert_eq!(applied(&[("/build", "/")], "/build").as_deref(), Some("/"));
    }

    #[test]
    fn files_are_looked_for_where_they_are() {
        let paths = PathMap::new([("/build".to_owned(), "/src".to_owned())]);
        let exists = |path: &Path| path == Path::new("/src/a.c");
        let sources = Sources::new(Some(&exists), &paths);
        assert!(sources.has(Path::new("/build/a.c")));
        assert!(!sources.has(Path::new("/build/b.c")));
        assert!(Sources::new(None, PathMap::UNCHANGED).has(Path::new("/build/b.c")));
    }
}
