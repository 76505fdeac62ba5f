//! Names by index, as the name section has them.

use wasmparser::NameMap;

/// Names by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naming<'a> {
    /// In the order of the indices. Of several names of one, the last one counts.
    names: Vec<(u32, &'a str)>,
}

impl<'a> Naming<'a> {
    /// Reads a part of a name section as far as it can be read. Empty names are none.
    pub(crate) fn read(map: NameMap<'a>) -> Self {
        let mut all = Self::default();
        all.add(map);
        all
    }

    /// Reads some more.
    pub(crate) fn add(&mut self, map: NameMap<'a>) {
        let names = map.into_iter().map_while(Result::ok);
        let names = names.filter(|naming| !naming.name.is_empty());
        self.names.extend(names.map(|naming| (naming.index, naming.name)));
        // Those of one part are in order already.
        self.names.sort_by_key(|(index, _)| *index);
    }

    /// The name of an index.
    pub(crate) fn get(&self, index: u32) -> Option<&'a str> {
        let end = self.names.partition_point(|(named, _)| *named <= index);
        let (named, name) = self.names.get(end.checked_sub(1)?)?;
        (*named == index).then_some(*name)
    }

    /// How many bytes they have together.
    pub(crate) fn bytes(&self) -> usize {
        self.names.iter().map(|(_, name)| name.len()).sum()
    }

    /// All of them in the order of the indices, some of which may have several.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &'a str)> {
        self.names.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::BinaryReader;

    fn read(parts: &[&'static [u8]]) -> Naming<'static> {
        let mut names = Naming::default();
        for part in parts {
            if let Ok(map) = NameMap::new(BinaryReader::new(part, 0)) {
                names.add(map);
            }
        }
        names
    }

    #[test]
    fn the_last_name_of_an_index_counts() {
        let first = [3, 1, 1, b'a', 2, 0, 7, 1, b'b'].as_slice();
        let names = read(&[first]);
        assert_eq!([0, 1, 2, 7, 8].map(|index| names.get(index)), [None, Some("a"), None, Some("b"), None]);
        let names = read(&[first, &[2, 0, 1, b'c', 1, 1, b'd']]);
        assert_eq!([0, 1, 2, 7].map(|index| names.get(index)), [Some("c"), Some("d"), None, Some("b")]);
        // Cut off behind the first one.
        let names = read(&[&[2, 0, 1, b'a', 1]]);
        assert_eq!((names.get(0), names.get(1)), (Some("a"), None));
        assert_eq!(read(&[]).get(0), None);
    }
}
