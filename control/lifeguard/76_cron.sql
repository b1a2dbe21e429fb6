-- Cron expressions: what they say, when they are due, and what they are in the time zone of pg_cron.

CREATE FUNCTION lifeguard.parse_cron(schedule text, OUT minutes int[], OUT hours int[], OUT days int[], OUT months int[], OUT weekdays int[], OUT either_day boolean)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  titles constant text[] := '{minute,hour,day of the month,month,day of the week}';
  lowest constant int[]  := '{0,0,1,1,0}';
  highest constant int[] := '{59,23,31,12,7}';
  months_of_year constant text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
  days_of_week   constant text[] := '{sun,mon,tue,wed,thu,fri,sat}';
  fields constant text[] := regexp_split_to_array(btrim(coalesce(schedule, ''), E' \t'), '[ \t]+');
  problem text;
  part    text;
  match   text[];
  ends    int[];
  taken   int[];
BEGIN
  IF cardinality(fields) <> 5 THEN
    problem := CASE fields[1] WHEN '' THEN 'it is empty' ELSE format('it has %s of five fields', cardinality(fields)) END;
  END IF;
  FOR place IN 1 .. 5 LOOP
    EXIT WHEN problem IS NOT NULL;
    taken := '{}';
    FOREACH part IN ARRAY string_to_array(fields[place], ',') LOOP
      match := regexp_match(part, '^(?:\*|([0-9]{1,4}|[a-zA-Z]{3})(?:-([0-9]{1,4}|[a-zA-Z]{3}))?)(?:/([0-9]{1,4}))?$');
      ends := ARRAY(SELECT CASE WHEN word ~ '^[0-9]' THEN word::int
                                WHEN place = 4 THEN array_position(months_of_year, lower(word))
                                WHEN place = 5 THEN array_position(days_of_week, lower(word)) - 1 END
                      FROM unnest(match[1:2]) WITH ORDINALITY AS w(word, number) WHERE word IS NOT NULL ORDER BY number);
      problem := CASE
        WHEN match IS NULL OR array_position(ends, NULL) IS NOT NULL THEN ''
        WHEN NOT ends <@ ARRAY(SELECT generate_series(lowest[place], highest[place])) THEN format(' (%s to %s)', lowest[place], highest[place])
        WHEN ends[1] > ends[2] THEN ' (ends before it begins)'
        WHEN match[3]::int = 0 THEN ' (a step of 0)'
        WHEN match[3] IS NOT NULL AND cardinality(ends) = 1 THEN ' (a step without a range)' END;
      IF problem IS NOT NULL THEN
        problem := format('%L is no %s%s', part, titles[place], problem);
        EXIT;
      END IF;
      taken := taken || ARRAY(SELECT CASE WHEN place = 5 THEN n % 7 ELSE n END
                                FROM generate_series(coalesce(ends[1], lowest[place]), coalesce(ends[2], ends[1], highest[place]), coalesce(match[3]::int, 1)) AS n);
    END LOOP;
    taken := ARRAY(SELECT DISTINCT n FROM unnest(taken) AS n ORDER BY n);
    CASE place WHEN 1 THEN minutes := taken; WHEN 2 THEN hours := taken; WHEN 3 THEN days := taken; WHEN 4 THEN months := taken; ELSE weekdays := taken; END CASE;
  END LOOP;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG430', MESSAGE = format('%s is no cron expression: %s', coalesce(quote_literal(schedule), 'NULL'), problem),
      DETAIL = jsonb_build_object('schedule', schedule),
      HINT = 'Minute, hour, day of the month, month, day of the week: ''30 2 * * *'' is each night at half past two, ''0 8 * * mon'' each Monday at eight; lists (1,15), ranges (1-5) and steps (*/10).';
  END IF;
  -- as cron has it: days of both kinds are alternatives, unless one of the two begins with a star
  either_day := fields[3] !~ '^\*' AND fields[5] !~ '^\*';
END $$;
COMMENT ON FUNCTION lifeguard.parse_cron(text) IS
'The five fields of a cron expression as sorted lists (days of the week 0 to 6 from Sunday); either_day: one of the two kinds of day suffices. Raises LG430.';

CREATE FUNCTION lifeguard.cron_runs(schedule text, after timestamptz, upto timestamptz, time_zone text, at_most int) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  cron  record;
  day   date := (after AT TIME ZONE time_zone)::date - 1;
  -- eight years: from one 29th of February to the next, across a year that has none
  last  constant date := least((upto AT TIME ZONE time_zone)::date + 1, day + 2930);
  due   timestamptz;
BEGIN
  SELECT * INTO cron FROM lifeguard.parse_cron(schedule);
  IF NOT isfinite(after) THEN
    RETURN;
  END IF;
  WHILE day <= last AND at_most > 0 LOOP
    IF extract(month FROM day) = ANY (cron.months)
       AND (extract(day FROM day) = ANY (cron.days) AND extract(dow FROM day) = ANY (cron.weekdays)
            OR cron.either_day AND (extract(day FROM day) = ANY (cron.days) OR extract(dow FROM day) = ANY (cron.weekdays))) THEN
      FOR due IN
        SELECT DISTINCT r.at FROM unnest(cron.hours) AS hour, unnest(cron.minutes) AS minute, LATERAL (SELECT (day + make_time(hour, minute, 0)) AT TIME ZONE time_zone) AS r(at)
         WHERE r.at > after AND (upto IS NULL OR r.at <= upto) ORDER BY r.at LIMIT at_most
      LOOP
        RETURN NEXT due;
        at_most := at_most - 1;
      END LOOP;
    END IF;
    day := day + 1;
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.cron_runs(text, timestamptz, timestamptz, text, int) IS
'When a cron expression is due after one time and until another (null: whenever), in a time zone, in order. An hour that the clock skips is the one behind it; one that it repeats is its second. Raises LG430.';

-- A field for a set of numbers: as it was written where it is the same set.
CREATE FUNCTION lifeguard.cron_field(numbers int[], was int[], written text, count int) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN numbers = was THEN written WHEN cardinality(numbers) = count THEN '*' ELSE array_to_string(numbers, ',') END
$$;
COMMENT ON FUNCTION lifeguard.cron_field(int[], int[], text, int) IS
'A field of a cron expression for these numbers, of so many that there are.';

CREATE FUNCTION lifeguard.cron_in_zone(schedule text, time_zone text, pg_cron_zone text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields constant text[] := regexp_split_to_array(btrim(schedule, E' \t'), '[ \t]+');
  cron   record;
  ahead  constant int[] := ARRAY(   -- by how many minutes, in summer and in winter
    SELECT DISTINCT (extract(epoch FROM (day AT TIME ZONE time_zone) - (day AT TIME ZONE pg_cron_zone)) / 60)::int
      FROM generate_series(now(), now() + interval '400 days', interval '1 day') AS day);
  there  record;
BEGIN
  SELECT * INTO cron FROM lifeguard.parse_cron(schedule);
  IF ahead = '{0}' THEN
    RETURN array_to_string(fields, ' ');
  END IF;
  SELECT array_agg(DISTINCT mod(minute, 60) ORDER BY mod(minute, 60)) AS minutes, array_agg(DISTINCT minute / 60 ORDER BY minute / 60) AS hours,
         array_agg(DISTINCT day) AS days INTO there
    FROM unnest(cron.hours) AS h, unnest(cron.minutes) AS m, unnest(ahead) AS a,
         LATERAL (SELECT h * 60 + m - a) AS t(total), LATERAL (SELECT floor(total / 1440.0)::int, mod(total + 14400, 1440)) AS d(day, minute);
  RETURN concat_ws(' ', lifeguard.cron_field(there.minutes, cron.minutes, fields[1], 60), lifeguard.cron_field(there.hours, cron.hours, fields[2], 24),
    CASE WHEN there.days = '{0}' THEN concat_ws(' ', fields[3], fields[4], fields[5])
         WHEN fields[3] = '*' AND fields[4] = '*'
           THEN '* * ' || lifeguard.cron_field((SELECT array_agg(DISTINCT n ORDER BY n) FROM unnest(cron.weekdays) AS w, unnest(there.days) AS d, LATERAL (SELECT mod(w + d + 7, 7)) AS s(n)),
                                               cron.weekdays, fields[5], 7)
         ELSE '* * *' END);
END $$;
COMMENT ON FUNCTION lifeguard.cron_in_zone(text, text, text) IS
'A cron expression that is due, in the time zone of pg_cron, whenever this one is in its own, in summer and in winter; it may be due more often. Raises LG430, 22023 (no such time zone).';
