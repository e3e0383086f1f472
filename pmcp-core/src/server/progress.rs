//! What progress is counted in: any number, a total that may be unknown, and a few words that may be missing.

use std::borrow::Cow;

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// A number: any integer or float.
pub trait Amount: Sealed {
    #[doc(hidden)]
    fn into_f64(self) -> f64;
}

/// How much there is in all: a number, or `None` where nobody knows.
pub trait IntoTotal: Sealed {
    #[doc(hidden)]
    fn into_total(self) -> Option<f64>;
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl Sealed for $kind {}
        impl Amount for $kind {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "progress is for people to look at")]
            fn into_f64(self) -> f64 {
                self as f64
            }
        }
        impl IntoTotal for $kind {
            fn into_total(self) -> Option<f64> {
                Some(self.into_f64())
            }
        }
    )*};
}
numbers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64);

impl Sealed for Option<f64> {}
impl IntoTotal for Option<f64> {
    fn into_total(self) -> Option<f64> {
        self
    }
}

/// A few words for the person who waits, or `None`.
pub trait IntoWords<'a>: Sealed {
    #[doc(hidden)]
    fn into_words(self) -> Option<Cow<'a, str>>;
}

impl Sealed for &str {}
impl<'a> IntoWords<'a> for &'a str {
    fn into_words(self) -> Option<Cow<'a, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl Sealed for &String {}
impl<'a> IntoWords<'a> for &'a String {
    fn into_words(self) -> Option<Cow<'a, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl Sealed for String {}
impl IntoWords<'static> for String {
    fn into_words(self) -> Option<Cow<'static, str>> {
        Some(Cow::Owned(self))
    }
}

impl Sealed for Option<&str> {}
impl<'a> IntoWords<'a> for Option<&'a str> {
    fn into_words(self) -> Option<Cow<'a, str>> {
        self.map(Cow::Borrowed)
    }
}
