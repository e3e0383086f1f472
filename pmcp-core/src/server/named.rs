//! Things by their names, in the order in which they came. One kind of map serves all kinds of things, so that it is
//! compiled once.

use std::collections::HashMap;

pub(crate) struct Named<T> {
    places: HashMap<String, usize>,
    entries: Vec<(String, T)>,
}

impl<T> Named<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.entries.get(*self.places.get(name)?).map(|(_, entry)| entry)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Adds an entry; whether there was one of this name, which is found no more.
    pub(super) fn insert(&mut self, name: String, entry: T) -> bool {
        let replaced = self.places.insert(name.clone(), self.entries.len()).is_some();
        self.entries.push((name, entry));
        replaced
    }

    /// Makes another of the entry under `name`.
    #[cfg(feature = "jsonschema")]
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(T) -> T) {
        if let Some(place) = self.places.get(name).copied() {
            let (name, entry) = self.entries.remove(place);
            self.entries.insert(place, (name, change(entry)));
        }
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { places: HashMap::new(), entries: Vec::new() }
    }
}

impl<T> IntoIterator for Named<T> {
    type Item = (String, T);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}
