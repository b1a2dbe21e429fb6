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

// The number of this backend's transaction, which no other of its transactions has.
inline LocalTransactionId local_transaction() {
#if PG_VERSION_NUM >= 170000
    return MyProc->vxid.lxid;
#else
    return MyProc->lxid;
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

// Walks a query's parts, likewise.
inline bool walk_query(Query *query, bool (*visit)(Node *, void *), void *context) {
#if PG_VERSION_NUM >= 160000
    return query_tree_walker(query, visit, context, 0);
#else
    return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(visit)), context, 0);
#endif
}

// Begins an index scan of `keys` keys; 18 can count what it does.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// Ends a series of inserts into an index; since 17 an index method may have something to finish.
inline void end_index_inserts([[maybe_unused]] Relation index, [[maybe_unused]] IndexInfo *info) {
#if PG_VERSION_NUM >= 170000
    index_insert_cleanup(index, info);
#endif
}

// Makes the index entries of a row that was just stored.
inline void insert_index_entries(ResultRelInfo *table, TupleTableSlot *row, EState *executor) {
#if PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(table, row, executor, false, false, nullptr, NIL, false));
#else
    list_free(ExecInsertIndexTuples(table, row, executor, false, false, nullptr, NIL));
#endif
}

// Is the column in the stored row? 18 has generated columns that are not.
inline bool is_stored([[maybe_unused]] const FormData_pg_attribute &column) {
#if PG_VERSION_NUM >= 180000
    return column.attgenerated != ATTRIBUTE_GENERATED_VIRTUAL;
#else
    return true;
#endif
}

// Readies the rechecking of rows that others change meanwhile, for a state without a plan.
inline void init_recheck(EPQState *recheck, EState *executor) {
#if PG_VERSION_NUM >= 160000
    EvalPlanQualInit(recheck, executor, nullptr, NIL, -1, NIL);
#else
    EvalPlanQualInit(recheck, executor, nullptr, NIL, -1);
#endif
}

// Adds a table whose `updated` columns change to the executor's range table; its index there.
inline Index add_range_table_entry(EState *executor, Relation table, Bitmapset *updated) {
    RangeTblEntry *entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = RelationGetRelid(table);
    entry->relkind = table->rd_rel->relkind;
    entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
    addRTEPermissionInfo(&executor->es_rteperminfos, entry)->updatedCols = updated;
#else
    entry->updatedCols = updated;
#endif
    executor->es_range_table = lappend(executor->es_range_table, entry);
    executor->es_range_table_size = list_length(executor->es_range_table);
    return static_cast<Index>(executor->es_range_table_size);
}

// Reads a text as JSON without keeping anything of it; JSON_SUCCESS when jsonb would take it.
inline JsonParseErrorType check_json(char *text, int size) {
#if PG_VERSION_NUM >= 170000
    JsonLexContext *lexer = makeJsonLexContextCstringLen(nullptr, text, size, GetDatabaseEncoding(), true);
#else
    JsonLexContext *lexer = makeJsonLexContextCstringLen(text, size, GetDatabaseEncoding(), true);
#endif
    return pg_parse_json(lexer, &nullSemAction);
}

} // namespace lifeguard::pg
