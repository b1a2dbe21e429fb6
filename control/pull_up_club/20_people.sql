-- People: profiles, admins, who is excluded from pay, and who the caller is.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'auth_management.profiles', $ddl$
CREATE TABLE auth_management.profiles (
  id                   uuid PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE,
  email                text,
  full_name            text,
  age                  int,
  gender               text,                            -- as the member says; badges know Male and Female
  organization         text,
  region               text,
  phone                text,
  role                 text NOT NULL DEFAULT 'user',    -- user | admin | influencer; the last two earn nothing
  stripe_customer_id   text,
  paypal_email         text,
  is_paid              boolean NOT NULL DEFAULT false,
  is_profile_completed boolean NOT NULL GENERATED ALWAYS AS (coalesce(btrim(full_name) <> '' AND age IS NOT NULL
                                                     AND btrim(gender) <> '' AND btrim(region) <> '', false)) STORED,
  admin_role_id        uuid,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT profiles_valid CHECK (role IN ('user', 'admin', 'influencer') AND age BETWEEN 1 AND 150)
);
COMMENT ON TABLE auth_management.profiles IS 'a member: what he says of himself, his role, where he is paid'$ddl$),

  ('table', 'auth_management.admin_roles', $ddl$
CREATE TABLE auth_management.admin_roles (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id    uuid NOT NULL UNIQUE REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  role       text NOT NULL DEFAULT 'admin',
  is_active  boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE auth_management.admin_roles IS 'who may decide for the club'$ddl$),

  -- A profile and its admin role name each other: the one goes with the profile, the other link is only emptied.
  ('constraint', 'profiles_admin_role ON auth_management.profiles', $ddl$
ALTER TABLE auth_management.profiles ADD CONSTRAINT profiles_admin_role
  FOREIGN KEY (admin_role_id) REFERENCES auth_management.admin_roles (id) ON DELETE SET NULL$ddl$),

  ('table', 'auth_management.payout_exclusions', $ddl$
CREATE TABLE auth_management.payout_exclusions (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id    uuid NOT NULL REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  reason     text,
  starts_at  timestamptz NOT NULL DEFAULT now(),
  ends_at    timestamptz,                               -- not included; NULL: until further notice
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT payout_exclusions_valid CHECK (ends_at > starts_at)
);
COMMENT ON TABLE auth_management.payout_exclusions IS
  'members who earn nothing for a time, or until further notice'$ddl$),
  ('index', 'auth_management.profiles_by_admin_role',
   'CREATE INDEX profiles_by_admin_role ON auth_management.profiles (admin_role_id) WHERE admin_role_id IS NOT NULL'),
  ('index', 'auth_management.payout_exclusions_by_member',
   'CREATE INDEX payout_exclusions_by_member ON auth_management.payout_exclusions (user_id)');

-- Functions that run with their owner's rights are made by install(), so that they belong to the tables' owner and not
-- to a superuser: else a trigger on one of the tables would run as that superuser.
INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('function', 'auth_management.create_profile()', $ddl$
CREATE FUNCTION auth_management.create_profile() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO auth_management.profiles (id, email, full_name)
  VALUES (new.id, to_jsonb(new) ->> 'email', to_jsonb(new) -> 'raw_user_meta_data' ->> 'full_name')
  ON CONFLICT (id) DO NOTHING;
  RETURN NULL;
END $body$;
COMMENT ON FUNCTION auth_management.create_profile() IS 'trigger: a new auth.users row gets its profile';
REVOKE EXECUTE ON FUNCTION auth_management.create_profile() FROM PUBLIC$ddl$);

-- lifeguard asks the table as its owner, so that policies may ask, also the table's own.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake) VALUES
  ('admins', 'auth_management.admin_roles',
   $ddl$SELECT lifeguard.use_admins('auth_management.admin_roles', 'user_id', 'is_active')$ddl$,
   $ddl$SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources
         WHERE kind = 'admins' AND relation = 'auth_management.admin_roles'::regclass$ddl$);

-- auth.users may be another's, who grants us a trigger on it. Dropping that takes its owner; dropping our function
-- takes only us.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake) VALUES
  ('trigger', 'pull_up_club_create_profile ON auth.users', $ddl$
CREATE TRIGGER pull_up_club_create_profile AFTER INSERT ON auth.users
  FOR EACH ROW EXECUTE FUNCTION auth_management.create_profile()$ddl$,
   'DROP FUNCTION auth_management.create_profile() CASCADE'),
  -- those who signed up before
  ('rows', 'auth_management.profiles', $ddl$
INSERT INTO auth_management.profiles (id, email, full_name)
SELECT u.id, to_jsonb(u) ->> 'email', to_jsonb(u) -> 'raw_user_meta_data' ->> 'full_name'
  FROM auth.users u WHERE NOT EXISTS (SELECT FROM auth_management.profiles p WHERE p.id = u.id)$ddl$, NULL);

-- Who the caller is, is lifeguard's to say; these are its answers under the club's names.
CREATE FUNCTION auth_management.current_claim(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT lifeguard.claim(name) $$;
COMMENT ON FUNCTION auth_management.current_claim(text) IS
  'one claim of the caller''s, as text: lifeguard.claim(); NULL without it or when the claims are no JSON';

CREATE FUNCTION auth_management.current_user_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT lifeguard.uid() $$;
COMMENT ON FUNCTION auth_management.current_user_id() IS
  'who the caller is by his claims: lifeguard.uid(); NULL for nobody and for a sub that is no uuid';

CREATE FUNCTION auth_management.is_admin() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT lifeguard.is_admin() $$;
COMMENT ON FUNCTION auth_management.is_admin() IS
  'whether the caller, by his claims, has an active admin role: lifeguard.is_admin(); false for nobody';

-- A session without claims is the database's own user and is trusted with what its role may do.
CREATE FUNCTION auth_management.acts_for_club() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat(current_setting('request.jwt.claims', true), current_setting('request.jwt.claim.sub', true),
                current_setting('request.jwt.claim.role', true)) = ''
         OR coalesce(lifeguard.role() = 'service_role', false) OR lifeguard.is_admin()
$$;
COMMENT ON FUNCTION auth_management.acts_for_club() IS
  'whether the caller may decide for the club: an admin by his claims, the service role, or a session without claims';

CREATE FUNCTION auth_management.acts_for(user_id uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(lifeguard.uid() = user_id, false) OR auth_management.acts_for_club()
$$;
COMMENT ON FUNCTION auth_management.acts_for(uuid) IS 'whether the caller is this member, or may decide for the club';

CREATE FUNCTION auth_management.check_member(user_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM auth_management.profiles p WHERE p.id = check_member.user_id) THEN
    RETURN user_id;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'LG107',
    MESSAGE = format('NO_SUCH_MEMBER: there is no profile %s', coalesce(user_id::text, 'NULL')),
    DETAIL = jsonb_build_object('member', user_id),
    HINT = 'A member is a row of auth_management.profiles; it follows a new row of auth.users.';
END $$;
COMMENT ON FUNCTION auth_management.check_member(uuid) IS
  'gives back the id of a member who has a profile; LG107 NO_SUCH_MEMBER for any other';

CREATE FUNCTION auth_management.update_profile_from_submission(submission_id uuid) RETURNS boolean
LANGUAGE C AS 'MODULE_PATHNAME', 'club_update_profile_from_submission';
COMMENT ON FUNCTION auth_management.update_profile_from_submission(uuid) IS
  'takes organization, region, age and gender of an approved submission into the profile where they differ; true '
  'when something changed; LG103 when it is not approved, LG106 NO_SUCH_SUBMISSION';
REVOKE EXECUTE ON FUNCTION auth_management.update_profile_from_submission(uuid) FROM PUBLIC;
