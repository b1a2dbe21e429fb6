#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/search_path.hpp"
#include "pg/text.hpp"
#include "identity/claims.hpp"
#include "identity/sources.hpp"

namespace lifeguard::identity {

uint64 sources_changes = 1;
uint64 membership_changes = 1;

namespace {

enum Column { id = 1, kind, relation, user_column, organization_column, role_column, condition, path, cached };

constexpr const char *kinds[] = {"admins",      "members",     "role_order",
                                 "claim_admin", "claim_roles", "claim_organizations"};

Sources sources;
uint64 sources_read_at = 0;
MemoryContext sources_memory = nullptr;
Oid sources_table = InvalidOid;
Oid epoch_table = InvalidOid;

// The source that is being asked, further out in the call stack.
const Source *asked = nullptr;

// Called for every table that has changed, or for all of them (InvalidOid).
void count_change(Datum, Oid table) {
    if (table == InvalidOid || table == epoch_table)
        membership_changes++;
    bool concerns_us = table == InvalidOid || table == sources_table || !OidIsValid(sources_table);
    for (int i = 0; i < sources.count && !concerns_us; i++)
        concerns_us = sources.items[i]->relation == table;
    if (concerns_us)
        sources_changes++;
}

// Called when a function has changed: a condition may call it, and answers that lasted are of what it was.
void count_function_change(Datum, int, uint32) {
    membership_changes++;
}

// Called when a schema has changed, perhaps its name.
void count_schema_change(Datum, int, uint32) {
    sources_changes++;
}

// A column of a row; nullptr for NULL.
const char *column(HeapTuple tuple, TupleDesc shape, Column number) {
    bool isnull;
    const Datum value = heap_getattr(tuple, number, shape, &isnull);
    if (isnull)
        return nullptr;
    return TupleDescAttr(shape, number - 1)->atttypid == NAMEOID ? pstrdup(NameStr(*DatumGetName(value)))
                                                                 : TextDatumGetCString(value);
}

// Reads the path of a claim, or the order of roles.
void read_path(Source *source, HeapTuple tuple, TupleDesc shape) {
    bool isnull;
    const Datum value = heap_getattr(tuple, path, shape, &isnull);
    if (isnull)
        return;
    Datum *elements;
    deconstruct_array(DatumGetArrayTypePCopy(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr,
                      &source->path_length);
    source->path = static_cast<const char **>(palloc(sizeof(char *) * Max(source->path_length, 1)));
    for (int i = 0; i < source->path_length; i++)
        source->path[i] = TextDatumGetCString(elements[i]);
}

// Whether a trigger tells of every change of its table. Its name is not enough: whoever has the right TRIGGER may
// replace it by one of his own.
bool tells_of_changes(const Trigger &trigger) {
    constexpr int events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE;
    if (strcmp(trigger.tgname, "lifeguard_membership") != 0 || (trigger.tgtype & events) != events ||
        trigger.tgqual != nullptr || trigger.tgnattr != 0 ||
        (trigger.tgenabled != TRIGGER_FIRES_ON_ORIGIN && trigger.tgenabled != TRIGGER_FIRES_ALWAYS))
        return false;
    const char *function = get_func_name(trigger.tgfoid);
    return function != nullptr && strcmp(function, "note_membership") == 0 &&
           get_func_namespace(trigger.tgfoid) == get_namespace_oid("lifeguard", true);
}

// Whether a table tells of every change of its rows: its trigger is there, and nothing passes it by. (A statement about
// a parent fires the parent's trigger alone.)
bool tells_of_changes(Oid table) {
    Relation opened = try_relation_open(table, AccessShareLock);
    if (opened == nullptr)
        return false;
    bool tells = false;
    TriggerDesc *triggers = CopyTriggerDesc(opened->trigdesc); // another session's CREATE TRIGGER replaces the original
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
        tells = tells || tells_of_changes(triggers->triggers[i]);
    FreeTriggerDesc(triggers);
    tells = tells && opened->rd_rel->relkind == RELKIND_RELATION && !has_superclass(table) &&
            !opened->rd_rel->relhassubclass;
    relation_close(opened, AccessShareLock);
    return tells;
}

// Reads what has to be known of the table; a source whose table is gone has no owner.
void study_table(Source *source) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source->relation));
    if (!HeapTupleIsValid(tuple)) {
        source->table = psprintf("%u", source->relation);
        return;
    }
    source->owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    source->table = pg::table_name(source->relation);
    for (const char *column : {source->role_column, source->organization_column, source->user_column})
        if (column != nullptr && get_attnum(source->relation, column) == InvalidAttrNumber)
            source->missing = column;
    const AttrNumber number = get_attnum(source->relation, source->user_column);
    source->user_type = number == InvalidAttrNumber ? InvalidOid : getBaseType(get_atttype(source->relation, number));
    source->cached = source->cached && tells_of_changes(source->relation);
}

// Makes a source of a row.
Source *read_source(HeapTuple tuple, TupleDesc shape) {
    bool isnull;
    auto *source = static_cast<Source *>(palloc0(sizeof(Source)));
    source->id = DatumGetInt32(heap_getattr(tuple, id, shape, &isnull));
    const char *name = column(tuple, shape, kind);
    while (strcmp(kinds[static_cast<int>(source->kind)], name) != 0)
        source->kind = static_cast<Kind>(static_cast<int>(source->kind) + 1); // the table's CHECK has these
    const Datum table = heap_getattr(tuple, relation, shape, &isnull);
    source->relation = isnull ? InvalidOid : DatumGetObjectId(table);
    source->user_column = column(tuple, shape, user_column);
    source->organization_column = column(tuple, shape, organization_column);
    source->role_column = column(tuple, shape, role_column);
    source->condition = column(tuple, shape, condition);
    source->cached = DatumGetBool(heap_getattr(tuple, cached, shape, &isnull));
    read_path(source, tuple, shape);
    if (OidIsValid(source->relation))
        study_table(source);
    return source;
}

// Forgets the sources, and their plans.
void forget_sources() {
    for (int i = 0; i < sources.count; i++)
        for (SPIPlanPtr plan : sources.items[i]->plans)
            if (plan != nullptr)
                SPI_freeplan(plan);
    sources = Sources();
    if (sources_memory == nullptr)
        sources_memory = AllocSetContextCreate(TopMemoryContext, "lifeguard identity sources", ALLOCSET_SMALL_SIZES);
    else
        MemoryContextReset(sources_memory);
}

// The extension's table of this name; InvalidOid without one. Where the extension was dropped, functions of
// provide_auth() still ask, and somebody else's table could answer: it would name an owner and a condition.
Oid find_table(const char *name) {
    const Oid schema = get_namespace_oid("lifeguard", true);
    const Oid extension = get_extension_oid("lifeguard", true);
    const Oid table = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
    return OidIsValid(extension) && OidIsValid(table) && getExtensionOfObject(RelationRelationId, table) == extension
               ? table
               : InvalidOid;
}

// Reads all sources, in the order in which they were registered.
void read_sources() {
    Relation table = table_open(sources_table, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    int room = 0;
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Source *source = read_source(tuple, RelationGetDescr(table));
        if (sources.count == room) {
            room = room == 0 ? 8 : room * 2;
            auto **wider = static_cast<Source **>(palloc(sizeof(Source *) * room));
            if (sources.count > 0)
                memcpy(wider, sources.items, sizeof(Source *) * sources.count);
            sources.items = wider;
        }
        int place = sources.count++;
        for (; place > 0 && sources.items[place - 1]->id > source->id; place--)
            sources.items[place] = sources.items[place - 1];
        sources.items[place] = source;
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);

    sources.lasting = sources.count > 0;
    for (int i = 0; i < sources.count; i++) {
        const Source &source = *sources.items[i];
        if (source.kind == Kind::role_order) {
            sources.roles = source.path;
            sources.role_count = source.path_length;
        }
        sources.has_claims = sources.has_claims || (!OidIsValid(source.relation) && source.kind != Kind::role_order);
        sources.has_roles_claim = sources.has_roles_claim || source.kind == Kind::claim_roles;
        sources.has_organizations_claim = sources.has_organizations_claim || source.kind == Kind::claim_organizations;
        if (source.kind == Kind::claim_admin || source.kind == Kind::claim_organizations)
            watch_claim(source.path[0]);
        sources.lasting = sources.lasting && (source.cached || !OidIsValid(source.relation));
    }
}

// What a source is asked, as SQL.
const char *query_text(const Source &source, Question question) {
    StringInfoData query;
    initStringInfo(&query);
    if (question == Question::roles)
        return psprintf("SELECT DISTINCT NULL::pg_catalog.uuid, %s::pg_catalog.text FROM %s",
                        source.role_column == nullptr ? "NULL" : quote_identifier(source.role_column), source.table);
    if (question == Question::admin)
        appendStringInfoString(&query, "SELECT NULL::pg_catalog.uuid, NULL::pg_catalog.text");
    else
        appendStringInfo(&query, "SELECT %s::pg_catalog.uuid, %s::pg_catalog.text",
                         quote_identifier(source.organization_column),
                         source.role_column == nullptr ? "NULL" : quote_identifier(source.role_column));
    appendStringInfo(&query, " FROM %s WHERE %s = $1", source.table, quote_identifier(source.user_column));
    if (question == Question::one)
        appendStringInfo(&query, " AND %s = $2", quote_identifier(source.organization_column));
    if (source.condition != nullptr)
        appendStringInfo(&query, " AND (%s\n)", source.condition);
    if (question == Question::admin)
        appendStringInfoString(&query, " LIMIT 1");
    return query.data;
}

// Raises that a source cannot be asked.
[[noreturn]] void report_broken(const Source &source, const char *why) {
    ereport(ERROR,
            (errcode(err::broken_source), errmsg("identity source %d cannot be asked: %s", source.id, why),
             errdetail_internal("%s", pg::Detail().add("table", source.table).add("column", source.user_column).text()),
             errhint("SELECT lifeguard.drop_source(%d); takes it out, use_admins() or use_members() registers another.",
                     source.id)));
    pg_unreachable();
}

// Refuses a cached source whose answers change without a change of its rows: nothing would tell of it.
void require_lasting(const Source &source, SPIPlanPtr plan) {
    const auto *made = static_cast<const CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
    Query *query = linitial_node(Query, made->query_list);
    if (query->hasSubLinks || contain_mutable_functions(query->jointree->quals))
        report_broken(source, "it cannot be cached: its condition looks at other tables, at the time or at settings");
}

// The plan of a question, prepared as who will run it.
SPIPlanPtr plan_of(Source &source, Question question) {
    SPIPlanPtr &plan = source.plans[static_cast<int>(question)];
    if (plan != nullptr)
        return plan;
    Oid types[2] = {source.user_type, UUIDOID};
    SPIPlanPtr made = SPI_prepare(query_text(source, question), question == Question::one ? 2 : 1, types);
    if (made == nullptr || list_length(SPI_plan_get_plan_sources(made)) != 1)
        report_broken(source, "its condition is no expression");
    // also without our parentheses: a condition that closes them would go on with more than a condition
    if (source.condition != nullptr)
        (void)SPI_prepare(psprintf("SELECT FROM %s WHERE %s", source.table, source.condition), 0, nullptr);
    if (source.cached && source.condition != nullptr)
        require_lasting(source, made);
    SPI_keepplan(made);
    return plan = made;
}

// Names the source in errors.
void describe(void *argument) {
    const auto *source = static_cast<const Source *>(argument);
    errcontext("identity source %d: table %s", source->id, source->table);
}

// Runs a question and visits its rows.
void run(Source &source, Question question, const pg_uuid_t &user, const pg_uuid_t *organization, Visit visit,
         void *argument) {
    char written[40];
    Datum values[2] = {UUIDPGetDatum(&user), UUIDPGetDatum(organization)};
    if (source.user_type != UUIDOID) {
        strlcpy(written, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&user))), sizeof written);
        values[0] = CStringGetTextDatum(written);
    }
    const pg::Caller caller = pg::enter_owner(source.owner, SECURITY_RESTRICTED_OPERATION);
    const int level = pg::pin_search_path();
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    const int result = SPI_execute_plan(plan_of(source, question), values, nullptr, true, 0);
    if (result != SPI_OK_SELECT)
        report_broken(source, SPI_result_code_string(result));
    const SPITupleTable *rows = SPI_tuptable;
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool no_organization, no_role;
        const Datum found = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &no_organization);
        const Datum role = SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &no_role);
        visit(no_organization ? nullptr : DatumGetUUIDP(found), no_role ? nullptr : TextDatumGetCString(role),
              argument);
    }
    SPI_finish();
    pg::unpin_search_path(level);
    pg::leave_owner(caller);
}

} // namespace

const Sources &current_sources() {
    if (sources_read_at == sources_changes)
        return sources;
    if (asked != nullptr)
        return sources; // their plans are at work
    const uint64 read_at = sources_changes;
    forget_sources();
    sources_table = find_table("identity_sources");
    epoch_table = find_table("membership_epoch");
    if (OidIsValid(sources_table)) {
        const MemoryContext home = MemoryContextSwitchTo(sources_memory);
        read_sources();
        MemoryContextSwitchTo(home);
    }
    sources_read_at = read_at;
    return sources;
}

int rank_of(const Sources &all, std::string_view role) {
    for (int i = 0; i < all.role_count; i++)
        if (role == all.roles[i])
            return i;
    return -1;
}

void refuse_circle() {
    if (asked != nullptr)
        ereport(ERROR,
                (errcode(err::circular_source),
                 errmsg("identity source %d asks about the caller while it is being asked", asked->id),
                 errdetail_internal("%s", pg::Detail().add("table", asked->table).text()),
                 errhint("The condition of a source, and the policies and views that it reads through, may not use "
                         "is_admin(), is_member() and their like.")));
}

void ask(Source &source, Question question, const pg_uuid_t &user, const pg_uuid_t *organization, Visit visit,
         void *argument) {
    if (!OidIsValid(source.owner))
        report_broken(source, "its table is gone");
    if (source.missing != nullptr)
        report_broken(source, psprintf("table %s has no column %s", source.table, quote_identifier(source.missing)));
    refuse_circle();
    ErrorContextCallback context = {error_context_stack, describe, &source};
    asked = &source;
    PG_TRY();
    {
        error_context_stack = &context;
        run(source, question, user, organization, visit, argument);
        error_context_stack = context.previous;
    }
    PG_FINALLY();
    { asked = nullptr; }
    PG_END_TRY();
}

void init_sources() {
    CacheRegisterRelcacheCallback(count_change, 0);
    CacheRegisterSyscacheCallback(NAMESPACEOID, count_schema_change, 0);
    CacheRegisterSyscacheCallback(PROCOID, count_function_change, 0);
}

} // namespace lifeguard::identity
