//! The code that `schema!` stands for: Diesel's tables, how they join, and the function `schema`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Ident, LitInt};

use crate::model::{Column, ForeignKey, Index, Join, Model, Place, Table};
use crate::types::{Custom, Kind};
use crate::values::Check;

/// Writes all of it. `library` is the path of the crate `diesel_autogen`.
pub fn expand(model: &Model, library: &TokenStream) -> TokenStream {
    let diesel_tables = model.tables.iter().map(diesel_table);
    let joinables = joins(model).into_iter().map(|join| joinable(join, model));
    let together = together(model);
    let modules = &model.modules;
    let grouped = model.grouped.iter().map(|columns| grouped(columns, model));
    let data_tables = model.tables.iter().map(|table| data_table(table, model));
    quote! {
        #(#modules)*
        #(#diesel_tables)*
        #(#joinables)*
        #together
        #(#grouped)*

        /// The tables as data, to be compared with a live database.
        #[must_use]
        pub fn schema() -> #library::Schema {
            use #library as autogen;
            autogen::Schema::new([#(#data_tables),*])
        }
    }
}

fn diesel_table(table: &Table) -> TokenStream {
    let Table { uses, ident, name, .. } = table;
    let schema = table.schema.as_ref().map(|schema| quote!(#schema.));
    let passed = passed(&table.passed, || format!("The table `{name}`."));
    let sql_name = sql_name(ident, name);
    let keys = table.key.iter().map(|key| &table.column(*key).ident);
    let columns = table.columns.iter().map(diesel_column);
    quote! {
        ::diesel::table! {
            #(#uses)*
            #passed
            #sql_name
            #schema #ident (#(#keys),*) {
                #(#columns,)*
            }
        }
    }
}

fn diesel_column(column: &Column) -> TokenStream {
    let Column { ident, name, .. } = column;
    let passed = passed(&column.passed, || format!("The column `{name}`."));
    let sql_name = sql_name(ident, name);
    let max_length = column.max_length.as_ref().map(|length| quote!(#[max_length = #length]));
    let ty = &column.ty.diesel;
    quote!(#passed #sql_name #max_length #ident -> #ty)
}

/// The attributes for the compiler, with a doc comment made up where there is none, for crates that deny
/// `missing_docs`.
fn passed(passed: &[Attribute], otherwise: impl FnOnce() -> String) -> TokenStream {
    let is_documented = passed.iter().any(|attribute| attribute.path().is_ident("doc"));
    let text = (!is_documented).then(otherwise).map(|text| quote!(#[doc = #text]));
    quote!(#text #(#passed)*)
}

fn sql_name(ident: &Ident, name: &str) -> Option<TokenStream> {
    (ident.unraw() != name).then(|| quote!(#[sql_name = #name]))
}

/// The joins that Diesel may take for granted: those that are stated, and between any other two tables the one that
/// follows from the only key between them. Two keys leave open which is meant, and Diesel can join on a whole primary
/// key of one column only.
fn joins(model: &Model) -> Vec<Join> {
    let mut joins = model.joinables.clone();
    for (at, table) in model.tables.iter().enumerate() {
        for key in &table.foreign_keys {
            let parent = model.table(key.table);
            let ([column], [referenced]) = (key.columns.as_slice(), key.references.as_slice()) else { continue };
            let stated = model.joinables.iter().any(|join| {
                (join.child.at, join.parent.at) == (at, key.table.at)
                    || (join.parent.at, join.child.at) == (at, key.table.at)
            });
            if at != key.table.at
                && !stated
                && parent.is_sole_key(referenced.at)
                && table.column(*column).ty.kind == parent.column(*referenced).ty.kind
                && keys_between(model, at, key.table.at) == 1
            {
                joins.push(Join { child: Place { at, span: column.span }, parent: key.table, column: *column });
            }
        }
    }
    joins
}

/// How many foreign keys there are between two tables, in either direction.
fn keys_between(model: &Model, a: usize, b: usize) -> usize {
    let count =
        |from: usize, to: usize| model.tables[from].foreign_keys.iter().filter(|key| key.table.at == to).count();
    count(a, b) + count(b, a)
}

fn joinable(join: Join, model: &Model) -> TokenStream {
    let (child, parent) = (model.table(join.child), model.table(join.parent));
    let column = &child.column(join.column).ident;
    let (child, parent) = (&child.ident, &parent.ident);
    quote!(::diesel::joinable!(#child -> #parent (#column));)
}

fn together(model: &Model) -> Option<TokenStream> {
    let tables = model.tables.iter().map(|table| &table.ident);
    (model.tables.len() > 1).then(|| quote!(::diesel::allow_tables_to_appear_in_same_query!(#(#tables,)*);))
}

fn grouped(columns: &[(Place, Place)], model: &Model) -> TokenStream {
    let columns = columns.iter().map(|(table, column)| {
        let table = model.table(*table);
        let (column, table) = (&table.column(*column).ident, &table.ident);
        quote!(#table::#column)
    });
    quote!(::diesel::allow_columns_to_appear_in_same_group_by_clause!(#(#columns,)*);)
}

fn data_table(table: &Table, model: &Model) -> TokenStream {
    let name = &table.name;
    let key = if table.without_primary_key { Vec::new() } else { column_names(&table.key, table) };
    let schema = data_schema(table);
    let renamed_from = table.renamed_from.as_ref().map(|old| quote!(.renamed_from(#old)));
    let columns = table.columns.iter().map(data_column);
    let indexes = table.indexes.iter().map(|index| data_index(index, table));
    let keys = table.foreign_keys.iter().map(|key| data_foreign_key(key, table, model));
    let checks = table.checks.iter().map(data_check);
    quote! {
        autogen::schema::Table::new(#name, [#(#key),*])
            #schema
            #renamed_from
            #(.column(#columns))*
            #(.index(#indexes))*
            #(.foreign_key(#keys))*
            #(.check(#checks))*
    }
}

fn data_schema(table: &Table) -> Option<TokenStream> {
    let schema = table.schema.as_ref().map(|schema| schema.unraw().to_string());
    schema.map(|schema| quote!(.in_schema(#schema)))
}

fn data_column(column: &Column) -> TokenStream {
    let name = &column.name;
    let ty = data_type(column);
    let nullable = column.ty.nullable.then(|| quote!(.nullable()));
    let default = column.default.as_ref().map(|default| {
        let value = default.tokens();
        quote!(.default(#value))
    });
    let renamed_from = column.renamed_from.as_ref().map(|old| quote!(.renamed_from(#old)));
    quote!(autogen::schema::Column::new(#name, #ty) #nullable #default #renamed_from)
}

fn data_type(column: &Column) -> TokenStream {
    if let Some(sql) = &column.sql_type {
        return other_type(&sql.value());
    }
    let length = column.max_length.as_ref().map(LitInt::base10_digits);
    match (&column.ty.kind, length) {
        (Kind::Sql(sql), Some(length)) => other_type(&format!("{sql}({length})")),
        (Kind::Custom(custom), Some(length)) => {
            let postgres = custom.postgres.as_ref().map(|sql| format!("{sql}({length})"));
            kind_data(&Kind::Custom(Custom { postgres, ..custom.clone() }))
        }
        (Kind::Text, Some(_)) => {
            let length = &column.max_length;
            quote!(autogen::schema::Type::Text { max_length: ::core::option::Option::Some(#length) })
        }
        (kind, _) => kind_data(kind),
    }
}

fn kind_data(kind: &Kind) -> TokenStream {
    match kind {
        Kind::Text => quote!(autogen::schema::Type::Text { max_length: ::core::option::Option::None }),
        Kind::Diesel(name) => quote!(autogen::schema::Type::Diesel(#name)),
        Kind::Sql(sql) => other_type(sql),
        Kind::Array(item) => {
            let item = kind_data(item);
            quote!(autogen::schema::Type::Array(::std::boxed::Box::new(#item)))
        }
        Kind::Custom(Custom { name, postgres, sqlite }) => {
            let (postgres, sqlite) = (optional(postgres.as_deref()), optional(sqlite.as_deref()));
            quote!(autogen::schema::Type::Custom { name: #name.into(), postgres: #postgres, sqlite: #sqlite })
        }
        shared => {
            let name = Ident::new(&shared.name(), proc_macro2::Span::call_site());
            quote!(autogen::schema::Type::#name)
        }
    }
}

fn other_type(sql: &str) -> TokenStream {
    quote!(autogen::schema::Type::Other(#sql.into()))
}

fn optional(text: Option<&str>) -> TokenStream {
    text.map_or_else(|| quote!(::core::option::Option::None), |text| quote!(::core::option::Option::Some(#text.into())))
}

fn data_index(index: &Index, table: &Table) -> TokenStream {
    let (name, unique) = (&table.name, index.unique);
    let columns = index.columns.iter().map(|(column, descending)| {
        let name = &table.column(*column).name;
        if *descending {
            quote!(autogen::schema::IndexColumn::desc(#name))
        } else {
            quote!(autogen::schema::IndexColumn::asc(#name))
        }
    });
    let named = index.stated_name.as_ref().map(|name| quote!(.named(#name)));
    quote!(autogen::schema::Index::new(#name, [#(#columns),*], #unique) #named)
}

fn data_foreign_key(key: &ForeignKey, table: &Table, model: &Model) -> TokenStream {
    let other = model.table(key.table);
    let (columns, name) = (column_names(&key.columns, table), &other.name);
    let references = column_names(&key.references, other);
    let on_delete = key.actions.on_delete.as_ref().map(|action| {
        let action = action.tokens();
        quote!(.on_delete(#action))
    });
    let on_update = key.actions.on_update.as_ref().map(|action| {
        let action = action.tokens();
        quote!(.on_update(#action))
    });
    let schema = data_schema(other);
    quote!(autogen::schema::ForeignKey::new([#(#columns),*], #name, [#(#references),*]) #schema #on_delete #on_update)
}

fn data_check(check: &Check) -> TokenStream {
    let sql = &check.sql;
    let named = check.name.as_ref().map(|name| quote!(.named(#name)));
    quote!(autogen::schema::Check::new(#sql) #named)
}

fn column_names<'a>(places: &[Place], table: &'a Table) -> Vec<&'a str> {
    places.iter().map(|place| table.column(*place).name.as_str()).collect()
}
