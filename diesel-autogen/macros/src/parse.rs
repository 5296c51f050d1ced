//! What may stand inside `schema!`: table declarations, and the items that `diesel print-schema` prints.

use diesel_table_macro_syntax::TableDecl;
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Item, ItemMod, Macro, Path, Token, Visibility};

/// Everything inside one `schema!`, in the order in which it is written.
#[derive(Default)]
pub struct Input {
    pub tables: Vec<TableDecl>,
    pub joinables: Vec<Joinable>,
    /// The tables that `allow_tables_to_appear_in_same_query!` names. All tables may always appear together, so that
    /// only their existence is checked.
    pub together: Vec<Ident>,
    /// The columns, with their tables, that each `allow_columns_to_appear_in_same_group_by_clause!` names.
    pub grouped: Vec<Vec<(Ident, Ident)>>,
    /// Modules of types.
    pub modules: Vec<ItemMod>,
}

/// `joinable!(child -> parent (column))`
pub struct Joinable {
    pub child: Ident,
    pub parent: Ident,
    pub column: Ident,
}

/// Separates the path of the library, in parentheses, from what the macro's user wrote.
pub fn library_and_input(tokens: TokenStream) -> syn::Result<(TokenStream, TokenStream)> {
    let mut tokens = tokens.into_iter();
    match tokens.next() {
        Some(TokenTree::Group(library)) => Ok((library.stream(), tokens.collect())),
        _ => Err(syn::Error::new(Span::call_site(), "use `diesel_autogen::schema!`")),
    }
}

impl Parse for Input {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut parsed = Self::default();
        while !input.is_empty() {
            if starts_with_module(input) {
                parsed.modules.push(parse_module(input)?);
            } else if starts_with_macro(input) {
                parse_macro(input, &mut parsed)?;
            } else {
                parsed.tables.push(parse_table(input)?);
            }
        }
        Ok(parsed)
    }
}

impl Parse for Joinable {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let child = input.parse()?;
        input.parse::<Token![->]>()?;
        let parent = input.parse()?;
        let content;
        syn::parenthesized!(content in input);
        Ok(Self { child, parent, column: content.parse()? })
    }
}

/// Whether a module comes next, perhaps below attributes.
fn starts_with_module(input: ParseStream) -> bool {
    let ahead = input.fork();
    Attribute::parse_outer(&ahead).is_ok() && ahead.parse::<Visibility>().is_ok() && ahead.peek(Token![mod])
}

/// A module as it is written: it may define types, not tables.
fn parse_module(input: ParseStream) -> syn::Result<ItemMod> {
    let module: ItemMod = input.parse()?;
    let Some((_, items)) = &module.content else {
        return Err(syn::Error::new_spanned(&module, "the content of the module is expected: `{ … }`"));
    };
    if let Some(Item::Macro(table)) = items.iter().find(|item| matches!(item, Item::Macro(_))) {
        let message = "a module inside `schema!` holds types only: write its tables beside it, or give the module a \
                       `schema!` of its own";
        return Err(syn::Error::new_spanned(&table.mac.path, message));
    }
    Ok(module)
}

/// Whether a macro call comes next, perhaps below attributes.
fn starts_with_macro(input: ParseStream) -> bool {
    let ahead = input.fork();
    Attribute::parse_outer(&ahead).is_ok() && Path::parse_mod_style(&ahead).is_ok() && ahead.peek(Token![!])
}

fn parse_macro(input: ParseStream, parsed: &mut Input) -> syn::Result<()> {
    let attributes = Attribute::parse_outer(input)?;
    let item: Macro = input.parse()?;
    input.parse::<Option<Token![;]>>()?;

    let name = item.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    match name.as_str() {
        "table" => {
            let mut table = item.parse_body_with(parse_table)?;
            table.meta.splice(0..0, attributes);
            parsed.tables.push(table);
        }
        "joinable" => parsed.joinables.push(item.parse_body()?),
        "allow_tables_to_appear_in_same_query" => {
            parsed.together.extend(item.parse_body_with(Punctuated::<Ident, Token![,]>::parse_terminated)?);
        }
        "allow_columns_to_appear_in_same_group_by_clause" => {
            let column = |input: ParseStream| {
                let table = input.parse()?;
                input.parse::<Token![::]>()?;
                Ok((table, input.parse()?))
            };
            let columns = |input: ParseStream| Punctuated::<_, Token![,]>::parse_terminated_with(input, column);
            parsed.grouped.push(item.parse_body_with(columns)?.into_iter().collect());
        }
        _ => {
            return Err(syn::Error::new_spanned(
                &item.path,
                format!(
                    "`{name}!` may not stand here; the macros that may are `diesel::table!`, `diesel::joinable!`, \
                     `diesel::allow_tables_to_appear_in_same_query!` and \
                     `diesel::allow_columns_to_appear_in_same_group_by_clause!`"
                ),
            ));
        }
    }
    Ok(())
}

fn parse_table(input: ParseStream) -> syn::Result<TableDecl> {
    input.parse().map_err(clearer)
}

/// Diesel's parser says the same about a wrong `max_length` as about a wrong `sql_name`.
fn clearer(error: syn::Error) -> syn::Error {
    let text = error.to_string();
    if !text.starts_with("Invalid `#[sql_name") {
        error
    } else if text.contains("max_length") {
        syn::Error::new(error.span(), "a length in characters is expected: `#[max_length = 64]`")
    } else {
        syn::Error::new(error.span(), "a name in quotes is expected: `#[sql_name = \"…\"]`")
    }
}
