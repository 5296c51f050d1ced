//! The attributes of tables and columns: which there are, and what each is read into.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, MetaNameValue, Token};

use crate::errors::{did_you_mean, list};
use crate::values::{Actions, Check, ColumnDefault, DefaultValue, Target, filled, filled_text};

const OF_COLUMNS: [&str; 9] =
    ["check", "default", "index", "max_length", "references", "renamed_from", "sql_name", "sql_type", "unique"];
const OF_TABLES: [&str; 7] =
    ["check", "foreign_key", "index", "renamed_from", "sql_name", "unique", "without_primary_key"];

/// What stands above a column.
#[derive(Default)]
pub struct ColumnAttributes {
    /// Those for the compiler: doc comments and `allow`.
    pub passed: Vec<Attribute>,
    pub sql_type: Option<LitStr>,
    pub renamed_from: Option<LitStr>,
    pub default: Option<ColumnDefault>,
    pub unique: Option<ColumnIndex>,
    pub index: Option<ColumnIndex>,
    pub references: Vec<References>,
    pub checks: Vec<Check>,
}

/// `#[index]` or `#[unique]` above a column.
pub struct ColumnIndex {
    pub span: Span,
    pub name: Option<LitStr>,
    pub descending: bool,
}

/// `#[references(…)]` above a column.
pub struct References {
    pub target: Target,
    pub actions: Actions,
}

/// What stands above a table.
#[derive(Default)]
pub struct TableAttributes {
    /// Those for the compiler: doc comments and `allow`.
    pub passed: Vec<Attribute>,
    pub renamed_from: Option<LitStr>,
    /// Whether the primary key is for Diesel only.
    pub without_primary_key: Option<()>,
    pub indexes: Vec<TableIndex>,
    pub foreign_keys: Vec<TableForeignKey>,
    pub checks: Vec<Check>,
}

/// `#[index(…)]` or `#[unique(…)]` above a table.
pub struct TableIndex {
    pub span: Span,
    pub name: Option<LitStr>,
    pub unique: bool,
    /// The columns, and whether each descends.
    pub columns: Vec<(Ident, bool)>,
}

/// `#[foreign_key(…)]` above a table.
pub struct TableForeignKey {
    pub columns: Vec<Ident>,
    pub target: Target,
    pub actions: Actions,
}

impl ColumnAttributes {
    /// Reads one attribute into its place.
    pub fn add(&mut self, attribute: Attribute) -> syn::Result<()> {
        let (name, span) = name_of(&attribute);
        match name.as_str() {
            "doc" | "allow" => self.passed.push(attribute),
            "renamed_from" => set_once(&mut self.renamed_from, &name, span, text_value(&attribute)?)?,
            "sql_type" => set_once(&mut self.sql_type, &name, span, text_value(&attribute)?)?,
            "default" => set_once(&mut self.default, &name, span, default(&attribute)?)?,
            "unique" => set_once(&mut self.unique, &name, span, column_index(&attribute)?)?,
            "index" => set_once(&mut self.index, &name, span, column_index(&attribute)?)?,
            "references" => self.references.push(references(&attribute)?),
            "check" => self.checks.push(check(&attribute)?),
            // Diesel's parser has already taken the first of these.
            "sql_name" | "max_length" => return Err(stated_twice(&name, span)),
            _ => return Err(unknown(&name, span, "a column", &OF_COLUMNS, &OF_TABLES)),
        }
        Ok(())
    }
}

impl TableAttributes {
    /// Reads one attribute into its place.
    pub fn add(&mut self, attribute: Attribute) -> syn::Result<()> {
        let (name, span) = name_of(&attribute);
        match name.as_str() {
            "doc" | "allow" => self.passed.push(attribute),
            "renamed_from" => set_once(&mut self.renamed_from, &name, span, text_value(&attribute)?)?,
            "without_primary_key" => {
                attribute.meta.require_path_only()?;
                set_once(&mut self.without_primary_key, &name, span, ())?;
            }
            "unique" | "index" => self.indexes.push(table_index(&attribute, name == "unique")?),
            "foreign_key" => self.foreign_keys.push(foreign_key(&attribute)?),
            "check" => self.checks.push(check(&attribute)?),
            "sql_name" => return Err(stated_twice(&name, span)),
            _ => return Err(unknown(&name, span, "a table", &OF_TABLES, &OF_COLUMNS)),
        }
        Ok(())
    }
}

fn name_of(attribute: &Attribute) -> (String, Span) {
    let path = attribute.path();
    let name = path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::");
    (name, path.span())
}

fn set_once<T>(place: &mut Option<T>, name: &str, span: Span, value: T) -> syn::Result<()> {
    if place.is_some() {
        return Err(stated_twice(name, span));
    }
    *place = Some(value);
    Ok(())
}

fn stated_twice(name: &str, span: Span) -> syn::Error {
    syn::Error::new(span, format!("`{name}` is stated twice"))
}

fn unknown(name: &str, span: Span, owner: &str, known: &[&str], of_others: &[&str]) -> syn::Error {
    let hint = if name == "cfg" || name == "cfg_attr" {
        "; a migration cannot depend on how the program is compiled".to_owned()
    } else if of_others.contains(&name) {
        let other = if owner == "a table" { "a column" } else { "a table" };
        format!("; it belongs to {other}")
    } else {
        did_you_mean(name, known)
    };
    syn::Error::new(span, format!("{owner} has no attribute `{name}`{hint} (known: {})", list(known)))
}

/// `= "…"`
fn text_value(attribute: &Attribute) -> syn::Result<LitStr> {
    if let Meta::NameValue(MetaNameValue { value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. }) =
        &attribute.meta
    {
        return filled(text.clone());
    }
    let name = name_of(attribute).0;
    Err(syn::Error::new_spanned(&attribute.meta, format!("a text is expected: `#[{name} = \"…\"]`")))
}

/// `= 0`, or `(sql = "…")`
fn default(attribute: &Attribute) -> syn::Result<ColumnDefault> {
    match &attribute.meta {
        Meta::NameValue(pair) => ColumnDefault::read(&pair.value),
        Meta::List(_) => attribute.parse_args_with(|input: ParseStream| {
            let sql = option(input, &["sql"])?.1;
            end(input)?;
            Ok(ColumnDefault { span: sql.span(), value: DefaultValue::Sql(sql.value()) })
        }),
        Meta::Path(path) => Err(syn::Error::new_spanned(
            path,
            "a value is expected: `#[default = 0]`, `#[default = \"text\"]`, `#[default = true]`, `#[default = now]` \
             or `#[default(sql = \"…\")]`",
        )),
    }
}

/// `= "…"`, or `(name = "…", sql = "…")`
fn check(attribute: &Attribute) -> syn::Result<Check> {
    if !matches!(attribute.meta, Meta::List(_)) {
        return Ok(Check { name: None, sql: text_value(attribute)? });
    }
    attribute.parse_args_with(|input: ParseStream| {
        let (mut name, mut sql) = (None, None);
        while !input.is_empty() {
            let (option, text) = option(input, &["name", "sql"])?;
            let place = if option == "name" { &mut name } else { &mut sql };
            set_once(place, &option.to_string(), option.span(), text)?;
            comma_or_end(input)?;
        }
        let sql = sql.ok_or_else(|| input.error("the condition is expected: `sql = \"…\"`"))?;
        Ok(Check { name, sql })
    })
}

/// Nothing, or `(name = "…", desc)`
fn column_index(attribute: &Attribute) -> syn::Result<ColumnIndex> {
    let (kind, span) = name_of(attribute);
    let mut index = ColumnIndex { span, name: None, descending: false };
    let expected = if kind == "unique" {
        "`#[unique]` or `#[unique(name = \"…\")]` is expected; one of several columns stands above the table"
    } else {
        "`#[index]`, `#[index(desc)]` or `#[index(name = \"…\")]` is expected; \
         one of several columns stands above the table"
    };
    match &attribute.meta {
        Meta::Path(_) => return Ok(index),
        Meta::NameValue(pair) => return Err(syn::Error::new_spanned(pair, expected)),
        Meta::List(_) => {}
    }
    attribute.parse_args_with(|input: ParseStream| {
        while !input.is_empty() {
            let word: Ident = input.call(Ident::parse_any)?;
            if word == "name" && input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                set_once(&mut index.name, "name", word.span(), filled_text(input)?)?;
            } else if word == "desc" && kind == "index" {
                index.descending = true;
            } else {
                return Err(syn::Error::new(word.span(), expected));
            }
            comma_or_end(input)?;
        }
        Ok(index)
    })
}

/// `(a, b desc, name = "…")`
fn table_index(attribute: &Attribute, unique: bool) -> syn::Result<TableIndex> {
    let (kind, span) = name_of(attribute);
    let expected = || syn::Error::new(span, format!("the columns are expected: `#[{kind}(a, b)]`"));
    if !matches!(attribute.meta, Meta::List(_)) {
        return Err(expected());
    }
    let mut index = TableIndex { span, name: None, unique, columns: Vec::new() };
    attribute.parse_args_with(|input: ParseStream| {
        while !input.is_empty() {
            let word: Ident = input.call(Ident::parse_any)?;
            if word == "name" && input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                set_once(&mut index.name, "name", word.span(), filled_text(input)?)?;
            } else {
                index.columns.push((word, descends(input)?));
            }
            comma_or_end(input)?;
        }
        Ok(())
    })?;
    if index.columns.is_empty() { Err(expected()) } else { Ok(index) }
}

/// `desc`, or nothing
fn descends(input: ParseStream) -> syn::Result<bool> {
    if !input.peek(Ident) {
        return Ok(false);
    }
    let word: Ident = input.parse()?;
    if word != "desc" {
        return Err(syn::Error::new(word.span(), "`desc` or a comma is expected"));
    }
    Ok(true)
}

/// `(users(email), on_delete = cascade)`
fn references(attribute: &Attribute) -> syn::Result<References> {
    if !matches!(attribute.meta, Meta::List(_)) {
        return Err(syn::Error::new_spanned(
            &attribute.meta,
            "a table is expected: `#[references(users)]` or `#[references(users(email))]`",
        ));
    }
    attribute.parse_args_with(|input: ParseStream| Ok(References { target: input.parse()?, actions: input.parse()? }))
}

/// `(a, b -> other(x, y), on_delete = cascade)`
fn foreign_key(attribute: &Attribute) -> syn::Result<TableForeignKey> {
    if !matches!(attribute.meta, Meta::List(_)) {
        return Err(syn::Error::new_spanned(
            &attribute.meta,
            "columns and a table are expected: `#[foreign_key(a, b -> other(x, y))]`",
        ));
    }
    attribute.parse_args_with(|input: ParseStream| {
        let columns = Punctuated::<Ident, Token![,]>::parse_separated_nonempty_with(input, Ident::parse_any)?;
        input.parse::<Token![->]>()?;
        Ok(TableForeignKey {
            columns: columns.into_iter().collect(),
            target: input.parse()?,
            actions: input.parse::<Actions>()?,
        })
    })
}

/// `word = "…"`, for one of these words
fn option(input: ParseStream, words: &[&str]) -> syn::Result<(Ident, LitStr)> {
    let word: Ident = input.call(Ident::parse_any)?;
    if !words.iter().any(|known| word == known) {
        let expected = words.iter().map(|word| format!("`{word} = \"…\"`")).collect::<Vec<_>>().join(" or ");
        return Err(syn::Error::new(word.span(), format!("{expected} is expected here")));
    }
    input.parse::<Token![=]>()?;
    Ok((word, filled_text(input)?))
}

fn comma_or_end(input: ParseStream) -> syn::Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

fn end(input: ParseStream) -> syn::Result<()> {
    input.parse::<Option<Token![,]>>()?;
    if input.is_empty() { Ok(()) } else { Err(input.error("nothing more is expected here")) }
}
