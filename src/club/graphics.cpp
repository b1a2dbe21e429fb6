#include "club/badges.hpp"
#include "club/graphics.hpp"
#include "club/json.hpp"

namespace lifeguard::club {

namespace {

// What the member's other approved submissions say.
struct Others {
    int previous; // the most of the month before; -1: none approved then
    bool later;   // one of this month was approved after this one
};

// Looks through the member's submissions since the month before.
Others read_others(Run &run, const Job &job) {
    Others others = {-1, false};
    const Month before = months_after(job.month, -1);
    const TimestampTz approved_at = DatumGetTimestampTz(job.row.values[submissions::approved_at]);
    const pg::Key since = {submissions::approved_at, TimestampTzGetDatum(begin_of(before, run.settings.zone))};
    run.work.each(submissions::table, {{submissions::user_id, job.member()}}, since, [&](const pg::Row &row) {
        if (strcmp(known_text(row, submissions::status), "approved") != 0 ||
            row.nulls[submissions::actual_pull_up_count] ||
            compare(uuid_of(row.values[submissions::id]), job.submission) == 0)
            return;
        const TimestampTz moment = DatumGetTimestampTz(row.values[submissions::approved_at]);
        const Month month = month_of(date_of(moment, run.settings.zone));
        if (month == before)
            others.previous = Max(others.previous, row.integer(submissions::actual_pull_up_count));
        if (month == job.month && moment > approved_at)
            others.later = true;
    });
    return others;
}

// Fills in what the card shows.
void fill_card(Run &run, const Member &member, const Job &job, int previous, pg::Row *card) {
    using namespace monthly_graphics;
    const Badge *current = reached_badge(run, member, job.count());
    const Badge *following = next_badge(run, member, job.count());
    const Badge *former = previous < 0 ? nullptr : reached_badge(run, member, previous);
    card->set(submission_id, UUIDPGetDatum(&job.submission));
    card->values[email] = member.row.values[profiles::email];
    card->nulls[email] = member.row.nulls[profiles::email];
    card->values[full_name] = member.row.values[profiles::full_name];
    card->nulls[full_name] = member.row.nulls[profiles::full_name];
    card->set(current_pullups, Int32GetDatum(job.count()));
    card->set_text(current_badge_name, current == nullptr ? nullptr : current->name);
    card->set_text(current_badge_image_url, current == nullptr ? nullptr : current->image_url);
    card->set_null(previous_pullups);
    card->set_null(improvement);
    if (previous >= 0) {
        card->set(previous_pullups, Int32GetDatum(previous));
        card->set(improvement, Int32GetDatum(job.count() - previous));
    }
    card->set_text(previous_badge_name, former == nullptr ? nullptr : former->name);
    card->set_text(next_badge_name, following == nullptr ? nullptr : following->name);
    card->set_null(next_badge_pullups);
    if (following != nullptr)
        card->set(next_badge_pullups, Int32GetDatum(following->threshold));
    card->set(email_sent, BoolGetDatum(false));
    card->set_null(email_sent_at);
    card->set(updated_at, TimestampTzGetDatum(run.now));
}

// True when the card is this submission's already; a corrected one may have another count.
bool shows(const pg::Row &card, const Job &job, int previous) {
    using namespace monthly_graphics;
    return compare(uuid_of(card.values[submission_id]), job.submission) == 0 &&
           card.integer(current_pullups) == job.count() &&
           (card.nulls[previous_pullups] ? -1 : card.integer(previous_pullups)) == previous;
}

// Queues the card's e-mail.
void queue(Run &run, const Job &job) {
    using namespace notification_queue;
    pg::Row row;
    row.set(id, pg::random_uuid());
    row.set(user_id, job.member());
    row.set(type, CStringGetTextDatum("monthly_graphic"));
    row.set(data,
            Object().add("month", job.month.text).add_uuid("submission_id", UUIDPGetDatum(&job.submission)).datum());
    run.work.insert(table, &row, pg::columns({id, user_id, type, data}), pg::columns({user_id}));
}

} // namespace

void draw_graphic(Run &run, const Member &member, Job &job) {
    using namespace monthly_graphics;
    constexpr pg::Columns shown =
        pg::columns({submission_id, email, full_name, current_pullups, current_badge_name, current_badge_image_url,
                     previous_pullups, previous_badge_name, improvement, next_badge_name, next_badge_pullups,
                     email_sent, email_sent_at, updated_at});
    pg::Row card;
    const Others others = read_others(run, job);
    const bool found = run.work.find(table, {{user_id, job.member()}, {month_year, job.month.datum()}},
                                     pg::Lock::no_key_update, &card);
    if (!found) {
        card.set(id, pg::random_uuid());
        card.set(user_id, job.member());
        card.set(month_year, job.month.datum());
    }
    const MemoryContext home = MemoryContextSwitchTo(run.memory);
    job.graphic = datumCopy(card.values[id], false, UUID_LEN);
    MemoryContextSwitchTo(home);
    if (found && (others.later || shows(card, job, others.previous)))
        return;

    fill_card(run, member, job, others.previous, &card);
    if (found)
        run.work.update(table, &card, shown);
    else
        run.work.insert(table, &card, shown | pg::columns({id, user_id, month_year}),
                        pg::columns({submission_id, user_id}));
    queue(run, job);
}

} // namespace lifeguard::club
