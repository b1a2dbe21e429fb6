-- Who the caller is: the claims of the request, from the settings in which a web gateway leaves them. src/identity reads them.

CREATE FUNCTION lifeguard.uid() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_uid';
COMMENT ON FUNCTION lifeguard.uid() IS
'The caller: the claim sub of request.jwt.claims, or request.jwt.claim.sub where there are no such claims. NULL for nobody: no claims, broken ones, '
'or a sub that is no UUID (the last two are journaled, once a session). Never fails. In a policy it needs no (SELECT ...) around it.';

CREATE FUNCTION lifeguard.role() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_role';
COMMENT ON FUNCTION lifeguard.role() IS
'The claim role of the request as text, NULL without one. The database''s own role is current_user. Never fails.';

CREATE FUNCTION lifeguard.email() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_email';
COMMENT ON FUNCTION lifeguard.email() IS 'The claim email of the request as text, NULL without one. Never fails.';

CREATE FUNCTION lifeguard.claims() RETURNS jsonb
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_claims';
COMMENT ON FUNCTION lifeguard.claims() IS
'All claims of the request as a JSON object; NULL without any and for what is no JSON object. Where each claim has a setting of its own: sub, role and email. Never fails.';

CREATE FUNCTION lifeguard.claim(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_claim';
COMMENT ON FUNCTION lifeguard.claim(text) IS
'One claim of the request as text, as ->> gives it: of request.jwt.claims, or request.jwt.claim.NAME where there are no such claims. NULL without it. Never fails.';

CREATE FUNCTION lifeguard.tenant_id() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_tenant_id';
COMMENT ON FUNCTION lifeguard.tenant_id() IS
'The tenant that the request is for: the claim that the setting lifeguard.tenant_claim names (default tenant_id), else app.current_tenant_id. '
'NULL for none, and for what is no UUID (journaled, once a session). Never fails.';
