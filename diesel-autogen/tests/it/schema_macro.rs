//! The output of `schema!`: the data, and tables that Diesel can query.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_autogen::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type,
};

mod microblog {
    diesel_autogen::schema! {
        /// People who write posts.
        users (id) {
            id -> Integer,
            #[max_length = 64]
            #[unique]
            nickname -> VarChar,
            #[max_length = 120]
            #[unique]
            email -> VarChar,
        }

        posts (id) {
            id -> Integer,
            #[max_length = 140]
            body -> VarChar,
            #[index]
            timestamp -> Timestamp,
            #[index]
            #[references(users, on_delete = cascade)]
            user_id -> Integer,
        }
    }
}

#[test]
fn keeps_the_order_of_the_declaration() {
    let users = Table::new("users", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("nickname", text(64)))
        .column(Column::new("email", text(120)))
        .index(Index::new("users", [IndexColumn::asc("nickname")], true))
        .index(Index::new("users", [IndexColumn::asc("email")], true));
    let posts = Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("body", text(140)))
        .column(Column::new("timestamp", Type::Timestamp))
        .column(Column::new("user_id", Type::Integer))
        .index(Index::new("posts", [IndexColumn::asc("timestamp")], false))
        .index(Index::new("posts", [IndexColumn::asc("user_id")], false))
        .foreign_key(ForeignKey::new(["user_id"], "users", ["id"]).on_delete(Action::Cascade));

    assert_eq!(microblog::schema(), Schema::new([users, posts]));
}

#[test]
fn diesel_inserts_and_joins() -> QueryResult<()> {
    use microblog::{posts, users};

    let connection = &mut memory();
    connection.batch_execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, nickname TEXT NOT NULL, email TEXT NOT NULL);
         CREATE TABLE posts (id INTEGER PRIMARY KEY NOT NULL, body TEXT NOT NULL, timestamp TIMESTAMP NOT NULL,
                             user_id INTEGER NOT NULL);",
    )?;
    diesel::insert_into(users::table)
        .values((users::nickname.eq("susan"), users::email.eq("susan@example.com")))
        .execute(connection)?;
    diesel::insert_into(posts::table)
        .values((posts::body.eq("hello"), posts::timestamp.eq(diesel::dsl::now), posts::user_id.eq(1)))
        .execute(connection)?;

    let found: Vec<(String, String)> =
        posts::table.inner_join(users::table).select((users::nickname, posts::body)).load(connection)?;

    assert_eq!(found, [("susan".to_owned(), "hello".to_owned())]);
    Ok(())
}

#[test]
fn diesel_knows_the_maximum_length() {
    use diesel::query_source::SizeRestrictedColumn;

    assert_eq!(microblog::users::nickname::MAX_LENGTH, 64);
}

mod column_attributes {
    diesel_autogen::schema! {
        #[renamed_from = "person"]
        people {
            id -> BigInt,
            #[sql_name = "type"]
            #[index(desc, name = "people_newest_type")]
            type_ -> SmallInt,
            #[unique(name = "one_address")]
            #[index]
            address -> Text,
            #[renamed_from = "nick"]
            #[default = "it's"]
            nickname -> Nullable<VarChar>,
            #[default = -1]
            #[check = "score > -2"]
            #[check(name = "low_score", sql = "score < 10")]
            score -> Integer,
            #[default = 2.5]
            weight -> Double,
            #[default = 1]
            height -> Float,
            #[default = true]
            active -> Bool,
            #[default = now]
            seen -> Timestamp,
            #[default = now]
            born -> Date,
            #[default(sql = "x'00'")]
            photo -> Binary,
            wakes -> Nullable<Time>,
        }
    }
}

#[test]
fn column_attributes_reach_the_data() {
    let people = Table::new("people", ["id"])
        .renamed_from("person")
        .column(Column::new("id", Type::BigInt))
        .column(Column::new("type", Type::SmallInt))
        .column(Column::new("address", Type::Text { max_length: None }))
        .column(
            Column::new("nickname", Type::Text { max_length: None })
                .nullable()
                .default(DefaultValue::Text("it's".into()))
                .renamed_from("nick"),
        )
        .column(Column::new("score", Type::Integer).default(DefaultValue::Number("-1".into())))
        .column(Column::new("weight", Type::Double).default(DefaultValue::Number("2.5".into())))
        .column(Column::new("height", Type::Float).default(DefaultValue::Number("1".into())))
        .column(Column::new("active", Type::Bool).default(DefaultValue::Bool(true)))
        .column(Column::new("seen", Type::Timestamp).default(DefaultValue::Now))
        .column(Column::new("born", Type::Date).default(DefaultValue::Now))
        .column(Column::new("photo", Type::Binary).default(DefaultValue::Sql("x'00'".into())))
        .column(Column::new("wakes", Type::Time).nullable())
        .index(Index::new("people", [IndexColumn::desc("type")], false).named("people_newest_type"))
        .index(Index::new("people", [IndexColumn::asc("address")], true).named("one_address"))
        .check(Check::new("score > -2"))
        .check(Check::new("score < 10").named("low_score"));

    assert_eq!(column_attributes::schema(), Schema::new([people]));
}

mod table_attributes {
    diesel_autogen::schema! {
        #[sql_name = "Orders"]
        #[index(match, shop)]
        orders (shop, number) {
            #[sql_name = "shop_id"]
            shop -> Integer,
            number -> Integer,
            #[unique]
            code -> Text,
            #[index]
            r#match -> Nullable<Bool>,
        }

        #[unique(shop, order_, position)]
        #[index(order_, price desc, name = "dearest")]
        #[index(price desc, position)]
        #[foreign_key(shop, order_ -> orders, on_delete = cascade, on_update = no_action)]
        #[foreign_key(replaces_shop, replaces_order -> orders(shop, number), on_delete = set_null)]
        #[check = "price > 0"]
        #[check(name = "few", sql = "position < 100")]
        lines {
            id -> Integer,
            shop -> Integer,
            #[sql_name = "order"]
            order_ -> Integer,
            position -> Integer,
            price -> Integer,
            replaces_shop -> Nullable<Integer>,
            replaces_order -> Nullable<Integer>,
            #[references(orders(code), on_update = set_default)]
            #[default = ""]
            order_code -> VarChar,
            #[references(lines, on_delete = restrict)]
            parent -> Nullable<Integer>,
        }
    }
}

#[test]
fn table_attributes_use_the_names_of_the_database() {
    let asc = IndexColumn::asc;
    let orders = Table::new("Orders", ["shop_id", "number"])
        .column(Column::new("shop_id", Type::Integer))
        .column(Column::new("number", Type::Integer))
        .column(Column::new("code", Type::Text { max_length: None }))
        .column(Column::new("match", Type::Bool).nullable())
        .index(Index::new("Orders", [asc("code")], true))
        .index(Index::new("Orders", [asc("match")], false))
        .index(Index::new("Orders", [asc("match"), asc("shop_id")], false));
    let lines = Table::new("lines", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("shop", Type::Integer))
        .column(Column::new("order", Type::Integer))
        .column(Column::new("position", Type::Integer))
        .column(Column::new("price", Type::Integer))
        .column(Column::new("replaces_shop", Type::Integer).nullable())
        .column(Column::new("replaces_order", Type::Integer).nullable())
        .column(Column::new("order_code", Type::Text { max_length: None }).default(DefaultValue::Text(String::new())))
        .column(Column::new("parent", Type::Integer).nullable())
        .index(Index::new("lines", [asc("shop"), asc("order"), asc("position")], true))
        .index(Index::new("lines", [asc("order"), IndexColumn::desc("price")], false).named("dearest"))
        .index(Index::new("lines", [IndexColumn::desc("price"), asc("position")], false))
        .foreign_key(ForeignKey::new(["order_code"], "Orders", ["code"]).on_update(Action::SetDefault))
        .foreign_key(ForeignKey::new(["parent"], "lines", ["id"]).on_delete(Action::Restrict))
        .foreign_key(ForeignKey::new(["shop", "order"], "Orders", ["shop_id", "number"]).on_delete(Action::Cascade))
        .foreign_key(
            ForeignKey::new(["replaces_shop", "replaces_order"], "Orders", ["shop_id", "number"])
                .on_delete(Action::SetNull),
        )
        .check(Check::new("price > 0"))
        .check(Check::new("position < 100").named("few"));

    assert_eq!(table_attributes::schema(), Schema::new([orders, lines]));
}

#[test]
fn diesel_uses_the_names_of_the_database() {
    use table_attributes::{lines, orders};

    let order = orders::table.find((1, 2)).select(orders::shop);
    assert_eq!(
        sql(&order),
        "SELECT `Orders`.`shop_id` FROM `Orders` \
         WHERE ((`Orders`.`shop_id` = ?) AND (`Orders`.`number` = ?)) -- binds: [1, 2]"
    );
    let lines = lines::table.select(lines::order_).filter(lines::price.gt(3));
    assert_eq!(sql(&lines), "SELECT `lines`.`order` FROM `lines` WHERE (`lines`.`price` > ?) -- binds: [3]");
}

/// The output of `diesel print-schema` for a SQLite database whose ids are `INTEGER PRIMARY KEY` without NOT NULL.
mod printed {
    diesel_autogen::schema! {
        // @generated automatically by Diesel CLI.

        diesel::table! {
            use diesel::sql_types::*;

            /// Who follows whom.
            followers (follower_id, followed_id) {
                follower_id -> Integer,
                followed_id -> Integer,
            }
        }

        diesel::table! {
            posts (id) {
                id -> Nullable<Integer>,
                #[max_length = 140]
                body -> Varchar,
                user_id -> Nullable<Integer>,
                #[sql_name = "type"]
                type_ -> Text,
            }
        }

        diesel::table! {
            users (id) {
                id -> Nullable<Integer>,
                nickname -> diesel::sql_types::Text,
            }
        }

        diesel::joinable!(posts -> users (user_id));

        diesel::allow_tables_to_appear_in_same_query!(
            followers,
            posts,
            users,
        );
    }
}

#[test]
fn accepts_the_output_of_print_schema() {
    let followers = Table::new("followers", ["follower_id", "followed_id"])
        .column(Column::new("follower_id", Type::Integer))
        .column(Column::new("followed_id", Type::Integer));
    let posts = Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer).nullable())
        .column(Column::new("body", text(140)))
        .column(Column::new("user_id", Type::Integer).nullable())
        .column(Column::new("type", Type::Text { max_length: None }));
    let users = Table::new("users", ["id"])
        .column(Column::new("id", Type::Integer).nullable())
        .column(Column::new("nickname", Type::Text { max_length: None }));

    assert_eq!(printed::schema(), Schema::new([followers, posts, users]));
}

#[test]
fn pasted_tables_can_be_joined() {
    use printed::{followers, posts, users};

    let joined = users::table.left_join(posts::table).select(posts::body.nullable());
    assert!(sql(&joined).contains("LEFT OUTER JOIN `posts` ON (`posts`.`user_id` = `users`.`id`)"));

    let together = posts::table
        .inner_join(followers::table.on(followers::followed_id.nullable().eq(posts::user_id)))
        .select(posts::body);
    assert!(sql(&together).contains("INNER JOIN `followers`"));
}

mod two_keys {
    diesel_autogen::schema! {
        users { id -> Integer, }

        /// Two keys to one table: Diesel cannot know which of them a join means.
        messages {
            id -> Integer,
            #[references(users)]
            sender -> Integer,
            #[references(users, on_delete = cascade)]
            recipient -> Integer,
        }

        /// This declaration names it.
        letters {
            id -> Integer,
            #[references(users)]
            sender -> Integer,
            #[references(users)]
            recipient -> Integer,
        }

        diesel::joinable!(letters -> users (recipient));
    }
}

#[test]
fn joinable_chooses_one_of_two_foreign_keys() {
    use two_keys::{letters, messages, users};

    let told = letters::table.inner_join(users::table).select(letters::id);
    assert!(sql(&told).contains("ON (`letters`.`recipient` = `users`.`id`)"));
    let said = messages::table.inner_join(users::table.on(messages::sender.eq(users::id))).select(messages::id);
    assert!(sql(&said).contains("ON (`messages`.`sender` = `users`.`id`)"));

    let keys = two_keys::schema().tables[2].foreign_keys.len();
    assert_eq!(keys, 2, "joinable! adds no key beside the one that is there");
}

mod empty {
    diesel_autogen::schema! {}
}

#[test]
fn a_schema_without_tables_is_empty() {
    assert_eq!(empty::schema(), Schema::default());
}

fn text(max_length: u32) -> Type {
    Type::Text { max_length: Some(max_length) }
}

fn memory() -> SqliteConnection {
    SqliteConnection::establish(":memory:").expect("a database in memory can always be opened")
}

fn sql<T>(query: &T) -> String
where
    T: diesel::query_builder::QueryFragment<diesel::sqlite::Sqlite>,
{
    diesel::debug_query::<diesel::sqlite::Sqlite, _>(query).to_string()
}
