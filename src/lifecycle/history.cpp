#include "pg/search_path.hpp"
#include "pg/text.hpp"
#include "lifecycle/history.hpp"
#include "rules/origin.hpp"

namespace lifeguard::lifecycle {

// The statement that writes a move; the claims' subject is read without ever failing.
static constexpr const char *insert_move =
    "INSERT INTO lifeguard.history (relation, row_key, from_state, to_state, moved_by, moved_at, app_user, actions) "
    "VALUES ($1, $2::pg_catalog.jsonb, $3, $4, $5, $6, lifeguard.claim('sub'), $7::pg_catalog.jsonb)";

// Prepared once a backend.
static SPIPlanPtr insert_plan = nullptr;

void HistoryEntry::add_action(const char *call, double milliseconds, const char *error) {
    if (actions.data == nullptr)
        initStringInfo(&actions);
    pg::Detail action;
    action.add("action", call).add_json("ms", psprintf("%.3f", milliseconds));
    if (error != nullptr)
        action.add("error", error);
    appendStringInfo(&actions, "%s%s", actions.len == 0 ? "" : ", ", action.text());
}

// A text parameter; 'n' marks NULL as SPI wants it.
static Datum text_parameter(const char *text, char *null) {
    *null = text == nullptr ? 'n' : ' ';
    return text == nullptr ? 0 : CStringGetTextDatum(text);
}

void HistoryEntry::store(const rules::RowChange &change, AttrNumber state_column) {
    const Oid table = get_relname_relid("history", get_namespace_oid("lifeguard", false));
    const Oid owner = rules::owner_of(table);

    Datum values[7];
    char nulls[7] = {' ', ' ', ' ', ' ', ' ', ' ', ' '};
    values[0] = CStringGetTextDatum(pg::table_name(change.compiled->root));
    values[1] = CStringGetTextDatum(pg::row_key(change.table, change.after, InvalidOid));
    values[2] = text_parameter(pg::column_text(change.before, state_column), &nulls[2]);
    values[3] = text_parameter(pg::column_text(change.after, state_column), &nulls[3]);
    values[4] = text_parameter(GetUserNameFromId(change.caller, true), &nulls[4]);
    values[5] = TimestampTzGetDatum(moved_at);
    values[6] = CStringGetTextDatum(psprintf("[%s]", actions.data == nullptr ? "" : actions.data));

    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(owner, security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    const int level = pg::pin_search_path();
    SPI_connect();
    if (insert_plan == nullptr) {
        Oid types[7] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID};
        SPIPlanPtr plan = SPI_prepare(insert_move, 7, types);
        if (plan == nullptr || SPI_keepplan(plan) != 0)
            elog(ERROR, "history could not be prepared: %s", SPI_result_code_string(SPI_result));
        insert_plan = plan;
    }
    if (SPI_execute_plan(insert_plan, values, nulls, false, 0) != SPI_OK_INSERT)
        elog(ERROR, "history could not be written: %s", SPI_result_code_string(SPI_result));
    SPI_finish();
    pg::unpin_search_path(level);
    SetUserIdAndSecContext(user, security);
}

} // namespace lifeguard::lifecycle
