// The SQLSTATEs of class LG. The names are those of docs/errors.md; codes are never reused.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::err {

// Packs five characters as ereport wants them.
constexpr int sqlstate(const char (&code)[6]) {
    return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

// rules and lifecycles
constexpr int transition_not_allowed = sqlstate("LG001");
constexpr int guard_refused = sqlstate("LG002");
constexpr int unknown_state = sqlstate("LG003");
constexpr int state_is_null = sqlstate("LG004");
constexpr int not_an_initial_state = sqlstate("LG005");
constexpr int column_protected = sqlstate("LG006");
constexpr int invalid_rule = sqlstate("LG010");
constexpr int rule_exists = sqlstate("LG011");
constexpr int no_such_rule = sqlstate("LG012");
constexpr int unreadable_rules = sqlstate("LG013");
constexpr int nested_too_deep = sqlstate("LG014");
constexpr int partition_move = sqlstate("LG015");
constexpr int unseen_change = sqlstate("LG016");
constexpr int columns_disagree = sqlstate("LG017");
constexpr int conversion_loses = sqlstate("LG018");

// the journal
constexpr int no_such_error = sqlstate("LG201");
constexpr int not_muted = sqlstate("LG202");
constexpr int cannot_take_over = sqlstate("LG203");
constexpr int cannot_work_here = sqlstate("LG204");
constexpr int invalid_argument = sqlstate("LG205");
constexpr int journal_lost = sqlstate("LG206");

// identity
constexpr int invalid_source = sqlstate("LG301");
constexpr int no_such_source = sqlstate("LG302");
constexpr int broken_source = sqlstate("LG303");
constexpr int unknown_role = sqlstate("LG304");
constexpr int circular_source = sqlstate("LG305");
constexpr int invalid_access_argument = sqlstate("LG310");
constexpr int may_not_look_past = sqlstate("LG311");
constexpr int nothing_remembered = sqlstate("LG312");
constexpr int no_such_finding = sqlstate("LG313");

// checks
constexpr int invalid_check = sqlstate("LG401");
constexpr int no_such_check = sqlstate("LG402");
constexpr int check_within_check = sqlstate("LG403");

// audit
constexpr int audit_unavailable = sqlstate("LG410");
constexpr int not_audited = sqlstate("LG411");
constexpr int invalid_row_key = sqlstate("LG412");

// the health report
constexpr int no_such_format = sqlstate("LG420");

// jobs
constexpr int invalid_job = sqlstate("LG430");
constexpr int no_such_job = sqlstate("LG431");
constexpr int no_scheduler = sqlstate("LG432");

// migrations
constexpr int migration_changed = sqlstate("LG501");
constexpr int checks_worse = sqlstate("LG502");
constexpr int invalid_migration = sqlstate("LG503");
constexpr int not_in_a_migration = sqlstate("LG504");
constexpr int no_such_trigger = sqlstate("LG511");
constexpr int trigger_not_yours = sqlstate("LG512");
constexpr int invalid_constraint = sqlstate("LG521");
constexpr int constraint_exists = sqlstate("LG522");
constexpr int not_introduced = sqlstate("LG523");
constexpr int invalid_view_name = sqlstate("LG532");
constexpr int invalid_view_columns = sqlstate("LG533");
constexpr int not_renamed = sqlstate("LG534");
constexpr int columns_only = sqlstate("LG535");

// the club
constexpr int pool_date_mismatch = sqlstate("LG101");
constexpr int pool_missing = sqlstate("LG102");
constexpr int not_eligible = sqlstate("LG103");
constexpr int payout_closed = sqlstate("LG104");
constexpr int invalid_pull_ups = sqlstate("LG105");
constexpr int no_such_submission = sqlstate("LG106");
constexpr int no_such_member = sqlstate("LG107");
constexpr int not_permitted = sqlstate("LG108");
constexpr int not_installed = sqlstate("LG109");
constexpr int invalid_setting = sqlstate("LG110");
constexpr int no_such_record = sqlstate("LG111");
constexpr int invalid_month = sqlstate("LG112");
constexpr int invalid_page = sqlstate("LG113");
constexpr int mending_refused = sqlstate("LG115");
constexpr int name_taken = sqlstate("LG116");
constexpr int not_whole_dollars = sqlstate("LG118");

} // namespace lifeguard::err
