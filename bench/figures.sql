-- Prints the figures of view "figure", which a part's report makes, from table sample. A figure is the median, or another quantile,
-- of what its samples say: the ratio or difference to the baseline's sample of the same round and turn; without a baseline the value itself.
\pset footer off
\pset null ''

-- A number in four digits.
CREATE FUNCTION pg_temp.short(value float8) RETURNS numeric LANGUAGE sql IMMUTABLE
RETURN round(value::numeric, greatest(0, 3 - floor(log(greatest(abs(value), 1)))::int));

WITH compared AS (
  SELECT place, quantile,
         CASE WHEN baseline IS NULL THEN ours.value WHEN unit = '×' THEN ours.value / theirs.value ELSE ours.value - theirs.value END AS value
    FROM figure
    JOIN sample ours ON split_part(ours.measure, ' ', 1) = figure.measure AND ours.variant = coalesce(figure.variant, ours.variant)
    LEFT JOIN sample theirs ON theirs.measure = ours.measure AND theirs.round = ours.round AND theirs.variant = figure.baseline
), measured AS (
  SELECT place, percentile_cont(quantile) WITHIN GROUP (ORDER BY value) AS value, min(value), max(value) FROM compared GROUP BY place, quantile
)
SELECT what AS "figure", pg_temp.short(value) || ' ' || unit AS "measured", pg_temp.short(min) || ' – ' || pg_temp.short(max) AS "rounds",
       better || ' ' || bound || ' ' || unit AS "at least, at most", better || ' ' || goal || ' ' || unit AS "goal",
       CASE WHEN value IS NULL THEN 'not measured' WHEN bound IS NULL THEN ''
            WHEN CASE better WHEN '≥' THEN value >= goal  ELSE value <= goal  END THEN 'goal reached'
            WHEN CASE better WHEN '≥' THEN value >= bound ELSE value <= bound END THEN 'yes'
            ELSE 'missed' END AS "ok?"
  FROM figure LEFT JOIN measured USING (place) ORDER BY place;
