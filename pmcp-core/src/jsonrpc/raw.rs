//! JSON that is read no further than a request needs: checked while it is taken apart, and kept as the text it is (RFC
//! 8259).
//!
//! Nothing here recurses or copies, so that what a stranger sends costs one look at each byte and no stack.

use std::borrow::Cow;

/// One value of JSON that was checked: the text it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawJson<'a>(&'a str);

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON.
    Malformed,
    /// It nests deeper than it may.
    TooDeep,
}

/// The most levels that can be told apart, one bit for each.
pub(super) const MOST_LEVELS: usize = u128::BITS as usize;

impl<'a> RawJson<'a> {
    /// The one value that `json` is, which may nest `levels` deep, at most 128.
    pub(crate) fn parse(json: &'a str, levels: usize) -> Result<Self, Fault> {
        let mut reader = Reader::new(json, levels);
        reader.skip_space();
        let value = reader.value()?;
        reader.end()?;
        Ok(value)
    }

    /// The text.
    pub fn get(self) -> &'a str {
        self.0
    }

    /// Whether it is an object.
    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is an array.
    pub(crate) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether it is `null`.
    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The string that it is, borrowed where it has no escapes; `None` where it is none, or one of half a character.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        match inner.as_bytes().contains(&b'\\') {
            false => Some(Cow::Borrowed(inner)),
            true => serde_json::from_str::<String>(self.0).ok().map(Cow::Owned),
        }
    }

    /// Its members in their order, where it is an object; each may be there more than once.
    pub(crate) fn members(self) -> Members<'a> {
        let mut reader = Reader::new(self.0, MOST_LEVELS);
        let items = if reader.take(b'{') { Items::Before } else { Items::Over };
        Members { reader, items, fault: None }
    }

    /// Its elements, where it is an array.
    pub(crate) fn elements(self) -> impl Iterator<Item = RawJson<'a>> {
        let mut reader = Reader::new(self.0, MOST_LEVELS);
        let mut items = if reader.take(b'[') { Items::Before } else { Items::Over };
        std::iter::from_fn(move || items.advance(&mut reader, b']').ok()?.then(|| reader.value().ok())?)
    }
}

/// The members of an object: of one that was checked, or checked while they are taken.
pub(crate) struct Members<'a> {
    reader: Reader<'a>,
    items: Items,
    fault: Option<Fault>,
}

impl<'a> Members<'a> {
    /// The members of the object that a text is, none of which was checked; `None` where it is something else, if
    /// anything.
    pub(crate) fn unchecked(json: &'a str, levels: usize) -> Option<Self> {
        let mut reader = Reader::new(json, levels.checked_sub(1)?);
        reader.skip_space();
        reader.take(b'{').then_some(Self { reader, items: Items::Before, fault: None })
    }

    /// Whether the text was JSON to its end: once all members were taken.
    pub(crate) fn check(mut self) -> Result<(), Fault> {
        self.fault.map_or(Ok(()), Err)?;
        self.reader.end()
    }

    /// The name of the next member, whose value is to be taken before the one after it.
    pub(crate) fn name(&mut self) -> Option<Cow<'a, str>> {
        let is_there = self.items.advance(&mut self.reader, b'}');
        let name = is_there.and_then(|is_there| if is_there { self.reader.name().map(Some) } else { Ok(None) });
        self.note(name).flatten()
    }

    /// The value of the member that was named last.
    pub(crate) fn value(&mut self) -> Option<RawJson<'a>> {
        let value = self.reader.value();
        self.note(value)
    }

    /// The same; where it is an object, `read` takes its members on the way, so that nothing is looked at twice.
    pub(crate) fn value_with<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<(RawJson<'a>, Option<T>)> {
        let start = self.reader.position();
        if !self.reader.take(b'{') {
            return Some((self.value()?, None));
        }
        let levels = self.reader.levels.checked_sub(1).ok_or(Fault::TooDeep);
        let levels = self.note(levels)?;
        let mut within = Self { reader: Reader { levels, ..self.reader }, items: Items::Before, fault: None };
        let read = read(&mut within);
        // What nobody asked for is checked all the same.
        while within.next().is_some() {}
        self.note(within.fault.map_or(Ok(()), Err))?;
        self.reader.rest = within.reader.rest;
        Some((self.reader.since(start), Some(read)))
    }

    fn note<T>(&mut self, read: Result<T, Fault>) -> Option<T> {
        if let Err(fault) = &read {
            (self.items, self.fault) = (Items::Over, Some(*fault));
        }
        read.ok()
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, RawJson<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.name()?, self.value()?))
    }
}

/// How far the items of an array or an object were taken.
#[derive(Clone, Copy)]
enum Items {
    Before,
    Between,
    Over,
}

impl Items {
    /// Goes to where the next item begins; `false` where `closing` stands instead.
    fn advance(&mut self, reader: &mut Reader<'_>, closing: u8) -> Result<bool, Fault> {
        if matches!(self, Self::Over) {
            return Ok(false);
        }
        reader.skip_space();
        if reader.take(closing) {
            *self = Self::Over;
            return Ok(false);
        }
        if matches!(self, Self::Between) {
            if !reader.take(b',') {
                return Err(Fault::Malformed);
            }
            reader.skip_space();
        }
        *self = Self::Between;
        Ok(true)
    }
}

/// Reads a text from its front.
struct Reader<'a> {
    json: &'a str,
    /// What of `json` was not read.
    rest: &'a [u8],
    levels: usize,
}

impl<'a> Reader<'a> {
    fn new(json: &'a str, levels: usize) -> Self {
        Self { json, rest: json.as_bytes(), levels: levels.min(MOST_LEVELS) }
    }

    /// Reads one value, which begins here.
    fn value(&mut self) -> Result<RawJson<'a>, Fault> {
        let start = self.position();
        match self.rest {
            [b'"', rest @ ..] => drop(self.skip_string(rest)?),
            [b'{' | b'[', ..] => self.skip_levels()?,
            _ => self.skip_word()?,
        }
        Ok(self.since(start))
    }

    /// What was read since it was at `start`.
    fn since(&self, start: usize) -> RawJson<'a> {
        RawJson(self.json.get(start..self.position()).unwrap_or_default())
    }

    /// Reads the name of a member, and the colon behind it.
    fn name(&mut self) -> Result<Cow<'a, str>, Fault> {
        let [b'"', rest @ ..] = self.rest else { return Err(Fault::Malformed) };
        let start = self.position();
        let is_plain = self.skip_string(rest)?;
        let end = self.position();
        self.skip_colon()?;
        Ok(match is_plain {
            true => Cow::Borrowed(self.json.get(start + 1..end - 1).unwrap_or_default()),
            // A name that is half a character is that of nothing which anybody asks for.
            false => RawJson(self.json.get(start..end).unwrap_or_default()).string().unwrap_or_default(),
        })
    }

    /// Only white space is left.
    fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn position(&self) -> usize {
        self.json.len() - self.rest.len()
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Skips an array or an object with all that is in it.
    fn skip_levels(&mut self) -> Result<(), Fault> {
        let mut depth = 0_usize;
        // Of each level, the innermost in the lowest bit, whether it is an object.
        let mut objects = 0_u128;
        // Whether nothing of the innermost level was read yet.
        let mut is_new;
        loop {
            match self.rest {
                [b'"', rest @ ..] => {
                    self.skip_string(rest)?;
                    is_new = false;
                }
                [opening @ (b'{' | b'['), rest @ ..] => {
                    depth += 1;
                    if depth > self.levels {
                        return Err(Fault::TooDeep);
                    }
                    objects = objects << 1 | u128::from(*opening == b'{');
                    self.rest = rest;
                    is_new = true;
                }
                _ => {
                    self.skip_word()?;
                    is_new = false;
                }
            }
            // To where the next value begins.
            loop {
                self.skip_space();
                let is_object = objects & 1 == 1;
                if self.take(if is_object { b'}' } else { b']' }) {
                    depth -= 1;
                    objects >>= 1;
                    is_new = false;
                    if depth == 0 {
                        return Ok(());
                    }
                    continue;
                }
                if !is_new {
                    if !self.take(b',') {
                        return Err(Fault::Malformed);
                    }
                    self.skip_space();
                }
                if is_object {
                    let [b'"', rest @ ..] = self.rest else { return Err(Fault::Malformed) };
                    self.skip_string(rest)?;
                    self.skip_colon()?;
                }
                break;
            }
        }
    }

    /// Skips a literal name or a number.
    fn skip_word(&mut self) -> Result<(), Fault> {
        match self.rest {
            [b't', b'r', b'u', b'e', rest @ ..]
            | [b'n', b'u', b'l', b'l', rest @ ..]
            | [b'f', b'a', b'l', b's', b'e', rest @ ..] => {
                self.rest = rest;
                Ok(())
            }
            _ => self.skip_number(),
        }
    }

    fn skip_colon(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if !self.take(b':') {
            return Err(Fault::Malformed);
        }
        self.skip_space();
        Ok(())
    }

    /// Skips a string, whose opening quote stands before `rest`; whether it has no escapes.
    fn skip_string(&mut self, mut rest: &'a [u8]) -> Result<bool, Fault> {
        let mut is_plain = true;
        loop {
            rest = skip_plain(rest);
            rest = match rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(is_plain);
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => rest,
                [b'\\', b'u', a, b, c, d, rest @ ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => rest,
                _ => return Err(Fault::Malformed),
            };
            is_plain = false;
        }
    }

    fn skip_number(&mut self) -> Result<(), Fault> {
        self.take(b'-');
        if !self.take(b'0') {
            self.skip_digits()?;
        }
        if self.take(b'.') {
            self.skip_digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.skip_digits()?;
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> Result<(), Fault> {
        let before = self.rest.len();
        while let [b'0'..=b'9', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.len() < before { Ok(()) } else { Err(Fault::Malformed) }
    }
}

/// Skips what has no meaning in a string, up to a quote, a backslash or a control character; eight bytes at a time.
fn skip_plain(mut rest: &[u8]) -> &[u8] {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    /// The highest bit of each byte that is 0; of those behind the first such byte perhaps by mistake.
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & (ONES << 7)
    }
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let below_space = word.wrapping_sub(ONES * 0x20) & !word & (ONES << 7);
        let stops = zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64)) | below_space;
        if stops != 0 {
            return rest.get((stops.trailing_zeros() / 8) as usize..).unwrap_or_default();
        }
        rest = after;
    }
    while let [byte, after @ ..] = rest
        && !matches!(byte, b'"' | b'\\' | ..0x20)
    {
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, value::RawValue};

    use super::*;

    fn is_json(json: &str) -> bool {
        let is_json = RawJson::parse(json, MOST_LEVELS).is_ok();
        // The other way in.
        if let Some(mut members) = Members::unchecked(json, MOST_LEVELS) {
            while members.next().is_some() {}
            assert_eq!(members.check().is_ok(), is_json, "{json:?}");
        }
        is_json
    }

    #[test]
    fn agrees_with_serde_json_on_what_is_json() {
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\"a\"",
            "\\",
            "\\u00e9",
            "\\ud800",
            "\\u12g4",
            "\u{7f}",
            "ä",
            "\u{1}",
            " ",
            "\n",
            "\t",
            "0",
            "-",
            "1",
            "12.5",
            ".",
            "e",
            "E+3",
            "true",
            "false",
            "nul",
            "null",
            "\"a longer text\"",
            "x",
        ];
        // All texts of up to three pieces, and many longer ones, in an order that is always the same.
        let mut texts: Vec<String> = Vec::new();
        for a in pieces {
            for b in pieces {
                texts.extend(pieces.map(|c| format!("{a}{b}{c}")));
                texts.push(format!("[{a}{b}]"));
                texts.push(format!("{{\"k\":{a}{b}}}"));
                texts.push(format!("\"12345678{a}9{b}\""));
            }
        }
        let mut seed = 1_u64;
        for _ in 0..5_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text += pieces[(seed >> 33) as usize % pieces.len()];
            }
            texts.push(text);
        }
        for text in texts {
            assert_eq!(is_json(&text), serde_json::from_str::<&RawValue>(&text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn reads_members_within_on_the_way() {
        let names = |members: &mut Members<'_>| members.map(|(name, _)| name.into_owned()).collect::<Vec<_>>();
        // Whether all members are read within or the first alone, the same is left.
        for first_alone in [false, true] {
            let mut members =
                Members::unchecked(r#"{"a":{"x":1,"y":{"z":[]}},"b":[{}],"c":{}}"#, 4).expect("an object");
            assert_eq!(members.name().as_deref(), Some("a"));
            let (raw, within) = members
                .value_with(
                    |within| if first_alone { vec![within.next().expect("x").0.into_owned()] } else { names(within) },
                )
                .expect("a value");
            assert_eq!(raw.get(), r#"{"x":1,"y":{"z":[]}}"#);
            assert_eq!(within, Some(if first_alone { vec!["x".to_owned()] } else { vec!["x".into(), "y".into()] }));
            assert_eq!(members.name().as_deref(), Some("b"));
            assert_eq!(members.value_with(names).map(|(raw, within)| (raw.get(), within)), Some(("[{}]", None)));
            assert_eq!(names(&mut members), ["c"]);
            assert_eq!(members.check(), Ok(()));
        }
        for (json, levels, fault) in [
            (r#"{"a":{"x":1,}}"#, 4, Fault::Malformed),
            (r#"{"a":{"x":1"#, 4, Fault::Malformed),
            (r#"{"a":{}}"#, 1, Fault::TooDeep),
            (r#"{"a":{"x":[[]]}}"#, 3, Fault::TooDeep),
        ] {
            let mut members = Members::unchecked(json, levels).expect("an object");
            assert_eq!(members.name().as_deref(), Some("a"));
            assert_eq!(members.value_with(|_| ()), None, "{json}");
            assert_eq!((members.name(), members.check()), (None, Err(fault)), "{json}");
        }
    }

    #[test]
    fn takes_apart_what_serde_json_takes_apart() {
        let json = r#" { "a" : [ 1 , {"b":[]} , "x\"]}" ] , "\u0062":{ } ,"c":-0.5e-1, "a":null,"":"" } "#;
        let value = RawJson::parse(json, 4).expect("JSON");
        let members: Vec<_> = value.members().map(|(name, value)| (name.into_owned(), value.get())).collect();
        let expected =
            [("a", r#"[ 1 , {"b":[]} , "x\"]}" ]"#), ("b", "{ }"), ("c", "-0.5e-1"), ("a", "null"), ("", r#""""#)];
        assert_eq!(members, expected.map(|(name, value)| (name.to_owned(), value)));
        let array = value.members().next().expect("a member").1;
        let elements: Vec<Value> =
            array.elements().map(|element| serde_json::from_str(element.get()).expect("JSON")).collect();
        assert_eq!(Value::Array(elements), serde_json::from_str::<Value>(array.get()).expect("JSON"));
        assert_eq!(array.members().count() + value.elements().count(), 0);
        for empty in ["[]", "[ ]", "{}", "{ \n }", "1", "\"\""] {
            let empty = RawJson::parse(empty, 1).expect("JSON");
            assert_eq!(empty.members().count() + empty.elements().count(), 0, "{empty:?}");
        }
    }

    #[test]
    fn counts_levels_outside_strings_only() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        for levels in [1, 64, 128] {
            assert!(RawJson::parse(&nested(levels), levels).is_ok(), "{levels}");
            assert!(RawJson::parse(&objects(levels), levels).is_ok(), "{levels}");
            assert_eq!(RawJson::parse(&nested(levels + 1), levels), Err(Fault::TooDeep));
        }
        assert_eq!(RawJson::parse(&nested(100_000), usize::MAX), Err(Fault::TooDeep));
        assert!(RawJson::parse(r#"{"a":["[[[[\"[[",{}]}"#, 3).is_ok());
    }

    #[test]
    fn borrows_strings_without_escapes() {
        let string = |json| RawJson::parse(json, 1).expect("JSON").string();
        assert!(matches!(string("\"tools/call\""), Some(Cow::Borrowed("tools/call"))));
        assert_eq!(string(r#""a\u0062\n""#).as_deref(), Some("ab\n"));
        for none in ["1", "null", "{}", r#""\ud800""#] {
            assert_eq!(string(none), None, "{none}");
        }
    }
}
