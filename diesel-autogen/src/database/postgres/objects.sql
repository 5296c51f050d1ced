-- Views, triggers, and every object that the library compares but never creates or drops:
-- kind, name, table (NULL where it belongs to none), definition.
WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()),
member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
relation AS (
    SELECT * FROM pg_class WHERE relnamespace = (SELECT oid FROM here)
    AND (tableoid, oid) NOT IN (SELECT classid, objid FROM member)
),
routine AS (
    SELECT *, proname || '(' || pg_get_function_identity_arguments(oid) || ')' AS signature
    FROM pg_proc WHERE pronamespace = (SELECT oid FROM here)
    AND (tableoid, oid) NOT IN (SELECT classid, objid FROM member)
),
type AS (
    SELECT * FROM pg_type WHERE typnamespace = (SELECT oid FROM here)
    AND (tableoid, oid) NOT IN (SELECT classid, objid FROM member)
),
own AS (
    -- Every table that is read, in other schemas too, and the relations here that are no plain tables.
    SELECT oid, path FROM TABLES UNION SELECT oid, relname FROM relation
),
object (place, id, kind, name, "table", definition) AS (
    SELECT 0, oid, 'extension', extname::text, NULL::text, extversion FROM pg_extension WHERE extname <> 'plpgsql'
    UNION ALL
    SELECT 1, oid, 'enum', typname, NULL,
        (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = type.oid)
    FROM type WHERE typtype = 'e'
    UNION ALL
    SELECT 1, oid, 'domain', typname, NULL, concat_ws(' ', format_type(typbasetype, typtypmod),
        (SELECT 'COLLATE ' || type.typcollation::regcollation FROM pg_type base
         WHERE base.oid = type.typbasetype AND base.typcollation <> type.typcollation),
        'DEFAULT ' || typdefault, CASE WHEN typnotnull THEN 'NOT NULL' END,
        (SELECT string_agg('CONSTRAINT ' || quote_ident(conname) || ' ' || pg_get_constraintdef(c.oid), ' ' ORDER BY conname)
         FROM pg_constraint c WHERE contypid = type.oid AND contype = 'c'))
    FROM type WHERE typtype = 'd'
    UNION ALL
    SELECT 1, oid, 'range type', typname, NULL,
        (SELECT rngsubtype::regtype::text FROM pg_range WHERE rngtypid = type.oid)
    FROM type WHERE typtype = 'r'
    UNION ALL
    SELECT 2, oid, 'sequence', relname, NULL,
        (SELECT concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle)
         FROM pg_sequence WHERE seqrelid = relation.oid)
    FROM relation WHERE relkind = 'S' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = relation.oid AND deptype IN ('a', 'i'))
    UNION ALL
    SELECT 3, oid, CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, signature, NULL,
        CASE WHEN prokind = 'a' THEN pg_get_function_result(oid) ELSE pg_get_functiondef(oid) END
    FROM routine
    UNION ALL
    SELECT 4, oid,
        CASE relkind WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' WHEN 'm' THEN 'materialized view'
            WHEN 'c' THEN 'composite type' ELSE CASE WHEN relispartition THEN 'partition' ELSE 'inheriting table' END END,
        relname, NULL,
        concat_ws(E'\n', relpersistence, reloptions, CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END,
            pg_get_expr(relpartbound, oid), CASE WHEN relkind = 'm' THEN pg_get_viewdef(oid) END,
            (SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = relation.oid),
            (SELECT string_agg(concat_ws(' ', quote_ident(attname), format_type(atttypid, atttypmod), attnotnull,
                attidentity, attgenerated, pg_get_expr(adbin, adrelid)), ', ' ORDER BY attnum)
             FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
             WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped),
            (SELECT string_agg(conname || ' ' || pg_get_constraintdef(c.oid), E'\n' ORDER BY conname)
             FROM pg_constraint c WHERE conrelid = relation.oid),
            (SELECT string_agg(pg_get_indexdef(indexrelid), E'\n' ORDER BY pg_get_indexdef(indexrelid))
             FROM pg_index WHERE indrelid = relation.oid),
            (SELECT concat_ws(' ', srvname, ftoptions) FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver
             WHERE ftrelid = relation.oid))
    FROM relation WHERE relkind IN ('p', 'f', 'm', 'c') OR relkind = 'r' AND (relispartition
        OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = relation.oid))
    UNION ALL
    SELECT 5, oid, 'view', relname, NULL, 'CREATE VIEW ' || quote_ident(relname)
        || coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', '') || E' AS\n' || rtrim(pg_get_viewdef(oid), ';')
    FROM relation WHERE relkind = 'v'
    UNION ALL
    SELECT 6, t.oid, 'trigger', tgname, path, pg_get_triggerdef(t.oid, true) || CASE tgenabled WHEN 'O' THEN ''
        ELSE format(E';\nALTER TABLE %s %s TRIGGER %I', tgrelid::regclass, CASE tgenabled WHEN 'D' THEN 'DISABLE'
            WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname) END
    FROM pg_trigger t JOIN own ON own.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT 7, r.oid, 'rule', rulename, path, concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled)
    FROM pg_rewrite r JOIN own ON own.oid = ev_class WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 7, p.oid, 'policy', polname, path, concat_ws(' ', polcmd, polpermissive,
        (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE role::regrole::text END, ', ') FROM unnest(polroles) role),
        pg_get_expr(polqual, polrelid), 'CHECK ' || pg_get_expr(polwithcheck, polrelid))
    FROM pg_policy p JOIN own ON own.oid = polrelid
    UNION ALL
    SELECT 7, s.oid, 'statistics', stxname, path, pg_get_statisticsobjdef(s.oid)
    FROM pg_statistic_ext s JOIN own ON own.oid = stxrelid
    UNION ALL
    SELECT 8, oid, 'collation', collname, NULL, concat_ws(' ', collprovider, collisdeterministic, collcollate)
    FROM pg_collation WHERE collnamespace = (SELECT oid FROM here)
    UNION ALL
    SELECT 8, oid, 'operator', oid::regoperator::text, NULL, oprcode::text
    FROM pg_operator WHERE oprnamespace = (SELECT oid FROM here)
    AND (tableoid, oid) NOT IN (SELECT classid, objid FROM member)
    UNION ALL
    SELECT 8, oid, 'text search configuration', cfgname, NULL, cfgparser::text
    FROM pg_ts_config WHERE cfgnamespace = (SELECT oid FROM here)
    UNION ALL
    SELECT 8, oid, 'event trigger', evtname, NULL, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled, evttags)
    FROM pg_event_trigger
)
SELECT kind, name::text, "table"::text, replace(coalesce(definition, ''), quote_ident(current_schema()) || '.', '')
FROM object ORDER BY place, id
