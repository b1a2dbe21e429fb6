#include "pg/table_paths.hpp"

namespace lifeguard::pg {

namespace {

// The only relation that a simple view shows, whole and as it is, by its entry in the view's range table; 0 where the
// view is not simple: SQL through it is then more than SQL on that relation.
int find_shown(Relation view) {
    const RuleLock *rules = view->rd_rules;
    const TupleConstr *constraints = RelationGetDescr(view)->constr;
    if (rules == nullptr || rules->numLocks != 1 || rules->rules[0]->event != CMD_SELECT || view->trigdesc != nullptr ||
        RelationHasCheckOption(view) ||
        (constraints != nullptr && constraints->num_defval > 0)) // its defaults stand before the table's
        return 0;
    Query *query = get_view_query(view);
    if (view_query_is_auto_updatable(query, false) != nullptr || query->jointree->quals != nullptr ||
        query->sortClause != NIL || query->rowMarks != NIL || query->hasSubLinks)
        return 0;
    const int shown = linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex;
    return rt_fetch(shown, query->rtable)->inh ? shown : 0; // ONLY hides the rows of what inherits
}

// Turns the view's column numbers into those of the relation it shows; false when a column is no plain one of it, or
// two are the same one.
bool map_columns(const Table &table, Relation view, int shown, AttrNumber *attributes) {
    const Query *query = get_view_query(view);
    for (int i = 0; i < table.count; i++) {
        const auto *target = list_nth_node(TargetEntry, query->targetList, attributes[i] - 1);
        const Var *column = IsA(target->expr, Var) ? reinterpret_cast<const Var *>(target->expr) : nullptr;
        if (column == nullptr || column->varno != shown || column->varattno <= 0)
            return false;
        attributes[i] = column->varattno;
        for (int other = 0; other < i; other++)
            if (attributes[other] == attributes[i])
                return false;
    }
    return true;
}

// The relation that the view shows, open, with the column numbers turned into its own; nullptr when the view is not
// simple.
Relation open_shown(const Table &table, Relation view, AttrNumber *attributes) {
    const int shown = find_shown(view);
    if (shown == 0 || !map_columns(table, view, shown, attributes))
        return nullptr;
    return try_relation_open(rt_fetch(shown, get_view_query(view)->rtable)->relid, AccessShareLock);
}

} // namespace

Relation look_through(const Table &table, Relation relation, Knowledge &knowledge) {
    AttrNumber attributes[max_columns];
    memcpy(attributes, knowledge.attributes, sizeof(attributes));
    Relation shown = relation;
    bool simple = true;
    while (simple && shown->rd_rel->relkind == RELKIND_VIEW && knowledge.looked_at_count < max_views) {
        knowledge.looked_at[knowledge.looked_at_count++] = RelationGetRelid(shown);
        Relation next = open_shown(table, shown, attributes);
        // all that follows has the rights of the table's owner: the view's owner must have them
        simple = next != nullptr && owns_table(RelationGetRelid(next), shown->rd_rel->relowner);
        if (next == nullptr)
            break;
        if (shown != relation)
            relation_close(shown, NoLock);
        shown = next;
    }
    if (shown == relation)
        return relation;
    if (simple && (shown->rd_rel->relkind == RELKIND_RELATION || shown->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)) {
        memcpy(knowledge.attributes, attributes, sizeof(attributes));
        relation_close(relation, NoLock);
        return shown;
    }
    knowledge.looked_at[knowledge.looked_at_count++] = RelationGetRelid(shown); // it decided
    relation_close(shown, NoLock);
    return relation;
}

} // namespace lifeguard::pg
