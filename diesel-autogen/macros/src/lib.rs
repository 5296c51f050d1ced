//! The macro behind `diesel_autogen::schema!`.
//!
//! What is written is parsed (`parse`), read into tables and columns (`declare`, `attributes`, `values`, `types`), the
//! names in it are looked up (`resolve`, `model`), the rules are checked (`check`), and code is written (`expand`).

mod attributes;
mod check;
mod declare;
mod errors;
mod expand;
mod model;
mod parse;
mod resolve;
mod types;
mod values;

use proc_macro::TokenStream;

/// The implementation of `diesel_autogen::schema!`, which documents it. The first token tree, in parentheses, is the
/// path of the crate `diesel_autogen`; the rest is what its user wrote.
#[proc_macro]
pub fn schema(input: TokenStream) -> TokenStream {
    expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(input: proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream> {
    let (library, input) = parse::library_and_input(input)?;
    let model = resolve::resolve(syn::parse2(input)?)?;
    check::check(&model)?;
    Ok(expand::expand(&model, &library))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_may_have_128_columns() {
        let columns = (1..128).map(|number| format!("c{number} -> Text,")).collect::<Vec<_>>().concat();
        let input = format!("(::library) wide {{ id -> Integer, {columns} }}").parse().unwrap();
        let code = super::expand(input).unwrap().to_string();
        assert_eq!(code.matches("Column :: new").count(), 128);
    }
}
