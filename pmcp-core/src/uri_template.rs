//! URI templates of resources, matched against the URIs that clients read (RFC 6570 backwards).

use std::{borrow::Cow, fmt, sync::Arc};

use percent_encoding::{CONTROLS, percent_decode_str, utf8_percent_encode};

use self::UriTemplateError as Error;

/// A URI template, parsed once when a resource is registered.
///
/// ```
/// let template = pmcp_core::uri_template::UriTemplate::parse("crm://customers/{id}{?fields}").unwrap();
/// let variables = template.matches("crm://customers/a%2Fb").unwrap();
/// assert_eq!((variables.get("id"), variables.get("fields")), (Some("a/b"), None));
/// ```
///
/// | Expression | Matches |
/// |---|---|
/// | `{id}`, `{x,y}` | one or more characters each, none of `/ ? # [ ] @ : $ & + , ; =` |
/// | `{+path}` | one or more characters of any kind, `/` and `?` too |
/// | `{/a,b}`, `{.a,b}` | a value behind each `/` or `.`; all or the last ones may be absent |
/// | `{#a}` | anything behind a `#`; may be absent |
/// | `{?a,b}`, `{&a,b}`, `{;a,b}` | those of these parameters that are given, in any order |
/// | `{id:3}` | the same, if it has three characters at most (1 to 9999) |
/// | `{list*}` | a list: the separator may be in the value |
///
/// - Values are percent-decoded: `{id}` never takes a `/`, but `a%2Fb` gives it `a/b`. What does
///   not decode to UTF-8 does not match. `+` stays `+`.
/// - `{id}` and `{+path}` are never empty; the others may be, when their first character is there.
/// - A list is one value: `{/path*}` and `/a/b/c` give `a/b/c`, `{.labels*}` joins with `.`, all
///   others with `,`, `{?list*}` and `?list=a&list=b` included. There are no associative arrays:
///   a parameter that is not named, or is there twice without `*`, does not match.
/// - Variables on the left take as little as they can: `{a}-{b}` and `1-2-3` give `a` = `1`. None
///   takes the `?`, `&`, `;` or `#` of an expression further right: before `{?q}`, `{+path}` ends
///   at the first `?`.
/// - Literals are compared byte by byte, non-ASCII ones as they are or percent-encoded. Values may
///   hold non-ASCII characters as they are, and `! ' ( ) *`, which clients often do not encode.
///
/// # Security
///
/// `{+path}` and `{/path*}` match `../../etc`, `{name}` matches `..%2F..`: a handler that opens
/// files has to check that the decoded value stays inside the folder it serves.
#[derive(Debug, Clone, PartialEq)]
pub struct UriTemplate {
    text: Arc<str>,
    parts: Vec<Part>,
    suffix: Spellings,
}

/// Why a text is not a URI template for resources, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriTemplateError {
    /// A resource needs an absolute URI.
    #[error("the template has no scheme: begin it with one, as in `crm://customers/{{id}}`")]
    NoScheme,
    /// A character that cannot stand outside of braces (RFC 6570, section 2.1).
    #[error("{1:?} at byte {0} cannot stand in a URI template: percent-encode it")]
    InvalidLiteral(usize, char),
    /// A `{` without its `}`.
    #[error("the `{{` at byte {0} is not closed: put a `}}` after the variable")]
    UnclosedBrace(usize),
    /// `{}`, or an operator alone.
    #[error("the expression at byte {0} is empty: name a variable in it")]
    EmptyExpression(usize),
    /// One of `= , ! @ |`, which RFC 6570 keeps for extensions.
    #[error("the operator {1:?} at byte {0} is reserved: use none or one of `+ # . / ; ? &`")]
    ReservedOperator(usize, char),
    /// Not a variable's name.
    #[error("{1:?} at byte {0} is no variable name: use letters, digits, `_`, and `.` between them")]
    InvalidName(usize, String),
    /// A prefix length that is not a number from 1 to 9999.
    #[error("the length {1:?} at byte {0} is out of range: use a number from 1 to 9999")]
    InvalidLength(usize, String),
    /// A second variable of the same name.
    #[error("the variable {1:?} at byte {0} is there already: rename one of the two")]
    DuplicateVariable(usize, String),
    /// An expression whose end no URI would show.
    #[error(
        "nothing shows that the expression before byte {0} ends there: put a literal between it \
         and the next one; `{{?…}}` and `{{&…}}` end at `#` only, `{{;…}}` at `/`, `?` or `#`"
    )]
    Ambiguous(usize),
    /// More variables than a template may have.
    #[error("the variable at byte {0} is one too many: a template has at most 32")]
    TooManyVariables(usize),
}

/// The variables of a URI in the template's order, without the absent ones; values are decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables<'u>(Vec<(Arc<str>, Cow<'u, str>)>);

impl Variables<'_> {
    /// The value of a variable; `None` if it is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl<'u> IntoIterator for Variables<'u> {
    type Item = (Arc<str>, Cow<'u, str>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl UriTemplate {
    /// Parses a template such as `crm://customers/{id}`, or says what is wrong with it first.
    pub fn parse(template: &str) -> Result<Self, UriTemplateError> {
        let scheme = template.split_once(':').map_or("", |(scheme, _)| scheme);
        let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        let valid = scheme.bytes().all(|byte| contains(SCHEME, byte));
        ensure(begins && valid, Error::NoScheme)?;
        let (suffix, mut rest) = parse_literal(template, 0)?;
        let mut parsed = Self { text: template.into(), parts: Vec::new(), suffix };
        while let Some(tail) = rest.strip_prefix('{') {
            let tail = parsed.add(tail, template.len() - rest.len())?;
            (parsed.suffix, rest) = parse_literal(tail, template.len() - tail.len())?;
        }
        Ok(parsed)
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the variables, in the order in which they stand.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let variables = self.parts.iter().flat_map(|part| &part.variables);
        variables.map(|variable| &*variable.name)
    }

    /// The variables that make `uri` of this template; `None` if there are none.
    ///
    /// Takes at most time in proportion to the length of the URI times that of the template, and
    /// allocates nothing before the URI is known to have the template's form.
    pub fn matches<'u>(&self, uri: &'u str) -> Option<Variables<'u>> {
        let prefix = self.parts.first().map(|part| &part.literal);
        literal_end(prefix.unwrap_or(&self.suffix), uri, 0)?;
        let [plain, encoded] = &self.suffix;
        (uri.ends_with(&**plain) || uri.ends_with(&**encoded)).then_some(())?;
        let mut slots = [(0, None); MAX_VARIABLES];
        self.run(0, uri, 0, &mut slots)?;
        let mut variables = Variables(Vec::with_capacity(self.parts.len()));
        for (part, (_, text)) in self.parts.iter().zip(slots) {
            text.map_or(Some(()), |text| part.collect(text, &mut variables))?;
        }
        Some(variables)
    }
}

impl fmt::Display for UriTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Bounds the depth of the search and lets its state live on the stack.
const MAX_VARIABLES: usize = 32;
const WORD: u128 = bits(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
const SCHEME: u128 = WORD & !bits(b"_") | bits(b"+-.");
/// Unreserved characters, and those that ECMAScript's `encodeURIComponent` leaves alone as well.
const PLAIN: u128 = WORD | bits(b"-.~!'()*");
const ANY: u128 = PLAIN | bits(b":/?#[]@$&+,;=");
/// The operators with which their expansion begins.
const LEADS: u128 = bits(b"#./;?&");

/// A set of ASCII characters: bit n is the character n.
const fn bits(mut characters: &[u8]) -> u128 {
    let mut bits = 0;
    while let [first, rest @ ..] = characters {
        bits |= 1_u128 << (*first & 0x7f);
        characters = rest;
    }
    bits
}

fn contains(set: u128, byte: u8) -> bool {
    byte.is_ascii() && (set >> byte) & 1 == 1
}

fn ensure(holds: bool, error: Error) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(error) }
}

/// A literal as it is and percent-encoded; it may be empty.
type Spellings = [Arc<str>; 2];

/// One variable, or all those of `{;a,b}`, `{?a,b}` or `{&a,b}`, and the literal before it.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    literal: Spellings,
    variables: Vec<Variable>,
    /// What separates parameters.
    separator: Option<char>,
    /// The operator or separator in front.
    lead: Option<u8>,
    set: u128,
    /// If it may be absent: the part behind its expression.
    skip_to: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct Variable {
    name: Arc<str>,
    max_chars: usize,
    explode: bool,
}

/// The literal up to the next `{`, and the rest.
fn parse_literal(text: &str, at: usize) -> Result<(Spellings, &str), Error> {
    let end = text.find('{').unwrap_or(text.len());
    let (text, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    for (offset, c) in text.char_indices() {
        let allowed = match u32::from(c) {
            0x27 | 0x80..=0x9f | 0xfdd0..=0xfdef | 0xfff0..=0xffff | 0xe_0000..=0xe_0fff => false,
            code @ 0x80.. => code & 0xfffe != 0xfffe,
            _ => step(text, offset, ANY).is_some(),
        };
        ensure(allowed, Error::InvalidLiteral(at + offset, c))?;
    }
    let encoded = utf8_percent_encode(text, CONTROLS).to_string();
    Ok(([text.into(), encoded.into()], rest))
}

fn literal_end(spellings: &Spellings, uri: &str, at: usize) -> Option<usize> {
    let rest = uri.as_bytes().get(at..)?;
    let begins = |text: &&Arc<str>| rest.starts_with(text.as_bytes());
    Some(at + spellings.iter().find(begins)?.len())
}

/// Where the character of `set`, or the encoded byte, at `at` ends.
fn step(uri: &str, at: usize, set: u128) -> Option<usize> {
    let hex = |at| uri.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    match *uri.as_bytes().get(at)? {
        b'%' => (hex(at + 1) && hex(at + 2)).then_some(at + 3),
        byte => (!byte.is_ascii() || contains(set, byte)).then_some(at + 1),
    }
}

/// How far a part has walked, and its text in the match.
type Slot<'u> = (usize, Option<&'u str>);

impl UriTemplate {
    /// Adds the expression whose `{` is at `at` and is followed by `rest`; returns what is behind.
    fn add<'t>(&mut self, rest: &'t str, at: usize) -> Result<&'t str, Error> {
        let (body, tail) = rest.split_once('}').ok_or(Error::UnclosedBrace(at))?;
        let operator = body.bytes().next().ok_or(Error::EmptyExpression(at))?;
        let reserved = Error::ReservedOperator(at + 1, char::from(operator));
        ensure(!b"=,!@|".contains(&operator), reserved)?;
        // The characters of a value, or of all parameters together, and what may follow.
        let touching = LEADS & !bits(&[operator]);
        let (separator, set, next) = match operator {
            b'+' | b'#' => (b',', ANY, touching),
            b'.' => (b'.', PLAIN & !bits(b"."), touching),
            b'/' => (b'/', PLAIN, touching),
            b';' => (b';', ANY & !bits(b"/?#"), bits(b"/?#")),
            b'?' | b'&' => (b'&', ANY & !bits(b"#"), bits(b"#")),
            _ => (b',', PLAIN, touching),
        };
        let named = b";?&".contains(&operator);
        let mut lead = contains(LEADS, operator).then_some(operator);
        let prefixed = lead.is_some() || operator == b'+';
        let list = body.get(usize::from(prefixed)..).unwrap_or_default();
        ensure(!list.is_empty(), Error::EmptyExpression(at))?;
        let end = at + body.len() + 2;
        let follows = tail.strip_prefix('{').unwrap_or(tail).bytes().next();
        let open = named || tail.starts_with('{');
        let told = !open || follows.is_none_or(|byte| contains(next, byte));
        ensure(told, Error::Ambiguous(end))?;
        // What shows that a variable is there is in no value before it.
        let shows = bits(&[operator]) & bits(b"#;?&");
        let values = self.parts.iter_mut().filter(|it| it.separator.is_none());
        values.for_each(|part| part.set &= !shows);
        let first = self.parts.len();
        let count = if named { 1 } else { list.split(',').count() };
        let skip_to = lead.map(|_| first + count);
        let mut at = end - 1 - list.len();
        for spec in list.split(',') {
            let variable = Variable::parse(spec, at)?;
            let twice = self.variables().any(|known| *known == *variable.name);
            let error = Error::DuplicateVariable(at, variable.name.to_string());
            ensure(!twice, error)?;
            let full = self.variables().count() == MAX_VARIABLES;
            ensure(!full, Error::TooManyVariables(at))?;
            at += spec.len() + 1;
            match self.parts.get_mut(first) {
                Some(part) if named => part.variables.push(variable),
                _ => self.parts.push(Part {
                    literal: std::mem::take(&mut self.suffix),
                    set: set | (bits(&[separator]) * u128::from(variable.explode)),
                    variables: vec![variable],
                    separator: named.then_some(char::from(separator)),
                    lead: lead.replace(separator),
                    skip_to,
                }),
            }
        }
        Ok(tail)
    }

    /// Matches the part `index` and all behind it with the URI from `at` on, shortest values first.
    ///
    /// Takes O(length of URI × length of template): whether it succeeds depends on `index` and `at`
    /// alone, so what has failed is not tried again, and how far a part has walked tells what has:
    ///
    /// - A value tries all ends from its start to the first character that it cannot hold. Entered
    ///   again where it has walked, it would only try ends that have failed. So a part walks over
    ///   each position once, and parts are entered further and further right.
    /// - That holds with absent variables, too: their expression is left where the value before
    ///   has just ended, and a lead is one byte, so there are no gaps where it has been left.
    ///
    /// Each end costs the comparison of one literal, hence the second factor.
    fn run<'u>(&self, index: usize, uri: &'u str, at: usize, slots: &mut [Slot<'u>]) -> Option<()> {
        let Some(part) = self.parts.get(index) else {
            return (literal_end(&self.suffix, uri, at)? == uri.len()).then_some(());
        };
        let at = literal_end(&part.literal, uri, at)?;
        let start = at + usize::from(part.lead.is_some());
        let (walked, _) = slots.get_mut(index).filter(|(walked, _)| start > *walked)?;
        *walked = start;
        let skipped = part.skip_to.and_then(|next| self.run(next, uri, at, slots));
        let lead = uri.as_bytes().get(at).filter(|_| part.lead.is_some());
        if skipped.is_some() || lead != part.lead.as_ref() {
            return skipped;
        }
        let mut end = start;
        if part.skip_to.is_none() {
            end = step(uri, start, part.set)?;
        }
        while self.run(index + 1, uri, end, slots).is_none() {
            slots.get_mut(index)?.0 = end;
            end = step(uri, end, part.set)?;
        }
        slots.get_mut(index)?.1 = uri.get(start..end);
        Some(())
    }
}

impl Variable {
    fn parse(spec: &str, at: usize) -> Result<Self, Error> {
        let (name, length) = match spec.split_once(':') {
            Some((name, length)) => (name, Some(length)),
            None => (spec.strip_suffix('*').unwrap_or(spec), None),
        };
        let letters = (0..name.len()).all(|index| step(name, index, WORD | bits(b".")).is_some());
        let words = name.is_ascii() && !name.split('.').any(str::is_empty);
        ensure(letters && words, Error::InvalidName(at, name.into()))?;
        let short = length.is_none_or(|it| it.len() <= 4 && !it.starts_with(['0', '+']));
        let number = length.map_or(Some(usize::MAX), |it| it.parse().ok());
        let error = Error::InvalidLength(at + name.len() + 1, length.unwrap_or_default().into());
        Ok(Self {
            name: name.into(),
            max_chars: number.filter(|_| short).ok_or(error)?,
            explode: length.is_none() && name.len() < spec.len(),
        })
    }
}

impl Part {
    /// Decodes the text that the part has matched.
    fn collect<'u>(&self, text: &'u str, found: &mut Variables<'u>) -> Option<()> {
        let only = &*self.variables.first()?.name;
        let pairs = || {
            let pairs = text.split(|c| Some(c) == self.separator);
            pairs.map(|pair| match self.separator {
                Some(_) => pair.split_once('=').unwrap_or((pair, "")),
                None => (only, pair),
            })
        };
        let known = |(name, _): (&str, _)| self.variables.iter().any(|it| *it.name == *name);
        pairs().all(known).then_some(())?;
        for variable in &self.variables {
            let values = pairs().filter(|(name, _)| **name == *variable.name);
            let mut values = values.map(|(_, value)| percent_decode_str(value).decode_utf8().ok());
            let Some(first) = values.next() else { continue };
            let mut value = first?;
            for next in values {
                let list = variable.explode.then(|| value.to_mut())?;
                list.push(',');
                list.push_str(&next?);
            }
            (value.chars().count() <= variable.max_chars).then_some(())?;
            found.0.push((variable.name.clone(), value));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(template: &str) -> UriTemplate {
        UriTemplate::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"))
    }

    /// `name=value` for each variable, or `-` if the URI does not match.
    fn read(template: &str, uri: &str) -> String {
        let Some(variables) = parse(template).matches(uri) else {
            return "-".to_owned();
        };
        let pairs: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(" | ")
    }

    /// One row a line, columns two spaces apart: template, URI and what `read` gives.
    fn check(table: &str) {
        for row in table.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#')) {
            let mut columns = row.split("  ").map(str::trim).filter(|column| !column.is_empty());
            let (template, uri) = (columns.next().unwrap(), columns.next().unwrap());
            assert_eq!(read(template, uri), columns.next().unwrap_or_default(), "{template} and {uri}");
        }
    }

    #[test]
    fn the_examples_of_rfc_6570_run_backwards() {
        check(
            r"
            # 3.2.1 and the levels of 1.2
            x:{count*}          x:one,two,three                            count=one,two,three
            x:{/count*}         x:/one/two/three                           count=one/two/three
            x:{;count*}         x:;count=one;count=two;count=three         count=one,two,three
            x:{?count}          x:?count=one,two,three                     count=one,two,three
            x:{?count*}         x:?count=one&count=two&count=three         count=one,two,three
            x:{&count*}         x:&count=one&count=two&count=three         count=one,two,three
            # 3.2.2 simple
            x:{var}             x:value                                    var=value
            x:{hello}           x:Hello%20World%21                         hello=Hello World!
            x:{half}            x:50%25                                    half=50%
            x:O{empty}X         x:OX                                       -
            x:{x,y}             x:1024,768                                 x=1024 | y=768
            x:{x,hello,y}       x:1024,Hello%20World%21,768                x=1024 | hello=Hello World! | y=768
            x:?{x,empty}        x:?1024,                                   -
            x:?{x,undef}        x:?1024                                    -
            x:{var:3}           x:val                                      var=val
            x:{var:30}          x:value                                    var=value
            x:{list*}           x:red,green,blue                           list=red,green,blue
            x:{keys*}           x:semi=%3B,dot=.,comma=%2C                 -
            # 3.2.3 reserved
            x:{+var}            x:value                                    var=value
            x:{+hello}          x:Hello%20World!                           hello=Hello World!
            x:{+half}           x:50%25                                    half=50%
            x:{base}index       x:http%3A%2F%2Fexample.com%2Fhome%2Findex  base=http://example.com/home/
            x:{+base}index      x:http://example.com/home/index            base=http://example.com/home/
            x:O{+empty}X        x:OX                                       -
            x:{+path}/here      x:/foo/bar/here                            path=/foo/bar
            x:here?ref={+path}  x:here?ref=/foo/bar                        path=/foo/bar
            x:{+x,hello,y}      x:1024,Hello%20World!,768                  x=1024 | hello=Hello World! | y=768
            x:{+path,x}/here    x:/foo/bar,1024/here                       path=/foo/bar | x=1024
            x:{+path:6}here     x:/foo/bhere                               path=/foo/b
            x:{+list}           x:red,green,blue                           list=red,green,blue
            x:{+list*}          x:red,green,blue                           list=red,green,blue
            # 3.2.4 fragment
            x:{#var}            x:#value                                   var=value
            x:{#hello}          x:#Hello%20World!                          hello=Hello World!
            x:foo{#empty}       x:foo#                                     empty=
            x:foo{#undef}       x:foo
            x:{#x,hello,y}      x:#1024,Hello%20World!,768                 x=1024 | hello=Hello World! | y=768
            x:{#path,x}/here    x:#/foo/bar,1024/here                      path=/foo/bar | x=1024
            x:{#path:6}here     x:#/foo/bhere                              path=/foo/b
            x:{#list*}          x:#red,green,blue                          list=red,green,blue
            # 3.2.5 label
            x:{.who}            x:.fred                                    who=fred
            x:{.who,whom}       x:.fred.fred                               who=fred | whom=fred
            x:{.half,who}       x:.50%25.fred                              half=50% | who=fred
            x:www{.dom*}        x:www.example.com                          dom=example.com
            x:X{.var}           x:X.value                                  var=value
            x:X{.empty}         x:X.                                       empty=
            x:X{.undef}         x:X
            x:X{.var:3}         x:X.val                                    var=val
            x:X{.list*}         x:X.red.green.blue                         list=red.green.blue
            # 3.2.6 path segments
            x:{/who}            x:/fred                                    who=fred
            x:{/half,who}       x:/50%25/fred                              half=50% | who=fred
            x:{/who,dub}        x:/fred/me%2Ftoo                           who=fred | dub=me/too
            x:{/var}            x:/value                                   var=value
            x:{/var,empty}      x:/value/                                  var=value | empty=
            x:{/var,undef}      x:/value                                   var=value
            x:{/var,x}/here     x:/value/1024/here                         var=value | x=1024
            x:{/list*}          x:/red/green/blue                          list=red/green/blue
            x:{/list*,path:4}   x:/red/green/blue/%2Ffoo                   list=red/green/blue | path=/foo
            # 3.2.7 path parameters
            x:{;who}            x:;who=fred                                who=fred
            x:{;half}           x:;half=50%25                              half=50%
            x:{;empty}          x:;empty                                   empty=
            x:{;v,empty,who}    x:;v=6;empty;who=fred                      v=6 | empty= | who=fred
            x:{;v,bar,who}      x:;v=6;who=fred                            v=6 | who=fred
            x:{;x,y}            x:;x=1024;y=768                            x=1024 | y=768
            x:{;hello:5}        x:;hello=Hello                             hello=Hello
            x:{;list}           x:;list=red,green,blue                     list=red,green,blue
            x:{;list*}          x:;list=red;list=green;list=blue           list=red,green,blue
            x:{;keys*}          x:;semi=%3B;dot=.;comma=%2C                -
            # 3.2.8 and 3.2.9 query
            x:{?who}            x:?who=fred                                who=fred
            x:{?half}           x:?half=50%25                              half=50%
            x:{?x,y}            x:?x=1024&y=768                            x=1024 | y=768
            x:{?x,y,empty}      x:?x=1024&y=768&empty=                     x=1024 | y=768 | empty=
            x:{?x,y,undef}      x:?x=1024&y=768                            x=1024 | y=768
            x:{?var:3}          x:?var=val                                 var=val
            x:{?list*}          x:?list=red&list=green&list=blue           list=red,green,blue
            x:?fixed=yes{&x}    x:?fixed=yes&x=1024                        x=1024
            x:{&x,y,empty}      x:&x=1024&y=768&empty=                     x=1024 | y=768 | empty=
            x:{&var:3}          x:&var=val                                 var=val
            ",
        );
    }

    #[test]
    fn values_stay_inside_of_their_expression() {
        check(
            r"
            crm://customers/{id}         crm://customers/7         id=7
            crm://customers/{id}         crm://customers/          -
            crm://customers/{id}         crm://customers/7/        -
            crm://customers/{id}         crm://customers/7/orders  -
            crm://customers/{id}         crm://customers/7?all     -
            crm://customers/{id}         crm://customers/7#top     -
            crm://customers/{id}         crm://customers           -
            crm://customers/{id}         CRM://customers/7         -
            crm://customers/{id}         crm://customers/it's(*)!  id=it's(*)!
            crm://customers/{id}/orders  crm://customers/7/orders  id=7
            crm://list                   crm://list
            crm://list                   crm://lists               -
            crm://list                   crm://lis                 -
            file:///{+path}              file:///a/../b?c#d        path=a/../b?c#d
            file:///{+path}              file:///a b               -
            file:///{+path}.md           file:///a.md/b.md         path=a.md/b
            x:{a}-{b}                    x:1-2-3                   a=1 | b=2-3
            x:{a}{.ext}                  x:a.b.md                  a=a.b | ext=md
            x:{a}{.ext}                  x:.md                     a=.md
            x:{a}{.ext}                  x:a                       a=a
            x:a{.ext}                    x:a.tar.gz                -
            x:a{.ext*}                   x:a.tar.gz                ext=tar.gz
            x:{a}-{b:2}                  x:1-234                   -
            x:{list}                     x:a,b                     -
            x:{+dir}/{name}              x:a/b/c                   dir=a/b | name=c
            x:{+dir}/{name}/{+rest}      x:a//b/c/d                dir=a/ | name=b | rest=c/d
            x:{+dir}{/name}              x:a/b/c                   dir=a/b | name=c
            x:{/dir*}{.ext}              x:/a/b.c/d.md             dir=a/b.c/d | ext=md
            x:{+path}{?q}                x:a/b?q=1                 path=a/b | q=1
            x:{+path}{?q}                x:a/b                     path=a/b
            x:{+path}{?q}                x:a/b?z=1                 -
            x:{+path}/x{?q}              x:a?z=1/x                 -
            x:{+path}/x{#part}           x:a#b/x                   -
            x:{+path}/x{?q}{#part}       x:a/x/x?q=1#x             path=a/x | q=1 | part=x
            x:{/a,b}/c                   x:/c/c                    a=c
            x:{/a,b}/c                   x:/c
            x:{/a,b}                     x:/1/2/3                  -
            ",
        );
        assert_eq!(read("crm://customers/{id}", ""), "-");
    }

    #[test]
    fn parameters_match_by_name() {
        check(
            r"
            x:a{?q,n}        x:a?n=5&q=a        q=a | n=5
            x:a{?q,n}        x:a?n=5            n=5
            x:a{?q,n}        x:a
            x:a{?q,n}        x:a?               -
            x:a{?q,n}        x:a?q=&n           q= | n=
            x:a{?q,n}        x:a?q=1&           -
            x:a{?q,n}        x:a?q=1&q=2        -
            x:a{?q,n}        x:a?z=1            -
            x:a{?q,n}        x:a?q=1&z=1        -
            x:a{?q,n}        x:a?Q=1            -
            x:a{?q}          x:a?q=a/b:c?d=e+f  q=a/b:c?d=e+f
            x:a{?q}          x:a?q=a%26b%3Dc    q=a&b=c
            x:a{?q:2}        x:a?q=abc          -
            x:a{?q}{#f}      x:a?q=1#q=2        q=1 | f=q=2
            x:a?v=1{&q}#end  x:a?v=1&q=2#end    q=2
            x:a?v=1{&q}#end  x:a?v=1#end
            x:a{;v}/b{;w}    x:a;v=1/b;w=2      v=1 | w=2
            x:a{;v}/b{;w}    x:a/b;w=2          w=2
            x:a{;v}/b{;w}    x:a;w=1/b          -
            x:{+a}{;v,w}     x:b/c;w=2;v=1      a=b/c | v=1 | w=2
            x:{?a.b,%41}     x:?%41=2&a.b=1     a.b=1 | %41=2
            ",
        );
    }

    #[test]
    fn values_are_decoded_and_borrowed_where_they_can_be() {
        check(
            r"
            x:{a}        x:a%2Fb         a=a/b
            x:{a}        x:..%2f..       a=../..
            x:{a}        x:%E2%82%AC     a=€
            x:{a}        x:€             a=€
            x:{a}        x:a+b           -
            x:{+a}       x:a+b           a=a+b
            x:{a}        x:%             -
            x:{a}        x:%4            -
            x:{a}        x:%zz           -
            x:{a}        x:%+1           -
            x:{a}        x:%FF           -
            x:{a}        x:%C3           -
            x:{?a}       x:?a=%C3        -
            x:{?a*}      x:?a=%C3&a=%A9  -
            x:{a}9       x:%49           -
            x:{a:1}      x:%E2%82%AC     a=€
            x:{a:1}      x:€             a=€
            x:{a:1}      x:€€            -
            x:café/{a}   x:café/1        a=1
            x:café/{a}   x:caf%C3%A9/1   a=1
            x:{a}/café   x:1/caf%C3%A9   a=1
            x:{a}/é/{b}  x:1/%C3%A9/é    a=1 | b=é
            x:%20{a}     x:%201          a=1
            ",
        );
        assert_eq!(read("x:{a}", "x:%00"), "a=\0");
        let template = parse("x:{a}/{b}{?c*}");
        let variables = template.matches("x:one/t%77o?c=1&c=2").unwrap();
        assert_eq!(variables.get("a"), Some("one"));
        assert_eq!(variables.get("z"), None);
        let kinds: Vec<_> = variables
            .into_iter()
            .map(|(name, value)| (name, value.to_string(), matches!(value, Cow::Borrowed(_))))
            .collect();
        let expected = [("a", "one", true), ("b", "two", false), ("c", "1,2", false)];
        assert_eq!(kinds, expected.map(|(name, value, kind)| (name.into(), value.into(), kind)));
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        let rows = r#"
            x:a b           ' ' at byte 3 cannot stand in a URI template: percent-encode it
            x:{a}b}         '}' at byte 6 cannot stand in a URI template: percent-encode it
            x:é"            '"' at byte 4 cannot stand in a URI template: percent-encode it
            x:it's          '\'' at byte 4 cannot stand in a URI template: percent-encode it
            x:%2            '%' at byte 2 cannot stand in a URI template: percent-encode it
            x:{a            the `{` at byte 2 is not closed: put a `}` after the variable
            x:{a}/{         the `{` at byte 6 is not closed: put a `}` after the variable
            x:{}            the expression at byte 2 is empty: name a variable in it
            x:a{?}          the expression at byte 3 is empty: name a variable in it
            x:{=a}          the operator '=' at byte 3 is reserved: use none or one of `+ # . / ; ? &`
            x:{|a}          the operator '|' at byte 3 is reserved: use none or one of `+ # . / ; ? &`
            x:{a b}         "a b" at byte 3 is no variable name: use letters, digits, `_`, and `.` between them
            x:{?a,,b}       "" at byte 6 is no variable name: use letters, digits, `_`, and `.` between them
            x:{a.}          "a." at byte 3 is no variable name: use letters, digits, `_`, and `.` between them
            x:{a*:3}        "a*" at byte 3 is no variable name: use letters, digits, `_`, and `.` between them
            x:{%4}          "%4" at byte 3 is no variable name: use letters, digits, `_`, and `.` between them
            x:{é}           "é" at byte 3 is no variable name: use letters, digits, `_`, and `.` between them
            x:{a:0}         the length "0" at byte 5 is out of range: use a number from 1 to 9999
            x:{a:}          the length "" at byte 5 is out of range: use a number from 1 to 9999
            x:{a:+5}        the length "+5" at byte 5 is out of range: use a number from 1 to 9999
            x:{a:3*}        the length "3*" at byte 5 is out of range: use a number from 1 to 9999
            x:{b,a:10000}   the length "10000" at byte 7 is out of range: use a number from 1 to 9999
            x:{a}/{a}       the variable "a" at byte 7 is there already: rename one of the two
            x:{?a,b,a}      the variable "a" at byte 8 is there already: rename one of the two
        "#;
        for row in rows.lines().filter(|row| !row.trim().is_empty()) {
            let (template, message) = row.trim().split_once("  ").unwrap();
            let error = UriTemplate::parse(template).unwrap_err();
            assert_eq!(error.to_string(), message.trim(), "{template}");
        }
        for template in ["", "foo/{x}", "{s}://x", "1x:a", "a_b:c", ":a"] {
            let message = "the template has no scheme: begin it with one, as in `crm://customers/{id}`";
            assert_eq!(UriTemplate::parse(template).unwrap_err().to_string(), message);
        }
        for character in ['\u{7f}', '\u{85}', '\u{fdd0}', '\u{ffff}', '\u{1fffe}', '\u{e0001}'] {
            let error = UriTemplate::parse(&format!("x:a{character}")).unwrap_err();
            assert_eq!(error, UriTemplateError::InvalidLiteral(3, character));
        }
        for character in ['é', '\u{e000}', '\u{10fffd}', '~', '['] {
            assert_eq!(read(&format!("x:a{character}"), &format!("x:a{character}")), "");
        }
        let ambiguous = [
            ("x:{a}{b}", 5),
            ("x:{+a}{b}", 6),
            ("x:{a}{+b}", 5),
            ("x:up{+path}{var}/here", 11),
            ("x:{/a}{/b}", 6),
            ("x:{?a}{b}", 6),
            ("x:{?a}{&b}", 6),
            ("x:{?a}&b", 6),
            ("x:{;a}b", 6),
            ("x:{;a}é", 6),
        ];
        for (template, at) in ambiguous {
            let error = UriTemplate::parse(template).unwrap_err();
            assert_eq!(error, UriTemplateError::Ambiguous(at), "{template}");
        }
        assert_eq!(
            UriTemplateError::Ambiguous(5).to_string(),
            "nothing shows that the expression before byte 5 ends there: put a literal between it and \
             the next one; `{?…}` and `{&…}` end at `#` only, `{;…}` at `/`, `?` or `#`"
        );
        let names = |count: usize| (0..count).map(|n| format!("a{n}")).collect::<Vec<_>>();
        let most = format!("x:{{?{}}}", names(32).join(","));
        assert_eq!(parse(&most).variables().count(), 32);
        let error = UriTemplate::parse(&format!("x:{{{}}}", names(33).join(","))).unwrap_err();
        assert_eq!(error.to_string(), "the variable at byte 121 is one too many: a template has at most 32");
    }

    #[test]
    fn templates_show_what_they_are() {
        let template = parse("x:{a,b}/{c}{?d,e}");
        assert_eq!(template.as_str(), "x:{a,b}/{c}{?d,e}");
        assert_eq!(template.to_string(), template.as_str());
        assert_eq!(template.variables().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
        assert_eq!(template.clone(), template);
        assert_ne!(parse("x:{a}"), template);
        assert!(format!("{template:?}").contains("x:{a,b}/{c}{?d,e}"));
    }

    #[test]
    fn hostile_uris_take_linear_time() {
        let uris = [
            format!("x:{}", "a".repeat(1 << 20)),
            format!("x:{}", "/x".repeat(1 << 18)),
            format!("x:{}", "/".repeat(1 << 18)),
            format!("x:{}!", "a-/x.".repeat(1 << 16)),
            format!("x:{}", "%41".repeat(1 << 16)),
            format!("x:{}%", "é".repeat(1 << 16)),
            format!("x:/x?{}b", "a=1&".repeat(1 << 16)),
            format!("x:{}b", ";b=1".repeat(1 << 16)),
        ];
        let templates = [
            "x:{+a}/x{+b}/x{+c}",
            "x:{+a}a{b}!{+c}",
            "x:{+a}a{b}a{c}a{d}a{e}a{f}a{g}a{h}/{+i}",
            "x:{+a}/{b}/{+c}/{d}/{+e}?{g}",
            "x:{a}-{b}-{c}-{d}-{e}/{+f}",
            "x:{+a}{/b*,c*,d*}{.e*,f*}~{g}",
            "x:{/a*,b*,c:3}{.d*,e*}",
            "x:{#a,b,c,d}~{e}",
            "x:{+a}/x{;b*}",
            "x:{+a}{?a.b,b*}",
            "x:{+a}{;b*,c}/x{#d}",
        ];
        for template in templates.map(parse) {
            for uri in &uris {
                // With quadratic time this would not end.
                std::hint::black_box(template.matches(uri));
            }
        }
        assert!(parse("x:{+a}/x{+b}/x{+c}").matches(&uris[1]).is_some());
        assert!(parse("x:/x{?a*,b}").matches(&uris[6]).is_some());
    }

    /// A tiny generator of the same numbers in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % end
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.below(from.len())]
        }

        fn text(&mut self, from: &[&str], most: usize) -> String {
            (0..self.below(most + 1)).map(|_| self.pick(from)).collect()
        }
    }

    #[test]
    fn no_text_panics() {
        let mut numbers = Numbers(1);
        let pieces = [
            "{",
            "}",
            "{a}",
            "{+b}",
            "{/c*,d}",
            "{?e,f*}",
            "{;g:2}",
            "{#h}",
            "{.i}",
            ",",
            "*",
            ":",
            "1",
            "%",
            "%4",
            "%41",
            "%C3",
            "/",
            "?",
            "#",
            ";",
            "&",
            "=",
            "a",
            "é",
            "€",
            "\u{10ffff}",
            "\0",
            " ",
            "'",
        ];
        let mut templates = Vec::new();
        for _ in 0..50_000 {
            let template = format!("x:{}", numbers.text(&pieces, 6));
            match UriTemplate::parse(&template) {
                Ok(template) if templates.len() < 500 => templates.push(template),
                Ok(_) => {}
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        assert_eq!(templates.len(), 500);
        for _ in 0..50_000 {
            let uri = format!("x:{}", numbers.text(&pieces, 8));
            let template = &templates[numbers.below(500)];
            if let Some(variables) = template.matches(&uri) {
                assert!(variables.iter().all(|(name, _)| template.variables().any(|known| known == name)));
            }
        }
    }

    /// What `UriTemplate::run` finds out, by trying everything.
    fn exhaustive(template: &UriTemplate, index: usize, uri: &str, at: usize) -> bool {
        let Some(part) = template.parts.get(index) else {
            return literal_end(&template.suffix, uri, at) == Some(uri.len());
        };
        let Some(at) = literal_end(&part.literal, uri, at) else {
            return false;
        };
        if part.skip_to.is_some_and(|next| exhaustive(template, next, uri, at)) {
            return true;
        }
        let lead = part.lead.map(char::from).map(String::from).unwrap_or_default();
        if !uri.get(at..).is_some_and(|rest| rest.starts_with(&lead)) {
            return false;
        }
        let start = at + lead.len();
        let ends = std::iter::successors(Some(start), |end| step(uri, *end, part.set));
        ends.skip(usize::from(part.skip_to.is_none())).any(|end| exhaustive(template, index + 1, uri, end))
    }

    /// A URI that the template may well match.
    fn likely(template: &UriTemplate, numbers: &mut Numbers) -> String {
        let pieces = ["a", "a", "/", "/", ".", ".", "-", ",", ";", "?", "&", "=", "%41", "é", "aa"];
        let (mut uri, mut index) = (String::new(), 0);
        while let Some(part) = template.parts.get(index) {
            uri += &part.literal[numbers.below(2)];
            index += 1;
            match part.skip_to {
                Some(next) if numbers.below(3) == 0 => index = next,
                _ => {
                    uri.extend(part.lead.map(char::from));
                    let value = numbers.text(&pieces, 5);
                    let fits = |at: &usize| step(&value, *at, part.set);
                    let end = std::iter::successors(Some(0), fits).last().unwrap();
                    uri += &value[..end];
                }
            }
        }
        uri += &template.suffix[numbers.below(2)];
        if numbers.below(4) == 0 {
            uri += numbers.pick(&pieces);
        }
        uri
    }

    #[test]
    fn the_search_overlooks_nothing() {
        let mut numbers = Numbers(2);
        let expressions = [
            "{A}",
            "{A*}",
            "{A,B}",
            "{A*,B}",
            "{+A}",
            "{+A,B}",
            "{/A}",
            "{/A*}",
            "{/A,B}",
            "{/A*,B,C*}",
            "{.A}",
            "{.A,B}",
            "{.A*,B*}",
            "{#A}",
            "{#A,B,C}",
            "{;A}",
            "{;A*,B}",
            "{?A,B*}",
            "{&A}",
        ];
        let literals = ["", "", "a", "/", "/a", ".", "-", ",", "aa", ";", "?", "#", "é"];
        let (mut compared, mut matched) = (0, 0);
        while compared < 60_000 {
            let mut text = "x:".to_owned();
            for n in 0..=numbers.below(4) {
                text += numbers.pick(&literals);
                let expression = numbers.pick(&expressions);
                for name in expression.chars() {
                    text.push(name);
                    if name.is_ascii_alphabetic() {
                        text += &n.to_string();
                    }
                }
            }
            text += numbers.pick(&literals);
            let Ok(template) = UriTemplate::parse(&text) else {
                continue;
            };
            for _ in 0..20 {
                let uri = likely(&template, &mut numbers);
                let found = template.run(0, &uri, 0, &mut [(0, None); MAX_VARIABLES]).is_some();
                assert_eq!(found, exhaustive(&template, 0, &uri, 0), "{template} and {uri}");
                compared += 1;
                matched += usize::from(found);
            }
        }
        assert!(matched > compared / 2, "only {matched} of {compared} matched");
    }
}
