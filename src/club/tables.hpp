// The club's tables by their canonical names, with the columns that the native code uses. Nothing else knows names.
#pragma once

#include "pg/table.hpp"

namespace lifeguard::club {

// Each namespace numbers its table's columns in the order of the description in tables.cpp.
namespace settings {
enum : int {
    only_row,
    time_zone,
    pool_dollars,
    monthly_cap_dollars,
    monthly_cap_scope,
    auto_create_pools,
    max_pull_ups
};
extern pg::Table table;
} // namespace settings

namespace profiles {
enum : int { id, email, full_name, age, gender, organization, region, role, paypal_email, updated_at };
extern pg::Table table;
} // namespace profiles

namespace payout_exclusions {
enum : int { id, user_id, starts_at, ends_at };
extern pg::Table table;
} // namespace payout_exclusions

namespace submissions {
enum : int { id, user_id, actual_pull_up_count, status, approved_at, organization, region, age, gender };
extern pg::Table table;
} // namespace submissions

namespace badges {
enum : int { id, name, image_url, min_pull_ups, gender };
extern pg::Table table;
} // namespace badges

namespace user_badges {
enum : int { id, user_id, badge_id, submission_id };
extern pg::Table table;
} // namespace user_badges

namespace monthly_graphics {
enum : int {
    id,
    submission_id,
    user_id,
    month_year,
    email,
    full_name,
    current_pullups,
    current_badge_name,
    current_badge_image_url,
    previous_pullups,
    previous_badge_name,
    improvement,
    next_badge_name,
    next_badge_pullups,
    email_sent,
    email_sent_at,
    updated_at
};
extern pg::Table table;
} // namespace monthly_graphics

namespace notification_queue {
enum : int { id, user_id, type, data };
extern pg::Table table;
} // namespace notification_queue

namespace weekly_pools {
enum : int { id, week_start_date, week_end_date, remaining_amount_dollars, spent_dollars, updated_at };
extern pg::Table table;
} // namespace weekly_pools

namespace weekly_earnings {
enum : int {
    id,
    user_id,
    weekly_pool_id,
    submission_id,
    pull_up_count,
    earning_amount_dollars,
    reason,
    is_first_submission,
    month_year
};
extern pg::Table table;
} // namespace weekly_earnings

namespace user_earnings {
enum : int { id, user_id, month_year, total_earned_dollars, total_submissions, updated_at };
extern pg::Table table;
} // namespace user_earnings

namespace payout_requests {
enum : int { id, user_id, amount_dollars, status, paypal_email, payout_month, updated_at };
extern pg::Table table;
} // namespace payout_requests

namespace monthly_totals {
enum : int { month_year, spent_dollars, updated_at };
extern pg::Table table;
} // namespace monthly_totals

namespace best_submissions {
enum : int { user_id, submission_id, pull_ups, approved_at };
extern pg::Table table;
} // namespace best_submissions

namespace best_counts {
enum : int { id, pull_ups, members };
extern pg::Table table;
} // namespace best_counts

} // namespace lifeguard::club
