-- What the caller is: asked of the sources that were registered (50_identity_sources), as the owners of their tables, so that a policy on
-- such a table may ask too. Written for policies: a direct call, no (SELECT ...) around it.

CREATE FUNCTION lifeguard.is_admin() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_is_admin';
COMMENT ON FUNCTION lifeguard.is_admin() IS
'Whether the caller, by his claims, is an admin in a source of use_admins() or use_claim(''admin''). False for nobody, never NULL. Raises LG303, LG305 when a source does not work.';

CREATE FUNCTION lifeguard.has_role(role text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_has_role';
COMMENT ON FUNCTION lifeguard.has_role(text) IS
'Whether the caller has the role by a claim of use_claim(''roles''), or in any of his organizations. LG304 for a role that is not in the order of roles, unless a claim names roles freely; LG303, LG305.';

CREATE FUNCTION lifeguard.organizations() RETURNS uuid[]
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_organizations';
COMMENT ON FUNCTION lifeguard.organizations() IS
'The organizations that the caller belongs to, sorted; an empty array for nobody, never NULL. In a policy is_member(column) is faster. Raises LG303, LG305.';

CREATE FUNCTION lifeguard.membership_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'lifeguard_membership_support';
COMMENT ON FUNCTION lifeguard.membership_support(internal) IS
'The planner''s support function of lifeguard.is_member() and has_permission(): an index on the column serves.';

CREATE FUNCTION lifeguard.is_member(organization uuid) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE SUPPORT lifeguard.membership_support AS 'MODULE_PATHNAME', 'lifeguard_is_member';
COMMENT ON FUNCTION lifeguard.is_member(uuid) IS
'Whether the caller belongs to the organization; NULL for NULL. is_member(column) uses an index on the column. Raises LG303, LG305.';

CREATE FUNCTION lifeguard.organization_role(organization uuid) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_organization_role';
COMMENT ON FUNCTION lifeguard.organization_role(uuid) IS
'The caller''s role in the organization, the highest where he has several; NULL when he does not belong or has none. Raises LG303, LG305.';

CREATE FUNCTION lifeguard.has_permission(organization uuid, required_role text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE SUPPORT lifeguard.membership_support AS 'MODULE_PATHNAME', 'lifeguard_has_permission';
COMMENT ON FUNCTION lifeguard.has_permission(uuid, text) IS
'Whether the caller''s role in the organization is this one or a higher one in the order of use_role_order(); NULL for NULL. LG304 for a role that is not in the order, or without one; LG303, LG305.';
