-- Keeps the schema, as pg_dump writes it now, as the moment that the variable names.
\copy test.dumps (line) FROM PROGRAM 'pg_dump --schema-only --exclude-schema=test | grep -v restrict' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
UPDATE test.dumps SET moment = :'moment' WHERE moment IS NULL;
