//! Reading source maps.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use super::*;

#[test]
fn mappings_are_sums_of_differences() {
    let map = br#"{"version":3,"sources":["a.ts","b.ts"],"sourcesContent":["let a;",null],
        "mappings":"wBAAA,EACA,ECAA,C,CDDE"}"#;
    let map = SourceMap::read(map).unwrap();
    let line = |offset, line| Mapping { offset, line };
    let expected = [
        line(24, Some((0, 1))),
        line(26, Some((0, 2))),
        line(28, Some((1, 2))),
        line(29, None),
        line(30, Some((0, 1))),
    ];
    assert_eq!(map.mappings, expected);
    assert_eq!(part(&map.mappings, &(26..29)), &expected[1..3]);
    assert_eq!(map.sources[0].contents.as_deref(), Some("let a;"));
    assert_eq!(map.sources[1].contents, None);
}

#[test]
fn malformed_maps_are_refused_with_a_reason() {
    let reason = |json: &str| SourceMap::read(json.as_bytes()).unwrap_err();
    assert!(reason("no").starts_with("it is no JSON"));
    assert_eq!(reason("{}"), "it has no sources");
    assert_eq!(reason(r#"{"sources":[]}"#), "it has no mappings");
    assert_eq!(reason(r#"{"sources":[],"mappings":"A!"}"#), "its mappings are malformed");
    assert_eq!(reason(r#"{"sources":[],"mappings":"gggggggggggggggg"}"#), "its mappings are malformed");
    assert_eq!(reason(r#"{"sections":[]}"#), "it is made of several maps");
}

#[test]
fn a_source_that_is_not_there_is_none() {
    let map = SourceMap::read(br#"{"sources":[],"mappings":"AAAA"}"#).unwrap();
    assert_eq!(map.mappings, [Mapping { offset: 0, line: None }]);
}

#[test]
fn sources_stay_in_their_folder() {
    assert_eq!(path_in_folder("assembly/index.ts"), "assembly/index.ts");
    assert_eq!(path_in_folder("../../etc/passwd"), "etc/passwd");
    assert_eq!(path_in_folder("/etc/passwd"), "etc/passwd");
    assert_eq!(path_in_folder("webpack:///./src/a.ts"), "src/a.ts");
    assert_eq!(path_in_folder(""), "source");
}

#[test]
fn data_urls_hold_their_data() {
    assert_eq!(data_url("data:application/json;base64,eyJhIjoxfQ==").unwrap(), b"{\"a\":1}");
    assert_eq!(data_url("data:application/json,%7B%7D").unwrap(), b"{}");
    assert_eq!(data_url("app.wasm.map"), None);
}
