-- Secrets are taken out of errors before these are stored. Every pattern is linear: a beginning, once found, always has
-- an end, if only the text's, so that no part of a hostile text is looked through again and again.

CREATE FUNCTION lifeguard.names_secret(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN name COLLATE "C"
  ~* 'pass(word|wd|phrase|code)|pwd|secret|token|(api|access|private)[ _-]?key|credential|authorization|cookie|jwt';
COMMENT ON FUNCTION lifeguard.names_secret(text) IS
'Whether a value of this name (a key of JSON, a variable) is taken for a secret by monitoring.redact().';

-- The calls run from the innermost to the outermost, so the patterns stand in the order in which they are applied: those that
-- know the end of what they take out come before those that guess it.
CREATE FUNCTION monitoring.redact(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN content COLLATE "C" !~* 'pass|pwd|secret|token|key|credential|authorization|cookie|jwt|bearer|eyj|://'
                                         '|failing row|\$\d+ = |\) ?= ?\('
  THEN content
  ELSE regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
       regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(content COLLATE "C",
    -- Key (a, b)=(1, x) already exists. The end is sought from behind: a value may hold anything.
    '(\) ?= ?)\(.*\)(?= already exists| is not present| is still referenced| conflicts with| is duplicated)', '\1(redacted)', 'g'),
    '(\) ?= ?)(?!\(redacted\))\(.*\)', '\1(redacted)', 'g'),
    -- Failing row contains (1, x).
    '(failing row contains )\(.*\)', '\1(redacted)', 'gi'),
    -- ... with parameters: $1 = 'it''s', $2 = NULL
    '(\$\d+ = )''(?:[^'']|'''')*(?:''|$)', '\1(redacted)', 'g'),
    -- PASSWORD $tag$...$tag$
    '((?:pass(?:word|wd|phrase|code)|pwd|secret)\s*(?:=>|:=|[=:])?\s*)\$[a-z_]\w*\$.*\$[a-z_]\w*\$', '\1(redacted)', 'gi'),
    -- PASSWORD 'it''s', PASSWORD E'it\'s', password "x", PASSWORD $$x$$
    '((?:pass(?:word|wd|phrase|code)|pwd|secret)\s+)'
      '(?:e''(?:[^''\\]|''''|\\.)*(?:''|$)|(?:n|u&)?''(?:[^'']|'''')*(?:''|$)|"(?:[^"\\]|\\.)*(?:"(?!\s*[:=])|$)'
      '|\$\$(?:[^$]|\$[^$])*(?:\$\$|$)|\$[a-z_]\w*\$.*)', '\1(redacted)', 'gi'),
    -- password=x, password='it\'s', "token": "x", {\"token\":\"x\"}, secret => $$x$$, apikey=x&...
    '((?:pass(?:word|wd|phrase|code)|pwd|secret|token|(?:api|access|private)[ _-]?key|credentials?|jwt)'
         '[\w-]*\\*["'']?\s*(?:=>|:=|[=:])(?!\s*\(redacted\))\s*)'
      '(?:e''(?:[^''\\]|''''|\\.)*(?:''|$)'
      '|(?:n|u&)?''(?:[^''\\]|''''|\\[^'']|\\''(?![\s,;)]|$))*(?:\\?''|$)'
      '|"(?:[^"\\]|\\.)*(?:"|$)|\\+"[^"]*(?:"|$)'
      '|\$\$(?:[^$]|\$[^$])*(?:\$\$|$)|\$[a-z_]\w*\$.*'
      '|\[[^]]*(?:\]|$)|\{[^}]*(?:\}|$)'
      '|[^\s,;&''")\]}]+)', '\1(redacted)', 'gi'),
    -- postgres://somebody:x@host
    '(://[^\s/@:''"]*:)[^\s/''"]*@', '\1(redacted)@', 'g'),
    -- a JSON web token
    'eyJ[\w-]{6,}(?:\.[\w=-]*)*', '(redacted)', 'g'),
    -- Authorization: Basic eDp5, {"cookie": "a=b; c=d"}
    '((?:authorization|cookie)\\*["'']?\s*[:=](?!\s*\(redacted\))\s*)'
      '(?:\\*"(?:[^"\\]|\\[^"])*(?:\\*"|$)|''[^'']*(?:''|$)|[^\r\n"''\\]+)', '\1(redacted)', 'gi'),
    -- Bearer mF_9.B5f-4.1JqM
    '(bearer(?!\s+\(redacted\))\s+)[^\s,;"''\\)]+', '\1(redacted)', 'gi')
  END;
COMMENT ON FUNCTION monitoring.redact(text) IS
'A text with "(redacted)" in place of its secrets: what follows PASSWORD, password=, "token": and their like, passwords in URLs, '
'Authorization and Cookie headers, JSON web tokens, parameters of statements, the values of "Key (...)=(...)" and "Failing row contains (...)". '
'The latter in English (lc_messages), "Key" in any language. Takes out too much rather than too little; does not find what has no name. Linear in the length of the text; applied twice it is as applied once.';

-- jsonb as text is regular: a key is a string with ": " behind it. Nothing recurses, however deep the value is.
CREATE FUNCTION monitoring.redact(content jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
  token     text;
  pieces    text[] := '{}';
  is_secret boolean := false;   -- the value of a secret's name comes next
  hidden    int := 0;           -- so many brackets deep in such a value
BEGIN
  FOR token IN
    SELECT part[1] FROM regexp_matches(content::text COLLATE "C", '("(?:[^"\\]|\\.)*"(?:: )?|[][{}]|, |[^]["{}, ]+)', 'g') AS part
  LOOP
    IF hidden > 0 THEN
      hidden := hidden + CASE WHEN token IN ('{', '[') THEN 1 WHEN token IN ('}', ']') THEN -1 ELSE 0 END;
    ELSIF is_secret THEN
      is_secret := false;
      hidden := CASE WHEN token IN ('{', '[') THEN 1 ELSE 0 END;
      pieces := array_append(pieces, CASE token WHEN 'null' THEN token ELSE '"(redacted)"' END);
    ELSIF right(token, 3) = '": ' THEN
      is_secret := lifeguard.names_secret(rtrim(token, ': ')::jsonb #>> '{}');
      pieces := array_append(pieces, token);
    ELSIF token LIKE '"%' THEN
      pieces := array_append(pieces, to_jsonb(monitoring.redact(token::jsonb #>> '{}'))::text);
    ELSE
      pieces := array_append(pieces, token);
    END IF;
  END LOOP;
  RETURN array_to_string(pieces, '')::jsonb;
END $$;
COMMENT ON FUNCTION monitoring.redact(jsonb) IS
'A value with "(redacted)" in place of its secrets, at any depth: whole values whose key names one (password, token, cookie and their like; null stays), '
'and in all other strings what monitoring.redact(text) takes out.';
