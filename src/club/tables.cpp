#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "club/tables.hpp"

namespace lifeguard::club {

// Raises LG109: the table or one of its columns is not there.
[[noreturn]] static void missing(const pg::Table &table, const char *column) {
    const char *name = quote_qualified_identifier(table.schema, table.name);
    ereport(ERROR,
            (errcode(err::not_installed),
             column == nullptr ? errmsg("NOT_INSTALLED: there is no table %s", name)
                               : errmsg("NOT_INSTALLED: table %s has no column %s", name, quote_identifier(column)),
             errdetail_internal("%s", pg::Detail().add("table", name).add("column", column).text()),
             errhint("SELECT pull_up_club.install() makes the club's tables that are absent.")));
    pg_unreachable();
}

namespace settings {
constinit pg::Table table{"pull_up_club",
                          "settings",
                          missing,
                          {{"only_row", BOOLOID},
                           {"time_zone", TEXTOID},
                           {"pool_dollars", INT4OID},
                           {"monthly_cap_dollars", INT4OID},
                           {"monthly_cap_scope", TEXTOID},
                           {"auto_create_pools", BOOLOID},
                           {"max_pull_ups", INT4OID}}};
}

namespace profiles {
constinit pg::Table table{"auth_management",
                          "profiles",
                          missing,
                          {{"id", UUIDOID},
                           {"email", TEXTOID},
                           {"full_name", TEXTOID},
                           {"age", INT4OID},
                           {"gender", TEXTOID},
                           {"organization", TEXTOID},
                           {"region", TEXTOID},
                           {"role", TEXTOID},
                           {"paypal_email", TEXTOID},
                           {"updated_at", TIMESTAMPTZOID}}};
}

namespace payout_exclusions {
constinit pg::Table table{"auth_management",
                          "payout_exclusions",
                          missing,
                          {{"id", UUIDOID},
                           {"user_id", UUIDOID, &profiles::table},
                           {"starts_at", TIMESTAMPTZOID},
                           {"ends_at", TIMESTAMPTZOID}}};
}

namespace submissions {
constinit pg::Table table{"content",
                          "submissions",
                          missing,
                          {{"id", UUIDOID},
                           {"user_id", UUIDOID, &profiles::table},
                           {"actual_pull_up_count", INT4OID},
                           {"status", TEXTOID},
                           {"approved_at", TIMESTAMPTZOID},
                           {"organization", TEXTOID},
                           {"region", TEXTOID},
                           {"age", INT4OID},
                           {"gender", TEXTOID}}};
}

namespace badges {
constinit pg::Table table{
    "content",
    "badges",
    missing,
    {{"id", UUIDOID}, {"name", TEXTOID}, {"image_url", TEXTOID}, {"min_pull_ups", INT4OID}, {"gender", TEXTOID}}};
}

namespace user_badges {
constinit pg::Table table{"content",
                          "user_badges",
                          missing,
                          {{"id", UUIDOID},
                           {"user_id", UUIDOID, &profiles::table},
                           {"badge_id", UUIDOID, &badges::table},
                           {"submission_id", UUIDOID, &submissions::table}}};
}

namespace monthly_graphics {
constinit pg::Table table{"content",
                          "monthly_graphics",
                          missing,
                          {{"id", UUIDOID},
                           {"submission_id", UUIDOID, &submissions::table},
                           {"user_id", UUIDOID, &profiles::table},
                           {"month_year", TEXTOID},
                           {"email", TEXTOID},
                           {"full_name", TEXTOID},
                           {"current_pullups", INT4OID},
                           {"current_badge_name", TEXTOID},
                           {"current_badge_image_url", TEXTOID},
                           {"previous_pullups", INT4OID},
                           {"previous_badge_name", TEXTOID},
                           {"improvement", INT4OID},
                           {"next_badge_name", TEXTOID},
                           {"next_badge_pullups", INT4OID},
                           {"email_sent", BOOLOID},
                           {"email_sent_at", TIMESTAMPTZOID},
                           {"updated_at", TIMESTAMPTZOID}}};
}

namespace notification_queue {
constinit pg::Table table{
    "communication",
    "notification_queue",
    missing,
    {{"id", UUIDOID}, {"user_id", UUIDOID, &profiles::table}, {"type", TEXTOID}, {"data", JSONBOID}}};
}

namespace weekly_pools {
constinit pg::Table table{"finance",
                          "weekly_pools",
                          missing,
                          {{"id", UUIDOID},
                           {"week_start_date", DATEOID},
                           {"week_end_date", DATEOID},
                           {"remaining_amount_dollars", INT4OID},
                           {"spent_dollars", INT4OID},
                           {"updated_at", TIMESTAMPTZOID}}};
}

namespace weekly_earnings {
constinit pg::Table table{"finance",
                          "weekly_earnings",
                          missing,
                          {{"id", UUIDOID},
                           {"user_id", UUIDOID, &profiles::table},
                           {"weekly_pool_id", UUIDOID, &weekly_pools::table},
                           {"submission_id", UUIDOID, &submissions::table},
                           {"pull_up_count", INT4OID},
                           {"earning_amount_dollars", INT4OID},
                           {"reason", TEXTOID},
                           {"is_first_submission", BOOLOID},
                           {"month_year", TEXTOID}}};
}

namespace user_earnings {
constinit pg::Table table{"finance",
                          "user_earnings",
                          missing,
                          {{"id", UUIDOID},
                           {"user_id", UUIDOID, &profiles::table},
                           {"month_year", TEXTOID},
                           {"total_earned_dollars", INT4OID},
                           {"total_submissions", INT4OID},
                           {"updated_at", TIMESTAMPTZOID}}};
}

namespace payout_requests {
constinit pg::Table table{"finance",
                          "payout_requests",
                          missing,
                          {{"id", UUIDOID},
                           {"user_id", UUIDOID, &profiles::table},
                           {"amount_dollars", INT4OID},
                           {"status", TEXTOID},
                           {"paypal_email", TEXTOID},
                           {"payout_month", TEXTOID},
                           {"updated_at", TIMESTAMPTZOID}}};
}

namespace monthly_totals {
constinit pg::Table table{"finance",
                          "monthly_totals",
                          missing,
                          {{"month_year", TEXTOID}, {"spent_dollars", INT4OID}, {"updated_at", TIMESTAMPTZOID}}};
}

namespace best_submissions {
constinit pg::Table table{
    "analytics",
    "best_submissions",
    missing,
    {{"user_id", UUIDOID}, {"submission_id", UUIDOID}, {"pull_ups", INT4OID}, {"approved_at", TIMESTAMPTZOID}}};
}

namespace best_counts {
constinit pg::Table table{
    "analytics", "best_counts", missing, {{"id", UUIDOID}, {"pull_ups", INT4OID}, {"members", INT4OID}}};
}

} // namespace lifeguard::club
