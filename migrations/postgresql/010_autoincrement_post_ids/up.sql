-- An identity column gives no id twice, as AUTOINCREMENT on SQLite: there is nothing to change.
SELECT 1;
