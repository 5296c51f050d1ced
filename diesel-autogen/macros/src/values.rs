//! The values that attributes carry, and how each of them is written.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitStr, Token, UnOp};

/// What a foreign key does when the row that it refers to goes or changes.
pub struct Action {
    pub kind: ActionKind,
    pub span: Span,
}

/// The actions that SQL knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Parse for Action {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        const EXPECTED: &str = "an action is expected: `cascade`, `restrict`, `set_null`, `set_default` or `no_action`";
        let name: Ident = input.parse().map_err(|error| syn::Error::new(error.span(), EXPECTED))?;
        let kind = match name.to_string().as_str() {
            "no_action" => ActionKind::NoAction,
            "restrict" => ActionKind::Restrict,
            "cascade" => ActionKind::Cascade,
            "set_null" => ActionKind::SetNull,
            "set_default" => ActionKind::SetDefault,
            _ => return Err(syn::Error::new(name.span(), EXPECTED)),
        };
        Ok(Self { kind, span: name.span() })
    }
}

impl Action {
    /// Its variant of `diesel_autogen::schema::Action`.
    pub fn tokens(&self) -> TokenStream {
        match self.kind {
            ActionKind::NoAction => quote!(autogen::schema::Action::NoAction),
            ActionKind::Restrict => quote!(autogen::schema::Action::Restrict),
            ActionKind::Cascade => quote!(autogen::schema::Action::Cascade),
            ActionKind::SetNull => quote!(autogen::schema::Action::SetNull),
            ActionKind::SetDefault => quote!(autogen::schema::Action::SetDefault),
        }
    }
}

/// What a column gets that an INSERT does not name.
pub struct ColumnDefault {
    pub value: DefaultValue,
    pub span: Span,
}

/// The kinds of default; numbers are still in two kinds, so that each can be compared with the column's type.
pub enum DefaultValue {
    Integer(i128),
    Float(String),
    Text(String),
    Bool(bool),
    Now,
    Sql(String),
}

impl ColumnDefault {
    /// Reads what follows `#[default =`.
    pub fn read(value: &Expr) -> syn::Result<Self> {
        let span = value.span();
        let value = match value {
            Expr::Lit(ExprLit { lit, .. }) => Self::read_literal(lit, false),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match &**expr {
                Expr::Lit(ExprLit { lit: lit @ (Lit::Int(_) | Lit::Float(_)), .. }) => Self::read_literal(lit, true),
                _ => None,
            },
            Expr::Path(path) if path.path.is_ident("now") => Some(DefaultValue::Now),
            _ => None,
        };
        let value = value.ok_or_else(|| {
            syn::Error::new(
                span,
                "a default is a number, a text in quotes, `true`, `false` or `now`; \
                 an SQL expression is written `#[default(sql = \"…\")]`",
            )
        })?;
        Ok(Self { value, span })
    }

    fn read_literal(literal: &Lit, negative: bool) -> Option<DefaultValue> {
        let sign = if negative { "-" } else { "" };
        match literal {
            Lit::Int(number) if number.suffix().is_empty() => {
                format!("{sign}{}", number.base10_digits()).parse().ok().map(DefaultValue::Integer)
            }
            Lit::Float(number) if number.suffix().is_empty() => {
                // `2.` is Rust, but not SQL everywhere.
                let zero = if number.base10_digits().ends_with('.') { "0" } else { "" };
                Some(DefaultValue::Float(format!("{sign}{}{zero}", number.base10_digits())))
            }
            Lit::Str(text) => Some(DefaultValue::Text(text.value())),
            Lit::Bool(value) => Some(DefaultValue::Bool(value.value)),
            _ => None,
        }
    }

    /// Its variant of `diesel_autogen::schema::DefaultValue`.
    pub fn tokens(&self) -> TokenStream {
        match &self.value {
            DefaultValue::Integer(number) => {
                let number = number.to_string();
                quote!(autogen::schema::DefaultValue::Number(#number.into()))
            }
            DefaultValue::Float(number) => quote!(autogen::schema::DefaultValue::Number(#number.into())),
            DefaultValue::Text(text) => quote!(autogen::schema::DefaultValue::Text(#text.into())),
            DefaultValue::Bool(value) => quote!(autogen::schema::DefaultValue::Bool(#value)),
            DefaultValue::Now => quote!(autogen::schema::DefaultValue::Now),
            DefaultValue::Sql(sql) => quote!(autogen::schema::DefaultValue::Sql(#sql.into())),
        }
    }
}

/// The other side of a foreign key: `users`, or `users(email)`.
pub struct Target {
    pub table: Ident,
    /// `None` means the primary key.
    pub columns: Option<Vec<Ident>>,
}

impl Parse for Target {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let table = input.call(Ident::parse_any)?;
        if !input.peek(syn::token::Paren) {
            return Ok(Self { table, columns: None });
        }
        let content;
        let parentheses = syn::parenthesized!(content in input);
        let columns: Vec<Ident> =
            Punctuated::<Ident, Token![,]>::parse_terminated_with(&content, Ident::parse_any)?.into_iter().collect();
        if columns.is_empty() {
            return Err(syn::Error::new(
                parentheses.span.join(),
                format!("the columns of `{table}` are expected; without parentheses its primary key is meant"),
            ));
        }
        Ok(Self { table, columns: Some(columns) })
    }
}

/// What may follow a [`Target`]: `on_delete = …` and `on_update = …`, at most once each.
#[derive(Default)]
pub struct Actions {
    pub on_delete: Option<Action>,
    pub on_update: Option<Action>,
}

impl Parse for Actions {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut actions = Self::default();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option: Ident = input.call(Ident::parse_any)?;
            let slot = match option.to_string().as_str() {
                "on_delete" => &mut actions.on_delete,
                "on_update" => &mut actions.on_update,
                _ => {
                    return Err(syn::Error::new(option.span(), "`on_delete = …` or `on_update = …` is expected here"));
                }
            };
            if slot.is_some() {
                return Err(syn::Error::new(option.span(), format!("`{option}` is stated twice")));
            }
            input.parse::<Token![=]>()?;
            *slot = Some(input.parse()?);
        }
        Ok(actions)
    }
}

/// A CHECK constraint.
pub struct Check {
    pub name: Option<LitStr>,
    pub sql: LitStr,
}

/// Reads a text in quotes that may not be empty.
pub fn filled_text(input: ParseStream) -> syn::Result<LitStr> {
    let text: LitStr = input.parse()?;
    filled(text)
}

/// Refuses an empty text.
pub fn filled(text: LitStr) -> syn::Result<LitStr> {
    if text.value().trim().is_empty() {
        return Err(syn::Error::new(text.span(), "this may not be empty"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{ColumnDefault, DefaultValue};

    fn read(text: &str) -> Option<DefaultValue> {
        ColumnDefault::read(&syn::parse_str(text).unwrap()).ok().map(|default| default.value)
    }

    #[test]
    fn numbers_are_read_with_their_sign_in_any_notation() {
        assert!(matches!(read("-1"), Some(DefaultValue::Integer(-1))));
        assert!(matches!(read("0x1_0"), Some(DefaultValue::Integer(16))));
        assert!(matches!(read("-2."), Some(DefaultValue::Float(number)) if number == "-2.0"));
        assert!(matches!(read("1e3"), Some(DefaultValue::Float(number)) if number == "1e3"));
    }

    #[test]
    fn other_expressions_are_no_defaults() {
        for text in ["1i32", "-true", "'a'", "1 + 1", "later", "now()"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
