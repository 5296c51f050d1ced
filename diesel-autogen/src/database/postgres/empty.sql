-- Drops every object of a schema, but for those of extensions. Fails where an object that the schema's backup
-- does not hold depends on one of them, and would go with it.
DO $drop$
DECLARE
    here oid := (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = {schema});
    other text;
    command text;
BEGIN
    WITH RECURSIVE direct AS (
        SELECT classid, objid FROM pg_catalog.pg_depend d
        WHERE refclassid = 'pg_catalog.pg_namespace'::regclass AND refobjid = here AND deptype = 'n'
        AND classid <> 'pg_catalog.pg_extension'::regclass AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e'
        )
    ),
    own AS (
        SELECT classid, objid FROM direct
        UNION
        SELECT d.classid, d.objid FROM own JOIN pg_catalog.pg_depend d ON d.refclassid = own.classid AND d.refobjid = own.objid
        WHERE d.deptype IN ('a', 'i', 'P', 'S')
    ),
    stranger AS (
        SELECT d.classid, d.objid FROM own JOIN pg_catalog.pg_depend d ON d.refclassid = own.classid AND d.refobjid = own.objid
        WHERE d.deptype <> 'e' AND (d.classid, d.objid) NOT IN (SELECT classid, objid FROM own)
        UNION ALL
        SELECT classid, objid FROM own WHERE classid IN (
            'pg_catalog.pg_publication_rel'::regclass, 'pg_catalog.pg_cast'::regclass, 'pg_catalog.pg_transform'::regclass
        )
        UNION ALL
        SELECT own.classid, own.objid FROM own JOIN pg_catalog.pg_class c ON own.classid = c.tableoid AND own.objid = c.oid
        WHERE c.relnamespace NOT IN (here, 'pg_toast'::regnamespace)
    )
    SELECT pg_catalog.pg_describe_object(classid, objid, 0) INTO other FROM stranger LIMIT 1;
    IF other IS NOT NULL THEN
        RAISE EXCEPTION '% depends on what is to be replaced, and the backup does not hold it: drop it first', other;
    END IF;
    FOR command IN
        SELECT pg_catalog.format('DROP %s IF EXISTS %s CASCADE',
            CASE type WHEN 'statistics object' THEN 'statistics' ELSE type END, identity)
        FROM pg_catalog.pg_depend d, pg_catalog.pg_identify_object(d.classid, d.objid, 0)
        WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = here AND d.deptype = 'n'
        AND d.classid <> 'pg_catalog.pg_extension'::regclass AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e'
        )
        -- A sequence of an identity column goes with its table alone.
        ORDER BY type <> 'table'
    LOOP
        EXECUTE command;
    END LOOP;
END
$drop$;
