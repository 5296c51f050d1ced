-- Views, triggers, and every other object: kind, name, table (NULL where it belongs to none), and the statement that
-- creates it, or a description where the library only compares it.
WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()),
member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
relation AS (
    SELECT * FROM pg_class WHERE relnamespace = (SELECT oid FROM here)
    AND (tableoid, oid) NOT IN (SELECT classid, objid FROM member)
),
routine AS (
    SELECT *, quote_ident(proname) || '(' || pg_get_function_identity_arguments(oid) || ')' AS signature
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
    SELECT 0, oid, 'extension', extname::text, NULL::text,
        format('CREATE EXTENSION %I VERSION %L', extname, extversion) FROM pg_extension WHERE extname <> 'plpgsql'
    UNION ALL
    SELECT 1, oid, 'enum', typname, NULL,
        format('CREATE TYPE %I AS ENUM (%s)', typname,
            (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = type.oid))
    FROM type WHERE typtype = 'e'
    UNION ALL
    SELECT 1, oid, 'domain', typname, NULL, concat_ws(' ', format('CREATE DOMAIN %I AS', typname), format_type(typbasetype, typtypmod),
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
        (SELECT concat_ws(' ', 'CREATE SEQUENCE', quote_ident(relname), 'AS', seqtypid::regtype, 'START', seqstart, 'INCREMENT',
            seqincrement, 'MINVALUE', seqmin, 'MAXVALUE', seqmax, 'CACHE', seqcache, CASE WHEN seqcycle THEN 'CYCLE' END)
         FROM pg_sequence WHERE seqrelid = relation.oid)
    FROM relation WHERE relkind = 'S' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = relation.oid AND deptype IN ('a', 'i'))
    UNION ALL
    SELECT 3, oid, CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, signature, NULL,
        CASE WHEN prokind = 'a' THEN pg_get_function_result(oid)
            -- What follows `AS` is the program's own text.
            ELSE replace(header, quote_ident(current_schema()) || '.', '') || substr(rtrim(body, E'\n'), length(header) + 1) END
    FROM routine
    CROSS JOIN LATERAL (SELECT CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) END AS body) b
    CROSS JOIN LATERAL (SELECT split_part(body, E'\nAS ', 1) AS header) h
    UNION ALL
    SELECT 4, oid,
        CASE relkind WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' ELSE CASE WHEN relispartition THEN 'partition' ELSE 'inheriting table' END END,
        relname, NULL,
        concat_ws(E'\n', relpersistence, reloptions, CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END,
            pg_get_expr(relpartbound, oid),
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
    FROM relation WHERE relkind IN ('p', 'f') OR relkind = 'r' AND (relispartition
        OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = relation.oid))
    UNION ALL
    SELECT 1, oid, 'composite type', relname, NULL, format('CREATE TYPE %I AS (%s)', relname,
        (SELECT string_agg(concat_ws(' ', quote_ident(attname), format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped))
    FROM relation WHERE relkind = 'c'
    UNION ALL
    SELECT 5, oid, CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, relname, NULL,
        CASE relkind WHEN 'v' THEN 'CREATE VIEW ' ELSE 'CREATE MATERIALIZED VIEW ' END || quote_ident(relname)
        || coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', '') || E' AS\n' || rtrim(pg_get_viewdef(oid), ';')
        || CASE WHEN relkind = 'm' AND NOT relispopulated THEN E'\n  WITH NO DATA' ELSE '' END
        || coalesce((SELECT string_agg(E';\n' || pg_get_indexdef(indexrelid), '' ORDER BY indexrelid)
            FROM pg_index WHERE indrelid = relation.oid), '')
        || CASE WHEN pg_get_userbyid(relowner) <> current_user THEN format(E';\nALTER TABLE %I OWNER TO %I', relname,
            pg_get_userbyid(relowner)) ELSE '' END
    FROM relation WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT 6, t.oid, 'trigger', tgname, path, pg_get_triggerdef(t.oid, true) || CASE tgenabled WHEN 'O' THEN ''
        ELSE format(E';\nALTER TABLE %s %s TRIGGER %I', tgrelid::regclass, CASE tgenabled WHEN 'D' THEN 'DISABLE'
            WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname) END
    FROM pg_trigger t JOIN own ON own.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT 7, r.oid, 'rule', rulename, path, rtrim(pg_get_ruledef(r.oid), ';') || CASE r.ev_enabled
        WHEN 'O' THEN '' ELSE ' ' || r.ev_enabled::text END
    FROM pg_rewrite r JOIN own ON own.oid = ev_class WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 7, p.oid, 'policy', polname, path, concat_ws(' ', format('CREATE POLICY %I ON %s', polname, polrelid::regclass),
        CASE WHEN NOT polpermissive THEN 'AS RESTRICTIVE' END,
        CASE polcmd WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT' WHEN 'w' THEN 'FOR UPDATE' WHEN 'd' THEN 'FOR DELETE' END,
        'TO ' || (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE role::regrole::text END, ', ') FROM unnest(polroles) role),
        'USING (' || pg_get_expr(polqual, polrelid) || ')', 'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')')
    FROM pg_policy p JOIN own ON own.oid = polrelid
    UNION ALL
    SELECT 7, oid, 'row security', word, path, format('ALTER TABLE %s %s ROW LEVEL SECURITY', oid::regclass, word)
    FROM own JOIN pg_class USING (oid), unnest(ARRAY[CASE WHEN relrowsecurity THEN 'ENABLE' END, CASE WHEN relforcerowsecurity THEN 'FORCE' END]) word
    WHERE relkind = 'r' AND word IS NOT NULL
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
    UNION ALL
    SELECT 9, d.objid, 'comment', target, (SELECT path FROM own WHERE oid = relid),
        format('COMMENT ON %s IS %L', replace(target, quote_ident(current_schema()) || '.', ''), description)
    FROM (SELECT classoid, objoid AS objid, objsubid, description FROM pg_description
        WHERE (classoid, objoid) NOT IN (SELECT classid, objid FROM member)
        AND classoid NOT IN ('pg_namespace'::regclass, 'pg_extension'::regclass, 'pg_language'::regclass)
        AND objoid >= 16384) d
    CROSS JOIN LATERAL pg_identify_object(classoid, d.objid, objsubid) o
    CROSS JOIN LATERAL (SELECT upper(CASE o.type WHEN 'table constraint' THEN 'constraint' WHEN 'domain constraint' THEN 'constraint'
            WHEN 'statistics object' THEN 'statistics' ELSE regexp_replace(o.type, '^.* column$', 'column') END) || ' '
        || CASE o.type WHEN 'domain constraint' THEN replace(identity, ' on ', ' on domain ') ELSE identity END AS target) t
    CROSS JOIN LATERAL (SELECT CASE d.classoid
        WHEN 'pg_class'::regclass THEN coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = d.objid), d.objid)
        WHEN 'pg_constraint'::regclass THEN (SELECT conrelid FROM pg_constraint WHERE oid = d.objid)
        WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = d.objid) END AS relid) r
    WHERE o.schema = current_schema() OR position(' on ' || quote_ident(current_schema()) || '.' IN identity) > 0
        OR relid IN (SELECT oid FROM own)
    UNION ALL
    SELECT 9, oid, 'privilege', format('%s%s TO %s', privilege_type, columns, role), path,
        format('GRANT %s%s ON %s%s TO %s%s', privilege_type, columns, CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END,
            oid::regclass, role, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM (SELECT oid, path, relkind, relowner, relacl AS acl, '' AS columns FROM own JOIN pg_class USING (oid) UNION ALL
        SELECT oid, path, relkind, relowner, attacl, format(' (%I)', attname) FROM own JOIN pg_class USING (oid)
        JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped) r
    CROSS JOIN LATERAL aclexplode(acl)
    CROSS JOIN LATERAL (SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role) g
    WHERE relkind IN ('r', 'v', 'm', 'S') AND grantee <> relowner
    UNION ALL
    SELECT 9, oid, 'owner', pg_get_userbyid(relowner), path,
        format('ALTER TABLE %s OWNER TO %I', oid::regclass, pg_get_userbyid(relowner))
    FROM own JOIN pg_class USING (oid) WHERE relkind = 'r' AND pg_get_userbyid(relowner) <> current_user
    UNION ALL
    SELECT 9, oid, 'privileges of a routine', signature, NULL, proacl::text FROM routine WHERE proacl IS NOT NULL
    UNION ALL
    SELECT 9, oid, 'privileges of a type', typname, NULL, typacl::text FROM type WHERE typacl IS NOT NULL
    UNION ALL
    SELECT 9, oid, 'default privileges', concat_ws(' ', defaclrole::regrole,
        nullif(defaclnamespace, 0)::regnamespace, defaclobjtype::text), NULL, defaclacl::text
    FROM pg_default_acl WHERE defaclnamespace IN (0, (SELECT oid FROM here))
)
SELECT kind, replace(name::text, quote_ident(current_schema()) || '.', ''), "table"::text,
    CASE WHEN kind IN ('function', 'procedure', 'comment') THEN definition
        ELSE replace(coalesce(definition, ''), quote_ident(current_schema()) || '.', '') END
FROM object ORDER BY place, id
