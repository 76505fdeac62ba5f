//! What is kept is found as it was, or not at all.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::image_file::Unfinished;

fn image(contents: &[u8]) -> ImageFile {
    let mut unfinished = Unfinished::new(None).unwrap();
    unfinished.write_all(contents).unwrap();
    unfinished.finish().unwrap()
}

fn contents(image: &ImageFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.copy_to(&mut bytes).unwrap();
    bytes
}

/// A cache in a folder that goes when the test ends.
fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().join("new/cache"), "1".to_owned()).unwrap();
    (folder, cache)
}

fn known() -> Known {
    let mut report = dwarf::Report { units: 7, ..dwarf::Report::default() };
    report.dropped.insert((dwarf::Drop::Unit, "a reason".to_owned()), 3);
    let sources = vec![("/a.c".into(), true), ("/b.c".into(), false)];
    Known { first_address: 0xe000_0000, report, sources }
}

#[test]
fn what_is_kept_is_found_until_a_source_comes_or_goes() {
    let (folder, cache) = cache();
    let entry = cache.entry("a.elf", &[b"module"]);
    let has_a = |path: &Path| path == Path::new("/a.c");
    assert!(entry.find(has_a).is_none());
    entry.keep(&image(b"image"), &known()).unwrap();
    let (found, said) = entry.find(has_a).unwrap();
    assert_eq!((contents(&found), said), (b"image".to_vec(), known()));
    assert!(entry.find(|_| true).is_none() && entry.find(|_| false).is_none());
    assert_eq!(fs::read_dir(folder.path().join("new/cache")).unwrap().count(), 1);
}

#[test]
fn all_that_an_image_is_made_from_counts() {
    let folder = tempfile::tempdir().unwrap();
    let made = |version: &str, parts: &[&[u8]]| {
        Cache::new(folder.path().join("cache"), version.to_owned()).unwrap().entry("a.elf", parts)
    };
    let entries = [
        made("1", &[b"ab", b"c"]),
        made("2", &[b"ab", b"c"]),
        made("1", &[b"a", b"bc"]),
        made("1", &[b"abc"]),
    ];
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entries.iter().position(|other| other == entry), Some(index));
    }
    assert_eq!(made("1", &[b"abc"]), entries[3]);
}

#[test]
fn damage_is_noticed_wherever_it_is() {
    let (_folder, cache) = cache();
    let entry = cache.entry("a.elf", &[b"module"]);
    let has_a = |path: &Path| path == Path::new("/a.c");
    entry.keep(&image(b"image"), &known()).unwrap();
    let whole = fs::read(&entry.0).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&entry.0, damaged).unwrap();
        assert!(entry.find(has_a).is_none(), "at {at}");
        fs::write(&entry.0, &whole[..at]).unwrap();
        assert!(entry.find(has_a).is_none(), "{at} bytes of it");
    }
    entry.keep(&image(b"image"), &known()).unwrap();
    assert!(entry.find(has_a).is_some());
}

#[test]
fn a_folder_that_others_can_write_to_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(Cache::new(open, "1".to_owned()).is_err());
}

#[test]
fn contents_are_found_as_they_were_written_and_only_under_their_own_name() {
    let (folder, cache) = cache();
    let entry = cache.entry("a.code", &[b"module"]);
    assert_eq!(entry.read(), None);
    for contents in [&b"first"[..], b"", b"second"] {
        entry.write(contents).unwrap();
        assert_eq!(entry.read().as_deref(), Some(contents));
    }
    let whole = fs::read(&entry.0).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&entry.0, damaged).unwrap();
        assert_eq!(entry.read(), None, "at {at}");
        fs::write(&entry.0, &whole[..at]).unwrap();
        assert_eq!(entry.read(), None, "{at} bytes of it");
    }
    let other = cache.entry("a.code", &[b"other module"]);
    fs::write(&other.0, whole).unwrap();
    assert_eq!(other.read(), None);
    assert_eq!(fs::read_dir(folder.path().join("new/cache")).unwrap().count(), 2);
}
