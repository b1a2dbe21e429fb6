// Every difference between PostgreSQL 15, 16, 17 and 18 that this project meets. Included by server.hpp only.
#pragma once

static_assert(PG_VERSION_NUM >= 150000 && PG_VERSION_NUM < 190000, "lifeguard supports PostgreSQL 15 to 18");

namespace lifeguard::pg {

// True when `role` owns the table, is a member of its owner, or is a superuser.
inline bool owns_table(Oid table, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, table, role);
#else
    return pg_class_ownercheck(table, role);
#endif
}

// The primary key's index, or InvalidOid; 18 wants to know whether a deferrable one will do, and for naming a row it
// will.
inline Oid primary_key_index(Relation table) {
#if PG_VERSION_NUM >= 180000
    return RelationGetPrimaryKeyIndex(table, true);
#else
    return RelationGetPrimaryKeyIndex(table);
#endif
}

// Walks an expression's parts; 15 declares the callback without its arguments.
inline bool walk_expression(Node *node, bool (*visit)(Node *, void *), void *context) {
#if PG_VERSION_NUM >= 160000
    return expression_tree_walker(node, visit, context);
#else
    return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(visit)), context);
#endif
}

} // namespace lifeguard::pg
