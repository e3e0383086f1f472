//! The attribute `#[test]` for WebAssembly, where the standard one has no way to say what became of a test.
//!
//! A crate whose root says `#[macro_use] extern crate pmcp_wasm_test;` has its tests run by `wasm-bindgen-test-runner`,
//! as they are: a macro that is brought so comes before the standard one of the same name.

use proc_macro::TokenStream;
use quote::quote;

/// Makes a test of a function, as the standard `#[test]` does.
#[proc_macro_attribute]
pub fn test(_none: TokenStream, function: TokenStream) -> TokenStream {
    let function = proc_macro2::TokenStream::from(function);
    quote!(#[::wasm_bindgen_test::wasm_bindgen_test] #function).into()
}
