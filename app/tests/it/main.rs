//! The integration tests of the site, one module per feature.

mod accounts;
mod assets;
mod atom;
mod caching;
mod commands;
mod errors;
mod escaping;
mod feed;
mod health;
mod logging;
mod migrations;
mod models;
mod modules;
mod pages;
mod play_time;
mod pool;
mod postgresql;
mod posts;
mod program;
mod rate_limits;
mod search;
mod security;
mod snapshots;
mod support;
mod upgrade_while_serving;
mod users;
