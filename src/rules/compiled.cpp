#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/text.hpp"
#include "rules/compiled.hpp"
#include "rules/origin.hpp"

namespace lifeguard::rules {

namespace {

Feature features[max_features];
int features_known = 0;

// A slot of the cache: a trigger and its compilations, more than one when its rules run inside themselves.
struct CacheEntry {
    Oid trigger;
    Compiled *first;
};

HTAB *cache = nullptr;
bool something_stale = false;
uint64 invalidations = 0; // counted, so that a compilation notices one that came while it was being made

// Marks what was compiled for this table (or for all, 0); freeing waits until nothing runs.
void forget_table(Datum, Oid table) {
    invalidations++;
    if (cache == nullptr)
        return;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, cache);
    while (auto *entry = static_cast<CacheEntry *>(hash_seq_search(&scan)))
        for (Compiled *compiled = entry->first; compiled != nullptr; compiled = compiled->next)
            if (table == InvalidOid || compiled->table == table || compiled->root == table ||
                compiled->declared_on == table)
                compiled->stale = something_stale = true;
}

// Functions, types and labels are inlined or folded into what was compiled: any change of one forgets all.
void forget_all(Datum, int, uint32) {
    forget_table(0, InvalidOid);
}

// Frees stale compilations that do not run.
void sweep() {
    something_stale = false;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, cache);
    while (auto *entry = static_cast<CacheEntry *>(hash_seq_search(&scan))) {
        Compiled **link = &entry->first;
        while (*link != nullptr) {
            Compiled *compiled = *link;
            if (compiled->stale && !compiled->in_use) {
                *link = compiled->next;
                discard(compiled);
            } else {
                something_stale = something_stale || compiled->stale;
                link = &compiled->next;
            }
        }
    }
}

// The cache's entry for a trigger, made when absent.
CacheEntry *cache_entry(Oid trigger) {
    if (cache == nullptr) {
        HASHCTL control = {};
        control.keysize = sizeof(Oid);
        control.entrysize = sizeof(CacheEntry);
        control.hcxt = CacheMemoryContext;
        cache = hash_create("lifeguard rules", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    }
    bool found;
    auto *entry = static_cast<CacheEntry *>(hash_search(cache, &trigger, HASH_ENTER, &found));
    if (!found)
        entry->first = nullptr;
    return entry;
}

// Refuses an argument that no feature knows.
void check_known(Relation table, const Definition &definition, Timing timing) {
    for (int i = 0; i < features_known; i++)
        if (features[i].owns(definition.kind, timing))
            return;
    ereport(
        ERROR,
        (errcode(err::unreadable_rules),
         errmsg("the rules of table %s cannot be read: unknown kind \"%s\"", pg::table_name(table), definition.kind),
         errdetail_internal("%s",
                            pg::Detail().add("table", pg::table_name(table)).add("argument", definition.source).text()),
         errhint("Were they written by a newer version of lifeguard? ALTER EXTENSION lifeguard UPDATE, or "
                 "lifeguard.forget('%s') and declare them again.",
                 pg::table_name(table)),
         errtable(table)));
}

// Reads the arguments and lets every feature compile its rules.
void compile_features(Compilation &compilation, char **arguments, int count) {
    Relation table = compilation.table;
    if (count == 0)
        ereport(ERROR,
                (errcode(err::unreadable_rules),
                 errmsg("a lifeguard trigger of table %s has no rules", pg::table_name(table)),
                 errhint("lifeguard.forget('%s') removes it.", pg::table_name(table)), pg::errrule(table, nullptr)));
    auto *definitions = static_cast<Definition *>(palloc0(sizeof(Definition) * count));
    for (int i = 0; i < count; i++) {
        definitions[i] = read_definition(table, pstrdup(arguments[i]));
        check_known(table, definitions[i], compilation.timing);
    }
    for (int i = 0; i < features_known; i++)
        compilation.compiled->rules[i] = features[i].compile(compilation, definitions, count);

    const int column = bms_next_member(bms_intersect(compilation.set, compilation.settled), -1);
    if (column > 0)
        ereport(ERROR, (errcode(err::invalid_rule),
                        errmsg("a rule would set column \"%s\" of table %s, which holds the state of its lifecycle",
                               NameStr(TupleDescAttr(RelationGetDescr(table), column - 1)->attname),
                               compilation.compiled->name),
                        errhint("The state is checked before columns are set."), pg::errrule(table, nullptr)));
}

} // namespace

void register_feature(const Feature &feature) {
    Assert(features_known < max_features);
    features[features_known++] = feature;
}

int feature_count() {
    return features_known;
}

const Feature &feature_at(int index) {
    return features[index];
}

void follow_moves(Compilation &compilation) {
    compilation.on_delete = compilation.compiled->root != RelationGetRelid(compilation.table) ||
                            compilation.table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
}

AttrNumber find_column(Relation table, const char *name, const char *rule) {
    const AttrNumber column = get_attnum(RelationGetRelid(table), name);
    if (column <= 0)
        ereport(
            ERROR,
            (errcode(err::invalid_rule), errmsg("%s: table %s has no column \"%s\"", rule, pg::table_name(table), name),
             errdetail_internal("%s", pg::Detail().add("table", pg::table_name(table)).add("column", name).text()),
             errhint("Was the column renamed? Then drop the rule, rename, and declare it again."), errtable(table)));
    if (TupleDescAttr(RelationGetDescr(table), column - 1)->attgenerated != '\0')
        ereport(ERROR, (errcode(err::invalid_rule),
                        errmsg("%s: column \"%s\" of table %s is generated and cannot be set", rule, name,
                               pg::table_name(table)),
                        pg::errrule(table, nullptr)));
    return column;
}

Expression *add_expression(Compilation &compilation, const char *source, const char *label, Purpose purpose,
                           AttrNumber column) {
    Expression *expression =
        compile_expression(compilation.table, source, label, purpose, column, &compilation.analyzed);
    compilation.compiled->evaluated = lappend(compilation.compiled->evaluated, expression);
    if (purpose == Purpose::stamp)
        compilation.set = bms_add_member(compilation.set, column);
    return expression;
}

Compiled *compile(Relation table, Oid trigger, Timing timing, char **arguments, int count, Compilation &compilation) {
    const MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "lifeguard rules", ALLOCSET_SMALL_SIZES);
    const MemoryContext home = MemoryContextSwitchTo(memory);
    const uint64 invalidations_before = invalidations;

    auto *compiled = static_cast<Compiled *>(palloc0(sizeof(Compiled)));
    compiled->trigger = trigger;
    compiled->table = RelationGetRelid(table);
    compiled->timing = timing;
    compiled->memory = memory;
    compilation = Compilation{};
    compilation.table = table;
    compilation.timing = timing;
    compilation.compiled = compiled;

    compiled->name = pg::table_name(table);
    find_origin(table, *compiled);
    // As the owner, who must be allowed to call what the rules call; planning may run his immutable functions, in
    // anybody's session, so they may leave nothing behind: no deferred trigger, no setting.
    const pg::Caller caller = pg::enter_owner(compiled->owner, SECURITY_RESTRICTED_OPERATION);
    const int level = NewGUCNestLevel();
    compile_features(compilation, arguments, count);
    AtEOXact_GUC(false, level);
    pg::leave_owner(caller);
    compiled->follows_moves = timing == Timing::before && compilation.on_delete && table->rd_rel->relispartition;

    compiled->expressions = CreateStandaloneExprContext();
    compiled->no_row = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(table)), &TTSOpsVirtual);
    ExecStoreAllNullTuple(compiled->no_row);
    compiled->stale = invalidations != invalidations_before;
    MemoryContextSwitchTo(home);
    return compiled;
}

void discard(Compiled *compiled) {
    ListCell *cell;
    foreach (cell, compiled->evaluated)
        free_expression(*static_cast<Expression *>(lfirst(cell)));
    MemoryContextDelete(compiled->memory);
}

// The OID of one of our trigger functions.
static Oid function_named(const char *name) {
    return LookupFuncName(list_make2(makeString(pstrdup("lifeguard")), makeString(pstrdup(name))), 0, nullptr, false);
}

Oid trigger_function(Timing timing) {
    return function_named(timing == Timing::before ? "before_row" : "after_row");
}

Oid truncate_function() {
    return function_named("after_truncate");
}

const Trigger *find_trigger(Relation table, Timing timing) {
    const Oid function = trigger_function(timing);
    // a copy, since any look into the catalogs may rebuild the table's cache entry
    const TriggerDesc *triggers = CopyTriggerDesc(table->trigdesc);
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
        if (triggers->triggers[i].tgfoid == function)
            return &triggers->triggers[i];
    return nullptr;
}

void check_agreement(Relation table, const Compiled *before, const Compiled *after) {
    for (int i = 0; i < features_known; i++) {
        void *first = before == nullptr ? nullptr : before->rules[i];
        void *second = after == nullptr ? nullptr : after->rules[i];
        if (features[i].agree != nullptr && (first != nullptr || second != nullptr))
            features[i].agree(table, first, second);
    }
}

// Refuses to act by an AFTER trigger alone: its BEFORE trigger may have gone with something that was dropped.
static void check_companion(Relation table, const Compiled &after) {
    const Trigger *trigger = find_trigger(table, Timing::before);
    Compilation compilation;
    Compiled *before = trigger == nullptr ? nullptr
                                          : compile(table, trigger->tgoid, Timing::before, trigger->tgargs,
                                                    trigger->tgnargs, compilation);
    check_agreement(table, before, &after);
    if (before != nullptr)
        discard(before);
}

// A compilation that is fresh and does not run, or nullptr.
static Compiled *cached_rules(Oid trigger) {
    if (unlikely(something_stale))
        sweep();
    for (Compiled *compiled = cache_entry(trigger)->first; compiled != nullptr; compiled = compiled->next)
        if (likely(!compiled->stale && !compiled->in_use))
            return compiled;
    return nullptr;
}

Compiled *compiled_rules(Relation table, const Trigger &trigger, Timing timing) {
    Compiled *compiled = cached_rules(trigger.tgoid);
    if (likely(compiled != nullptr))
        return compiled;

    Compilation compilation;
    compiled = compile(table, trigger.tgoid, timing, trigger.tgargs, trigger.tgnargs, compilation);
    check_calls(table, *compiled, compilation.analyzed);
    if (timing == Timing::after)
        check_companion(table, *compiled);
    const Trigger *companion = timing == Timing::before ? find_trigger(table, Timing::after) : nullptr;
    compiled->companion = companion == nullptr ? InvalidOid : companion->tgoid;
    MemoryContextSetParent(compiled->memory, CacheMemoryContext);
    CacheEntry *entry = cache_entry(trigger.tgoid); // looked up again: compiling may have changed the table
    compiled->next = entry->first;
    entry->first = compiled;
    something_stale = something_stale || compiled->stale;
    return compiled;
}

const Compiled *companion_rules(Relation table, const Compiled &before) {
    if (!OidIsValid(before.companion))
        return nullptr;
    const Compiled *cached = cached_rules(before.companion);
    if (cached != nullptr)
        return cached;
    const Trigger *trigger = find_trigger(table, Timing::after);
    return trigger == nullptr ? nullptr : compiled_rules(table, *trigger, Timing::after);
}

void init_compiled() {
    CacheRegisterRelcacheCallback(forget_table, 0);
    for (const int id : {PROCOID, TYPEOID, ENUMOID})
        CacheRegisterSyscacheCallback(id, forget_all, 0);
}

} // namespace lifeguard::rules
